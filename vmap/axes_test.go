package vmap_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/vmap"
)

type tensor = graph.Tensor

// f64 is the float64 value of x.
func f64(t *testing.T, x tensor) []float64 {
	t.Helper()
	v, err := graph.Reference(context.Background(), x)
	require.NoError(t, err)
	return v
}

type sample struct {
	X, Y tensor
	Rest map[string]tensor
}

func TestTreeAxes(t *testing.T) {
	x := graph.Literal([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	s := sample{X: x, Y: graph.Literal([]float32{1, 2, 3, 4, 5, 6}, 3, 2), Rest: map[string]tensor{"a": graph.Literal([]float32{10, 20, 30}), "b": x}}
	f := func(s sample) tensor { return s.X.Mul(s.Y).Sum().Add(s.Rest["a"].Sum()).Add(s.Rest["b"].Sum()) }

	// X and Rest.b have their samples in rows, Y in columns, Rest.a is shared.
	got := vmap.Map(f, vmap.InTree(struct {
		X, Y int
		Rest map[string]int
	}{0, -1, map[string]int{"a": vmap.Shared, "b": 0}}))(s)
	assert.Equal(t, []float64{22 + 60 + 6, 64 + 60 + 15}, f64(t, got))

	// A prefix stands for all leaves below it.
	pairs := func(a []sample, w tensor) tensor { return f(a[0]).Add(f(a[1])).Mul(w) }
	row := sample{X: x, Y: x, Rest: map[string]tensor{"a": x, "b": x}}
	one := sample{X: x.Index(0, 1), Y: x.Index(0, 1), Rest: map[string]tensor{"a": x.Index(0, 1), "b": x.Index(0, 1)}}
	both := vmap.Map2(pairs, vmap.InTree([]int{0, vmap.Shared}, vmap.Shared))([]sample{row, one}, graph.Scalar(2))
	assert.Equal(t, []float64{2 * (14 + 12 + 77 + 30), 2 * (77 + 30 + 77 + 30)}, f64(t, both))

	// Results: axes of their own, and one that all samples share.
	split := func(s tensor) sample {
		return sample{X: s.Scale(2), Y: s.Neg(), Rest: map[string]tensor{"n": graph.Ones(2)}}
	}
	out := vmap.Map(split, vmap.OutTree(struct {
		X, Y, Rest int
	}{0, 1, vmap.Shared}))(x)
	assert.Equal(t, graph.Shape{2, 3}, out.X.Shape())
	assert.Equal(t, graph.Shape{3, 2}, out.Y.Shape())
	assert.Equal(t, graph.Shape{2}, out.Rest["n"].Shape())
	assert.Equal(t, []float64{-1, -4, -2, -5, -3, -6}, f64(t, out.Y))
	assert.Equal(t, graph.Shape{2}, vmap.Map(func(tensor) tensor { return graph.Ones(2) }, vmap.Out(vmap.Shared))(x).Shape())
}

func TestAxesErrors(t *testing.T) {
	x := graph.Ones(2, 3)
	f := func(s sample) tensor { return s.X.Sum() }
	s := sample{X: x, Y: x}
	for want, g := range map[string]func(){
		"argument 0 has no axis for its leaf .Y":     func() { vmap.Map(f, vmap.InTree(struct{ X int }{}))(s) },
		"argument 0 has no leaf at or below .Z":      func() { vmap.Map(f, vmap.InTree(struct{ X, Y, Z int }{}))(s) },
		"string has no int":                          func() { vmap.Map(f, vmap.InTree("X"))(s) },
		"2 axes for 1 arguments":                     func() { vmap.Map(f, vmap.In(0, 0)) },
		"the result has no axis for its leaf (root)": func() { vmap.Map(f, vmap.OutTree(struct{ Q int }{}))(s) },
		"every argument is shared":                   func() { vmap.Map(f, vmap.In(vmap.Shared))(s) },
		"declared shared but depends on the sample":  func() { vmap.Map(f, vmap.Out(vmap.Shared))(s) },
		"axis 5": func() { vmap.Map(f, vmap.In(5))(s) },
		"leaf 0 ([2 3], axis 0) has 2 samples, leaf 1":     func() { vmap.Map(f, vmap.InTree(struct{ X, Y int }{0, 1}))(s) },
		"the axis name is empty":                           func() { vmap.Name("") },
		"all mapped arguments need the same number of sam": func() { vmap.Map(f, vmap.InTree(struct{ X, Y int }{0, 1}))(s) },
	} {
		err := graph.Try(g)
		require.Error(t, err, want)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "axes_test.go:")
	}
}

func TestPerSample(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		type out struct{ Residual, Twice tensor }
		f := func(w tensor, s sample) (tensor, out) {
			r := s.X.Dot(w).Sub(s.Y)
			return r.Square(), out{r, w.Scale(2)}
		}
		w, x, y := vector(t, dev, []float32{1, -1}), vector(t, dev, []float32{1, 2, 3, 4, 5, 5}, 3, 2), vector(t, dev, []float32{0, 1, 2})
		got, err := graph.Jit2(dev, vmap.PerSample(f))(context.Background(), w, sample{X: x, Y: y})
		require.NoError(t, err)
		// residuals: -1, -2, -2
		assert.Equal(t, []float32{1, 4, 4}, values(t, got.Value))
		assert.Equal(t, []float32{-2, -4, -12, -16, -20, -20}, values(t, got.Grad))
		assert.Equal(t, []float32{-1, -2, -2}, values(t, got.Aux.Residual))
		assert.Equal(t, []float32{2, -2, 2, -2, 2, -2}, values(t, got.Aux.Twice))
	})
}

