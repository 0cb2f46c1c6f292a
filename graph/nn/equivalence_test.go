package nn_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// What per-sample gradients and Jacobians are made for, for the models that they are measured on elsewhere: each quantity is the same with
// contraction planning and without, and the plan writes no gradient for every sample but where the table says so.

// batches are a batch, and another for kernels between the two.
type batches struct{ A, B sample }

// quantity is one reduction of per-sample gradients, or of Jacobians of the logits.
type quantity[P any] struct {
	name     string
	jacobian bool // rows for every logit, too
	of       func(p P, x batches) []graph.Tensor
}

// quantities are all of them, for a model that gives the logits of one sample.
func quantities[P any](t testing.TB, apply func(P, graph.Tensor) graph.Tensor) []quantity[P] {
	gradients := func(p P, s sample) []graph.Tensor {
		loss := func(p P, s sample) graph.Tensor { return nll(apply(p, s.X), s.Y) }
		return leaves(t, vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))(p, s))
	}
	jacobians := func(p P, s sample) []graph.Tensor { // [samples logits parameters]
		flat := leaves(t, vmap.Map(func(x graph.Tensor) P {
			y, pull := graph.VJP(func(p P) graph.Tensor { return apply(p, x) }, p)
			return vmap.Map(pull)(graph.OneHot(graph.Iota(0, y.Dim(0)), y.Dim(0)))
		})(s.X))
		for i, j := range flat {
			flat[i] = j.Reshape(j.Dim(0), j.Dim(1), -1)
		}
		return flat
	}
	rows := func(g graph.Tensor) graph.Tensor { return g.Reshape(g.Dim(0), -1) }
	over := func(gs []graph.Tensor, f func(i int, g graph.Tensor) graph.Tensor) []graph.Tensor {
		out := make([]graph.Tensor, len(gs))
		for i, g := range gs {
			out[i] = f(i, rows(g))
		}
		return out
	}
	total := func(xs []graph.Tensor) graph.Tensor {
		sum := xs[0]
		for _, x := range xs[1:] {
			sum = sum.Add(x)
		}
		return sum
	}
	norms := func(gs []graph.Tensor) graph.Tensor {
		return total(over(gs, func(_ int, g graph.Tensor) graph.Tensor { return g.Square().Sum(1) }))
	}
	along := func(p P, gs []graph.Tensor) graph.Tensor { // J v, for v the parameters
		ps := leaves(t, p)
		return total(over(gs, func(i int, g graph.Tensor) graph.Tensor { return g.MatMul(ps[i].Flatten()) }))
	}
	weighted := func(w graph.Tensor, gs []graph.Tensor) []graph.Tensor {
		return over(gs, func(_ int, g graph.Tensor) graph.Tensor { return g.Mul(w.ExpandDims(1)).Sum(0) })
	}
	return []quantity[P]{
		{"norms", false, func(p P, x batches) []graph.Tensor { return []graph.Tensor{norms(gradients(p, x.A))} }},
		{"squares", false, func(p P, x batches) []graph.Tensor {
			return over(gradients(p, x.A), func(_ int, g graph.Tensor) graph.Tensor { return g.Square().Sum(0) })
		}},
		{"clipped", false, func(p P, x batches) []graph.Tensor {
			gs := gradients(p, x.A)
			return weighted(norms(gs).Sqrt().Max(graph.Scalar(0.5)).Reciprocal().Scale(0.5), gs)
		}},
		{"mean", false, func(p P, x batches) []graph.Tensor {
			return over(gradients(p, x.A), func(_ int, g graph.Tensor) graph.Tensor { return g.Mean(0) })
		}},
		{"variance", false, func(p P, x batches) []graph.Tensor {
			return over(gradients(p, x.A), func(_ int, g graph.Tensor) graph.Tensor { return g.Square().Mean(0).Sub(g.Mean(0).Square()) })
		}},
		{"J v", false, func(p P, x batches) []graph.Tensor { return []graph.Tensor{along(p, gradients(p, x.A))} }},
		{"v J", false, func(p P, x batches) []graph.Tensor {
			return weighted(graph.Iota(0, x.A.X.Dim(0)).AsFloat().Cos(), gradients(p, x.A))
		}},
		{"J'J v", false, func(p P, x batches) []graph.Tensor {
			gs := gradients(p, x.A)
			return weighted(along(p, gs), gs)
		}},
		{"kernel", true, func(p P, x batches) []graph.Tensor {
			a, b := jacobians(p, x.A), jacobians(p, x.B)
			for i := range a {
				a[i] = graph.Einsum("aif,bjf->abij", a[i], b[i])
			}
			return []graph.Tensor{total(a)}
		}},
		{"ggn", true, func(p P, x batches) []graph.Tensor {
			y := nn.Softmax(vmap.Map(func(x graph.Tensor) graph.Tensor { return apply(p, x) })(x.A.X)) // [samples logits]
			js := jacobians(p, x.A)
			for i, j := range js { // sum over samples of y j^2 - (y j)^2
				js[i] = graph.Einsum("bc,bcf->f", y, j.Square()).Sub(graph.Einsum("bc,bcf->bf", y, j).Square().Sum(0))
			}
			return js
		}},
	}
}

