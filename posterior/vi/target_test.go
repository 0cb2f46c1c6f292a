package vi_test

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
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/posterior/vi"
	"github.com/lavagrad/lavagrad/vmap"
)

// pair has leaves of two and of no axes.
type pair struct{ W, B graph.Tensor }

// The target is normal with these mean and precision over W [1 2] and B, at temperature cold.
var (
	center    = []float64{1, -2, 0.5}
	precision = mat.NewSymDense(3, []float64{2, 0.6, -0.3, 0.6, 1, 0.2, -0.3, 0.2, 0.5})
)

const cold = 0.25

// target is -d^T precision d / 2, d = theta - center.
func target(p pair, _ none) (graph.Tensor, none) {
	flat, _ := graph.Ravel(p)
	d := flat.Sub(graph.Literal([]float32{1, -2, 0.5}))
	m := make([]float32, 9)
	for i := range m {
		m[i] = float32(precision.At(i/3, i%3))
	}
	return d.Mul(graph.Literal(m, 3, 3).MatMul(d)).Sum().Scale(-0.5), none{}
}

// logZ is T log of the integral of exp(target / T): the greatest lower bound there can be.
func logZ() float64 {
	return cold * (1.5*math.Log(2*math.Pi*cold) - 0.5*math.Log(mat.Det(precision)))
}

// covariance of exp(target / T).
func covariance(t *testing.T) *mat.SymDense {
	var c mat.Cholesky
	require.True(t, c.Factorize(precision))
	var s mat.SymDense
	require.NoError(t, c.InverseTo(&s))
	s.ScaleSym(cold, &s)
	return &s
}

// fitted runs on the target for some steps from 0.
func fitted[S any](t *testing.T, dev *gpu.Device, transform *posterior.Transform[pair, none, S], objective func(S) graph.Tensor) (S, []float64) {
	t.Helper()
	const steps = 600
	ctx := context.Background()
	seed := random.NewKey(3)
	state, err := transform.Init(ctx, dev, pair{graph.Zeros(1, 2), graph.Scalar(0)}, seed)
	require.NoError(t, err)
	run := posterior.NewRunner(transform, func(b none, _ graph.Tensor) none { return b }, objective)
	last, kept, err := run.Run(ctx, state, none{}, posterior.RunConfig{Steps: steps})
	require.NoError(t, err)
	v := doubles(t, kept)
	require.NoError(t, graph.Close(kept))
	require.NoError(t, graph.Close(state))
	require.NoError(t, graph.Close(seed))
	return last, v
}

// Dense recovers mean and covariance. There every draw gives the same bound, log Z: with the landing stuck the optimizer comes to rest.
func TestDenseOnGaussian(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		s, nelbo := fitted(t, dev, vi.Dense(target, vi.DenseConfig{Optimizer: optim.Adam(schedule.Linear(0.1, 0, 600)), Temperature: cold, Samples: 4}),
			func(s vi.DenseState[pair, none]) graph.Tensor { return s.NELBO })
		defer graph.Close(s)
		assert.InDeltaSlice(t, center, doubles(t, s.Params.W, s.Params.B), 1e-4)
		flat := doubles(t, s.L)
		l := mat.NewDense(3, 3, []float64{flat[0], 0, 0, flat[1], flat[2], 0, flat[3], flat[4], flat[5]})
		var got mat.Dense
		got.Mul(l, l.T())
		want := covariance(t)
		for i := range 3 {
			for j := range 3 {
				assert.InDelta(t, want.At(i, j), got.At(i, j), 1e-3, "covariance %d %d", i, j)
			}
		}
		assert.InDelta(t, -logZ(), nelbo[len(nelbo)-1], 1e-5, "from any draw")
	})
}

// Diag's best sds are those of the conditionals, 1/sqrt of the precision's diagonal, and the bound falls short by the KL divergence.
func TestDiagOnGaussian(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		s, nelbo := fitted(t, dev, vi.Diag(target, vi.DiagConfig{Optimizer: optim.Adam(schedule.Linear(0.1, 0, 600)), Temperature: cold, Samples: 32}),
			func(s vi.DiagState[pair, none]) graph.Tensor { return s.NELBO })
		defer graph.Close(s)
		assert.InDeltaSlice(t, center, doubles(t, s.Params.W, s.Params.B), 0.02)
		gap := -math.Log(mat.Det(precision)) // 2 KL(q || p)
		for i, v := range doubles(t, s.LogSD.W, s.LogSD.B) {
			assert.InDelta(t, 0.5*math.Log(cold/precision.At(i, i)), v, 0.05, "log sd %d", i)
			gap += math.Log(precision.At(i, i))
		}
		average := 0.0
		for _, v := range nelbo[500:] {
			average += v / 100
		}
		// One draw of the bound has a standard deviation below 0.5 T sqrt(2 n) = 0.3; 3200 draws 0.006.
		assert.InDelta(t, cold*gap/2-logZ(), average, 0.025)
	})
}

