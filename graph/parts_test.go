package graph

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// runWithRange compiles y as for a device whose bindings hold so many bytes, and runs it.
func runWithRange(t *testing.T, dev *gpu.Device, y Tensor, bytes int64) []float64 {
	ctx := context.Background()
	l, err := lift(nil, []*node{y.n})
	require.NoError(t, err)
	p := dev.Profile()
	p.MaxStorageRange = bytes
	steps := passes(l.outputs, p, jitConfig{})
	for _, n := range steps.scratch {
		require.LessOrEqual(t, int64(4*n), bytes)
	}
	for _, s := range steps.steps {
		for _, b := range s.args {
			if b.length == 0 && b.n != nil {
				require.LessOrEqual(t, bytesOf(b.n.spec), bytes, s.name)
			}
			require.LessOrEqual(t, b.length, bytes, s.name)
		}
	}
	x := &executable{dev: dev, specs: []Spec{y.Spec()}}
	defer x.close()
	require.NoError(t, x.link(ctx, l.params, steps.outputs, steps))
	outs, err := x.run(ctx, l.arrays, nil)
	require.NoError(t, err)
	defer outs[0].Close()
	h, err := hostOf(ctx, outs[0], y.Spec())
	require.NoError(t, err)
	return h.V
}

// Ops with kernels of their own work on arrays longer than a binding holds, some rows at a time.
func TestKernelsInParts(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(2, 3))
		for _, width := range []int{7, 100, 150, 300} {
			x := upload(t, dev, Spec{Float32, Shape{500, width}}, draw(rng, sample(500, width)))
			a := upload(t, dev, Spec{Float32, Shape{500, width}}, draw(rng, sampleIn(-1, 1, 500, width)))
			for _, y := range []Tensor{x.CumSum(1), x.CumMaxReverse(1), x.ArgSort(1), LinearRecurrence(a, x, 1)} {
				requireClose(t, reference(t, y), runWithRange(t, dev, y, 1<<17), 1e-5, y.n.op.Name())
			}
			closeAll([]Tensor{x, a})
		}
	})
}

// A long chain of costly functions is several kernels: drivers take long over one, or crash.
func TestLongChain(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		x := upload(t, dev, Spec{Float32, Shape{3}}, []float64{0.1, 0.5, -2})
		y := x
		for range 60 {
			y = y.Cos()
		}
		requireCloseTo(t, 1e-3, reference(t, y), readAny(t, dev, y), 1e-5, "chain")
		closeAll([]Tensor{x}, y)
	})
}