// requireEquivalent compares all quantities with those of the program without planning, in one program each.
func requireEquivalent[P any](t *testing.T, m maker, apply func(P, graph.Tensor) graph.Tensor, p P, x batches) {
	t.Helper()
	qs := quantities(t, apply)
	all := func(p P, x batches) [][]graph.Tensor {
		var out [][]graph.Tensor
		for _, q := range qs {
			out = append(out, q.of(p, x))
		}
		return out
	}
	got, err := graph.Jit2(m.dev, all)(t.Context(), p, x)
	require.NoError(t, err)
	want, err := graph.Jit2(m.dev, all, graph.WithoutContraction())(t.Context(), p, x)
	require.NoError(t, err)
	for i, q := range qs {
		largest := 0.0 // gradients that are 0 but for rounding have no scale of their own
		for _, w := range want[i] {
			for _, v := range values(t, w) {
				largest = max(largest, math.Abs(v))
			}
		}
		require.NotZero(t, largest, q.name)
		for j, w := range want[i] {
			have, wants := values(t, got[i][j]), values(t, w)
			scale := 1e-3 * largest
			for _, v := range wants {
				scale = max(scale, math.Abs(v))
			}
			require.InDeltaSlice(t, wants, have, 1e-4*scale, "%s, leaf %d", q.name, j)
		}
	}
	require.NoError(t, graph.Close(got))
	require.NoError(t, graph.Close(want))
}

// requirePlanned asserts which quantities keep a gradient of every sample in memory: those named, and no others. A quantity does when the
// program's temporaries take more than those of the gradient of the batch's summed loss by as many bytes as the gradients, of a large
// batch, of the largest parameter; for quantities of Jacobians both count once for each logit.
func requirePlanned[P any](t *testing.T, m maker, apply func(P, graph.Tensor) graph.Tensor, p P, x batches, materialise []string) {
	t.Helper()
	const many = 64
	largest := 0
	for _, l := range leaves(t, p) {
		largest = max(largest, l.Size())
	}
	wide := func(n int, s sample) sample {
		return sample{graph.Placeholder(s.X.DType(), append([]int{n}, s.X.Shape()[1:]...)...), graph.Placeholder(s.Y.DType(), n)}
	}
	like, err := tree.Map(func(x graph.Tensor) graph.Tensor { return graph.Placeholder(x.DType(), x.Shape()...) }, p)
	require.NoError(t, err)
	type arguments struct {
		P P
		X batches
	}
	a := arguments{like, batches{wide(many, x.A), wide(4, x.B)}}
	logits, err := graph.EvalShape(func(a arguments) graph.Tensor { return apply(a.P, a.X.A.X.Index(0, 0)) }, a)
	require.NoError(t, err)
	floor, err := graph.CostOn(m.dev, func(a arguments) P {
		return graph.Grad2(func(p P, x batches) graph.Tensor {
			loss := func(s sample) graph.Tensor { return nll(apply(p, s.X), s.Y) }
			return vmap.Map(loss)(x.A).Sum()
		})(a.P, a.X)
	}, a)
	require.NoError(t, err)
	var found []string
	for _, q := range quantities(t, apply) {
		cost, err := graph.CostOn(m.dev, func(a arguments) []graph.Tensor { return q.of(a.P, a.X) }, a)
		require.NoError(t, err)
		bytes := int64(4*many*largest) + floor.Arena
		if q.jacobian {
			bytes *= int64(logits.Dim(0))
		}
		if cost.Arena >= bytes {
			found = append(found, q.name)
		}
	}
	assert.Equal(t, strings.Join(materialise, ", "), strings.Join(found, ", "), "quantities of which the plan writes gradients for every sample")
}

// A layer alone, between the input and a head that takes the mean of its positions.
type layerNet[L any] struct {
	L    L
	Head nn.Linear
}

