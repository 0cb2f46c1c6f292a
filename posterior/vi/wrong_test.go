package vi_test

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
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/vi"
)

// Wrong hyperparameters are errors of Init that say which and what is wanted.
func TestWrongConfig(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	p, b := problem(t, dev)
	seed := random.NewKey(1)
	adam := optim.Adam(1e-3)
	for _, x := range []struct {
		c    vi.DiagConfig
		says string
	}{
		{vi.DiagConfig{}, "Optimizer is not given"},
		{vi.DiagConfig{Optimizer: adam, Temperature: -1}, "Temperature is -1, want at least 0"},
		{vi.DiagConfig{Optimizer: adam, Temperature: "hot"}, "Temperature is a string"},
		{vi.DiagConfig{Optimizer: adam, Samples: -2}, "Samples is -2"},
		{vi.DiagConfig{Optimizer: adam, InitLogSD: math.NaN()}, "InitLogSD is NaN"},
		{vi.DiagConfig{Optimizer: adam, InitLogSD: b}, "InitLogSD is a"},
		{vi.DiagConfig{Optimizer: adam, InitLogSD: params{p.B, p.B}}, "InitLogSD has"},
		{vi.DiagConfig{Optimizer: adam, InitLogSD: params{W: p.W}}, "InitLogSD has the zero Tensor at .B"},
		{vi.DiagConfig{Optimizer: adam, Temperature: func(graph.Tensor) graph.Tensor { return p.W }}, "Temperature at a step"},
	} {
		_, err := vi.Diag(logPosterior, x.c).Init(ctx, dev, p, seed)
		require.Error(t, err, x.says)
		assert.ErrorContains(t, err, "vi diag")
		assert.ErrorContains(t, err, x.says)
	}
	for _, x := range []struct {
		c    vi.DenseConfig
		says string
	}{
		{vi.DenseConfig{}, "Optimizer is not given"},
		{vi.DenseConfig{Optimizer: adam, Temperature: math.Inf(1)}, "Temperature is +Inf"},
		{vi.DenseConfig{Optimizer: adam, InitScale: 0}, "InitScale, the standard deviation that q starts with, is 0"},
		{vi.DenseConfig{Optimizer: adam, InitScale: -1}, "InitScale is -1"},
		{vi.DenseConfig{Optimizer: adam, Samples: -1}, "Samples is -1"},
	} {
		_, err := vi.Dense(logPosterior, x.c).Init(ctx, dev, p, seed)
		require.Error(t, err, x.says)
		assert.ErrorContains(t, err, "vi dense")
		assert.ErrorContains(t, err, x.says)
	}
	ints := vi.Dense(func(p params, _ none) (graph.Tensor, none) { return p.W.Sum(), none{} }, vi.DenseConfig{Optimizer: adam})
	one := graph.Int(1)
	_, err := ints.Init(ctx, dev, params{p.W, one}, seed)
	assert.ErrorIs(t, err, graph.ErrDType)
	assert.ErrorContains(t, err, ".B")
	require.NoError(t, graph.Close([]graph.Tensor{one, seed.Bits}))
}

// Wrong batches, log posteriors and temperatures are errors of Update; the state is as before.
func TestWrongInput(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		adam := optim.Adam(1e-3)
		t.Run("diag", func(t *testing.T) {
			wrong(t, dev, vi.Diag(logPosterior, vi.DiagConfig{Optimizer: adam, Samples: 2}), func(s *vi.DiagState[params, aux], x graph.Tensor) { s.Temperature = x })
		})
		t.Run("dense", func(t *testing.T) {
			wrong(t, dev, vi.Dense(logPosterior, vi.DenseConfig{Optimizer: adam}), func(s *vi.DenseState[params, aux], x graph.Tensor) { s.Temperature = x })
		})
	})
}

