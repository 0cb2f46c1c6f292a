package curvature_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/vmap"
)

// network is z = W2 tanh(W1 x): 3 inputs, 2 hidden units, 2 outputs; 10 parameters.
type network struct{ W1, W2 graph.Tensor }

type sample struct{ X, Y graph.Tensor }

func forward(p network, s sample) graph.Tensor { return p.W2.MatMul(p.W1.MatMul(s.X).Tanh()) }

// crossEntropy is the loss of the outputs z for class weights y.
func crossEntropy(z graph.Tensor, s sample) graph.Tensor {
	return z.LogSumExp().Mul(s.Y.Sum()).Sub(z.Dot(s.Y))
}

func loss(p network, s sample) graph.Tensor { return crossEntropy(forward(p, s), s) }

// reference is the same in float64, one sample after the other.
type reference struct {
	params, x, y, v []float64
	n               int
}

func newReference(n int) reference {
	r := rand.New(rand.NewPCG(11, 3))
	draw := func(n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(float32(r.NormFloat64()))
		}
		return v
	}
	ref := reference{params: draw(10), v: draw(10), x: draw(3 * n), y: make([]float64, 2*n), n: n}
	for i := range n {
		ref.y[2*i+r.IntN(2)] = 1
	}
	return ref
}

// sampleAt gives outputs' Jacobian [2][10], the loss's gradient and Hessian by the outputs.
func (r reference) sampleAt(params []float64, i int) (z [2]float64, j [2][10]float64, g [2]float64, h [2][2]float64) {
	x, y := r.x[3*i:3*i+3], r.y[2*i:2*i+2]
	var t [2]float64
	for k := range t {
		for l, v := range x {
			t[k] += params[3*k+l] * v
		}
		t[k] = math.Tanh(t[k])
	}
	for o := range z {
		for k := range t {
			w := params[6+2*o+k]
			z[o] += w * t[k]
			j[o][6+2*o+k] = t[k]
			for l, v := range x {
				j[o][3*k+l] = w * (1 - t[k]*t[k]) * v
			}
		}
	}
	total := math.Exp(z[0]) + math.Exp(z[1])
	p := [2]float64{math.Exp(z[0]) / total, math.Exp(z[1]) / total}
	for a := range p {
		g[a] = p[a] - y[a]
		for b := range p {
			h[a][b] = -p[a] * p[b]
		}
		h[a][a] += p[a]
	}
	return z, j, g, h
}

func (r reference) gradient(params []float64, i int) (g [10]float64) {
	_, j, dz, _ := r.sampleAt(params, i)
	for k := range g {
		g[k] = j[0][k]*dz[0] + j[1][k]*dz[1]
	}
	return g
}

// matrices are Fisher, GGN and Hessian, summed over samples by loops.
func (r reference) matrices() (fisher, ggn, hessian *mat.Dense) {
	fisher, ggn, hessian = mat.NewDense(10, 10, nil), mat.NewDense(10, 10, nil), mat.NewDense(10, 10, nil)
	add := func(m *mat.Dense, a, b int, v float64) { m.Set(a, b, m.At(a, b)+v) }
	for i := range r.n {
		g := r.gradient(r.params, i)
		_, j, _, h := r.sampleAt(r.params, i)
		for a := range 10 {
			for b := range 10 {
				add(fisher, a, b, g[a]*g[b])
				for o := range 2 {
					for q := range 2 {
						add(ggn, a, b, j[o][a]*h[o][q]*j[q][b])
					}
				}
			}
			// Central differences of the exact gradient.
			const step = 1e-6
			hi, lo := append([]float64{}, r.params...), append([]float64{}, r.params...)
			hi[a] += step
			lo[a] -= step
			gh, gl := r.gradient(hi, i), r.gradient(lo, i)
			for b := range 10 {
				add(hessian, a, b, (gh[b]-gl[b])/(2*step))
			}
		}
	}
	return fisher, ggn, hessian
}

