package nn_test

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
)

func read(t *testing.T, x graph.Tensor) []float32 {
	t.Helper()
	v, err := x.Floats(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return v
}

func tensor[E graph.Element](t *testing.T, dev *gpu.Device, v []E, shape ...int) graph.Tensor {
	t.Helper()
	x, err := graph.FromSlice(dev, v, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

// Logits that overflow exp, that underflow it, and that are all equal.
var extreme = []float32{1000, 0, -1000, -1e30, -1e30, -1e30, 2, 2, 2}

func TestSoftmaxOfExtremeLogits(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		x := tensor(t, dev, extreme, 3, 3)
		third := 1.0 / 3
		assert.InDeltaSlice(t, []float64{1, 0, 0, third, third, third, third, third, third}, wide(read(t, nn.Softmax(x))), 1e-6)
		l := read(t, nn.LogSoftmax(x))
		assert.InDeltaSlice(t, []float64{0, -1000, -2000}, wide(l[:3]), 1e-3)
		assert.InDelta(t, -math.Log(3), float64(l[8]), 1e-6)
	})
}

func wide(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// The gradient of cross entropy by the logits is softmax minus the label's distribution.
func TestCrossEntropyGradient(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		x := tensor(t, dev, []float32{1, 2, 3, -1, 0, 1}, 2, 3)
		y := tensor(t, dev, []int32{2, 0})
		soft := tensor(t, dev, []float32{0, 0, 1, 1, 0, 0}, 2, 3)
		p := wide(read(t, nn.Softmax(x)))
		want := append([]float64(nil), p...)
		want[2]--
		want[3]--
		for _, labels := range []graph.Tensor{y, soft} {
			loss := func(x graph.Tensor) graph.Tensor { return nn.CrossEntropy(x, labels).Sum() }
			assert.InDelta(t, -math.Log(p[2])-math.Log(p[3]), float64(read(t, loss(x))[0]), 1e-5)
			assert.InDeltaSlice(t, want, wide(read(t, graph.Grad(loss)(x))), 1e-6)
		}
	})
}

func TestLinearAndMSE(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		l := nn.Linear{W: tensor(t, dev, []float32{1, 2, 3, 4}, 2, 2), B: tensor(t, dev, []float32{10, 20})}
		y := l.Apply(tensor(t, dev, []float32{1, 1, 0, 2}, 2, 2))
		assert.Equal(t, []float32{14, 26, 16, 28}, read(t, y))
		assert.Equal(t, []float32{12.5}, read(t, nn.MSE(tensor(t, dev, []float32{0, 5}), tensor(t, dev, []float32{0, 0}))))
	})
}
