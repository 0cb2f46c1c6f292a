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

func TestNLL(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		inf := float32(math.Inf(-1))
		logProbs := tensor(t, dev, []float32{-0.5, inf, -2, -3, -0.25, inf}, 2, 3)
		labels := tensor(t, dev, []int32{2, 1})
		assert.Equal(t, []float32{2, 0.25}, read(t, nn.NLL(logProbs, labels)))
		loss := func(x graph.Tensor) graph.Tensor { return nn.NLL(x, labels).Sum() }
		assert.Equal(t, []float32{0, 0, -1, 0, -1, 0}, read(t, graph.Grad(loss)(logProbs)))
		_, err := nn.NLL(logProbs, tensor(t, dev, []int32{0, 3})).Floats(context.Background())
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "nll: label in [0, 3) is false for element [1]")
	})
	require.ErrorIs(t, graph.Try(func() { nn.NLL(graph.Zeros(2, 3), graph.Zeros(2)) }), graph.ErrDType)
	require.ErrorIs(t, graph.Try(func() { nn.NLL(graph.Zeros(2, 3), graph.Full(graph.Int32, 0, 3)) }), graph.ErrShape)
}

func TestBinaryCrossEntropyWithLogits(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		xs, ts := []float32{0, 2, -3, 60, -60, 1}, []float32{0, 1, 1, 1, 0, 0.25}
		x, y := tensor(t, dev, xs), tensor(t, dev, ts)
		var want, slope []float64
		for i := range xs {
			v, p := float64(xs[i]), float64(ts[i])
			want = append(want, p*math.Log1p(math.Exp(-v))+(1-p)*(v+math.Log1p(math.Exp(-v))))
			slope = append(slope, 1/(1+math.Exp(-v))-p)
		}
		got := wide(read(t, nn.BinaryCrossEntropyWithLogits(x, y)))
		assert.InDeltaSlice(t, want, got, 1e-6)
		assert.InEpsilon(t, math.Exp(-60), got[3], 1e-5, "small losses keep their digits")
		loss := func(x graph.Tensor) graph.Tensor { return nn.BinaryCrossEntropyWithLogits(x, y).Sum() }
		assert.InDeltaSlice(t, slope, wide(read(t, graph.Grad(loss)(x))), 1e-6)
	})
	require.ErrorIs(t, graph.Try(func() { nn.BinaryCrossEntropyWithLogits(graph.Zeros(3), graph.Zeros(3, 1)) }), graph.ErrShape)
}

// The value, the clipped gradient, and a second derivative that is right at error 0 too.
func TestHuber(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		x, y := tensor(t, dev, []float32{0, 1, -1, 5, -5, 2}), tensor(t, dev, []float32{0, 0, 0, 0, 0, 0})
		assert.InDelta(t, (0+0.5+0.5+8+8+2)/6.0, float64(read(t, nn.Huber(x, y, 2))[0]), 1e-6)
		loss := func(x graph.Tensor) graph.Tensor { return nn.Huber(x, y, 2).Scale(6) }
		assert.InDeltaSlice(t, []float64{0, 1, -1, 2, -2, 2}, wide(read(t, graph.Grad(loss)(x))), 1e-6)
		second := graph.Grad(func(x graph.Tensor) graph.Tensor { return graph.Grad(loss)(x).Sum() })(x)
		assert.InDeltaSlice(t, []float64{1, 1, 1, 0, 0}, wide(read(t, second))[:5], 1e-6)
	})
	require.ErrorIs(t, graph.Try(func() { nn.Huber(graph.Zeros(3), graph.Zeros(3), 0) }), graph.ErrArgument)
	require.ErrorIs(t, graph.Try(func() { nn.Huber(graph.Zeros(3), graph.Zeros(1), 1) }), graph.ErrShape)
	require.ErrorIs(t, graph.Try(func() { nn.MSE(graph.Zeros(3), graph.Zeros(3, 1)) }), graph.ErrShape)
}
