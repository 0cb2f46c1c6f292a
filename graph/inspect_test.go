package graph_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

func spec(shape ...int) tensor { return graph.Placeholder(graph.Float32, shape...) }

func TestDump(t *testing.T) {
	dev := gputest.Open(t)
	w, err := graph.FromSlice(dev, []float32{1, 2, 3})
	require.NoError(t, err)
	defer w.Close()
	f := func(p pair) tensor {
		y := p.A.Mul(w).Add(p.B)
		return y.Sum().Add(y.Sum()).Scale(1)
	}
	p := pair{spec(3), spec(3)}
	s, err := graph.Dump(f, p)
	require.NoError(t, err)
	for _, line := range []string{"%0 = parameter .A  float32[3]\n", "%1 = parameter .B  float32[3]\n", "%2 = captured array  float32[3]\n",
		"%3 = mul %0 %2  float32[3]  # graph/inspect_test.go:24\n", "%4 = add %3 %1  float32[3]  # graph/inspect_test.go:24\n", "\nreturn %"} {
		assert.Contains(t, s, line)
	}
	assert.Equal(t, 2, strings.Count(s, " = reduce sum"))
	simple, err := graph.Dump(f, p, graph.Simplified())
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(simple, " = reduce sum"), "equal nodes are one")
	assert.NotContains(t, simple, "constant")
	planned, err := graph.Dump(f, p, graph.ForDevice(dev))
	require.NoError(t, err)
	assert.Contains(t, planned, "dispatch 0: ")

	d, err := graph.Dump(f, p, graph.AsDOT())
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(d, "digraph {\n") && strings.HasSuffix(d, "}\n"))
	assert.Contains(t, d, `n0 [label="parameter .A\nfloat32[3]", style=rounded]`)
	assert.Contains(t, d, "n0 -> n3\n")
	assert.Contains(t, d, "result 0")

	again, err := graph.Dump(f, p)
	require.NoError(t, err)
	assert.Equal(t, s, again, "the same function gives the same text")
	_, err = graph.Dump(func(x tensor) tensor { return x.Add(spec(2)) }, spec(3))
	require.ErrorIs(t, err, graph.ErrShape)
	_, err = graph.Dump(func(x tensor) tensor { return x.Add(spec(3)) }, spec(3))
	require.ErrorIs(t, err, graph.ErrTraced, "a captured placeholder is no array")
	attr, err := graph.Dump(func(x tensor) tensor { return x.SliceStep(0, 1, 7, 2) }, spec(9))
	require.NoError(t, err)
	assert.Contains(t, attr, "slice %0  float32[3]  start=[1] limit=[7] step=[2]")
}

func TestEvalShape(t *testing.T) {
	f := func(p pair) pair {
		return pair{graph.Grad(func(x tensor) tensor { return x.MatMul(p.B).Tanh().Sum() })(p.A), p.A.MatMul(p.B).Gt(graph.Scalar(0))}
	}
	r, err := graph.EvalShape(f, pair{spec(1<<20, 1<<10), spec(1<<10, 1<<20)}) // 4 TiB would be the product
	require.NoError(t, err)
	assert.Equal(t, graph.Spec{DType: graph.Float32, Shape: graph.Shape{1 << 20, 1 << 10}}, r.A.Spec())
	assert.Equal(t, graph.Spec{DType: graph.Bool, Shape: graph.Shape{1 << 20, 1 << 20}}, r.B.Spec())
	_, err = graph.EvalShape(f, pair{spec(2, 3), spec(4, 5)})
	require.ErrorIs(t, err, graph.ErrShape)
	require.ErrorContains(t, err, "inspect_test.go:")
	_, err = graph.EvalShape(f, pair{A: spec(2, 3)})
	require.ErrorIs(t, err, graph.ErrArgument)

	_, err = spec(3).Exp().Floats(context.Background())
	require.ErrorIs(t, err, graph.ErrTraced)
	dev := gputest.Open(t)
	x, err := graph.FromSlice(dev, []float32{1, 2, 3})
	require.NoError(t, err)
	defer x.Close()
	_, err = graph.Jit(dev, func(x tensor) tensor { return x.Add(spec(3)) })(context.Background(), x)
	require.ErrorIs(t, err, graph.ErrTraced)
	require.ErrorContains(t, err, "placeholder float32[3]")
	require.ErrorIs(t, graph.Try(func() { spec(-1) }), graph.ErrArgument)
}

