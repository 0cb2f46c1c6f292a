package nn_test

import (
	"flag"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// reductions are what per-sample gradients are mostly made for. None needs the gradients themselves.
type reductions[P any] struct {
	Norms, Ravelled, JV, Kernel         graph.Tensor
	Squares, Clipped, Mean, Variance, U P

	RavelledSquares, RavelledU, RavelledKernel graph.Tensor
}

// reduce makes them all of the gradients of a loss.
func reduce[P any](t testing.TB, loss func(P, sample) graph.Tensor) func(P, sample) reductions[P] {
	leaf := func(f func(graph.Tensor) graph.Tensor, x P) P {
		y, err := tree.Map(f, x)
		require.NoError(t, err)
		return y
	}
	return func(p P, batch sample) reductions[P] {
		g := vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))(p, batch)
		n := batch.X.Dim(0)
		column := func(v, x graph.Tensor) graph.Tensor {
			shape := make([]int, x.Rank())
			for i := range shape {
				shape[i] = 1
			}
			shape[0] = n
			return v.Reshape(shape...)
		}
		var r reductions[P]
		r.Norms = vmap.SquaredNorms(g)
		flat := vmap.Map(func(g P) graph.Tensor { flat, _ := graph.Ravel(g); return flat })(g)
		r.Ravelled = vmap.SquaredNorms(flat)
		r.Squares = leaf(func(g graph.Tensor) graph.Tensor { return g.Square().Sum(0) }, g)
		factor := r.Norms.Sqrt().Max(graph.Scalar(0.5)).Reciprocal().Scale(0.5)
		r.Clipped = leaf(func(g graph.Tensor) graph.Tensor { return g.Mul(column(factor, g)).Sum(0) }, g)
		r.Mean = leaf(func(g graph.Tensor) graph.Tensor { return g.Mean(0) }, g)
		r.Variance = leaf(func(g graph.Tensor) graph.Tensor {
			return g.Square().Mean(0).Sub(g.Mean(0).Square())
		}, g)
		weights := graph.Iota(0, n).AsFloat().Cos()
		r.RavelledSquares, r.RavelledU, r.RavelledKernel = flat.Square().Sum(0), weights.MatMul(flat), flat.MatMul(flat.Transpose())
		r.U = leaf(func(g graph.Tensor) graph.Tensor {
			return graph.DotGeneral(weights, g, []int{0}, []int{0}, nil, nil)
		}, g)
		ps := leaves(t, p)
		for i, g := range leaves(t, g) {
			flat := g.Reshape(n, -1)
			jv, kernel := flat.MatMul(ps[i].Flatten()), flat.MatMul(flat.Transpose())
			if i > 0 {
				jv, kernel = r.JV.Add(jv), r.Kernel.Add(kernel)
			}
			r.JV, r.Kernel = jv, kernel
		}
		return r
	}
}

// requireEqualReductions compares programs with and without contraction planning: element by element for vectors over the samples, by
// the largest element of each leaf else.
func requireEqualReductions[P any](t *testing.T, dev *gpu.Device, loss func(P, sample) graph.Tensor, p P, batch sample, opts ...graph.JitOption) {
	t.Helper()
	all := reduce(t, loss)
	got, err := graph.Jit2(dev, all, opts...)(t.Context(), p, batch)
	require.NoError(t, err)
	want, err := graph.Jit2(dev, all, graph.WithoutContraction())(t.Context(), p, batch)
	require.NoError(t, err)
	paths, err := tree.Paths[graph.Tensor](got)
	require.NoError(t, err)
	wants := leaves(t, want)
	for i, x := range leaves(t, got) {
		a, err := x.Floats(t.Context())
		require.NoError(t, err)
		b, err := wants[i].Floats(t.Context())
		require.NoError(t, err)
		scale := 0.0
		for _, v := range b {
			scale = max(scale, math.Abs(float64(v)))
		}
		for j := range b {
			require.False(t, math.IsNaN(float64(a[j])), "%s[%d]: NaN, want %v", paths[i], j, b[j])
			limit := 1e-4 * scale
			if i < 2 { // the norms
				limit = 1e-4 * math.Abs(float64(b[j]))
			}
			require.LessOrEqual(t, math.Abs(float64(a[j]-b[j])), limit, "%s[%d]: %v, want %v", paths[i], j, a[j], b[j])
		}
	}
	require.NoError(t, graph.Close(got))
	require.NoError(t, graph.Close(want))
	require.NoError(t, graph.Close(p))
	require.NoError(t, graph.Close(batch))
}

// tiedNet uses its embedding twice: for words in, and for logits out.
type tiedNet struct {
	E   nn.Embedding
	Mix nn.Linear
}

