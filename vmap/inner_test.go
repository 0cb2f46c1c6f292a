package vmap_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/vmap"
)

func TestInnerProducts(t *testing.T) {
	perSample := vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		const in, hidden, out, n, m = 200, 64, 10, 32, 24
		rng := rand.New(rand.NewPCG(3, 2))
		p, x, y := newMLP(t, dev, rng, in, hidden, out), newBatch(t, dev, rng, in, out, n), newBatch(t, dev, rng, in, out, m)
		defer graph.Close([]any{p, x, y})
		before := dev.Stats()
		dev.ResetPeak()
		got, err := graph.Jit3(dev, func(p mlp, x, y batch) graph.Tensor { return vmap.InnerProducts(perSample(p, x), perSample(p, y)) })(ctx, p, x, y)
		require.NoError(t, err)
		defer got.Close()
		v, err := got.Floats(ctx)
		require.NoError(t, err)
		require.Equal(t, graph.Shape{n, m}, got.Shape())
		require.Less(t, dev.Stats().PeakBytes-before.LiveBytes, int64(4*(n+m)*in*hidden/4), "gradients are not in memory")

		flat := func(b batch) graph.Tensor {
			return vmap.Map(func(g mlp) graph.Tensor { f, _ := graph.Ravel(g); return f })(perSample(p, b))
		}
		want, err := graph.Reference(ctx, flat(x).MatMul(flat(y).Transpose()))
		require.NoError(t, err)
		require.LessOrEqual(t, relativeError(want, v), 1e-5)
	})
	for name, f := range map[string]func(){
		"shapes": func() { vmap.InnerProducts(graph.Ones(2, 3), graph.Ones(2, 4)) },
		"scalar": func() { vmap.InnerProducts(graph.Ones(), graph.Ones()) },
	} {
		err := graph.Try(f)
		require.ErrorIs(t, err, graph.ErrShape, name)
		require.ErrorContains(t, err, "inner_test.go:", name)
	}
	require.ErrorIs(t, graph.Try(func() {
		vmap.InnerProducts(map[string]graph.Tensor{"a": graph.Ones(1)}, map[string]graph.Tensor{"b": graph.Ones(1)})
	}), graph.ErrArgument)
}
