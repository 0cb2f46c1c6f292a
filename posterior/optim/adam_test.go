package optim_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/optim"
)

type params struct{ W, B graph.Tensor }

func slice(t *testing.T, dev *gpu.Device, v []float32) graph.Tensor {
	t.Helper()
	x, err := graph.FromSlice(dev, v)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

// The first step equals the paper's by hand: the corrected moments are g and g^2, so it is lr g/(|g|+eps).
func TestAdam(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p := params{slice(t, dev, []float32{1, -2}), slice(t, dev, []float32{0.5})}
		g := params{slice(t, dev, []float32{0.1, -0.2}), slice(t, dev, []float32{0})}
		a := optim.Adam{LR: 0.01}
		type state struct {
			P params
			S optim.AdamState[params]
		}
		step := graph.Jit2(dev, func(s state, g params) state {
			p, o := optim.AdamStep(a, s.P, g, s.S)
			return state{p, o}
		})
		first := optim.AdamInit(p)
		s, err := step(ctx, state{p, first}, g)
		require.NoError(t, err)
		defer graph.Close(first)
		w, err := s.P.W.Floats(ctx)
		require.NoError(t, err)
		assert.InDeltaSlice(t, []float64{1 - 0.01, -2 + 0.01}, []float64{float64(w[0]), float64(w[1])}, 1e-6)
		b, err := s.P.B.Float(ctx)
		require.NoError(t, err)
		assert.Equal(t, float32(0.5), b)
		require.NoError(t, graph.Close(s))
		assert.ErrorIs(t, graph.Try(func() { optim.AdamStep(optim.Adam{}, p, g, optim.AdamInit(p)) }), graph.ErrArgument)
	})
}

// Adam finds the minimum of a badly scaled quadratic.
func TestAdamConverges(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		type state struct {
			P graph.Tensor
			S optim.AdamState[graph.Tensor]
		}
		loss := func(p graph.Tensor) graph.Tensor {
			scale := graph.Literal([]float32{1, 100})
			return p.Sub(graph.Literal([]float32{3, -1})).Square().Mul(scale).Sum()
		}
		step := graph.Jit(dev, func(s state) state {
			p, o := optim.AdamStep(optim.Adam{LR: 0.1}, s.P, graph.Grad(loss)(s.P), s.S)
			return state{p, o}
		})
		start := graph.Zeros(2)
		s := state{start, optim.AdamInit(start)}
		for range 400 {
			next, err := step(ctx, s)
			require.NoError(t, err)
			require.NoError(t, graph.Close(s))
			s = next
		}
		p, err := s.P.Floats(ctx)
		require.NoError(t, err)
		assert.InDelta(t, 3, p[0], 0.02)
		assert.InDelta(t, -1, p[1], 0.02)
		require.NoError(t, graph.Close(s))
	})
}
