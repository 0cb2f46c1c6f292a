package graph_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/vmap"
)

func slice[E graph.Element](t testing.TB, dev *gpu.Device, v []E, shape ...int) graph.Tensor {
	t.Helper()
	x, err := graph.FromSlice(dev, v, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

// requireError checks that an error is of a kind and names the user's file and every given word.
func requireError(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	require.ErrorIs(t, err, kind)
	for _, w := range words {
		assert.Contains(t, err.Error(), w)
	}
}

func TestShapeMismatchNamesShapesLineAndFix(t *testing.T) {
	dev := gputest.Open(t)
	x, w := slice(t, dev, make([]float32, 6), 2, 3), slice(t, dev, make([]float32, 8), 4, 2)
	_, err := graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.MatMul(w) })(context.Background(), x)
	requireError(t, err, graph.ErrShape, "matmul", "graph/errors_test.go:", "[2 3]", "[4 2]", "3 and 4", "last axis")

	err = graph.Try(func() { x.Add(w) })
	requireError(t, err, graph.ErrShape, "add", "[2 3]", "[4 2]", "errors_test.go")
	err = graph.Try(func() { x.Reshape(4) })
	requireError(t, err, graph.ErrShape, "reshape", "6", "4")
}

func TestWrongDType(t *testing.T) {
	dev := gputest.Open(t)
	x, n := slice(t, dev, []float32{1, 2}), slice(t, dev, []int32{1, 2})
	requireError(t, graph.Try(func() { x.Add(n) }), graph.ErrDType, "add", "float32[2]", "int32[2]", "AsFloat")
	requireError(t, graph.Try(func() { n.Exp() }), graph.ErrDType, "exp", "int32[2]", "AsFloat")
	requireError(t, graph.Try(func() { graph.Where(x, x, x) }), graph.ErrDType, "where", "comparison")
	requireError(t, graph.Try(func() { graph.Grad(func(x graph.Tensor) graph.Tensor { return x.AsInt().Sum() })(x) }), graph.ErrShape, "grad", "int32[]")
	requireError(t, graph.Try(func() { n.Mean() }), graph.ErrDType, "mean", "int32[2]", "AsFloat")
	requireError(t, graph.Try(func() { n.Scale(0.5) }), graph.ErrArgument, "errors_test.go", "0.5 is no int32", "float")
	requireError(t, graph.Try(func() { graph.Full(graph.Uint32, -1, 2) }), graph.ErrArgument, "errors_test.go", "-1 is no uint32")
	requireError(t, graph.Try(func() { graph.Int(1 << 31) }), graph.ErrArgument, "errors_test.go", "is no int32")
	_, err := n.Floats(context.Background())
	requireError(t, err, graph.ErrDType, "read", "int32[2]")
	err = graph.Try(func() { nn.CrossEntropy(slice(t, dev, make([]float32, 6), 2, 3), x) })
	requireError(t, err, graph.ErrDType, "cross entropy", "float32[2]", "int32")
}

func TestReadingTracedTensor(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	x := slice(t, dev, []float32{1, 2, 3})
	var inner error
	y, err := graph.Jit(dev, func(x graph.Tensor) graph.Tensor {
		_, inner = x.Sum().Float(ctx)
		return x
	})(ctx, x)
	require.NoError(t, err)
	defer y.Close()
	requireError(t, inner, graph.ErrTraced, "float32[3]", "jit", "errors_test.go", "Where")

	graph.Try(func() {
		vmap.Map(func(x graph.Tensor) graph.Tensor {
			_, inner = x.Float(ctx)
			return x
		})(x)
	})
	requireError(t, inner, graph.ErrTraced, "vmap", "errors_test.go")
}

func TestTensorOfAnotherTrace(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	x := slice(t, dev, []float32{1, 2, 3})
	var leaked, derived graph.Tensor
	y, err := graph.Jit(dev, func(x graph.Tensor) graph.Tensor {
		leaked, derived = x, x.Exp()
		return x.Neg()
	})(ctx, x)
	require.NoError(t, err)
	defer y.Close()
	err = graph.Try(func() { leaked.Add(x) })
	requireError(t, err, graph.ErrForeign, "add", "jit", "errors_test.go", "return")
	_, err = graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.Mul(derived) })(ctx, x)
	requireError(t, err, graph.ErrForeign, "jit", "errors_test.go")
	_, err = derived.Floats(ctx)
	requireError(t, err, graph.ErrTraced, "jit")
}