func (p tiedNet) loss(s sample) graph.Tensor {
	h := p.Mix.Apply(p.E.Apply(s.X)).Tanh()
	return nll(h.MatMul(p.E.Table.Transpose()).Mean(0), s.Y)
}

type mlp struct{ L1, L2, L3 nn.Linear }

func (p mlp) loss(s sample) graph.Tensor {
	return nll(p.L3.Apply(p.L2.Apply(p.L1.Apply(s.X).ReLU()).Tanh()), s.Y)
}

var allModels = flag.Bool("models", false, "plan the contractions of all models, not only of one of each kind")

// What is reduced is the same however it is computed, for all models that per-sample gradients are measured on elsewhere.
func TestContractionPlans(t *testing.T) {
	run := func(name string, f func(t *testing.T, m maker)) { t.Run(name, func(t *testing.T) { each(t, f) }) }
	run("dense", func(t *testing.T, m maker) {
		requireEqualReductions(t, m.dev, mlp.loss, mlp{m.linear(60, 50), m.linear(50, 40), m.linear(40, 10)}, sample{m.normal(1, 33, 60), m.classes(10, 33)})
	})
	run("convolution", func(t *testing.T, m maker) {
		requireEqualReductions(t, m.dev, funcCNN.loss, newFuncCNN(m, 16, 16, 14), sample{m.normal(1, 6, 1, 14, 14), m.classes(10, 6)})
	})
	run("tied", func(t *testing.T, m maker) {
		p := tiedNet{nn.Embedding{Table: m.normal(0.5, 300, 16)}, m.linear(16, 16)}
		requireEqualReductions(t, m.dev, tiedNet.loss, p, sample{m.classes(300, 5, 6), m.classes(300, 5)})
	})
	run("transformer", func(t *testing.T, m maker) {
		const d, length = 40, 7
		norm := func() nn.LayerNorm { return nn.LayerNorm{Scale: m.normal(1, d), Shift: m.normal(1, d)} }
		p := block{N1: norm(), N2: norm(), Up: m.linear(d, 3*d), Down: m.linear(3*d, d), Head: m.linear(d, 5),
			Attend: nn.MultiHeadAttention{Q: m.linear(d, d), K: m.linear(d, d), V: m.linear(d, d), Out: m.linear(d, d)}}
		requireEqualReductions(t, m.dev, block.loss, p, sample{m.normal(1, 4, length, d), m.classes(5, 4)})
	})
	if !*allModels {
		return
	}
	run("strides", func(t *testing.T, m maker) {
		p := subramaniCNN{m.conv(1, 16, 8), m.conv(16, 32, 4), m.linear(512, 32), m.linear(32, 10)}
		requireEqualReductions(t, m.dev, subramaniCNN.loss, p, sample{m.normal(1, 5, 1, 28, 28), m.classes(10, 5)})
	})
	run("embedding", func(t *testing.T, m maker) {
		p := textNet{nn.Embedding{Table: m.normal(1, 1000, 16)}, m.linear(16, 2)}
		requireEqualReductions(t, m.dev, textNet.loss, p, sample{m.classes(1000, 5, 12), m.classes(2, 5)})
	})
	run("norm layers", func(t *testing.T, m maker) {
		const channels = 64
		p := normNet{m.conv(2, channels, 3), nn.GroupNorm{Scale: m.normal(1, channels), Shift: m.normal(1, channels)},
			nn.RMSNorm{Scale: m.normal(1, channels)}, m.linear(channels, 3)}
		requireEqualReductions(t, m.dev, func(p normNet, s sample) graph.Tensor {
			h := nn.SiLU(p.G.Apply(p.C.Apply(s.X, graph.ConvOptions{Same: true}), 16))
			return nll(p.Head.Apply(p.R.Apply(h.Mean(-2, -1))), s.Y)
		}, p, sample{m.normal(1, 4, 2, 6, 6), m.classes(3, 4)})
	})
	for name, loss := range map[string]func(recurrent, sample) graph.Tensor{"unrolled": recurrent.unrolled, "scanned": recurrent.scanned} {
		run(name, func(t *testing.T, m maker) {
			const in, h, steps = 6, 8, 3
			p := recurrent{
				LSTM: nn.LSTMCell{X: m.normal(0.4, in, 4*h), H: m.normal(0.4, h, 4*h), B: m.normal(0.1, 4*h)},
				GRU:  nn.GRUCell{X: m.normal(0.4, h, 3*h), H: m.normal(0.4, h, 3*h), BX: m.normal(0.1, 3*h), BH: m.normal(0.1, 3*h)},
				Head: m.linear(h, 4),
			}
			requireEqualReductions(t, m.dev, loss, p, sample{m.normal(1, 3, steps, in), m.classes(4, 3)})
		})
	}
}
