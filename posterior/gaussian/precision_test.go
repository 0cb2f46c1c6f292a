package gaussian_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/gaussian"
)

// The precision [4 2; 2 2] has the covariance [0.5 -0.5; -0.5 1].
func TestSamplePrecision(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n = 20000
		y, err := graph.Jit(dev, func(struct{}) params {
			l := graph.Literal([]float32{2, 0, 1, 1}, 2, 2)
			return gaussian.SamplePrecision(random.NewKey(3), params{graph.Literal([]float32{5}, 1, 1), graph.Scalar(-1)}, l, 2, n/2)
		})(context.Background(), struct{}{})
		require.NoError(t, err)
		defer graph.Close(y)
		require.Equal(t, graph.Shape{2, n / 2, 1, 1}, y.W.Shape())
		require.Equal(t, graph.Shape{2, n / 2}, y.B.Shape())
		w, b := values(t, y.W), values(t, y.B)
		var ww, wb, bb float64
		for i := range n {
			dw, db := float64(w[i])-5, float64(b[i])+1
			ww, wb, bb = ww+dw*dw/n, wb+dw*db/n, bb+db*db/n
		}
		assert.InDelta(t, 0.5, ww, 5*0.5*math.Sqrt(2./n))
		assert.InDelta(t, -0.5, wb, 5*math.Sqrt((0.5*1+0.25)/n))
		assert.InDelta(t, 1, bb, 5*math.Sqrt(2./n))
	})
}

func TestUnravel(t *testing.T) {
	p := params{graph.Zeros(2, 1), graph.Zeros()}
	out := gaussian.Unravel(p, graph.Iota(1, 2, 3).AsFloat().Add(graph.Iota(0, 2, 3).AsFloat().Scale(10)), 2)
	w, err := graph.Reference(context.Background(), out.W)
	require.NoError(t, err)
	b, err := graph.Reference(context.Background(), out.B)
	require.NoError(t, err)
	assert.Equal(t, []float64{0, 1, 10, 11}, w)
	assert.Equal(t, []float64{2, 12}, b)
	assert.Equal(t, graph.Shape{2, 2, 1}, out.W.Shape())
	assert.ErrorIs(t, graph.Try(func() { gaussian.Unravel(p, graph.Zeros(2, 4), 2) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { gaussian.Unravel(p, graph.Zeros(2, 3), 3) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { gaussian.SamplePrecision(random.NewKey(1), p, graph.Zeros(2, 2)) }), graph.ErrShape)
}