func TestNaNAndOutOfRangeLabelsNameTheSample(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		logits := slice(t, dev, make([]float32, 12), 4, 3)
		loss := graph.Jit2(dev, vmap.Map2(nn.CrossEntropy))
		_, err := loss(ctx, logits, slice(t, dev, []int32{0, 2, 3, 1}))
		requireError(t, err, graph.ErrCheck, "label in [0, 3)", "sample [2]")
		soft := make([]float32, 12)
		soft[7] = float32(math.NaN())
		_, err = loss(ctx, logits, slice(t, dev, soft, 4, 3))
		requireError(t, err, graph.ErrCheck, "NaN", "sample [2]", "element [1]")
		// The gradient checks too, and the state is as before: the next call works.
		grad := graph.Jit2(dev, vmap.Map2(graph.Grad2(nn.CrossEntropy)))
		_, err = grad(ctx, logits, slice(t, dev, []int32{0, -1, 2, 1}))
		requireError(t, err, graph.ErrCheck, "sample [1]")
		g, err := grad(ctx, logits, slice(t, dev, []int32{0, 1, 2, 1}))
		require.NoError(t, err)
		g.Close()
		unchecked := graph.Jit2(dev, vmap.Map2(nn.CrossEntropy), graph.WithoutChecks())
		y, err := unchecked(ctx, logits, slice(t, dev, []int32{0, 2, 3, 1}))
		require.NoError(t, err)
		y.Close()
	})
}

func TestClosedDeviceAndTensor(t *testing.T) {
	ctx := context.Background()
	dev := gputest.Open(t)
	x, err := graph.FromSlice(dev, []float32{1, 2})
	require.NoError(t, err)
	run := graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.Exp() })
	y, err := run(ctx, x)
	require.NoError(t, err)
	require.NoError(t, y.Close())
	require.NoError(t, y.Close(), "closing twice is harmless")
	_, err = y.Floats(ctx)
	requireError(t, err, graph.ErrClosed, "float32[2]", "errors_test.go")
	_, err = run(ctx, y)
	requireError(t, err, graph.ErrClosed)
	require.NoError(t, x.Close())

	other, err := gpu.Open(ctx)
	require.NoError(t, err)
	z, err := graph.FromSlice(other, []float32{1})
	require.NoError(t, err)
	_, err = graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x })(ctx, z)
	requireError(t, err, graph.ErrDevice, "errors_test.go", "another gpu.Device that was opened on it")
	require.NoError(t, other.Close())
	_, err = z.Floats(ctx)
	requireError(t, err, graph.ErrClosed, "errors_test.go", "the device", other.Name())
	_, err = graph.FromSlice(other, []float32{1})
	require.ErrorIs(t, err, gpu.ErrClosed)
	_, err = z.Exp().Floats(ctx)
	require.Error(t, err)
}

func TestAllocationLargerThanTheDevice(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		x := slice(t, dev, make([]float32, 1<<20))
		before := dev.Stats()
		huge := graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.ExpandDims(1).Mul(x) })
		_, err := huge(ctx, x)
		requireError(t, err, gpu.ErrOutOfMemory, "mul", "errors_test.go", "float32[1048576 1048576]", "fewer samples")
		require.Equal(t, before.LiveArrays, dev.Stats().LiveArrays)
		// Nor is the host asked for the memory: Go would end the process.
		wide := graph.Ones(1<<20, 1<<18)
		_, err = wide.Mul(x.Index(0, 0)).Floats(ctx)
		requireError(t, err, gpu.ErrOutOfMemory, "errors_test.go", "float32[1048576 262144]")
		_, err = wide.Floats(ctx)
		requireError(t, err, graph.ErrArgument, "errors_test.go", "float32[1048576 262144]", "EvalOn")
		requireError(t, graph.Try(func() { graph.Ones(1<<40, 1<<40) }), graph.ErrArgument, "errors_test.go", "2^63-1")
		requireError(t, graph.Try(func() { x.Outer(x).Outer(x).Outer(x) }), graph.ErrShape, "errors_test.go", "2^63-1")
	})
}