// The bound at any q is T times q's entropy plus the mean of log p, whatever the family; many draws come near.
func TestBoundAwayFromTheOptimum(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n = 20000
		ctx := context.Background()
		at := pair{graph.Literal([]float32{0.5, -1}, 1, 2), graph.Scalar(1)}
		opt := optim.SGD(0.0)
		entropy := func(logSDs float64) float64 { return 1.5*(1+math.Log(2*math.Pi)) + logSDs }
		quadratic := func(cov func(i, j int) float64) (e float64) {
			d := []float64{-0.5, 1, 0.5}
			for i := range 3 {
				for j := range 3 {
					e += precision.At(i, j) * (d[i]*d[j] + cov(i, j)) / 2
				}
			}
			return e
		}
		seed := random.NewKey(5)
		diag := vi.Diag(target, vi.DiagConfig{Optimizer: opt, Temperature: cold, Samples: n, InitLogSD: pair{graph.Literal([]float32{-1, 0}, 1, 2), graph.Scalar(0.5)}})
		s, err := diag.Init(ctx, dev, at, seed)
		require.NoError(t, err)
		s, err = diag.Update(ctx, s, none{}, posterior.InPlace)
		require.NoError(t, err)
		variances := []float64{math.Exp(-2), 1, math.E}
		want := quadratic(func(i, j int) float64 {
			if i == j {
				return variances[i]
			}
			return 0
		}) - cold*entropy(-0.5)
		assert.InDelta(t, want, doubles(t, s.NELBO)[0], 0.05)
		require.NoError(t, graph.Close(s))

		// L's diagonal may be negative; the matrix is the same then as with its column's sign changed.
		l := []float64{0.5, 0.3, -0.8, -0.2, 0.4, 1.2}
		dense := vi.Dense(target, vi.DenseConfig{Optimizer: opt, Temperature: cold, Samples: n})
		d, err := dense.Init(ctx, dev, at, seed)
		require.NoError(t, err)
		require.NoError(t, graph.Close(d.L))
		d.L = upload(t, dev, []float32{0.5, 0.3, -0.8, -0.2, 0.4, 1.2})
		d, err = dense.Update(ctx, d, none{}, posterior.InPlace)
		require.NoError(t, err)
		m := mat.NewDense(3, 3, []float64{l[0], 0, 0, l[1], l[2], 0, l[3], l[4], l[5]})
		var cov mat.Dense
		cov.Mul(m, m.T())
		assert.InDelta(t, quadratic(cov.At)-cold*entropy(math.Log(0.5*0.8*1.2)), doubles(t, d.NELBO)[0], 0.06)
		require.NoError(t, graph.Close(d))
		require.NoError(t, graph.Close(seed))
		require.NoError(t, graph.Close(at))
	})
}

// At the posterior itself the gradient is 0 for every draw, of the mean and of the scale, in both families; without sticking it is not.
func TestGradientVarianceAtTheOptimum(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		optimum := pair{graph.Literal([]float32{1, -2}, 1, 2), graph.Scalar(0.5)}
		var chol mat.Cholesky
		require.True(t, chol.Factorize(covariance(t)))
		var l mat.TriDense
		chol.LTo(&l)
		flat := []float32{}
		for i := range 3 {
			for j := range i + 1 {
				flat = append(flat, float32(l.At(i, j)))
			}
		}
		// For diag a target whose precision is the other's diagonal.
		separate := func(p pair, _ none) (graph.Tensor, none) {
			flat, _ := graph.Ravel(p)
			d := flat.Sub(graph.Literal([]float32{1, -2, 0.5}))
			return d.Square().Mul(graph.Literal([]float32{2, 1, 0.5})).Sum().Scale(-0.5), none{}
		}
		logSD := func(i int) float64 { return 0.5 * math.Log(cold/precision.At(i, i)) }
		for _, noSTL := range []bool{false, true} {
			diag := vi.Diag(separate, vi.DiagConfig{Optimizer: optim.SGD(1.0), Temperature: cold, NoSTL: noSTL,
				InitLogSD: pair{graph.Literal([]float32{float32(logSD(0)), float32(logSD(1))}, 1, 2), graph.Scalar(logSD(2))}})
			dense := vi.Dense(target, vi.DenseConfig{Optimizer: optim.SGD(1.0), Temperature: cold, NoSTL: noSTL})
			type result struct{ DiagMean, DiagScale, DenseMean, DenseScale graph.Tensor }
			seed := random.NewKey(2)
			out, err := graph.Jit(dev, func(key random.Key) result {
				moves := vmap.Map(func(key random.Key) result {
					a, b := diag.Start(optimum, key), dense.Start(optimum, key)
					b.L = graph.Literal(flat)
					x, y := diag.Step(a, none{}), dense.Step(b, none{})
					moved := func(from, to pair) graph.Tensor {
						f, _ := graph.Ravel(from)
						g, _ := graph.Ravel(to)
						return g.Sub(f).Abs().ReduceMax()
					}
					return result{moved(a.Params, x.Params), moved(a.LogSD, x.LogSD), moved(b.Params, y.Params), y.L.Sub(b.L).Abs().ReduceMax()}
				})(random.Split(key, 64))
				return result{moves.DiagMean.ReduceMax(), moves.DiagScale.ReduceMax(), moves.DenseMean.ReduceMax(), moves.DenseScale.ReduceMax()}
			})(ctx, seed)
			require.NoError(t, err)
			require.NoError(t, graph.Close(seed))
			for name, x := range map[string]graph.Tensor{"diag mean": out.DiagMean, "diag log sd": out.DiagScale, "dense mean": out.DenseMean, "dense L": out.DenseScale} {
				if noSTL {
					assert.Greater(t, values(t, x)[0], float32(0.1), name)
				} else {
					assert.Less(t, values(t, x)[0], float32(3e-6), name)
				}
			}
			require.NoError(t, graph.Close(out))
		}
		require.NoError(t, graph.Close(optimum))
	})
}