func TestCollectives(t *testing.T) {
	x := graph.Literal([]float32{1, 5, 3, 5, -2, 0}, 3, 2)
	named := vmap.Name("batch")
	for _, c := range []struct {
		want []float64
		f    func(tensor) tensor
	}{
		{[]float64{2, 10, 2, 10, 2, 10}, func(x tensor) tensor { return vmap.PSum(x, "batch") }},
		{[]float64{1, 2, 1, 2, 1, 2}, func(x tensor) tensor { return vmap.PMean(x, "batch").Mul(graph.Literal([]float32{1.5, 0.6})) }},
		{[]float64{3, 5, 3, 5, 3, 5}, func(x tensor) tensor { return vmap.PMax(x, "batch") }},
		{[]float64{3, 3, 3}, func(tensor) tensor { return vmap.PSum(graph.Scalar(1), "batch") }},
		{[]float64{1, 1, 1}, func(tensor) tensor { return vmap.PMean(graph.Scalar(1), "batch") }},
		{[]float64{1, 1, 1}, func(tensor) tensor { return vmap.PMax(graph.Scalar(1), "batch") }},
		{[]float64{0.5, 0.5, 1.5, 0.5, -1, 0}, func(x tensor) tensor {
			return x.Div(vmap.PSum(x, "batch").Index(0, 0)).Mul(graph.Literal([]float32{1, 0.2}))
		}},
	} {
		assert.InDeltaSlice(t, c.want, f64(t, vmap.Map(c.f, named)(x)), 1e-7)
	}

	// Gradient of and in the map. sum_i (x_i - mean x)^2 has the gradient 2 (x_i - mean x).
	center := func(x tensor) tensor { return x.Sub(vmap.PMean(x, "batch")) }
	loss := func(x tensor) tensor {
		return vmap.Map(func(x tensor) tensor { return center(x).Square().Sum() }, named)(x).Sum()
	}
	want := f64(t, x.Sub(x.Mean(0)).Scale(2))
	assert.InDeltaSlice(t, want, f64(t, graph.Grad(loss)(x)), 1e-9)
	inside := vmap.Map(graph.Grad(func(x tensor) tensor { return center(x).Square().Sum() }), named)(x)
	assert.InDeltaSlice(t, want, f64(t, inside), 1e-9)
	_, forward := graph.JVP(loss, x, graph.Ones(3, 2))
	assert.InDelta(t, 0, f64(t, forward)[0], 1e-9)

	// The maximum's gradient goes to those who have it; here 5 is shared by two.
	largest := func(x tensor) tensor { return vmap.PMax(x, "batch").Sum() }
	grad := f64(t, graph.Grad(func(x tensor) tensor { return vmap.Map(largest, named)(x).Mean() })(x))
	assert.InDeltaSlice(t, []float64{0, 0.5, 1, 0.5, 0, 0}, grad, 1e-9)
	assert.InDeltaSlice(t, []float64{0, 1.5, 3, 1.5, 0, 0}, f64(t, vmap.Map(graph.Grad(largest), named)(x)), 1e-9, "all three samples have the maximum as result")
	_, dir := graph.JVP(func(x tensor) tensor { return vmap.Map(largest, named)(x) }, x, graph.Literal([]float32{1, 2, 3, 4, 5, 6}, 3, 2))
	assert.InDeltaSlice(t, []float64{6, 6, 6}, f64(t, dir), 1e-9)

	// Nested: the sum over rows, in a map over columns, and the other way round; integers.
	both := func(x tensor) tensor {
		return vmap.PSum(x, "rows").Scale(100).Add(vmap.PMax(x, "columns"))
	}
	nested := vmap.Map(vmap.Map(both, vmap.Name("columns")), vmap.Name("rows"))(x)
	assert.Equal(t, []float64{205, 1005, 205, 1005, 200, 1000}, f64(t, nested))
	same := vmap.Map(vmap.Map(func(x tensor) tensor { return vmap.PSum(x, "n") }, vmap.Name("n")), vmap.Name("n"))(x)
	assert.Equal(t, []float64{6, 6, 8, 8, -2, -2}, f64(t, same), "the innermost counts")
	ints := vmap.Map(func(x tensor) tensor { return vmap.PSum(x.AsInt(), "batch") }, named)(x)
	assert.Equal(t, graph.Int32, ints.DType())
	assert.Equal(t, []float64{2, 10, 2, 10, 2, 10}, f64(t, ints))

	// No samples, trees, checkpoints and rules of the user's own.
	assert.Equal(t, graph.Shape{0, 2}, vmap.Map(center, named)(graph.Zeros(0, 2)).Shape())
	tree := vmap.Map(func(x tensor) []tensor { return vmap.PSum([]tensor{x, x.Neg()}, "batch") }, named)(x)
	assert.Equal(t, []float64{-2, -10, -2, -10, -2, -10}, f64(t, tree[1]))
	custom := graph.CustomVJP(func(x tensor) (tensor, struct{}) { return center(x), struct{}{} },
		func(_ struct{}, ct tensor) tensor { return center(ct) })
	for _, f := range []func(tensor) tensor{graph.Checkpoint(center), custom} {
		loss := func(x tensor) tensor {
			return vmap.Map(func(x tensor) tensor { return f(x).Square().Sum() }, named)(x).Sum()
		}
		assert.InDeltaSlice(t, want, f64(t, graph.Grad(loss)(x)), 1e-9)
		assert.InDeltaSlice(t, want, f64(t, vmap.Map(graph.Grad(func(x tensor) tensor { return f(x).Square().Sum() }), named)(x)), 1e-9)
	}
}

