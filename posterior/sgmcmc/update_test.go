package sgmcmc_test

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
)

// The device holds the same after 1,000 updates in place as after one, with checks and without. With -long 1000 it is a million, after which the
// process must hold no more either.
func TestMemoryDoesNotGrow(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p, b := problem(t, dev)
		seed := random.NewKey(1)
		transform := sgmcmc.SGHMC(func(p params, b batch) (graph.Tensor, posterior.None) {
			y, _ := logPosterior(p, b)
			return y, posterior.None{}
		}, sgmcmc.SGHMCConfig{LR: 1e-3})
		state, err := transform.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		updates := func(n int, opts ...posterior.UpdateOption) gpu.Stats {
			for range n {
				s, err := transform.Update(ctx, state, b, append(opts, posterior.InPlace)...)
				require.NoError(t, err)
				require.True(t, s == state, "the state is the argument")
			}
			require.NoError(t, dev.Wait(ctx))
			return dev.Stats()
		}
		for _, opts := range [][]posterior.UpdateOption{nil, {posterior.WithoutChecks}} {
			one := updates(1, opts...)
			updates(99, opts...)
			warm := resident(t)
			many := updates(900+1000*(*long-1), opts...)
			if *long > 1 {
				assert.Less(t, resident(t)-warm, int64(8<<20), "bytes of the process")
			}
			assert.Equal(t, one.LiveArrays, many.LiveArrays)
			assert.Equal(t, one.LiveBytes, many.LiveBytes)
			assert.Equal(t, one.SlabBytes, many.SlabBytes)
		}
		require.NoError(t, graph.Close(state))
		require.NoError(t, graph.Close(seed))
	})
}

// resident is how much memory the process holds, without what Go's heap has not given back.
func resident(t *testing.T) int64 {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}

// Numbers are leaves of the state: others compile nothing. Schedules are functions of the step on the device.
func TestRates(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p, b := problem(t, dev)
		seed := random.NewKey(1)
		transform := sgmcmc.SGLD(logPosterior, sgmcmc.SGLDConfig{LR: 0.1, Temperature: 0})
		state, err := transform.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		next, err := transform.Update(ctx, state, b)
		require.NoError(t, err)
		g, _ := gradient([]float64{0.5, -1, 0.25})
		assert.InDelta(t, 0.5+0.1*g[0], values(t, next.Params.W)[0], 1e-6, "temperature 0 has no noise")
		require.NoError(t, graph.Close(next))
		programs := dev.Stats().Programs
		for _, lr := range []float64{0.2, 0.05} {
			other := state
			other.LR = graph.Scalar(lr)
			next, err := transform.Update(ctx, other, b)
			require.NoError(t, err)
			assert.InDelta(t, 0.5+lr*g[0], values(t, next.Params.W)[0], 1e-6)
			require.NoError(t, graph.Close(next))
			require.NoError(t, graph.Close(other.LR))
		}
		assert.Equal(t, programs, dev.Stats().Programs)

		decay := func(step graph.Tensor) graph.Tensor { return graph.Scalar(0.5).Div(step.AsFloat().AddScalar(1)) }
		scheduled := sgmcmc.SGLD(logPosterior, sgmcmc.SGLDConfig{LR: decay, Temperature: 0})
		s, err := scheduled.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		for k, want := range []float32{0.5, 0.25, 0.5 / 3.} {
			assert.Equal(t, []float32{want}, values(t, s.LR), "step %d", k)
			s, err = scheduled.Update(ctx, s, b, posterior.InPlace)
			require.NoError(t, err)
			require.NoError(t, graph.Close(*s.Aux))
		}
		// The library's schedules fit as they are.
		linear := sgmcmc.SGLD(logPosterior, sgmcmc.SGLDConfig{LR: schedule.Linear(0.5, 0.25, 2), Temperature: 0})
		l, err := linear.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		for _, want := range []float32{0.5, 0.375, 0.25} {
			assert.Equal(t, []float32{want}, values(t, l.LR))
			l, err = linear.Update(ctx, l, b, posterior.InPlace)
			require.NoError(t, err)
			require.NoError(t, graph.Close(*l.Aux))
		}
		require.NoError(t, graph.Close(l))
		require.NoError(t, graph.Close([]sgmcmc.SGLDState[params, aux]{s, state}))
		require.NoError(t, graph.Close(seed))
	})
}

