package graph_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

type duo struct{ A, B graph.Tensor }

func duoOf(t *testing.T, dev *gpu.Device, n int) duo {
	a, b := make([]float32, n), make([]float32, n)
	for i := range a {
		a[i], b[i] = float32(i%17)-8.5, float32(i%5)+0.25
	}
	return duo{slice(t, dev, a), slice(t, dev, b)}
}

func floats(t *testing.T, x graph.Tensor) []float32 {
	t.Helper()
	v, err := x.Floats(context.Background())
	require.NoError(t, err)
	return v
}

// inPlaceSteps need every way of storing: over the argument, through temporaries, and through spare arrays.
var inPlaceSteps = map[string]func(p duo) duo{
	"elementwise":    func(p duo) duo { return duo{p.A.Scale(0.5).AddScalar(1), p.B.Square()} },
	"both read both": func(p duo) duo { return duo{p.A.Add(p.B), p.A.Sub(p.B)} },
	"swap":           func(p duo) duo { return duo{p.B, p.A} },
	"unchanged":      func(p duo) duo { return duo{p.A, p.B.AddScalar(1)} },
	"reversed":       func(p duo) duo { return duo{p.A.Flip(0), p.B.Flip(0).Add(p.A)} },
	"sum":            func(p duo) duo { return duo{p.A.Sub(p.A.Mean()), p.B.Div(p.B.Sum())} },
	"sorted":         func(p duo) duo { return duo{p.A.Sort(0), p.B.CumSum(0)} },
	"constant":       func(p duo) duo { return duo{graph.Full(graph.Float32, 0, p.A.Shape()...), p.B.Add(p.A)} },
	"same result":    func(p duo) duo { s := p.A.Mul(p.B); return duo{s, s} },
	"read late":      func(p duo) duo { a := p.A.Tanh(); return duo{a, p.B.Add(a.Sum()).Add(p.A)} },
	"check": func(p duo) duo {
		ok := p.B.Abs().Lt(graph.Scalar(1000))
		return duo{p.A.Add(p.B).Scale(0.5).Check(ok, "|b| < 1000"), p.A.Sub(p.B).Scale(0.5)}
	},
	"loop": func(p duo) duo {
		out, _ := graph.Scan(func(p duo, _ struct{}) (duo, struct{}) {
			return duo{p.A.Add(p.B.Scale(0.125)), p.B.Sub(p.A.Scale(0.125))}, struct{}{}
		}, p, struct{}{}, graph.Rounds(300))
		return out
	},
}

// In place gives the bits of the pure call, in the argument's own memory, and takes no more.
func TestInPlaceEqualsPure(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		for name, f := range inPlaceSteps {
			for _, n := range []int{1, 5, 64, 3001} {
				state := duoOf(t, dev, n)
				pure := graph.Jit(dev, f)
				over := graph.JitInPlace(dev, f)
				for step := range 3 {
					want, err := pure(ctx, state)
					require.NoError(t, err, name)
					wa, wb := floats(t, want.A), floats(t, want.B)
					require.NoError(t, graph.Close(want))
					got, err := over(ctx, state)
					require.NoError(t, err, name)
					assert.True(t, got == state, "%s: the handles are the argument's", name)
					assert.Equal(t, wa, floats(t, state.A), "%s of %d, step %d", name, n, step)
					assert.Equal(t, wb, floats(t, state.B), "%s of %d, step %d", name, n, step)
				}
			}
		}
	})
}

// Large arrays go through kernels cut in pieces and through texel views.
func TestInPlaceLargeArrays(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		const n = 1<<19 + 3
		f := func(p duo) duo { return duo{p.A.Scale(0.5).Add(p.B), p.B.Mul(p.A).Add(p.A.Sum())} }
		state := duoOf(t, dev, n)
		want, err := graph.Jit(dev, f)(ctx, state)
		require.NoError(t, err)
		defer graph.Close(want)
		_, err = graph.JitInPlace(dev, f)(ctx, state)
		require.NoError(t, err)
		assert.Equal(t, floats(t, want.A), floats(t, state.A))
		assert.Equal(t, floats(t, want.B), floats(t, state.B))
	})
}

