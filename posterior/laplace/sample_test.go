package laplace_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/laplace"
)

const tau, temperature = 0.5, 0.25

// inverse is the covariance that a precision stands for.
func inverse(t testing.TB, precision mat.Symmetric) *mat.SymDense {
	t.Helper()
	var chol mat.Cholesky
	require.True(t, chol.Factorize(precision))
	out := mat.NewSymDense(precision.SymmetricDim(), nil)
	require.NoError(t, chol.InverseTo(out))
	out.ScaleSym(temperature, out)
	return out
}

// families calls check with each family after a batch, and its covariance computed in float64.
func families(t *testing.T, dev *gpu.Device, check func(t *testing.T, state laplace.Approximation[model], cov *mat.SymDense, compile compiled)) {
	c := laplace.Config{Precision: tau, Temperature: temperature}
	_, ggn, _ := matrices()
	t.Run("diag", func(t *testing.T) {
		d := mat.NewSymDense(params, nil)
		for i := range params {
			d.SetSym(i, i, ggn.At(i, i)+tau)
		}
		family(t, dev, laplace.DiagGGN(plain, logLikelihood, c), inverse(t, d), check)
	})
	t.Run("dense", func(t *testing.T) {
		family(t, dev, laplace.DenseGGN(plain, logLikelihood, c), inverse(t, plus(1, ggn, tau)), check)
	})
	t.Run("kfac", func(t *testing.T) {
		family(t, dev, laplace.KFAC(forward, logLikelihood, c), inverse(t, kroneckerPrecision()), check)
	})
}

// kroneckerPrecision is KFAC's precision after the batch.
func kroneckerPrecision() *mat.SymDense {
	a, g := kroneckerReference()
	n := math.Sqrt(float64(len(ys)))
	factor := func(v []float64) *mat.SymDense { return plus(1/n, mat.NewSymDense(3, v), math.Sqrt(tau)) }
	var k mat.Dense
	k.Kronecker(factor(a), factor(g))
	return mat.NewSymDense(params, k.RawMatrix().Data)
}

// compiled runs functions of the state and the batch on the device.
type compiled func(f func(laplace.Approximation[model], batch) []graph.Tensor) [][]float64

func family[S laplace.Approximation[model]](t *testing.T, dev *gpu.Device, transform *posterior.Transform[model, batch, S], cov *mat.SymDense,
	check func(*testing.T, laplace.Approximation[model], *mat.SymDense, compiled)) {
	ctx := context.Background()
	p, b := problem(t, dev)
	seed := random.NewKey(1)
	defer graph.Close(seed)
	first, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	defer graph.Close(first)
	s, err := transform.Update(ctx, first, b)
	require.NoError(t, err)
	defer graph.Close(s)
	check(t, s, cov, func(f func(laplace.Approximation[model], batch) []graph.Tensor) (out [][]float64) {
		y, err := graph.Jit2(dev, func(s S, b batch) []graph.Tensor { return f(s, b) })(ctx, s, b)
		require.NoError(t, err)
		defer graph.Close(y)
		for _, x := range y {
			out = append(out, values(t, x))
		}
		return out
	})
}

// Draws have the inverse of the precision as covariance, times the temperature, through leaves of two dimensions and of one.
func TestSamplesHaveTheCovariance(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		families(t, dev, func(t *testing.T, _ laplace.Approximation[model], cov *mat.SymDense, run compiled) {
			const n = 20000
			y := run(func(s laplace.Approximation[model], _ batch) []graph.Tensor {
				d := s.Sample(random.NewKey(5), n/4, 4)
				return head(d)
			})
			at := func(draw, i int) float64 {
				if i < 6 {
					return y[0][6*draw+i] - theta[i]
				}
				return y[1][3*draw+i-6] - theta[i]
			}
			for i := range params {
				mean := 0.0
				for k := range n {
					mean += at(k, i) / n
				}
				assert.InDelta(t, 0, mean, 5*math.Sqrt(cov.At(i, i)/n), "mean of element %d", i)
				for j := range i + 1 {
					v := 0.0
					for k := range n {
						v += at(k, i) * at(k, j) / n
					}
					sd := math.Sqrt((cov.At(i, i)*cov.At(j, j) + cov.At(i, j)*cov.At(i, j)) / n)
					assert.InDelta(t, cov.At(i, j), v, 5*sd, "covariance of elements %d and %d", i, j)
				}
			}
		})
	})
}