func TestWithAux(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	p, b := problem(t, dev)
	seed := random.NewKey(1)
	transform := sgmcmc.BAOA(logPosterior, sgmcmc.BAOAConfig{LR: 0.1})
	first, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	state, err := transform.Update(ctx, first, b)
	require.NoError(t, err)
	mine := aux{upload(t, dev, []float32{1})}
	other := state.WithAux(mine)
	assert.True(t, other.Params == state.Params && other.Momenta == state.Momenta)
	assert.Equal(t, []float32{1}, values(t, other.Aux.Residual))
	assert.Len(t, values(t, state.Aux.Residual), 3, "the original's aux stays")
	before := values(t, state.Aux.Residual)
	next, err := transform.Update(ctx, state, b, posterior.InPlace)
	require.NoError(t, err)
	assert.Equal(t, before, values(t, state.Aux.Residual), "aux is never updated in place")
	require.NoError(t, graph.Close(*next.Aux))
	require.NoError(t, graph.Close(state))
	require.NoError(t, graph.Close(first))
	require.NoError(t, graph.Close(seed))
}

// Wrong input is an error that says which; the state is as before.
func TestWrongInput(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p, b := problem(t, dev)
		seed := random.NewKey(1)
		defer graph.Close(seed)
		start := func(c sgmcmc.SGHMCConfig) error {
			_, err := sgmcmc.SGHMC(logPosterior, c).Init(ctx, dev, p, seed)
			return err
		}
		for _, x := range []struct {
			c    sgmcmc.SGHMCConfig
			says string
		}{
			{sgmcmc.SGHMCConfig{}, "LR is not given"},
			{sgmcmc.SGHMCConfig{LR: -0.1}, "LR is -0.1, want at least 0"},
			{sgmcmc.SGHMCConfig{LR: math.NaN()}, "LR is NaN"},
			{sgmcmc.SGHMCConfig{LR: "fast"}, "LR is a string"},
			{sgmcmc.SGHMCConfig{LR: 0.1, Temperature: -1}, "Temperature is -1"},
			{sgmcmc.SGHMCConfig{LR: 0.1, Sigma: 0}, "Sigma"},
			{sgmcmc.SGHMCConfig{LR: 0.1, Alpha: -2}, "Alpha is -2"},
			{sgmcmc.SGHMCConfig{LR: 0.1, Momenta: params{p.B, p.B}}, "Momenta has float32[1] at .W, where params have float32[2]"},
			{sgmcmc.SGHMCConfig{LR: 0.1, Momenta: batch{p.W, p.B}}, "Momenta is a"},
			{sgmcmc.SGHMCConfig{LR: func(graph.Tensor) graph.Tensor { return p.W }}, "LR at a step"},
		} {
			err := start(x.c)
			require.Error(t, err, x.says)
			assert.ErrorContains(t, err, "sghmc")
			assert.ErrorContains(t, err, x.says)
		}
		_, err := sgmcmc.SGLD(logPosterior, sgmcmc.SGLDConfig{LR: 0.1}).Init(ctx, nil, p, seed)
		assert.ErrorContains(t, err, "device is nil")
		ints := sgmcmc.SGLD(func(p params, _ none) (graph.Tensor, none) { return p.W.Sum(), none{} }, sgmcmc.SGLDConfig{LR: 0.1})
		_, err = ints.Init(ctx, dev, params{p.W, graph.Int(1)}, seed)
		assert.ErrorIs(t, err, graph.ErrDType)
		assert.ErrorContains(t, err, ".B")

		transform := sgmcmc.SGLD(logPosterior, sgmcmc.SGLDConfig{LR: 0.1})
		state, err := transform.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		defer graph.Close(state)
		unchanged := func() {
			t.Helper()
			assert.Equal(t, []float32{0.5, -1}, values(t, state.Params.W))
			assert.Equal(t, []float32{0.25}, values(t, state.Params.B))
		}
		bad := upload(t, dev, []float32{1, 2, -1, float32(math.NaN()), 0, 3}, 3, 2)
		_, err = transform.Update(ctx, state, batch{bad, b.Y}, posterior.InPlace)
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "batch .X is not NaN is false for element [1]")
		unchanged()
		_, err = transform.Update(ctx, state, batch{upload(t, dev, []float32{}, 0, 2), upload(t, dev, []float32{})}, posterior.InPlace)
		require.ErrorIs(t, err, graph.ErrShape)
		assert.ErrorContains(t, err, "the batch is empty")
		unchanged()
		hot := state
		hot.LR = graph.Scalar(-1)
		_, err = transform.Update(ctx, hot, b, posterior.InPlace)
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "learning rate >= 0")
		unchanged()
		require.NoError(t, hot.LR.Close())
		loud := state
		loud.Temperature = graph.Scalar(-1)
		_, err = transform.Update(ctx, loud, b)
		assert.ErrorContains(t, err, "temperature >= 0")
		require.NoError(t, loud.Temperature.Close())
		_, err = transform.Update(ctx, sgmcmc.SGLDState[params, aux]{}, b)
		assert.ErrorContains(t, err, "Init")

		vector := sgmcmc.SGLD(func(p params, _ batch) (graph.Tensor, none) { return p.W, none{} }, sgmcmc.SGLDConfig{LR: 0.1})
		vs, err := vector.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		defer graph.Close(vs)
		_, err = vector.Update(ctx, vs, b, posterior.InPlace)
		require.ErrorIs(t, err, graph.ErrShape)
		assert.ErrorContains(t, err, "return one number")
		numbers := sgmcmc.SGLD(func(p params, _ batch) (graph.Tensor, []float64) { return p.W.Sum(), []float64{1} }, sgmcmc.SGLDConfig{LR: 0.1})
		ns, err := numbers.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		defer graph.Close(ns)
		_, err = numbers.Update(ctx, ns, b)
		require.ErrorIs(t, err, graph.ErrArgument)
		assert.ErrorContains(t, err, "aux is a []float64 without any tensor")
		unset := sgmcmc.SGLD(func(p params, _ batch) (graph.Tensor, aux) { return p.W.Sum(), aux{} }, sgmcmc.SGLDConfig{LR: 0.1})
		us, err := unset.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		defer graph.Close(us)
		_, err = unset.Update(ctx, us, b)
		require.ErrorIs(t, err, graph.ErrArgument)
		assert.ErrorContains(t, err, ".Residual is the zero Tensor")
	})
}