func TestInPlaceAllocatesNothing(t *testing.T) {
	for _, name := range []string{"elementwise", "sum", "check", "loop"} {
		t.Run(name, func(t *testing.T) {
			gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
				ctx := context.Background()
				state := duoOf(t, dev, 1000)
				over := graph.JitInPlace(dev, inPlaceSteps[name])
				calls := func(n int) (gpu.Stats, int64) {
					for range n {
						_, err := over(ctx, state)
						require.NoError(t, err)
					}
					require.NoError(t, dev.Wait(ctx))
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					return dev.Stats(), int64(m.HeapAlloc)
				}
				one, _ := calls(1)
				if name == "elementwise" {
					assert.Zero(t, one.ArenaBytes, "the results are stored over the argument at once")
				}
				_, heap := calls(50)
				n := 1000
				if name == "loop" {
					n = 20
				}
				many, after := calls(n)
				assert.Equal(t, one.LiveArrays, many.LiveArrays)
				assert.Equal(t, one.LiveBytes, many.LiveBytes)
				assert.Equal(t, one.SlabBytes, many.SlabBytes)
				assert.Less(t, after-heap, int64(256<<10), "bytes of Go heap")
			})
		})
	}
}

// Leaves that only the result has are new arrays; those of the argument stay.
func TestInPlaceWithNewLeaves(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	type state struct {
		X    graph.Tensor
		Loss *graph.Tensor // none before the first step
	}
	over := graph.JitInPlace2(dev, func(s state, b graph.Tensor) state {
		loss := s.X.Mul(b).Sum()
		return state{s.X.Sub(b), &loss}
	})
	first := state{X: slice(t, dev, []float32{1, 2, 3})}
	b := slice(t, dev, []float32{1, 1, 2})
	next, err := over(ctx, first, b)
	require.NoError(t, err)
	assert.Nil(t, first.Loss)
	assert.Equal(t, []float32{9}, floats(t, *next.Loss))
	assert.Equal(t, []float32{0, 1, 1}, floats(t, first.X))
	assert.True(t, next.X == first.X)
	require.NoError(t, next.Loss.Close())
}

// A failed call leaves the argument as it was.
func TestInPlaceFailureChangesNothing(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		over := graph.JitInPlace2(dev, func(p duo, limit graph.Tensor) duo {
			next := p.A.AddScalar(1)
			return duo{next.Check(next.Lt(limit), "a below the limit"), p.B.Add(next)}
		})
		state := duo{slice(t, dev, []float32{1, 2, 3}), slice(t, dev, []float32{0, 0, 0})}
		later := state.A.Scale(10)
		_, err := over(ctx, state, slice(t, dev, []float32{3.5}))
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "element [2]")
		assert.Equal(t, []float32{1, 2, 3}, floats(t, state.A))
		assert.Equal(t, []float32{0, 0, 0}, floats(t, state.B))
		assert.Equal(t, []float32{10, 20, 30}, floats(t, later), "what was recorded before still holds")
		require.NoError(t, later.Close())
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err = over(ended, state, slice(t, dev, []float32{100}))
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, []float32{1, 2, 3}, floats(t, state.A))
		_, err = over(ctx, state, slice(t, dev, []float32{100}))
		require.NoError(t, err)
		assert.Equal(t, []float32{2, 3, 4}, floats(t, state.A))
		assert.Equal(t, []float32{2, 3, 4}, floats(t, state.B))
	})
}

