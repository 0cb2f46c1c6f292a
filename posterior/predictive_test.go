package posterior_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
)

// counting draws 0, 1, 2, ...
type counting struct{}

func (counting) Sample(_ random.Key, shape ...int) graph.Tensor {
	return graph.Iota(0, shape...).AsFloat()
}

func TestPredictive(t *testing.T) {
	forward := func(p, x graph.Tensor) (graph.Tensor, none) { return x.Mul(p), none{} }
	y := posterior.Predictive[graph.Tensor](forward, counting{}, graph.Literal([]float32{1, 2}), random.NewKey(1), 4, graph.Tensor.Square)
	v, err := graph.Reference(context.Background(), y)
	require.NoError(t, err)
	assert.Equal(t, []float64{3.5, 14}, v, "the mean of 0, 1, 4, 9, times the squares of the inputs")
	err = graph.Try(func() {
		posterior.Predictive[graph.Tensor](forward, counting{}, graph.Zeros(2), random.NewKey(1), 0, graph.Tensor.Square)
	})
	assert.ErrorIs(t, err, graph.ErrArgument)
}

// An algorithm on some of the parameters moves those, with the others where they are.
func TestSubset(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		type pair struct{ A, B graph.Tensor }
		full := pair{array(t, dev, []float32{2}), array(t, dev, []float32{3})}
		product := func(p pair, scale graph.Tensor) (graph.Tensor, none) { return p.A.Mul(p.B).Mul(scale).Sum(), none{} }
		f, sub, err := posterior.Subset(product, full, func(path string, _ graph.Tensor) bool { return path == ".B" })
		require.NoError(t, err)
		require.Len(t, sub, 1)
		transform := sgmcmc.SGLD(f, sgmcmc.SGLDConfig{LR: 0.1, Temperature: 0})
		seed := random.NewKey(0)
		s, err := transform.Init(ctx, dev, sub, seed)
		require.NoError(t, err)
		s, err = transform.Update(ctx, s, array(t, dev, []float32{5}), posterior.InPlace)
		require.NoError(t, err)
		v, err := s.Params[0].Floats(ctx)
		require.NoError(t, err)
		assert.InDelta(t, 3+0.1*2*5, v[0], 1e-6)
		assert.ErrorIs(t, graph.Try(func() { f(nil, graph.Scalar(1)) }), graph.ErrArgument)
		require.NoError(t, graph.Close(s))
		require.NoError(t, graph.Close(seed))
	})
}

func TestLeaves(t *testing.T) {
	p := []graph.Tensor{graph.Zeros(2), graph.Zeros(1, 1)}
	for _, v := range []any{0.5, float32(0.5), []graph.Tensor{graph.Literal([]float32{0.5, 0.5}), graph.Full(graph.Float32, 0.5, 1, 1)}} {
		out := posterior.Leaves("test", "SD", v, 0, 0, p)
		for i, n := range []int{2, 1} {
			x, err := graph.Reference(context.Background(), out[i])
			require.NoError(t, err)
			assert.Equal(t, []float64{0.5, 0.5}[:n], x)
		}
	}
	for _, v := range []any{-1, "x", []graph.Tensor{graph.Zeros(2)}, []graph.Tensor{graph.Zeros(2), graph.Zeros(1)}, []graph.Tensor{graph.Zeros(2), {}}} {
		err := graph.Try(func() { posterior.Leaves("test", "SD", v, 0, 0, p) })
		require.Error(t, err, "%v", v)
		assert.ErrorContains(t, err, "SD")
	}
}