func tensor(t *testing.T, dev *gpu.Device, v []float64, shape ...int) graph.Tensor {
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

func tree(t *testing.T, dev *gpu.Device, v []float64) network {
	return network{tensor(t, dev, v[:6], 2, 3), tensor(t, dev, v[6:], 2, 2)}
}

// matches compares a tensor, or the leaves of a network, with numbers.
func matches(t *testing.T, want []float64, got []graph.Tensor, what string) {
	t.Helper()
	var all []float32
	for _, x := range got {
		v, err := x.Floats(context.Background())
		require.NoError(t, err)
		all = append(all, v...)
	}
	require.Len(t, all, len(want), what)
	for i, w := range want {
		assert.InDelta(t, w, all[i], 2e-5*(1+math.Abs(w)), "%s, element %d", what, i)
	}
}

type results struct {
	Fisher, GGN, Hessian                 graph.Tensor
	DiagFisher, DiagGGN, FVP, GGNVP, HVP network
}

// Every matrix, diagonal and product against loops over samples in float64, for several batches, in chunks and normalized.
func TestCurvature(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range []struct {
			n    int
			opts []curvature.Option
			mean bool
		}{
			{0, nil, false},
			{1, nil, false},
			{7, nil, false},
			{7, []curvature.Option{curvature.Chunk(3)}, false},
			{5, []curvature.Option{curvature.Chunk(3), curvature.Normalize()}, true},
			{6, []curvature.Option{curvature.Chunk(2), curvature.Normalize()}, true},
		} {
			ref := newReference(c.n)
			total := func(p network, batch sample) graph.Tensor {
				return vmap.Map2(loss, vmap.In(vmap.Shared, 0))(p, batch).Sum()
			}
			y, err := graph.Jit3(dev, func(p network, s sample, v network) results {
				return results{
					curvature.Fisher(loss, c.opts...)(p, s), curvature.GGN(forward, crossEntropy, c.opts...)(p, s), curvature.Hessian(total)(p, s),
					curvature.DiagFisher(loss, c.opts...)(p, s), curvature.DiagGGN(forward, crossEntropy, c.opts...)(p, s),
					curvature.FVP(loss, c.opts...)(p, s, v), curvature.GGNVP(forward, crossEntropy, c.opts...)(p, s, v), curvature.HVP(total)(p, s, v),
				}
			})(context.Background(), tree(t, dev, ref.params), sample{tensor(t, dev, ref.x, c.n, 3), tensor(t, dev, ref.y, c.n, 2)}, tree(t, dev, ref.v))
			require.NoError(t, err)
			fisher, ggn, hessian := ref.matrices()
			if c.mean {
				fisher.Scale(1/float64(c.n), fisher)
				ggn.Scale(1/float64(c.n), ggn)
			}
			diagonal := func(m *mat.Dense) (d []float64) {
				for i := range 10 {
					d = append(d, m.At(i, i))
				}
				return d
			}
			times := func(m *mat.Dense) []float64 {
				var out mat.VecDense
				out.MulVec(m, mat.NewVecDense(10, ref.v))
				return out.RawVector().Data
			}
			flat := func(m *mat.Dense) []float64 { return m.RawMatrix().Data }
			leaves := func(p network) []graph.Tensor { return []graph.Tensor{p.W1, p.W2} }
			matches(t, flat(fisher), []graph.Tensor{y.Fisher}, "Fisher")
			matches(t, flat(ggn), []graph.Tensor{y.GGN}, "GGN")
			matches(t, flat(hessian), []graph.Tensor{y.Hessian}, "Hessian")
			matches(t, diagonal(fisher), leaves(y.DiagFisher), "diagonal Fisher")
			matches(t, diagonal(ggn), leaves(y.DiagGGN), "diagonal GGN")
			matches(t, times(fisher), leaves(y.FVP), "Fisher vector product")
			matches(t, times(ggn), leaves(y.GGNVP), "GGN vector product")
			matches(t, times(hessian), leaves(y.HVP), "Hessian vector product")
			require.NoError(t, graph.Close(y))
		}
	})
}

