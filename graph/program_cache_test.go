package graph_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
)

// TestChangingConstants: recorded graphs that differ in the values of constants, or in where slices begin, share a program, from the second value on.
func TestChangingConstants(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		x := slice(t, dev, []float32{0.5, 1, 2})
		values := make([]float32, 24)
		for i := range values {
			values[i] = float32(i) / 16
		}
		m := slice(t, dev, values, 8, 3)
		for name, c := range map[string]struct {
			f    func(i int) graph.Tensor
			most int // programs for all values
		}{
			"rate": {func(i int) graph.Tensor { return x.Sub(x.Scale(1 / float64(1+i))).AddScalar(1) }, 2},
			"exponent, fixed addend": {func(i int) graph.Tensor {
				return x.Pow(x.Like([]float64{2, 0.5, 3, -1, 2, 0}[i])).Add(graph.Literal([]float32{1, 2, 3}))
			}, 2},
			"one after the other": {func(i int) graph.Tensor {
				return x.Scale([]float64{3, 4, 4, 4, 3, 5}[i]).AddScalar([]float64{7, 7, 8, 7, 9, 9}[i])
			}, 3},
			"keys":     {func(i int) graph.Tensor { return random.Normal(random.NewKey(uint64(i)), 3).Add(x) }, 2},
			"infinite": {func(i int) graph.Tensor { return x.Mul(x.Like([]float64{1, 0, math.Inf(1), math.Inf(-1), 1, 0}[i])) }, 2},
			"integers and truth": {func(i int) graph.Tensor {
				return graph.Where(graph.Full(graph.Bool, float64(i%2), 3), x.AsInt().Add(graph.Int(i)), graph.Int(-i)).AsFloat().Mul(x)
			}, 2},
			"batches and their rows": {func(i int) graph.Tensor {
				return m.Slice(0, i, i+3).Slice(1, i%2, i%2+2).Exp().Add(m.Index(0, i).Slice(0, 1, 3)).Scale(float64(i))
			}, 2},
			"gradients of rows": {func(i int) graph.Tensor {
				return graph.Grad(func(m graph.Tensor) graph.Tensor { return m.Index(0, i).Mul(m.Slice(0, 7, 8)).Sum() })(m)
			}, 6}, // their derivatives are paddings, which are compiled one by one
			"empty blocks":      {func(i int) graph.Tensor { return m.Slice(0, i, i).Sum(0).AddScalar(float64(i)) }, 2},
			"a constant itself": {func(i int) graph.Tensor { return x.Add(graph.Scalar(float64(i))).Sub(x.Like(float64(-i))) }, 2},
		} {
			t.Run(name, func(t *testing.T) {
				before := dev.Stats().Programs
				for i := range 6 {
					got, want := c.f(i), c.f(i)
					v, err := got.Floats(ctx)
					require.NoError(t, err)
					w, err := graph.Reference(ctx, want)
					require.NoError(t, err)
					for k, want := range w {
						if have := float64(v[k]); have != want && !(math.Abs(have-want) <= 1e-5) {
							t.Errorf("value %d, element %d: %v, want %v", i, k, have, want)
						}
					}
					require.NoError(t, got.Close())
				}
				require.LessOrEqual(t, int(dev.Stats().Programs-before), c.most)
			})
		}
	})
}

// TestConstantsBelongToNoDevice: a scalar, a key or zeros serve on a second device, and after the first is closed.
func TestConstantsBelongToNoDevice(t *testing.T) {
	ctx := context.Background()
	two, key, zeros := graph.Scalar(2), random.NewKey(3), graph.Zeros(1000)
	type args struct {
		X, Zeros graph.Tensor
		Key      random.Key
	}
	f := func(a args) graph.Tensor { return random.Normal(a.Key, 1000).Mul(a.X).Add(a.Zeros) }
	want, err := graph.Reference(ctx, f(args{two, zeros, key}).Sum())
	require.NoError(t, err)
	for range 2 {
		dev, err := gpu.Open(ctx)
		require.NoError(t, err)
		y, err := graph.Jit(dev, f)(ctx, args{two, zeros, key})
		require.NoError(t, err)
		sum, err := y.Sum().Float(ctx)
		require.NoError(t, err)
		require.InDelta(t, want[0], sum, 1e-3)
		// In plain code and captured, too.
		z, err := y.Mul(two).Add(zeros).Sum().Float(ctx)
		require.NoError(t, err)
		require.InDelta(t, 2*want[0], z, 1e-3)
		c, err := graph.Jit(dev, func(y graph.Tensor) graph.Tensor { return y.Mul(two).Sum() })(ctx, y)
		require.NoError(t, err)
		z, err = c.Float(ctx)
		require.NoError(t, err)
		require.InDelta(t, 2*want[0], z, 1e-3)
		require.NoError(t, dev.Close())
		v, err := two.Float(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 2, v)
	}
}