func TestCostCountsWork(t *testing.T) {
	c, err := graph.Cost(func(p pair) tensor { return p.A.MatMul(p.B).Exp().Sum() }, pair{spec(32, 64), spec(64, 16)})
	require.NoError(t, err)
	assert.Equal(t, int64(2*32*64*16+32*16), c.Operations)
	assert.Equal(t, int64(32*16), c.Transcendentals)
	assert.Equal(t, int64(32*64+64*16), c.Elements)
	assert.Equal(t, 4*c.Elements, c.Arguments)
	assert.Equal(t, int64(4), c.Results)
	assert.Zero(t, c.Captured)
	assert.Positive(t, c.Dispatches)
	assert.GreaterOrEqual(t, c.Read, c.Arguments)
	assert.GreaterOrEqual(t, c.Written, c.Results)

	// axpy: two operations an element, every array moved once, one dispatch, no temporaries.
	c, err = graph.Cost(func(p pair) tensor { return p.A.Scale(2).Add(p.B) }, pair{spec(1000), spec(1000)})
	require.NoError(t, err)
	assert.Equal(t, graph.CostEstimate{Operations: 2000, Elements: 2000, Arguments: 8000, Results: 4000, Read: 8000, Written: 4000, Dispatches: 1}, c)
	// Loops: the work of all rounds, in lanes or as dispatches.
	const rounds = 1000
	for _, mode := range []graph.LaneMode{graph.LanesAuto, graph.LanesNever} {
		c, err = graph.Cost(func(x tensor) tensor {
			return graph.Fori(0, rounds, func(_, x tensor) tensor { return x.Scale(2).Exp() }, x)
		}, spec(64), graph.Lanes(mode))
		require.NoError(t, err)
		assert.Equal(t, int64(64*rounds), c.Transcendentals)
		assert.GreaterOrEqual(t, c.Operations, int64(64*rounds))
		assert.Equal(t, mode == graph.LanesNever, c.Dispatches >= rounds, "%d dispatches", c.Dispatches)
	}
	_, err = graph.Cost(func(p pair) tensor { return p.A.Add(p.B) }, pair{spec(3), spec(4)})
	require.ErrorIs(t, err, graph.ErrShape)
}

// What CostOn says of memory is what the device then uses.
func TestCostAgainstDevice(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const batch, in, hidden, out = 512, 96, 200, 10
		type model struct{ W1, W2, X tensor }
		loss := func(m model) tensor {
			h := m.X.MatMul(m.W1).Tanh()
			return h.MatMul(m.W2).LogSumExp().Mean()
		}
		make := func(shape ...int) tensor {
			v := make([]float32, graph.Shape(shape).Size())
			for i := range v {
				v[i] = float32(i%17-8) / 50
			}
			x, err := graph.FromSlice(dev, v, shape...)
			require.NoError(t, err)
			return x
		}
		m := model{make(in, hidden), make(hidden, out), make(batch, in)}
		defer graph.Close(m)
		c, err := graph.CostOn(dev, graph.Grad(loss), m)
		require.NoError(t, err)
		before := dev.Stats()
		assert.InDelta(t, before.LiveBytes, c.Arguments, 3*256, "all arrays of this device are arguments, rounded up")
		dev.ResetPeak()
		g, err := graph.Jit(dev, graph.Grad(loss))(context.Background(), m)
		require.NoError(t, err)
		defer graph.Close(g)
		require.NoError(t, graph.Eval(context.Background(), g))
		after := dev.Stats()
		peak := after.PeakBytes - before.LiveBytes
		assert.InEpsilon(t, peak, c.Peak(), 0.01)
		assert.InEpsilon(t, after.ArenaBytes, c.Arena, 0.01)

		usual, err := graph.Cost(graph.Grad(loss), m)
		require.NoError(t, err)
		assert.InEpsilon(t, peak, usual.Peak(), 0.5, "the usual GPU's plan is another, but not far away")
		assert.Equal(t, c.Operations, usual.Operations)
	})
}
