package laplace_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/tree"
)

// model is softmax regression: 2 inputs, 3 classes, 9 parameters of which six are a matrix.
type model struct{ Head nn.Linear }

type batch struct{ X, Y graph.Tensor } // Y one-hot

type aux struct{ Logits graph.Tensor }

type none = posterior.None

func forward(p model, b batch, linear curvature.LinearFunc) (graph.Tensor, aux) {
	z := linear(p.Head, b.X)
	return z, aux{z}
}

func plain(p model, b batch) (graph.Tensor, aux) { return forward(p, b, nn.Linear.Apply) }

func logLikelihoods(z graph.Tensor, b batch) graph.Tensor {
	return z.Mul(b.Y).Sum(-1).Sub(z.LogSumExp(-1))
}

func logLikelihood(z graph.Tensor, b batch) graph.Tensor { return logLikelihoods(z, b).Sum() }

// decay is what a data point has of the prior's precision.
const decay = 0.1

// logPosteriors are those of the samples, logPosterior is their mean.
func logPosteriors(p model, b batch) (graph.Tensor, aux) {
	z, a := plain(p, b)
	return logLikelihoods(z, b).Sub(p.Head.W.Square().Sum().Add(p.Head.B.Square().Sum()).Scale(decay / 2)), a
}

func logPosterior(p model, b batch) (graph.Tensor, aux) {
	y, a := logPosteriors(p, b)
	return y.Mean(), a
}

const params = 9

var (
	theta = []float64{0.5, -0.25, 1, -1, 0.75, 0.125, 0.25, -0.5, 0}
	xs    = [][]float64{{1, 2}, {-1, 0.5}, {0, 3}, {0.25, -1.5}, {-2, 1}}
	ys    = []int{0, 2, 1, 0, 2}
)

// reference is one sample in float64: bordered input (x, 1), probabilities, log likelihood.
func reference(n int) (x [3]float64, p [3]float64, ll float64) {
	x = [3]float64{xs[n][0], xs[n][1], 1}
	var z [3]float64
	total := 0.0
	for o := range z {
		for i, v := range x {
			z[o] += theta[3*i+o] * v
		}
		total += math.Exp(z[o])
	}
	for o := range p {
		p[o] = math.Exp(z[o]) / total
	}
	return x, p, z[ys[n]] - math.Log(total)
}

// matrices are sums over the samples, and the sum of log likelihoods: loops in float64.
func matrices() (fisher, ggn *mat.SymDense, ll float64) {
	fisher, ggn = mat.NewSymDense(params, nil), mat.NewSymDense(params, nil)
	for n := range xs {
		x, p, l := reference(n)
		ll += l
		g := make([]float64, params)
		for i, v := range x {
			for o := range p {
				g[3*i+o] = -p[o]*v - decay*theta[3*i+o]
				if o == ys[n] {
					g[3*i+o] += v
				}
			}
		}
		for a := range params {
			for b := a; b < params; b++ {
				h := -p[a%3] * p[b%3]
				if a%3 == b%3 {
					h += p[a%3]
				}
				fisher.SetSym(a, b, fisher.At(a, b)+g[a]*g[b])
				ggn.SetSym(a, b, ggn.At(a, b)+x[a/3]*x[b/3]*h)
			}
		}
	}
	return fisher, ggn, ll
}

func upload(t testing.TB, dev *gpu.Device, v []float64, shape ...int) graph.Tensor {
	t.Helper()
	f := make([]float32, len(v))
	for i := range v {
		f[i] = float32(v[i])
	}
	x, err := graph.FromSlice(dev, f, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

func problem(t testing.TB, dev *gpu.Device) (model, batch) {
	x, y := []float64{}, make([]float64, 3*len(ys))
	for n, row := range xs {
		x = append(x, row...)
		y[3*n+ys[n]] = 1
	}
	return model{nn.Linear{W: upload(t, dev, theta[:6], 2, 3), B: upload(t, dev, theta[6:], 3)}},
		batch{upload(t, dev, x, len(xs), 2), upload(t, dev, y, len(ys), 3)}
}

func values(t testing.TB, xs ...graph.Tensor) []float64 {
	t.Helper()
	var out []float64
	for _, x := range xs {
		v, err := x.Floats(context.Background())
		require.NoError(t, err)
		for _, f := range v {
			out = append(out, float64(f))
		}
	}
	return out
}

func head(p model) []graph.Tensor { return []graph.Tensor{p.Head.W, p.Head.B} }

func dense(m mat.Symmetric) []float64 { return mat.DenseCopyOf(m).RawMatrix().Data }

func diagonal(m mat.Symmetric) (d []float64) {
	for i := range m.SymmetricDim() {
		d = append(d, m.At(i, i))
	}
	return d
}

// plus is a m + b I.
func plus(a float64, m mat.Symmetric, b float64) *mat.SymDense {
	out := mat.NewSymDense(m.SymmetricDim(), nil)
	out.ScaleSym(a, m)
	for i := range m.SymmetricDim() {
		out.SetSym(i, i, out.At(i, i)+b)
	}
	return out
}

func stateLeaves[S any](t testing.TB, s S) []graph.Tensor {
	t.Helper()
	leaves, err := tree.Leaves[graph.Tensor](s)
	require.NoError(t, err)
	return leaves
}