func TestEquivalence(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		norm := func(d int) nn.LayerNorm { return nn.LayerNorm{Scale: m.normal(1, d), Shift: m.normal(1, d)} }
		lstm := func(in, h int) nn.LSTMCell {
			return nn.LSTMCell{X: m.normal(0.3, in, 4*h), H: m.normal(0.3, h, 4*h), B: m.normal(0.1, 4*h)}
		}
		start := func(h int) nn.LSTMState { return nn.LSTMState{H: graph.Zeros(h), C: graph.Zeros(h)} }
		images := func(c, side, classes int) batches {
			return batches{sample{m.normal(1, 4, c, side, side), m.classes(classes, 4)}, sample{m.normal(1, 2, c, side, side), m.classes(classes, 2)}}
		}
		vectors := func(classes int, shape ...int) batches {
			return batches{sample{m.normal(1, append([]int{5}, shape...)...), m.classes(classes, 5)},
				sample{m.normal(1, append([]int{3}, shape...)...), m.classes(classes, 3)}}
		}
		words := func(n, length, classes int) batches {
			return batches{sample{m.classes(n, 4, length), m.classes(classes, 4)}, sample{m.classes(n, 2, length), m.classes(classes, 2)}}
		}
		cnn := func(p funcCNN, x graph.Tensor) graph.Tensor {
			h := p.C2.Apply(p.C1.Apply(x, graph.ConvOptions{}).ReLU(), graph.ConvOptions{}).ReLU()
			h = nn.MaxPool(h, nn.PoolOptions{Size: []int{2, 2}})
			return p.L2.Apply(p.L1.Apply(h.Flatten()).ReLU())
		}
		study(t, m, "torch.func CNN", true, cnn, newFuncCNN(m, 16, 24, 8), images(1, 8, 4))
		study(t, m, "opacus MLP", true, func(p mlp, x graph.Tensor) graph.Tensor {
			return p.L3.Apply(p.L2.Apply(p.L1.Apply(x).ReLU()).ReLU())
		}, mlp{m.linear(80, 40), m.linear(40, 20), m.linear(20, 4)}, vectors(4, 80))
		study(t, m, "logistic", false, func(p nn.Linear, x graph.Tensor) graph.Tensor { return p.Apply(x) }, m.linear(104, 2), vectors(2, 104))
		study(t, m, "ffnn", false, func(p adultNet, x graph.Tensor) graph.Tensor { return p.L2.Apply(p.L1.Apply(x).ReLU()) },
			adultNet{m.linear(104, 50), m.linear(50, 2)}, vectors(2, 104))
		study(t, m, "subramani MNIST", false, func(p subramaniCNN, x graph.Tensor) graph.Tensor {
			pool := nn.PoolOptions{Size: []int{2, 2}, Stride: []int{1}}
			h := nn.MaxPool(p.C1.Apply(x, graph.ConvOptions{Stride: []int{2}, Same: true}).ReLU(), pool)
			h = nn.MaxPool(p.C2.Apply(h, graph.ConvOptions{Stride: []int{2}}).ReLU(), pool)
			return p.L2.Apply(p.L1.Apply(h.Flatten()).ReLU())
		}, subramaniCNN{m.conv(1, 16, 8), m.conv(16, 32, 4), m.linear(512, 32), m.linear(32, 4)}, images(1, 28, 4))
		study(t, m, "subramani CIFAR", false, func(p cifarNet, x graph.Tensor) graph.Tensor {
			for i, c := range p.Convs {
				if x = c.Apply(x, graph.ConvOptions{Same: true}); i < len(p.Convs)-1 {
					x = x.ReLU()
				}
				if i == 1 {
					x = nn.AvgPool(x, nn.PoolOptions{Size: []int{2, 2}})
				}
			}
			return x.Mean(-2, -1)
		}, cifarNet{[]nn.Conv{m.conv(3, 16, 3), m.conv(16, 32, 3), m.conv(32, 32, 3), m.conv(32, 4, 3)}}, images(3, 4, 4))
		study(t, m, "subramani embedding", true, func(p textNet, x graph.Tensor) graph.Tensor { return p.Head.Apply(p.E.Apply(x).Mean(0)) },
			textNet{nn.Embedding{Table: m.normal(1, 500, 16)}, m.linear(16, 2)}, words(500, 6, 2))
		study(t, m, "subramani LSTM", false, func(p lstmNet, x graph.Tensor) graph.Tensor {
			last, _ := p.LSTM.Scan(p.E.Apply(x), start(12))
			return p.Head.Apply(last.H)
		}, lstmNet{nn.Embedding{Table: m.normal(1, 200, 12)}, lstm(12, 12), m.linear(12, 2)}, words(200, 3, 2))
		study(t, m, "linear over positions", false, func(p layerNet[nn.Linear], x graph.Tensor) graph.Tensor {
			return p.Head.Apply(p.L.Apply(x).Tanh().Mean(0))
		}, layerNet[nn.Linear]{m.linear(48, 48), m.linear(48, 3)}, vectors(3, 4, 48))
		study(t, m, "conv", false, func(p layerNet[nn.Conv], x graph.Tensor) graph.Tensor {
			return p.Head.Apply(p.L.Apply(x, graph.ConvOptions{}).Tanh().Mean(-2, -1))
		}, layerNet[nn.Conv]{m.conv(8, 32, 4), m.linear(32, 3)}, images(8, 6, 3))
		study(t, m, "layer norm", false, func(p layerNet[nn.LayerNorm], x graph.Tensor) graph.Tensor { return p.Head.Apply(p.L.Apply(x)) },
			layerNet[nn.LayerNorm]{norm(64), m.linear(64, 3)}, vectors(3, 64))
		study(t, m, "group norm", false, func(p layerNet[nn.GroupNorm], x graph.Tensor) graph.Tensor {
			return p.Head.Apply(p.L.Apply(x, 4).Square().Mean(-2, -1))
		}, layerNet[nn.GroupNorm]{nn.GroupNorm{Scale: m.normal(1, 64), Shift: m.normal(1, 64)}, m.linear(64, 3)}, images(64, 2, 3))
		study(t, m, "attention", false, func(p layerNet[nn.MultiHeadAttention], x graph.Tensor) graph.Tensor {
			return p.Head.Apply(p.L.Apply(x, x, 4, graph.Tensor{}).Mean(0))
		}, layerNet[nn.MultiHeadAttention]{nn.MultiHeadAttention{Q: m.linear(32, 32), K: m.linear(32, 32), V: m.linear(32, 32), Out: m.linear(32, 32)}, m.linear(32, 3)},
			vectors(3, 3, 32))
		study(t, m, "GRU", false, func(p layerNet[nn.GRUCell], x graph.Tensor) graph.Tensor {
			last, _ := p.L.Scan(x, graph.Zeros(16))
			return p.Head.Apply(last)
		}, layerNet[nn.GRUCell]{nn.GRUCell{X: m.normal(0.3, 16, 48), H: m.normal(0.3, 16, 48), BX: m.normal(0.1, 48), BH: m.normal(0.1, 48)}, m.linear(16, 3)},
			vectors(3, 3, 16))
		study(t, m, "tanh", false, func(p nn.Linear, x graph.Tensor) graph.Tensor { return p.Apply(x).Tanh() }, m.linear(48, 6), vectors(6, 48))
		study(t, m, "transformer MLP", false, func(p adultNet, x graph.Tensor) graph.Tensor {
			return x.Add(p.L2.Apply(nn.GELUTanh(p.L1.Apply(x)))).Mean(0)
		}, adultNet{m.linear(24, 96), m.linear(96, 24)}, vectors(24, 3, 24))
		study(t, m, "tied", false, func(p tiedNet, x graph.Tensor) graph.Tensor {
			return p.Mix.Apply(p.E.Apply(x)).Tanh().MatMul(p.E.Table.Transpose()).Mean(0)
		}, tiedNet{nn.Embedding{Table: m.normal(0.5, 40, 16)}, m.linear(16, 16)}, words(40, 3, 40))
	})
}

// study checks one model: its plans always, its values in quick ones and with -models.
func study[P any](t *testing.T, m maker, name string, quick bool, apply func(P, graph.Tensor) graph.Tensor, p P, x batches) {
	defer func() { assert.NoError(t, graph.Close(p)); assert.NoError(t, graph.Close(x)) }()
	t.Run(name, func(t *testing.T) {
		if d := m.dev.Profile(); d.Kind == gpu.CPU { // of GPUs the planner believes other rates
			requirePlanned(t, m, apply, p, x, materialised[name])
		}
		if quick && !testing.Short() || *allModels {
			requireEquivalent(t, m, apply, p, x)
		}
	})
}

// materialised are the quantities whose plan has a gradient of every sample: squares over several positions of small matrices, where the
// kernel that adds them up does not pay; kernels with few samples on one side, where it costs less.
var materialised = map[string][]string{
	"attention": {"squares", "variance", "kernel"},
	"tied":      {"kernel"},
}
