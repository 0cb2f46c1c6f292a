package nn_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// asked is a reduction of the gradients of samples.
type asked[P any] struct {
	name string
	f    func(p P, s sample) any
}

func askedOf[P any](t *testing.T, loss func(P, sample) graph.Tensor, logits func(P, graph.Tensor) graph.Tensor) []asked[P] {
	leaf := func(f func(graph.Tensor) graph.Tensor, x P) P {
		y, err := tree.Map(f, x)
		require.NoError(t, err)
		return y
	}
	per := func(p P, s sample) P { return vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))(p, s) }
	ravel := func(p P, s sample) graph.Tensor {
		return vmap.Map(func(g P) graph.Tensor { flat, _ := graph.Ravel(g); return flat })(per(p, s))
	}
	jac := func(p P, s sample) graph.Tensor { // [b c p]
		return vmap.Map2(func(p P, s sample) graph.Tensor {
			y, pull := graph.VJP(func(p P) graph.Tensor { return logits(p, s.X) }, p)
			return vmap.Map(func(e graph.Tensor) graph.Tensor { flat, _ := graph.Ravel(pull(e)); return flat })(graph.Eye(y.Dim(0)))
		}, vmap.In(vmap.Shared, 0))(p, s)
	}
	flat := func(p P) graph.Tensor { v, _ := graph.Ravel(p); return v }
	return []asked[P]{
		{"norms", func(p P, s sample) any { return vmap.SquaredNorms(per(p, s)) }},
		{"ravelled norms", func(p P, s sample) any { return ravel(p, s).Square().Sum(1) }},
		{"squares", func(p P, s sample) any {
			return leaf(func(g graph.Tensor) graph.Tensor { return g.Square().Sum(0) }, per(p, s))
		}},
		{"ravelled squares", func(p P, s sample) any { return ravel(p, s).Square().Sum(0) }},
		{"variance", func(p P, s sample) any {
			return leaf(func(g graph.Tensor) graph.Tensor { return g.Square().Mean(0).Sub(g.Mean(0).Square()) }, per(p, s))
		}},
		{"clipped sum", func(p P, s sample) any {
			g := ravel(p, s)
			c := g.Square().Sum(1).Sqrt().Max(graph.Scalar(1)).Reciprocal()
			return g.Mul(c.Reshape(-1, 1)).Sum(0)
		}},
		{"J v", func(p P, s sample) any { return ravel(p, s).MatMul(flat(p)) }},
		{"v^T J", func(p P, s sample) any {
			g := ravel(p, s)
			return graph.Iota(0, g.Dim(0)).AsFloat().Cos().MatMul(g)
		}},
		{"J^T J v", func(p P, s sample) any { g := ravel(p, s); return g.MatMul(flat(p)).MatMul(g) }},
		{"kernel", func(p P, s sample) any { g := ravel(p, s); return g.MatMul(g.Transpose()) }},
		{"kernel of two batches", func(p P, s sample) any {
			g, h := ravel(p, s), ravel(p, sample{s.X.Flip(0), s.Y.Flip(0)})
			return g.MatMul(h.Transpose())
		}},
		{"diagonal of Gauss-Newton", func(p P, s sample) any {
			j := jac(p, s)
			q := nn.Softmax(vmap.Map2(func(p P, s sample) graph.Tensor { return logits(p, s.X) }, vmap.In(vmap.Shared, 0))(p, s))
			h := q.ExpandDims(-1).Mul(graph.Eye(q.Dim(1))).Sub(graph.Einsum("bc,bd->bcd", q, q))
			return graph.Einsum("bcd,bdp->bcp", h, j).Mul(j).Sum(0, 1)
		}},
	}
}

// twice applies its middle layer two times.
type twice struct{ In, Mid, Out nn.Linear }

func (p twice) logits(x graph.Tensor) graph.Tensor {
	h := p.In.Apply(x).Tanh()
	h = p.Mid.Apply(h).Tanh()
	h = p.Mid.Apply(h).Tanh()
	return p.Out.Apply(h)
}
func (p twice) loss(s sample) graph.Tensor { return nll(p.logits(s.X), s.Y) }

func (p mlp) logits(x graph.Tensor) graph.Tensor {
	return p.L3.Apply(p.L2.Apply(p.L1.Apply(x).ReLU()).Tanh())
}

func (p block) logits(x graph.Tensor) graph.Tensor {
	h := p.N1.Apply(x)
	x = x.Add(p.Attend.Apply(h, h, 4, nn.CausalMask(x.Dim(-2))))
	x = x.Add(p.Down.Apply(nn.GELUTanh(p.Up.Apply(p.N2.Apply(x)))))
	return p.Head.Apply(x.Mean(0))
}

