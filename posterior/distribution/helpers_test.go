package distribution_test

import (
	"context"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
)

var draws = flag.Int("draws", 4000, "how many draws the tests of sampling take")

// on uploads numbers for the length of a test.
func on(t testing.TB, dev *gpu.Device, values []float64, shape ...int) graph.Tensor {
	v := make([]float32, len(values))
	for i, x := range values {
		v[i] = float32(x)
	}
	if len(shape) == 0 {
		shape = []int{len(v)}
	}
	x, err := graph.FromSlice(dev, v, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

// keyOn is a key on a device.
func keyOn(t testing.TB, dev *gpu.Device, seed uint32) random.Key {
	b, err := graph.FromSlice(dev, []uint32{0, seed})
	require.NoError(t, err)
	t.Cleanup(func() { b.Close() })
	return random.Key{Bits: b}
}

// read reads a tensor and frees it.
func read(t testing.TB, x graph.Tensor) []float64 {
	v, err := x.Floats(context.Background())
	require.NoError(t, err)
	require.NoError(t, x.Close())
	out := make([]float64, len(v))
	for i := range v {
		out[i] = float64(v[i])
	}
	return out
}

// literal is a constant vector, or an array of the given shape.
func literal(values []float64, shape ...int) graph.Tensor {
	v := make([]float32, len(values))
	for i, x := range values {
		v[i] = float32(x)
	}
	if len(shape) == 0 {
		shape = []int{len(v)}
	}
	return graph.Literal(v, shape...)
}

// reference computes in float64 on the host.
func reference(t testing.TB, x graph.Tensor) []float64 {
	v, err := graph.Reference(context.Background(), x)
	require.NoError(t, err)
	return v
}
