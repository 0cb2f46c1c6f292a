package graph_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

// Arrays longer than a binding of lavapipe (128 MiB) holds are computed in parts.
func TestArraysLongerThanABinding(t *testing.T) {
	if testing.Short() {
		t.Skip("moves gigabytes: run without -short")
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		const b, m, n = 400, 784, 128
		fill := func(rows, cols int) (graph.Tensor, []float32) {
			v := make([]float32, rows*cols)
			for i := range v {
				v[i] = float32(i%97) - 48
			}
			return slice(t, dev, v, rows, cols), v
		}
		x, xv := fill(b, m)
		y, yv := fill(b, n)
		type pair struct{ Outer, Sum graph.Tensor }
		r, err := graph.Jit2(dev, func(x, y graph.Tensor) pair {
			o := x.ExpandDims(2).Mul(y.ExpandDims(1))
			return pair{o, o.Sum(2)}
		})(ctx, x, y)
		require.NoError(t, err)
		defer graph.Close(r)
		o, err := r.Outer.Floats(ctx)
		require.NoError(t, err)
		for _, at := range [][3]int{{0, 0, 0}, {1, 2, 3}, {199, 783, 127}, {327, 5, 9}, {399, 783, 127}} {
			i, j, k := at[0], at[1], at[2]
			require.Equal(t, xv[i*m+j]*yv[i*n+k], o[(i*m+j)*n+k], "element %v", at)
		}
		// And the sum of a stored array that long.
		total := r.Outer.Sum()
		s, err := total.Float(ctx)
		require.NoError(t, err)
		defer total.Close()
		sums, err := r.Sum.Floats(ctx)
		require.NoError(t, err)
		want := 0.0
		for _, v := range sums {
			want += float64(v)
		}
		require.InDelta(t, want, float64(s), 1e-3*float64(b*m*n))
	})
}

// A sum or a join of more arrays than a kernel can bind takes several kernels.
func TestMoreOperandsThanBindings(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		in := make([]graph.Tensor, 70)
		for i := range in {
			in[i] = slice(t, dev, []float32{float32(i), 1, 2})
		}
		sum, err := graph.Jit(dev, func(in []graph.Tensor) graph.Tensor {
			y := in[0]
			for _, x := range in[1:] {
				y = y.Add(x.Tanh().Mul(y.Like(0)).Add(x))
			}
			return y
		})(ctx, in)
		require.NoError(t, err)
		defer sum.Close()
		v, err := sum.Floats(ctx)
		require.NoError(t, err)
		require.Equal(t, []float32{70 * 69 / 2, 70, 140}, v)
		joined, err := graph.Jit(dev, func(in []graph.Tensor) graph.Tensor { return graph.Concat(0, in...) })(ctx, in)
		require.NoError(t, err)
		defer joined.Close()
		v, err = joined.Floats(ctx)
		require.NoError(t, err)
		for i := range in {
			require.Equal(t, []float32{float32(i), 1, 2}, v[3*i:3*i+3])
		}
	})
}

// Thousands of recorded ops become kernels of a size that drivers compile quickly.
func TestLongChainOfOps(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	x := slice(t, dev, []float32{1, 2, 3})
	y := x
	for range 4000 {
		y = y.Scale(0.999).AddScalar(0.001)
	}
	want, err := graph.Reference(ctx, y)
	require.NoError(t, err)
	v, err := y.Floats(ctx)
	require.NoError(t, err)
	defer y.Close()
	for i := range v {
		require.InDelta(t, want[i], v[i], 1e-4)
	}
}
