package posterior_test

import (
	"context"
	"sync"
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

type none = posterior.None

func quadratic(x, scale graph.Tensor) (graph.Tensor, none) {
	return x.Square().Mul(scale.Convert(x.DType())).Sum().Scale(-0.5), none{}
}

// cold is SGLD without noise: theta -= 0.1 scale theta.
func cold() *posterior.Transform[graph.Tensor, graph.Tensor, sgmcmc.SGLDState[graph.Tensor, none]] {
	return sgmcmc.SGLD(quadratic, sgmcmc.SGLDConfig{LR: 0.1, Temperature: 0})
}

// Updates are differentiated through: d theta_2 / d theta_0 is (1 - 0.1 scale)^2, and by the rate -2 scale (1 - eps scale) theta_0.
func TestDifferentiateThroughUpdates(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		transform := cold()
		type input struct{ Theta, LR graph.Tensor }
		run := graph.Jit2(dev, graph.Grad2(func(in input, scale graph.Tensor) graph.Tensor {
			s := transform.Start(in.Theta, random.NewKey(0))
			s.LR = in.LR
			return transform.Step(transform.Step(s, scale), scale).Params.Sum()
		}))
		in := input{array(t, dev, []float32{2, -3}), array(t, dev, []float32{0.1}).Reshape()}
		g, err := run(ctx, in, array(t, dev, []float32{3, 1}))
		require.NoError(t, err)
		require.NoError(t, graph.Close(in.LR))
		defer graph.Close(g)
		theta, err := g.Theta.Floats(ctx)
		require.NoError(t, err)
		assert.InDeltaSlice(t, []float32{0.49, 0.81}, theta, 1e-6)
		rate, err := g.LR.Float(ctx)
		require.NoError(t, err)
		assert.InDelta(t, -2*3*0.7*2+2*1*0.9*3, rate, 1e-5)
	})
}

// Parameters may be float64; the state's other leaves stay float32.
func TestFloat64Params(t *testing.T) {
	dev := gputest.Open(t, gpu.WithDevice("lavapipe"))
	ctx := context.Background()
	x, err := graph.FromSlice(dev, []float64{1, 1e-9})
	require.NoError(t, err)
	seed := random.NewKey(0)
	transform := cold()
	s, err := transform.Init(ctx, dev, x, seed)
	require.NoError(t, err)
	scale := array(t, dev, []float32{1})
	for range 2 {
		s, err = transform.Update(ctx, s, scale, posterior.InPlace)
		require.NoError(t, err)
	}
	got, err := graph.Read[float64](ctx, s.Params)
	require.NoError(t, err)
	assert.InDelta(t, 0.81, got[0], 1e-8)
	assert.InDelta(t, 0.81e-9, got[1], 1e-17)
	require.NoError(t, graph.Close(s))
	require.NoError(t, x.Close())
	require.NoError(t, seed.Bits.Close())
}

// One Transform serves many goroutines, each with a state of its own.
func TestGoroutinesShareATransform(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		transform := cold()
		scale := array(t, dev, []float32{1})
		var wg sync.WaitGroup
		for g := range 4 {
			x := array(t, dev, []float32{float32(g + 1)})
			seed := random.NewKey(0)
			wg.Go(func() {
				s, err := transform.Init(ctx, dev, x, seed)
				if !assert.NoError(t, err) {
					return
				}
				for range 20 {
					if s, err = transform.Update(ctx, s, scale, posterior.InPlace); !assert.NoError(t, err) {
						return
					}
				}
				v, err := s.Params.Floats(ctx)
				assert.NoError(t, err)
				assert.InDelta(t, float64(g+1)*0.12157665459056935, v[0], 1e-5) // 0.9^20
				assert.NoError(t, graph.Close(s))
				assert.NoError(t, seed.Bits.Close())
			})
		}
		wg.Wait()
	})
}

// The batch of a step comes from the data by the step's number, on the device; runs in one call and in chunks agree.
func TestRunOverADataSet(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		transform := cold()
		seed := random.NewKey(0)
		s, err := transform.Init(ctx, dev, array(t, dev, []float32{1}), seed)
		require.NoError(t, err)
		data := array(t, dev, []float32{1, 2, 3, 4, 5, 6})
		run := posterior.NewRunner(transform, func(d, step graph.Tensor) graph.Tensor { return d.Take(0, step) },
			transform.Params)
		for _, chunk := range []int{0, 1, 2} {
			last, kept, err := run.Run(ctx, s, data, posterior.RunConfig{Steps: 6, Thin: 2, Chunk: chunk})
			require.NoError(t, err)
			v, err := kept.Floats(ctx)
			require.NoError(t, err)
			assert.Equal(t, graph.Shape{3, 1}, kept.Shape())
			assert.InDeltaSlice(t, []float32{0.9 * 0.8, 0.9 * 0.8 * 0.7 * 0.6, 0.9 * 0.8 * 0.7 * 0.6 * 0.5 * 0.4}, v, 1e-6)
			require.NoError(t, graph.Close(kept))
			require.NoError(t, graph.Close(last))
		}
		require.NoError(t, graph.Close(s))
		require.NoError(t, seed.Bits.Close())
	})
}

func array(t testing.TB, dev *gpu.Device, v []float32) graph.Tensor {
	t.Helper()
	x, err := graph.FromSlice(dev, v)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

// Params finds a state's parameters without knowing the algorithm.
func TestParams(t *testing.T) {
	dev := gputest.Open(t)
	transform := cold()
	x := array(t, dev, []float32{1})
	s := transform.Start(x, random.NewKey(0))
	assert.True(t, transform.Params(s) == s.Params)
	type plain struct{ X graph.Tensor }
	other := posterior.NewTransform(func(x graph.Tensor, _ random.Key) plain { return plain{x} }, func(s plain, _ none) plain { return s }, func(s plain) plain { return s })
	err := graph.Try(func() { other.Params(plain{x}) })
	assert.ErrorIs(t, err, graph.ErrArgument)
	assert.ErrorContains(t, err, "posterior_test.plain has no field Params of type graph.Tensor")
}
