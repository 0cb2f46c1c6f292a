package graph_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/vmap"
)

type params struct{ W, B graph.Tensor }

func TestJitTracesOncePerShapeAndStaticValue(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	type input struct {
		X     graph.Tensor
		Power int
	}
	traces := 0
	run := graph.Jit(dev, func(in input) graph.Tensor {
		traces++
		y := in.X
		for range in.Power - 1 {
			y = y.Mul(in.X)
		}
		return y
	})
	call := func(x graph.Tensor, power int) []float32 {
		y, err := run(ctx, input{x, power})
		require.NoError(t, err)
		defer y.Close()
		v, err := y.Floats(ctx)
		require.NoError(t, err)
		return v
	}
	a, b := slice(t, dev, []float32{1, 2, 3}), slice(t, dev, []float32{2, 2, 2})
	assert.Equal(t, []float32{1, 4, 9}, call(a, 2))
	assert.Equal(t, []float32{4, 4, 4}, call(b, 2))
	assert.Equal(t, 1, traces)
	assert.Equal(t, []float32{1, 8, 27}, call(a, 3))
	assert.Equal(t, 2, traces)
	assert.Equal(t, []float32{1, 4}, call(slice(t, dev, []float32{1, 2}), 2))
	assert.Equal(t, 3, traces)
}

// Another batch size needs no new kernel: lengths of outermost axes are push constants.
func TestNewBatchSizeNeedsNoNewKernel(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p := params{slice(t, dev, make([]float32, 8*4), 8, 4), slice(t, dev, make([]float32, 4))}
		run := graph.Jit2(dev, vmap.Map2(graph.Grad2(func(p params, x graph.Tensor) graph.Tensor {
			return x.MatMul(p.W).Add(p.B).Tanh().LogSumExp()
		}), vmap.In(vmap.Shared, 0)))
		kernels := func(b int) int64 {
			g, err := run(ctx, p, slice(t, dev, make([]float32, b*8), b, 8))
			require.NoError(t, err)
			require.NoError(t, graph.Close(g))
			return dev.Stats().Kernels
		}
		first := kernels(1024)
		assert.Equal(t, first, kernels(1536))
		assert.Equal(t, first, kernels(2048))
	})
}

// The same function compiled twice is the same words: no new kernel.
func TestCompilingIsDeterministic(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	x := slice(t, dev, make([]float32, 40), 5, 8)
	f := func(x graph.Tensor) graph.Tensor { return x.Exp().Sum(1).Add(x.Mul(x).Sum(1)).Sigmoid() }
	for range 3 {
		y, err := graph.Jit(dev, f)(ctx, x)
		require.NoError(t, err)
		y.Close()
		if first := dev.Stats().Kernels; first > 0 {
			defer func() { assert.Equal(t, first, dev.Stats().Kernels) }()
		}
	}
}

// 100,000 calls neither allocate more and more in Go nor hold device memory.
func TestCallsDoNotGrow(t *testing.T) {
	if testing.Short() {
		t.Skip("a soak of some seconds: run without -short")
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		x := slice(t, dev, []float32{1, 2, 3, 4})
		run := graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.Scale(0.5).AddScalar(1) })
		calls := func(n int) uint64 {
			for range n {
				y, err := run(ctx, x)
				require.NoError(t, err)
				require.NoError(t, y.Close())
			}
			require.NoError(t, dev.Wait(ctx))
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := calls(1000)
		slabs := dev.Stats().SlabBytes
		after := calls(100_000)
		assert.Less(t, int64(after)-int64(before), int64(64<<10), "bytes of Go heap more after 100,000 calls")
		assert.Equal(t, slabs, dev.Stats().SlabBytes)
		assert.EqualValues(t, 1, dev.Stats().LiveArrays)
	})
}

func TestGoroutinesShareOneFunctionAndDevice(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		run := graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.Mul(x).Sum() })
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 50 {
					n := 4 + (g+i)%3
					v := make([]float32, n)
					for j := range v {
						v[j] = float32(g + 1)
					}
					x, err := graph.FromSlice(dev, v)
					if !assert.NoError(t, err) {
						return
					}
					y, err := run(ctx, x)
					if !assert.NoError(t, err) {
						return
					}
					s, err := y.Float(ctx)
					assert.NoError(t, err)
					assert.Equal(t, float32(n*(g+1)*(g+1)), s)
					lazy := x.AddScalar(1).Sum()
					eager, err := lazy.Float(ctx)
					assert.NoError(t, err)
					assert.Equal(t, float32(n*(g+2)), eager)
					lazy.Close()
					x.Close()
					y.Close()
				}
			})
		}
		wg.Wait()
	})
}

// A panic of the user's function reaches the caller, and the next call traces again.
func TestPanicWhileTracing(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	x := slice(t, dev, []float32{1})
	calls := 0
	run := graph.Jit(dev, func(x graph.Tensor) graph.Tensor {
		if calls++; calls == 1 {
			panic("mine")
		}
		return x.Neg()
	})
	assert.PanicsWithValue(t, "mine", func() { run(ctx, x) })
	y, err := run(ctx, x)
	require.NoError(t, err)
	y.Close()
}

// Two devices serve one process at the same time, each with its own tensors.
func TestTwoDevicesInOneProcess(t *testing.T) {
	ctx := context.Background()
	var wg sync.WaitGroup
	for _, name := range []string{"lavapipe", "swiftshader"} {
		dev := gputest.Open(t, gpu.WithDevice(name))
		run := graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.Tanh().Sum() })
		wg.Go(func() {
			var first float32
			for i := range 30 {
				x, err := graph.FromSlice(dev, []float32{1, 2, 3})
				if !assert.NoError(t, err) {
					return
				}
				y, err := run(ctx, x)
				if !assert.NoError(t, err) {
					return
				}
				v, err := y.Float(ctx)
				assert.NoError(t, err)
				if i == 0 {
					first = v
				}
				assert.Equal(t, first, v)
				assert.InDelta(t, 2.7206765, v, 1e-5)
				x.Close()
				y.Close()
			}
		})
	}
	wg.Wait()
}

// Lazily recorded ops keep the gradient even when a value on the way is read.
func TestReadingInsideGradKeepsGradient(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	x := slice(t, dev, []float32{3})
	var y graph.Tensor
	g := graph.Grad(func(x graph.Tensor) graph.Tensor {
		y = x.Mul(x)
		v, err := y.Floats(ctx)
		require.NoError(t, err)
		require.Equal(t, []float32{9}, v)
		return y.Mul(x).Sum()
	})(x)
	v, err := g.Floats(ctx)
	require.NoError(t, err)
	assert.Equal(t, []float32{27}, v)
	y.Close()
	g.Close()
}

// A training loop of eager updates neither keeps its history nor its arrays.
func TestEagerHistoryIsLetGo(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	x := slice(t, dev, []float32{1, 2, 3, 4})
	for range 50 {
		g := graph.Grad(func(x graph.Tensor) graph.Tensor { return x.Mul(x).Sum() })(x)
		next := x.Sub(g.Scale(0.1))
		require.NoError(t, graph.Eval(ctx, next))
		x = next
	}
	for range 5 {
		runtime.GC()
		require.NoError(t, dev.Collect(ctx))
	}
	assert.LessOrEqual(t, dev.Stats().LiveArrays, int64(4))
	x.Close()
}
