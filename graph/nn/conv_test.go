package nn_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
)

// Convolutions of ramps, worked out by hand.
func TestConvLayers(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		ramp := func(shape ...int) graph.Tensor {
			v := make([]float32, graph.Shape(shape).Size())
			for i := range v {
				v[i] = float32(i)
			}
			return tensor(t, m.dev, v, shape...)
		}
		o := graph.ConvOptions{Stride: []int{2}, Padding: [][2]int{{1, 1}}}
		x, b := ramp(1, 4, 4), tensor(t, m.dev, []float32{100})
		// Windows of 3x3 at (-1,-1), (-1,1), (1,-1), (1,1) of 0..15 times 0..8.
		y := nn.Conv{W: ramp(1, 1, 3, 3), B: b}.Apply(x, o)
		assert.Equal(t, []int{1, 2, 2}, []int(y.Shape()))
		requireNear(t, []float64{173, 254, 379, 538}, y, "conv")
		z := nn.ConvTranspose{W: ramp(1, 1, 2, 2), B: b}.Apply(ramp(1, 2, 2), graph.ConvOptions{Stride: []int{2}})
		requireNear(t, []float64{100, 100, 100, 101, 100, 100, 102, 103, 100, 102, 100, 103, 104, 106, 106, 109}, z, "conv transpose")
	})
}

func TestMaxPool(t *testing.T) {
	nan, inf := float32(math.NaN()), math.Inf(-1)
	each(t, func(t *testing.T, m maker) {
		x := tensor(t, m.dev, []float32{1, 5, 2, 0, 3, 4, 8, 8, -1, -2, nan, 1, -3, -4, 0, 1}, 4, 4)
		pool := func(o nn.PoolOptions) func(graph.Tensor) graph.Tensor {
			return func(x graph.Tensor) graph.Tensor { return nn.MaxPool(x, o) }
		}
		two := pool(nn.PoolOptions{Size: []int{2, 2}})
		v := read(t, two(x))
		assert.Equal(t, []float32{5, 8, -1}, v[:3])
		assert.True(t, math.IsNaN(float64(v[3])), "NaN in a window")
		// Equal largest elements share the gradient.
		top := x.Slice(0, 0, 2)
		sum := func(f func(graph.Tensor) graph.Tensor) func(graph.Tensor) graph.Tensor {
			return graph.Grad(func(x graph.Tensor) graph.Tensor { return f(x).Sum() })
		}
		assert.Equal(t, []float32{0, 1, 0, 0, 0, 0, 0.5, 0.5}, read(t, sum(two)(top)))
		// Overlapping windows add up what reaches an element.
		slide := pool(nn.PoolOptions{Size: []int{2, 2}, Stride: []int{1}})
		assert.Equal(t, []float32{5, 8, 8}, read(t, slide(top)))
		assert.Equal(t, []float32{0, 1, 0, 0, 0, 0, 1.5, 0.5}, read(t, sum(slide)(top)))
		// Padding never wins, whatever the sign; nothing but padding is -Inf.
		low := tensor(t, m.dev, []float32{-3, -2, -5})
		assert.Equal(t, []float32{-3, -2, -2, -5}, read(t, nn.MaxPool(low, nn.PoolOptions{Size: []int{2}, Padding: [][2]int{{1, 1}}, Stride: []int{1}})))
		same := read(t, nn.MaxPool(low, nn.PoolOptions{Size: []int{2}, Stride: []int{2}, Same: true}))
		assert.Equal(t, []float32{-2, -5}, same)
		wide := read(t, nn.MaxPool(low, nn.PoolOptions{Size: []int{1}, Stride: []int{1}, Padding: [][2]int{{1, 0}}}))
		assert.Equal(t, []float32{float32(inf), -3, -2, -5}, wide)
		whole := nn.MaxPool(tensor(t, m.dev, []int32{-7, -9, -8}), nn.PoolOptions{Size: []int{3}, Padding: [][2]int{{1, 1}}, Stride: []int{1}})
		ints, err := keep(t, whole).Ints(context.Background())
		require.NoError(t, err)
		assert.Equal(t, []int32{-7, -7, -8}, ints)
	})
}

func TestAvgPool(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		x := tensor(t, m.dev, []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 3)
		assert.Equal(t, []float32{3, 4, 6, 7}, read(t, nn.AvgPool(x, nn.PoolOptions{Size: []int{2, 2}, Stride: []int{1}})))
		padded := nn.PoolOptions{Size: []int{2, 2}, Stride: []int{2}, Padding: [][2]int{{1, 0}}}
		assert.Equal(t, []float32{1, 2.5, 5.5, 7}, read(t, nn.AvgPool(x, padded)))
		slopes := graph.Grad(func(x graph.Tensor) graph.Tensor { return nn.AvgPool(x, padded).Sum() })(x)
		assert.Equal(t, []float32{1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.5, 0.25, 0.25}, read(t, slopes))
		padded.CountPadding = true
		assert.Equal(t, []float32{0.25, 1.25, 2.75, 7}, read(t, nn.AvgPool(x, padded)))
	})
	for want, f := range map[string]func(){
		"size [] for float32[3 3]":               func() { nn.AvgPool(graph.Zeros(3, 3), nn.PoolOptions{}) },
		"size [2 2] for float32[3]":              func() { nn.MaxPool(graph.Zeros(3), nn.PoolOptions{Size: []int{2, 2}}) },
		"the input is int32[3]":                  func() { nn.AvgPool(graph.Full(graph.Int32, 1, 3), nn.PoolOptions{Size: []int{2}}) },
		"size 0 stride 1 dilation 1 padding 0+0": func() { nn.MaxPool(graph.Zeros(3), nn.PoolOptions{Size: []int{0}, Stride: []int{1}}) },
		"3 entries for 1 spatial axes":           func() { nn.MaxPool(graph.Zeros(3), nn.PoolOptions{Size: []int{2}, Stride: []int{1, 1, 1}}) },
	} {
		err := graph.Try(f)
		require.Error(t, err, want)
		assert.ErrorContains(t, err, want)
	}
}