func wrong[S any](t *testing.T, dev *gpu.Device, transform *posterior.Transform[params, batch, S], setTemperature func(*S, graph.Tensor)) {
	ctx := context.Background()
	p, b := problem(t, dev)
	seed := random.NewKey(1)
	state, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	_, before := parts(t, state)
	for name, x := range map[string]struct {
		batch batch
		is    error
		says  string
	}{
		"NaN": {batch{upload(t, dev, []float32{1, 2, -1, float32(math.NaN()), 0, 3}, 3, 2), b.Y}, graph.ErrCheck,
			"batch .X is not NaN is false for element [1]"},
		"empty":    {batch{upload(t, dev, nil, 0, 2), upload(t, dev, nil, 0)}, graph.ErrShape, "the batch is empty"},
		"mismatch": {batch{b.X, upload(t, dev, []float32{1, 2}, 2)}, graph.ErrShape, "vi_test.go"},
	} {
		for _, opts := range [][]posterior.UpdateOption{nil, {posterior.InPlace}} {
			_, err := transform.Update(ctx, state, x.batch, opts...)
			require.ErrorIs(t, err, x.is, name)
			assert.ErrorContains(t, err, x.says)
		}
		_, after := parts(t, state)
		assert.Equal(t, before, after, name)
	}
	loud := state
	minus := graph.Scalar(-1)
	setTemperature(&loud, minus)
	_, err = transform.Update(ctx, loud, b, posterior.InPlace)
	require.ErrorIs(t, err, graph.ErrCheck)
	assert.ErrorContains(t, err, "temperature >= 0")
	_, after := parts(t, state)
	assert.Equal(t, before, after)
	require.NoError(t, graph.Close(state))
	require.NoError(t, graph.Close([]graph.Tensor{seed.Bits, minus}))
}

// Log posteriors and optimizers that cannot be, and arguments of the states' methods.
func TestWrongFunctions(t *testing.T) {
	dev := gputest.Open(t)
	p, b := problem(t, dev)
	adam := optim.Adam(1e-3)
	key := random.NewKey(1)
	for _, samples := range []int{0, 2} {
		vector := vi.Diag(func(p params, _ batch) (graph.Tensor, none) { return p.W, none{} }, vi.DiagConfig{Optimizer: adam, Samples: samples})
		err := graph.Try(func() { vector.Step(vector.Start(p, key), b) })
		require.ErrorIs(t, err, graph.ErrShape)
		assert.ErrorContains(t, err, "return one number")
		numbers := vi.Diag(func(p params, _ batch) (graph.Tensor, []float64) { return p.W.Sum(), []float64{1} }, vi.DiagConfig{Optimizer: adam, Samples: samples})
		err = graph.Try(func() { numbers.Step(numbers.Start(p, key), b) })
		require.ErrorIs(t, err, graph.ErrArgument)
		assert.ErrorContains(t, err, "aux is a []float64 without any tensor")
		unset := vi.Dense(func(p params, _ batch) (graph.Tensor, aux) { return p.W.Sum(), aux{} }, vi.DenseConfig{Optimizer: adam, Samples: samples})
		err = graph.Try(func() { unset.Step(unset.Start(p, key), b) })
		require.ErrorIs(t, err, graph.ErrArgument)
		assert.ErrorContains(t, err, "zero Tensor")
	}
	perSample := vi.Diag(logPosterior, vi.DiagConfig{Optimizer: optim.DPSGD(optim.DPSGDConfig{Clip: 1, Batch: 1}, key)})
	err := graph.Try(func() { perSample.Step(perSample.Start(p, key), b) })
	require.ErrorIs(t, err, graph.ErrShape)
	assert.ErrorContains(t, err, "per-sample gradients")

	dense := vi.Dense(logPosterior, vi.DenseConfig{Optimizer: adam})
	s := dense.Start(p, key)
	assert.ErrorIs(t, graph.Try(func() { s.LogProb(params{p.W, p.W}) }), graph.ErrShape)
	s.L = graph.Zeros(4)
	assert.ErrorIs(t, graph.Try(func() { s.Sample(key) }), graph.ErrShape)
	s.L = graph.Zeros(3)
	err = graph.Try(func() { s.Sample(key) })
	assert.ErrorIs(t, err, graph.ErrShape)
	assert.ErrorContains(t, err, "L is")
	diag := vi.Diag(logPosterior, vi.DiagConfig{Optimizer: adam}).Start(p, key)
	assert.ErrorIs(t, graph.Try(func() { diag.LogProb(params{p.B, p.W}) }), graph.ErrShape)
}
