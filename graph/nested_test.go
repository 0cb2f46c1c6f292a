package graph_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

// A sum of sums over axes of one length: the loops have the same extents, and must not become one.
func TestSumOfSumsOfOneLength(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const b, n = 3, 4
		v := make([]float32, b*n*n)
		for i := range v {
			v[i] = float32(i)
		}
		x := slice(t, dev, v, b, n, n)
		diagonal := graph.Iota(0, n, n).Eq(graph.Iota(1, n, n))
		y := graph.Where(diagonal, x, x.Like(0)).Sum(-1).Sum(-1)
		defer y.Close()
		got, err := y.Floats(context.Background())
		require.NoError(t, err)
		require.Equal(t, []float32{0 + 5 + 10 + 15, 16 + 21 + 26 + 31, 32 + 37 + 42 + 47}, got)
	})
}