// The linearised predictive's covariance is J diag(sd^2) J' of the loop.
func TestLinearizedDiag(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ref := newReference(3)
		sd := make([]float64, 10)
		for i := range sd {
			sd[i] = 0.1 * float64(i+1)
		}
		y, err := graph.Jit3(dev, curvature.LinearizedDiag(forward))(context.Background(), tree(t, dev, ref.params), tree(t, dev, sd),
			sample{tensor(t, dev, ref.x, 3, 3), tensor(t, dev, ref.y, 3, 2)})
		require.NoError(t, err)
		defer graph.Close(y)
		var mean, factor []float64
		for i := range 3 {
			z, j, _, _ := ref.sampleAt(ref.params, i)
			mean = append(mean, z[:]...)
			cov := mat.NewSymDense(2, nil)
			for a := range 2 {
				for b := range 2 {
					v := 0.0
					for k := range 10 {
						v += j[a][k] * sd[k] * sd[k] * j[b][k]
					}
					cov.SetSym(a, b, v)
				}
			}
			var chol mat.Cholesky
			require.True(t, chol.Factorize(cov))
			var l mat.TriDense
			chol.LTo(&l)
			factor = append(factor, l.At(0, 0), 0, l.At(1, 0), l.At(1, 1))
		}
		matches(t, mean, []graph.Tensor{y.Mean}, "mean")
		matches(t, factor, []graph.Tensor{y.Cholesky}, "Cholesky factor")
	})
}

// A diagonal does not hold the per-sample Jacobian: of a network with 100,000 parameters and 256 samples that would be 105 MB.
func TestDiagonalsDoNotWritePerSampleGradients(t *testing.T) {
	const n, in, hidden = 256, 784, 128
	type args struct {
		P network
		S sample
	}
	a := args{
		network{graph.Placeholder(graph.Float32, hidden, in), graph.Placeholder(graph.Float32, 2, hidden)},
		sample{graph.Placeholder(graph.Float32, n, in), graph.Placeholder(graph.Float32, n, 2)},
	}
	for name, f := range map[string]func(args) network{
		"fisher": func(a args) network { return curvature.DiagFisher(loss)(a.P, a.S) },
		"fvp":    func(a args) network { return curvature.FVP(loss)(a.P, a.S, a.P) },
		"ggn":    func(a args) network { return curvature.DiagGGN(forward, crossEntropy)(a.P, a.S) },
		"ggnvp":  func(a args) network { return curvature.GGNVP(forward, crossEntropy)(a.P, a.S, a.P) },
	} {
		c, err := graph.Cost(f, a)
		require.NoError(t, err)
		assert.Less(t, c.Arena, int64(n*(in+hidden)*4*3), "%s: a few times the activations", name)
	}
}

func TestPerSamplify(t *testing.T) {
	batched := func(p, x graph.Tensor) (graph.Tensor, graph.Tensor) { return x.MatMul(p), x }
	p, x := graph.Literal([]float32{1, 2}), graph.Literal([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	y := vmap.Map(func(x graph.Tensor) graph.Tensor {
		v, _ := curvature.PerSamplify(batched)(p, x)
		return v
	})(x)
	v, err := graph.Reference(context.Background(), y)
	require.NoError(t, err)
	assert.Equal(t, []float64{5, 11, 17}, v)
	two := func(p, x graph.Tensor) (graph.Tensor, struct{}) { return p, struct{}{} }
	assert.ErrorIs(t, graph.Try(func() { curvature.PerSamplify(two)(p, x) }), graph.ErrShape)
}

func TestCurvatureErrors(t *testing.T) {
	p := network{graph.Zeros(2, 3), graph.Zeros(2, 2)}
	err := graph.Try(func() { curvature.DiagFisher(loss)(p, sample{graph.Zeros(3, 3), graph.Zeros(4, 2)}) })
	require.ErrorIs(t, err, graph.ErrShape)
	assert.ErrorContains(t, err, `".Y"`)
	empty := sample{graph.Zeros(0, 3), graph.Zeros(0, 2)}
	assert.ErrorIs(t, graph.Try(func() { curvature.Fisher(loss, curvature.Normalize())(p, empty) }), graph.ErrArgument)
	assert.ErrorIs(t, graph.Try(func() { curvature.Chunk(0) }), graph.ErrArgument)
	assert.ErrorIs(t, graph.Try(func() { curvature.SumSquares(graph.Scalar(1)) }), graph.ErrShape)
	one := []graph.Tensor{graph.Zeros(2)}
	f := func(p []graph.Tensor, s graph.Tensor) graph.Tensor { return p[0].Dot(s) }
	assert.ErrorIs(t, graph.Try(func() { curvature.FVP(f)(one, graph.Zeros(3, 2), nil) }), graph.ErrArgument)
}
