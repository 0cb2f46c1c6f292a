package nn_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
)

// TestFloat64: losses and layers without parameters work in the type of what they are given.
func TestFloat64(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		if !dev.Info().Features.Float64 {
			return // FromSlice says so
		}
		v := make([]float64, 32)
		for i := range v {
			v[i] = float64((i*7)%11)/3 - 1.5
		}
		x, err := graph.FromSlice(dev, v, 2, 4, 4)
		require.NoError(t, err)
		defer x.Close()
		classes := graph.Iota(1, 2, 4)
		pool := nn.PoolOptions{Size: []int{2, 2}, Padding: [][2]int{{1, 1}}}
		rate := graph.Full(graph.Float64, 0.1).Sin() // no float32 has its value
		for name, f := range map[string]func(x graph.Tensor) graph.Tensor{
			"cross entropy":       func(x graph.Tensor) graph.Tensor { return nn.CrossEntropy(x, classes) },
			"cross entropy, soft": func(x graph.Tensor) graph.Tensor { return nn.CrossEntropy(x, nn.Softmax(x.Mul(rate))) },
			"nll":                 func(x graph.Tensor) graph.Tensor { return nn.NLL(nn.LogSoftmax(x), classes) },
			"binary":              func(x graph.Tensor) graph.Tensor { return nn.BinaryCrossEntropyWithLogits(x, x.Sigmoid()) },
			"huber":               func(x graph.Tensor) graph.Tensor { return nn.Huber(x, x.Mul(rate), 0.5) },
			"average pool":        func(x graph.Tensor) graph.Tensor { return nn.AvgPool(x, pool) },
			"max pool":            func(x graph.Tensor) graph.Tensor { return nn.MaxPool(x, pool) },
			"attention":           func(x graph.Tensor) graph.Tensor { return nn.Attention(x, x, x, nn.CausalMask(4)) },
			"gelu":                nn.GELU,
		} {
			grad := graph.Grad(func(x graph.Tensor) graph.Tensor { return f(x).Square().Sum() })
			y, err := graph.Jit(dev, grad)(ctx, x)
			require.NoError(t, err, name)
			got, err := graph.Read[float64](ctx, y)
			require.NoError(t, err, name)
			want, err := graph.Reference(ctx, grad(x))
			require.NoError(t, err, name)
			require.InDeltaSlice(t, want, got, 1e-12, name)
			require.NoError(t, y.Close())
		}
	})
}