// Runs that cannot be made say why, and Progress may end one.
func TestRunErrors(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	p, b := problem(t, dev)
	seed := random.NewKey(1)
	transform := sgmcmc.SGLD(logPosterior, sgmcmc.SGLDConfig{LR: 0.1})
	state, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	run := posterior.NewRunner(transform, func(b batch, _ graph.Tensor) batch { return b },
		func(s sgmcmc.SGLDState[params, aux]) graph.Tensor { return s.LogPosterior })
	for _, c := range []posterior.RunConfig{{}, {Steps: 5, Thin: 2}, {Steps: 4, Thin: -1}, {Steps: -3}} {
		_, _, err := run.Run(ctx, state, b, c)
		assert.ErrorContains(t, err, "posterior: run", "%+v", c)
	}
	enough := errors.New("enough")
	_, _, err = run.Run(ctx, state, b, posterior.RunConfig{Steps: 6, Chunk: 2, Progress: func(done, _ int) error {
		if done == 4 {
			return enough
		}
		return nil
	}})
	assert.ErrorIs(t, err, enough)
	bad := upload(t, dev, []float32{1, 2, -1, float32(math.NaN()), 0, 3}, 3, 2)
	_, _, err = run.Run(ctx, state, batch{bad, b.Y}, posterior.RunConfig{Steps: 4})
	assert.ErrorIs(t, err, graph.ErrCheck)
	require.NoError(t, graph.Close(state))
	require.NoError(t, graph.Close(seed))
}
