package optim_test

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
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/internal/transformtest"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
)

type weights struct{ W, B graph.Tensor }

type residual struct{ R graph.Tensor }

// concave is a log posterior with its maximum at W = data, B = -1.
func concave(p weights, data graph.Tensor) (graph.Tensor, residual) {
	r := p.W.Sub(data)
	return r.Square().Sum().Add(p.B.AddScalar(1).Square().Sum().Scale(3)).Scale(-0.5), residual{r}
}

func device(t testing.TB, dev *gpu.Device, v []float32, shape ...int) graph.Tensor {
	t.Helper()
	x, err := graph.FromSlice(dev, v, shape...)
	require.NoError(t, err)
	return x
}

// MAP makes the steps of the optimizer on -log p, and tells the log posterior and aux of before.
func TestMAP(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		transform := optim.MAP(concave, optim.Adam(0.05))
		start := weights{device(t, dev, []float32{1, 2}), device(t, dev, []float32{0.5}, 1)}
		data := device(t, dev, []float32{-1, 4})
		key := random.NewKey(0)
		state, err := transform.Init(ctx, dev, start, key)
		require.NoError(t, err)
		p, centre, scale := []float64{1, 2, 0.5}, []float64{-1, 4, -1}, []float64{1, 1, 3}
		loops := []loop{adamLoop(0.05, 0, 0, false), adamLoop(0.05, 0, 0, false), adamLoop(0.05, 0, 0, false)}
		for k := range 10 {
			next, err := transform.Update(ctx, state, data)
			require.NoError(t, err)
			value := 0.0
			for i := range p {
				value -= scale[i] * (p[i] - centre[i]) * (p[i] - centre[i]) / 2
			}
			logp, err := next.LogPosterior.Float(ctx)
			require.NoError(t, err)
			assert.InDelta(t, value, logp, 1e-5*(1+math.Abs(value)))
			r, err := next.Aux.R.Floats(ctx)
			require.NoError(t, err)
			assert.InDelta(t, p[0]-centre[0], r[0], 1e-5, "aux")
			for i := range p {
				p[i] = loops[i](k, scale[i]*(p[i]-centre[i]), p[i])
			}
			w, err := next.Params.W.Floats(ctx)
			require.NoError(t, err)
			b, err := next.Params.B.Floats(ctx)
			require.NoError(t, err)
			assert.InDeltaSlice(t, p, append(w, b...), 1e-5, "step %d", k)
			require.NoError(t, graph.Close(state))
			state = next
		}
		count, err := state.Count.Ints(ctx)
		require.NoError(t, err)
		assert.Equal(t, []int32{10}, count)
		other := state.WithAux(residual{data})
		assert.True(t, other.Params == state.Params && other.Aux.R == data && state.Aux.R != data)
		require.NoError(t, graph.Close(state))

		// 300 steps on the device reach the maximum.
		fitted := optim.MAP(concave, optim.Adam(schedule.Cosine(0.1, 0, 300)))
		s, err := fitted.Init(ctx, dev, start, key)
		require.NoError(t, err)
		run := posterior.NewRunner(fitted, func(d graph.Tensor, _ graph.Tensor) graph.Tensor { return d },
			func(s optim.MAPState[weights, residual]) graph.Tensor { return s.LogPosterior })
		last, kept, err := run.Run(ctx, s, data, posterior.RunConfig{Steps: 300, Thin: 100})
		require.NoError(t, err)
		w, err := last.Params.W.Floats(ctx)
		require.NoError(t, err)
		assert.InDeltaSlice(t, []float64{-1, 4}, w, 1e-3)
		require.NoError(t, graph.Close(kept))
		require.NoError(t, graph.Close([]optim.MAPState[weights, residual]{s, last}))

		for name, opt := range map[string]optim.Transformation{"adam": optim.Adam(0.05), "sgd": optim.SGD(0.05, func(c *optim.SGDConfig) { c.Momentum = 0.9 })} {
			t.Run(name, func(t *testing.T) {
				transform := optim.MAP(concave, opt)
				transformtest.InPlace(t, dev, transform, start, data, 3)
				transformtest.Chains(t, dev, transform, func(i int) weights {
					return weights{device(t, dev, []float32{float32(i), 2}), device(t, dev, []float32{0.5}, 1)}
				}, data, 3, 1e-6)
			})
		}
		require.NoError(t, graph.Close([]weights{start}))
		require.NoError(t, data.Close())
		require.NoError(t, graph.Close(key))
	})
}

func TestMAPErrors(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		start := weights{device(t, dev, []float32{1, 2}), device(t, dev, []float32{0.5}, 1)}
		data := device(t, dev, []float32{-1, float32(math.NaN())})
		key := random.NewKey(0)
		_, err := optim.MAP(concave, optim.Chain(optim.DPSGD(optim.DPSGDConfig{Clip: 1, Noise: 1, Batch: 3}, random.NewKey(1)), optim.SGD(0.1))).Init(ctx, dev, start, key)
		require.ErrorIs(t, err, graph.ErrArgument)
		assert.ErrorContains(t, err, "per-sample")
		_, err = optim.MAP(concave, optim.Adam(0.1)).Init(ctx, dev, weights{W: start.W}, key)
		require.ErrorIs(t, err, graph.ErrArgument)
		transform := optim.MAP(concave, optim.Adam(0.1))
		state, err := transform.Init(ctx, dev, start, key)
		require.NoError(t, err)
		before := transformtest.Bits(t, state)
		_, err = transform.Update(ctx, state, data, posterior.InPlace)
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "is not NaN is false for element [1]")
		assert.Equal(t, before, transformtest.Bits(t, state), "the state is as before")
		require.NoError(t, graph.Close(state))
		require.NoError(t, graph.Close([]weights{start}))
		require.NoError(t, data.Close())
		require.NoError(t, graph.Close(key))
	})
}