// The linearised predictive of a model that is linear is its predictive: covariance x' Sigma x, by all families, and as draws of parameters have it.
func TestPredictive(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		families(t, dev, func(t *testing.T, _ laplace.Approximation[model], cov *mat.SymDense, run compiled) {
			const draws = 4000
			key := random.NewKey(9)
			defer graph.Close(key)
			y := run(func(s laplace.Approximation[model], b batch) []graph.Tensor {
				l := laplace.Linearized(plain, s, b)
				return []graph.Tensor{
					l.Mean, l.Cholesky, l.Variance(), l.ProbitSoftmax(), l.ProbitSigmoid(),
					posterior.Predictive(plain, s, b, random.FoldIn(key, 1), draws, nn.Softmax),
					nn.Softmax(l.Sample(random.FoldIn(key, 2), draws/2, 2)).Mean(0, 1),
				}
			})
			for n := range xs {
				x, _, _ := reference(n)
				var want [3][3]float64
				var z [3]float64
				for o := range 3 {
					for i := range x {
						z[o] += x[i] * theta[3*i+o]
						for q := range 3 {
							for j := range x {
								want[o][q] += x[i] * x[j] * cov.At(3*i+o, 3*j+q)
							}
						}
					}
				}
				probit, total := [3]float64{}, 0.0
				for o := range 3 {
					assert.InDelta(t, z[o], y[0][3*n+o], 1e-5)
					assert.InDelta(t, want[o][o], y[2][3*n+o], 1e-4)
					for q := range 3 {
						got := 0.0
						for k := range 3 {
							got += y[1][9*n+3*o+k] * y[1][9*n+3*q+k]
						}
						assert.InDelta(t, want[o][q], got, 1e-4, "input %d, outputs %d and %d", n, o, q)
					}
					moderated := z[o] / math.Sqrt(1+math.Pi/8*want[o][o])
					probit[o] = math.Exp(moderated)
					total += probit[o]
					assert.InDelta(t, 1/(1+math.Exp(-moderated)), y[4][3*n+o], 1e-4)
				}
				for o := range 3 {
					assert.InDelta(t, probit[o]/total, y[3][3*n+o], 1e-4)
					assert.InDelta(t, y[6][3*n+o], y[5][3*n+o], 5*0.5*math.Sqrt(2./draws), "draws of outputs and of parameters agree")
				}
			}
		})
	})
}

// A temperature of 0 gives the mean, and the quadratic form is the density's.
func TestTemperatureAndLogProb(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p, b := problem(t, dev)
		_, ggn, _ := matrices()
		seed := random.NewKey(1)
		c := laplace.Config{Precision: tau, Temperature: temperature}
		shifted := func(p model) model {
			return model{nn.Linear{W: p.Head.W.AddScalar(0.5), B: p.Head.B.AddScalar(-1)}}
		}
		d := mat.NewVecDense(params, []float64{0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -1, -1, -1})
		quadratic := 0.0
		for i := range params {
			quadratic -= (ggn.At(i, i) + tau) * d.AtVec(i) * d.AtVec(i) / (2 * temperature)
		}
		diag := laplace.DiagGGN(plain, logLikelihood, c)
		s, err := diag.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		s, err = diag.Update(ctx, s, b, posterior.InPlace)
		require.NoError(t, err)
		got := s.LogProbUnnormalized(shifted(p))
		assert.InDelta(t, quadratic, values(t, got)[0], 1e-4*-quadratic)
		cold := s
		cold.Temperature = graph.Scalar(0)
		mean := cold.Sample(random.NewKey(2), 1)
		assert.Equal(t, theta, values(t, head(mean)...))
		require.NoError(t, graph.Close(mean))
		require.NoError(t, graph.Close([]graph.Tensor{cold.Temperature, got}))

		full := laplace.DenseGGN(plain, logLikelihood, c)
		f, err := full.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		f, err = full.Update(ctx, f, b, posterior.InPlace)
		require.NoError(t, err)
		want := -mat.Inner(d, plus(1, ggn, tau), d) / (2 * temperature)
		got = f.LogProbUnnormalized(shifted(p))
		assert.InDelta(t, want, values(t, got)[0], 1e-4*-want)
		require.NoError(t, got.Close())

		kron := laplace.KFAC(forward, logLikelihood, c)
		k, err := kron.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		k, err = kron.Update(ctx, k, b, posterior.InPlace)
		require.NoError(t, err)
		want = -mat.Inner(d, kroneckerPrecision(), d) / (2 * temperature)
		got = k.LogProbUnnormalized(shifted(p))
		assert.InDelta(t, want, values(t, got)[0], 1e-4*-want)
		require.NoError(t, got.Close())
		require.NoError(t, graph.Close(*k.Aux))
		require.NoError(t, graph.Close(kron.Bare(k)))
		require.NoError(t, graph.Close(*s.Aux))
		require.NoError(t, graph.Close(*f.Aux))
		require.NoError(t, graph.Close(diag.Bare(s)))
		require.NoError(t, graph.Close(full.Bare(f)))
		require.NoError(t, graph.Close(seed))
	})
}

// Before any data KFAC is its prior.
func TestKFACWithoutDataIsThePrior(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	p, _ := problem(t, dev)
	seed := random.NewKey(1)
	transform := laplace.KFAC(func(p model, b batch, linear curvature.LinearFunc) (graph.Tensor, none) {
		return linear(p.Head, b.X), none{}
	}, logLikelihood, laplace.Config{Precision: 4.0})
	s, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	const n = 4000
	draws := s.Sample(random.NewKey(2), n)
	sum := 0.0
	for i, v := range values(t, draws.Head.W) {
		d := v - theta[i%6]
		sum += d * d
	}
	assert.InDelta(t, 0.25, sum/(6*n), 5*0.25*math.Sqrt(2./(6*n)))
	require.NoError(t, graph.Close(draws))
	require.NoError(t, graph.Close(s))
	require.NoError(t, graph.Close(seed))
}
