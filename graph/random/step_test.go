package random_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/shaders/variates"
)

// TestStepLayout fixes which words the draws of a step take, for even, odd and no lengths, in kernels of their own and in the lanes of a loop.
func TestStepLayout(t *testing.T) {
	ctx := context.Background()
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		key := keyOn(t, dev, 77)
		const steps, first = 3, 1<<30 - 2 // past 2^30 the numbers are other ones, but defined
		for _, shape := range [][]int{{6}, {3, 3}, {1}, {}, {0}} {
			n := graph.Shape(shape).Size()
			half := (n + 1) / 2
			var want []float64
			for s := range uint32(steps) {
				for i := range n {
					w0, w1 := variates.Threefry(0, 77, uint32(i%max(half, 1)), 1<<30+first+s)
					z0, z1 := variates.NormalPair(w0, w1)
					want = append(want, [2]float64{z0, z1}[i/max(half, 1)])
				}
			}
			for _, mode := range []graph.LaneMode{graph.LanesNever, graph.LanesAlways} {
				y, err := graph.Jit(dev, func(k random.Key) graph.Tensor {
					_, y := graph.Scan(func(at graph.Tensor, _ struct{}) (graph.Tensor, graph.Tensor) {
						return at.AddScalar(1), random.NormalStep(graph.Float32, k, at, shape...)
					}, graph.Int(first), struct{}{}, graph.Rounds(steps))
					return y
				}, graph.Lanes(mode))(ctx, key)
				require.NoError(t, err)
				got := floats(t, y)
				require.NoError(t, y.Close())
				require.Len(t, got, len(want))
				for i := range want {
					require.InEpsilon(t, want[i], got[i], 1e-6, "shape %v, number %d", shape, i)
				}
			}
		}
	})
}

// TestStepLayout64: in float64 a number takes both words of a counter.
func TestStepLayout64(t *testing.T) {
	eachDouble(t, func(t *testing.T, dev *gpu.Device) {
		got := run64(t, dev, keyOn(t, dev, 5), func(k random.Key) graph.Tensor { return random.NormalStep(graph.Float64, k, graph.Int(9), 2, 3) })
		for i, y := range got {
			w0, w1 := variates.Threefry(0, 5, uint32(i), 1<<30+9)
			assert.InEpsilon(t, variates.Normal64(w0, w1), y, 1e-14)
		}
	})
}