func TestBadArguments(t *testing.T) {
	dev := gputest.Open(t)
	x := slice(t, dev, make([]float32, 6), 2, 3)
	type tree = map[string]graph.Tensor
	norm := func(p tree) graph.Tensor { return graph.SquaredNorm(p) }
	for name, c := range map[string]struct {
		f    func()
		kind error
		word string
	}{
		"axis":            {func() { x.Sum(2) }, graph.ErrArgument, "axis 2"},
		"axis twice":      {func() { x.Sum(0, -2) }, graph.ErrArgument, "twice"},
		"slice":           {func() { x.Slice(1, 2, 5) }, graph.ErrArgument, "limit 5"},
		"zero tensor":     {func() { x.Add(graph.Tensor{}) }, graph.ErrArgument, "zero Tensor"},
		"empty maximum":   {func() { graph.Zeros(0).ReduceMax() }, graph.ErrShape, "no elements"},
		"permutation":     {func() { x.Transpose(0, 0) }, graph.ErrArgument, "[0 0]"},
		"stack":           {func() { graph.Stack(0, x, graph.Zeros(3)) }, graph.ErrShape, "operand 1"},
		"vmap sizes":      {func() { vmap.Map2(graph.Tensor.Add)(x, graph.Zeros(3)) }, graph.ErrShape, "samples"},
		"vmap all shared": {func() { vmap.Map(graph.Tensor.Neg, vmap.In(vmap.Shared))(x) }, graph.ErrArgument, "shared"},
		"vector of loss":  {func() { graph.Grad(graph.Tensor.Exp)(x) }, graph.ErrShape, "float32[2 3]"},
		"index":           {func() { x.Index(1, 3) }, graph.ErrArgument, "positions are -3 to 2"},
		"empty argmin":    {func() { graph.Zeros(0).ArgMin(0) }, graph.ErrShape, "argmin"},
		"no loss":         {func() { graph.Grad(func(x graph.Tensor) graph.Tensor { return graph.Tensor{} })(x) }, graph.ErrArgument, "(root)"},
		"tangent type":    {func() { graph.JVP(graph.Tensor.Exp, x, x.AsInt()) }, graph.ErrDType, "jvp"},
		"tangent tree":    {func() { graph.HVP(norm)(tree{"a": x}, tree{"b": x}) }, graph.ErrArgument, `["a"], leaf 0 of 1 of the tangent is ["b"]`},
		"cotangent tree": {func() {
			_, pull := graph.VJP(func(x graph.Tensor) tree { return tree{"a": x, "b": x} }, x)
			pull(tree{"a": x})
		}, graph.ErrArgument, `["b"], leaf 1 of 1 of the cotangent is none`},
		"carry": {func() { graph.Fori(0, 2, func(_, c graph.Tensor) graph.Tensor { return c.Sum() }, x) }, graph.ErrShape, "carry (root)"},
		"branches": {func() {
			graph.Cond(graph.Full(graph.Bool, 1), graph.Tensor.Neg, func(x graph.Tensor) graph.Tensor { return x.Sum() }, x)
		}, graph.ErrShape, "cond"},
		"branch structures": {func() {
			graph.Switch(graph.Int(0), []func(tree) tree{func(t tree) tree { return t }, func(t tree) tree { return tree{"c": x} }}, tree{"a": x})
		}, graph.ErrArgument, "result of branch 1"},
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, graph.Try(c.f), c.kind, c.word, "errors_test.go")
		})
	}
	type batch struct{ X, Y graph.Tensor }
	_, err := graph.Jit2(dev, func(x graph.Tensor, b batch) graph.Tensor { return x })(context.Background(), x, batch{X: x})
	requireError(t, err, graph.ErrArgument, "argument 1", ".Y", "zero Tensor", "errors_test.go")
	_, err = graph.FromSlice(dev, []float32{1, 2, 3}, 2, 2)
	requireError(t, err, graph.ErrShape, "3 values", "[2 2]")
	_, err = graph.FromSlice(nil, []float32{1})
	requireError(t, err, graph.ErrDevice, "gpu.Open")
	_, err = graph.Jit(nil, graph.Tensor.Exp)(context.Background(), x)
	requireError(t, err, graph.ErrDevice, "errors_test.go", "gpu.Open")
}