func (p tiedNet) logits(x graph.Tensor) graph.Tensor {
	return p.Mix.Apply(p.E.Apply(x)).Tanh().MatMul(p.E.Table.Transpose()).Mean(0)
}

// normConv normalises between convolutions.
type normConv struct {
	C1, C2 nn.Conv
	G      nn.GroupNorm
	Head   nn.Linear
}

func (p normConv) logits(x graph.Tensor) graph.Tensor {
	x = p.G.Apply(p.C1.Apply(x, graph.ConvOptions{}), 4).ReLU()
	x = p.C2.Apply(x, graph.ConvOptions{Stride: []int{2, 2}}).ReLU()
	return p.Head.Apply(x.Flatten())
}
func (p normConv) loss(s sample) graph.Tensor { return nll(p.logits(s.X), s.Y) }

// requireNoGradients compares the memory that programs take beside their results with that of the gradient of the whole batch, whose activations
// they need as well; and with the gradients of all samples.
func requireNoGradients[P any](t *testing.T, dev *gpu.Device, p P, s sample, loss func(P, sample) graph.Tensor, logits func(P, graph.Tensor) graph.Tensor, diagonal bool) {
	type args struct {
		P P
		S sample
	}
	n := int64(0)
	for _, x := range leaves(t, p) {
		n += int64(x.Shape().Size())
	}
	all := 4 * n * int64(s.X.Dim(0))
	g, err := graph.CostOn(dev, func(a args) P {
		return graph.Grad(func(p P) graph.Tensor { return vmap.Map2(loss, vmap.In(vmap.Shared, 0))(p, a.S).Sum() })(a.P)
	}, args{p, s})
	require.NoError(t, err)
	for _, q := range askedOf(t, loss, logits) {
		if q.name == "diagonal of Gauss-Newton" && !diagonal {
			continue
		}
		f := func(a args) any { return q.f(a.P, a.S) }
		c, err := graph.CostOn(dev, f, args{p, s})
		require.NoError(t, err)
		// Two batches of gradients are made of two batches of activations.
		most := 2*(g.Peak()-g.Results) + all/10
		if q.name == "kernel of two batches" {
			most *= 2
		}
		assert.LessOrEqual(t, c.Peak()-c.Results, most, "%s: bytes beside the result; the gradients of all samples take %d", q.name, all)
		if strings.Contains(q.name, "ravelled") || strings.Contains(q.name, "J") {
			w, err := graph.CostOn(dev, f, args{p, s}, graph.WithoutContraction())
			require.NoError(t, err)
			assert.Greater(t, w.Peak()-w.Results, all*4/5, "%s: as it is written the gradients are in memory", q.name)
		}
	}
}

// Weights used twice, tied embeddings, layers that normalise, attention and convolutions, alone and with all leaves joined to a vector: no reduction of the
// gradients of samples has these in memory.
func TestReductionsTakeTheMemoryOfTheGradient(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ph := func(d ...int) graph.Tensor { return graph.Placeholder(graph.Float32, d...) }
		lin := func(i, o int) nn.Linear { return nn.Linear{W: ph(i, o), B: ph(o)} }
		const b = 64
		y := graph.Placeholder(graph.Int32, b)
		requireNoGradients(t, dev, mlp{lin(200, 150), lin(150, 100), lin(100, 10)}, sample{ph(b, 200), y}, mlp.loss, mlp.logits, true)
		requireNoGradients(t, dev, twice{lin(200, 150), lin(150, 150), lin(150, 10)}, sample{ph(b, 200), y}, twice.loss, twice.logits, true)
		requireNoGradients(t, dev, tiedNet{nn.Embedding{Table: ph(500, 64)}, lin(64, 64)}, sample{graph.Placeholder(graph.Int32, b, 8), y}, tiedNet.loss, tiedNet.logits, false)
		requireNoGradients(t, dev, normConv{nn.Conv{W: ph(16, 3, 3, 3), B: ph(16)}, nn.Conv{W: ph(128, 16, 3, 3), B: ph(128)}, nn.GroupNorm{Scale: ph(16), Shift: ph(16)}, lin(128*4*4, 10)},
			sample{ph(b, 3, 12, 12), y}, normConv.loss, normConv.logits, false)
		if testing.Short() {
			return // planning attention for each takes seconds
		}
		const d = 64
		norm := func() nn.LayerNorm { return nn.LayerNorm{Scale: ph(d), Shift: ph(d)} }
		requireNoGradients(t, dev, block{N1: norm(), N2: norm(), Up: lin(d, 4*d), Down: lin(4*d, d), Head: lin(d, 5),
			Attend: nn.MultiHeadAttention{Q: lin(d, d), K: lin(d, d), V: lin(d, d), Out: lin(d, d)}}, sample{ph(b, 8, d), y}, block.loss, block.logits, false)
	})
}
