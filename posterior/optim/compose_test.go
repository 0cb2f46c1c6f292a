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
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/vmap"
)

// Three models with a learning rate each train by one map over parameters and states: as three runs alone.
func TestMapOverStates(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		opt := optim.SGD(0.1, func(c *optim.SGDConfig) { c.Momentum = 0.5 })
		two := func(c training) training {
			for range 2 {
				c.P, c.S = optim.Step(opt, c.P, c.S, c.P) // the gradient of p^2/2
			}
			return c
		}
		rates := upload(t, dev, []float64{0.1, 0.2, 0.3}, 3)
		y, err := graph.Jit(dev, func(rates graph.Tensor) graph.Tensor {
			start := vmap.Map(func(lr graph.Tensor) training {
				p := params{graph.Ones(2), graph.Ones(1), graph.Int(7)}
				s := optim.Init(opt, p)
				s.Parts[0].Values["lr"] = lr
				return training{p, s}
			})(rates)
			return vmap.Map(two)(start).P.W
		})(context.Background(), rates)
		require.NoError(t, err)
		defer y.Close()
		var want []float64
		for _, lr := range []float64{0.1, 0.2, 0.3} {
			p, b := 1.0, 0.0
			for range 2 {
				b = 0.5*b + p
				p -= lr * b
			}
			want = append(want, p, p)
		}
		near(t, want, floats(t, y), 1e-6, "parameters")
	})
}

// A transformation of one's own in a chain, and weight decay on matrices only.
func TestNewAndChosenDecay(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		// The running sum of all gradients: what dual averaging steps along.
		sum := optim.New("sum", func(p []graph.Tensor) optim.Part {
			s := optim.Part{Slots: map[string][]graph.Tensor{"sum": nil}}
			for _, x := range p {
				s.Slots["sum"] = append(s.Slots["sum"], graph.Zeros(x.Shape()...))
			}
			return s
		}, func(in optim.Input, p optim.Part) ([]graph.Tensor, optim.Part) {
			var next []graph.Tensor
			for i, u := range in.Updates {
				next = append(next, p.Slots["sum"][i].Add(u))
			}
			return next, optim.Part{Slots: map[string][]graph.Tensor{"sum": next}}
		})
		opt := optim.Chain(sum, optim.AddDecayedWeights(0.5, func(_ int, p graph.Tensor) bool { return p.Rank() > 1 }), optim.Scale(-1))
		g := layer{upload(t, dev, []float64{1, 2}, 1, 2), upload(t, dev, []float64{3}, 1)}
		y, err := graph.Jit(dev, func(g layer) layer {
			p := layer{graph.Full(graph.Float32, 4, 1, 2), graph.Full(graph.Float32, 4, 1)}
			_, s := optim.Update(opt, g, optim.Init(opt, p), p)
			u, _ := optim.Update(opt, g, s, p)
			return u
		})(context.Background(), g)
		require.NoError(t, err)
		defer graph.Close(y)
		near(t, []float64{-4, -6}, floats(t, y.W), 1e-6, "W")
		near(t, []float64{-6}, floats(t, y.B), 1e-6, "B")
	})
}

// Float64 parameters are optimized in float64, where the device has it.
func TestFloat64(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		x, err := graph.FromSlice(dev, []float64{2, 2, 2})
		if !dev.Info().Features.Float64 {
			require.ErrorIs(t, err, graph.ErrDType)
			return
		}
		require.NoError(t, err)
		defer x.Close()
		opts := []optim.Transformation{
			optim.Chain(optim.ClipByGlobalNorm(1), optim.Adam(0.125)), optim.RMSProp(0.125), optim.Adagrad(0.125), optim.AddNoise(0, random.NewKey(1)),
		}
		y, err := graph.Jit(dev, func(p graph.Tensor) (out []graph.Tensor) {
			for _, o := range opts {
				u, _ := optim.Update(o, p, optim.Init(o, p), p)
				out = append(out, u)
			}
			return out
		})(ctx, x)
		require.NoError(t, err)
		defer graph.Close(y)
		g := 1 / math.Sqrt(3)
		for i, want := range []float64{-0.125 * g / (g + 1e-8), -0.125 * 2 / (math.Sqrt(0.01*4) + 1e-8), -0.125 * 2 / (2 + 1e-10), 2} {
			v, err := graph.Read[float64](ctx, y[i])
			require.NoError(t, err)
			assert.InDelta(t, want, v[0], 1e-12, "optimizer %d", i)
		}
	})
}