// Collectives and custom derivatives inside loops and branches.
func TestCollectivesInControlFlow(t *testing.T) {
	x := graph.Literal([]float32{1, 5, 3}, 3)
	named := vmap.Name("batch")
	center := func(x tensor) tensor { return x.Sub(vmap.PMean(x, "batch")).Scale(0.5) }
	custom := graph.CustomVJP(func(x tensor) (tensor, struct{}) { return center(x), struct{}{} },
		func(_ struct{}, ct tensor) tensor { return center(ct) })
	loops := map[string]func(f func(tensor) tensor, x tensor) tensor{
		"scan": func(f func(tensor) tensor, x tensor) tensor {
			return graph.Fori(0, 2, func(_, c tensor) tensor { return f(c) }, x)
		},
		"plain": func(f func(tensor) tensor, x tensor) tensor { return f(f(x)) },
		"cond": func(f func(tensor) tensor, x tensor) tensor {
			return graph.Cond(graph.Scalar(1).Gt(graph.Scalar(0)), func(x tensor) tensor { return f(f(x)) }, func(x tensor) tensor { return x }, x)
		},
	}
	want := []float64{-0.5, 0.5, 0}
	for name, loop := range loops {
		for with, f := range map[string]func(tensor) tensor{"plain": center, "checkpoint": graph.Checkpoint(center), "custom": custom} {
			all := func(x tensor) tensor { return vmap.Map(func(x tensor) tensor { return loop(f, x) }, named)(x) }
			assert.InDeltaSlice(t, want, f64(t, all(x)), 1e-9, "%s %s", name, with)
			g := graph.Grad(func(x tensor) tensor { return all(x).Square().Sum() })(x)
			assert.InDeltaSlice(t, []float64{-0.25, 0.25, 0}, f64(t, g), 1e-9, "%s %s", name, with)
		}
	}
}

func TestUnboundAxis(t *testing.T) {
	dev := gputest.Open(t)
	x := vector(t, dev, []float32{1, 2})
	for _, y := range []tensor{
		vmap.PSum(x, "batch"),
		vmap.Map(func(x tensor) tensor { return vmap.PSum(x, "batch") })(x),
		vmap.Map(func(x tensor) tensor { return vmap.PSum(x, "batch") }, vmap.Name("other"))(x),
	} {
		_, err := y.Floats(context.Background())
		require.ErrorIs(t, err, graph.ErrArgument)
		require.ErrorContains(t, err, `no enclosing vmap has an axis named "batch"`)
		require.ErrorContains(t, err, "axes_test.go:")
		_, err = graph.Reference(context.Background(), y)
		require.ErrorIs(t, err, graph.ErrArgument)
	}
	_, err := graph.Jit(dev, func(x tensor) tensor { return vmap.PMax(x, "batch") })(context.Background(), x)
	require.ErrorIs(t, err, graph.ErrArgument)
	require.ErrorIs(t, graph.Try(func() { vmap.PSum(x.IsNaN(), "batch") }), graph.ErrDType)
	require.ErrorIs(t, graph.Try(func() { vmap.PMean(x.AsInt(), "batch") }), graph.ErrDType)
}

// Normalisation over the batch on a device, against the statistics of the columns.
func TestBatchNormalisation(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		x := vector(t, dev, []float32{1, 10, 2, 20, 3, 60}, 3, 2)
		norm := vmap.Map(func(x tensor) tensor {
			m := vmap.PMean(x, "batch")
			return x.Sub(m).Div(vmap.PMean(x.Sub(m).Square(), "batch").Sqrt())
		}, vmap.Name("batch"))
		s, u := math.Sqrt(2./3), math.Sqrt(1400./3)
		assert.InDeltaSlice(t, []float64{-1 / s, -20 / u, 0, -10 / u, 1 / s, 30 / u}, f64(t, norm(x)), 1e-12)
		got := values(t, norm(x))
		for i, w := range f64(t, norm(x)) {
			assert.InDelta(t, w, got[i], 1e-5)
		}
	})
}