func TestInPlaceErrors(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	x := func() graph.Tensor { return slice(t, dev, []float32{1, 2, 3}) }
	double := graph.JitInPlace(dev, func(x graph.Tensor) graph.Tensor { return x.Scale(2) })
	overwrite := func(x graph.Tensor) {
		t.Helper()
		_, err := double(ctx, x)
		require.NoError(t, err)
	}

	a := x()
	_, err := graph.JitInPlace(dev, inPlaceSteps["elementwise"])(ctx, duo{a, a})
	assert.ErrorIs(t, err, graph.ErrArgument)
	assert.ErrorContains(t, err, ".A is given a second time")
	_, err = graph.JitInPlace2(dev, func(p, q duo) duo { return duo{p.A.Add(q.A), p.B} })(ctx, duo{x(), a}, duo{x(), a})
	assert.ErrorContains(t, err, ".B is given a second time")
	_, err = graph.JitInPlace(dev, func(x graph.Tensor) graph.Tensor { return x.Add(a) })(ctx, a)
	assert.ErrorIs(t, err, graph.ErrArgument)
	_, err = graph.JitInPlace(dev, func(p duo) duo { return duo{p.A, p.B.Sum()} })(ctx, duo{x(), x()})
	assert.ErrorIs(t, err, graph.ErrShape)
	assert.ErrorContains(t, err, ".B")
	_, err = graph.JitInPlace(dev, func(p []graph.Tensor) []graph.Tensor { return p[:1] })(ctx, []graph.Tensor{x(), x()})
	assert.ErrorContains(t, err, "[1]")
	assert.Equal(t, []float32{1, 2, 3}, floats(t, a))

	// What was recorded before means the old values, what is recorded after the new ones.
	b := x()
	before, seen := b.AddScalar(1), b.AddScalar(2)
	require.NoError(t, graph.Eval(ctx, seen))
	overwrite(b)
	_, err = before.Floats(ctx)
	assert.ErrorIs(t, err, graph.ErrOverwritten)
	assert.ErrorContains(t, err, "inplace_test.go")
	_, err = graph.Reference(ctx, before)
	assert.ErrorIs(t, err, graph.ErrOverwritten)
	assert.Equal(t, []float32{3, 4, 5}, floats(t, seen))
	after := b.AddScalar(1)
	assert.Equal(t, []float32{3, 5, 7}, floats(t, after))
	require.NoError(t, graph.Close([]graph.Tensor{seen, after}))

	// So do derivatives that were recorded before, and what compiled functions captured.
	c, one := x(), x()
	_, pull := graph.VJP(func(x graph.Tensor) graph.Tensor { return x.Mul(c).Sum() }, one)
	_, along := graph.Linearize(func(x graph.Tensor) graph.Tensor { return x.Mul(c) }, one)
	captured := graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.Mul(c) })
	y, err := captured(ctx, one)
	require.NoError(t, err)
	require.NoError(t, y.Close())
	overwrite(c)
	assert.ErrorIs(t, graph.Try(func() { pull(graph.Scalar(1)) }), graph.ErrOverwritten)
	assert.ErrorIs(t, graph.Try(func() { along(one) }), graph.ErrOverwritten)
	_, err = captured(ctx, one)
	assert.ErrorIs(t, err, graph.ErrOverwritten)

	// A value that a gradient still needs is not overwritten.
	graph.Grad(func(x graph.Tensor) graph.Tensor {
		h := x.Square()
		require.NoError(t, graph.Eval(ctx, h))
		_, err := double(ctx, h)
		assert.ErrorIs(t, err, graph.ErrTraced)
		require.NoError(t, h.Close())
		return x.Sum()
	})(one)
}

// Constants and recorded ops are computed first; then they are arrays like all others.
func TestInPlaceOfLazyTensors(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		state := duo{graph.Zeros(3), slice(t, dev, []float32{1, 2, 3}).Scale(2)}
		over := graph.JitInPlace(dev, func(p duo) duo { return duo{p.A.Add(p.B), p.B} })
		for range 2 {
			_, err := over(ctx, state)
			require.NoError(t, err)
		}
		assert.Equal(t, []float32{4, 8, 12}, floats(t, state.A))
		assert.Equal(t, []float32{2, 4, 6}, floats(t, state.B))
		require.NoError(t, graph.Close(state))
	})
}
