package laplace_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/laplace"
)

func initError[P, B, S any](t *testing.T, dev *gpu.Device, transform *posterior.Transform[P, B, S], p P) error {
	t.Helper()
	seed := random.NewKey(1)
	defer graph.Close(seed)
	s, err := transform.Init(context.Background(), dev, p, seed)
	if err == nil {
		graph.Close(s)
	}
	return err
}

// updateError is that of an in-place update, after which the state must be as before.
func updateError[P, B, S any](t *testing.T, dev *gpu.Device, transform *posterior.Transform[P, B, S], p P, b B) error {
	t.Helper()
	ctx := context.Background()
	seed := random.NewKey(1)
	defer graph.Close(seed)
	s, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	defer graph.Close(s)
	numbers := func() []float64 {
		var all []float64
		require.NoError(t, graph.Eval(ctx, s))
		for _, x := range stateLeaves(t, s) {
			if x.DType().IsFloat() && x.Size() > 1 {
				all = append(all, values(t, x)...)
			}
		}
		return all
	}
	before := numbers()
	_, err = transform.Update(ctx, s, b, posterior.InPlace)
	assert.Equal(t, before, numbers(), "the state is as before")
	return err
}

func TestWrongConfig(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		p, _ := problem(t, dev)
		for _, x := range []struct {
			c    laplace.Config
			says string
		}{
			{laplace.Config{Precision: -1.0}, "Precision is -1, want at least 0"},
			{laplace.Config{Precision: "flat"}, "Precision is a string"},
			{laplace.Config{Precision: math.NaN()}, "Precision is NaN"},
			{laplace.Config{Temperature: -2}, "Temperature is -2"},
			{laplace.Config{Precision: model{nn.Linear{W: p.Head.B, B: p.Head.B}}}, "Precision has"},
		} {
			for name, err := range map[string]error{
				"diagonal fisher laplace": initError(t, dev, laplace.DiagFisher(logPosterior, x.c), p),
				"dense ggn laplace":       initError(t, dev, laplace.DenseGGN(plain, logLikelihood, x.c), p),
				"kfac laplace":            initError(t, dev, laplace.KFAC(forward, logLikelihood, x.c), p),
			} {
				says := x.says
				if name == "kfac laplace" && says == "Precision has" {
					says = "Precision is a laplace_test.model" // KFAC takes numbers only
				}
				require.Error(t, err, says)
				assert.ErrorContains(t, err, name)
				assert.ErrorContains(t, err, says)
			}
		}
		err := initError(t, dev, laplace.DenseFisher(logPosterior, laplace.Config{Precision: upload(t, dev, make([]float64, 16), 4, 4)}), p)
		require.ErrorIs(t, err, graph.ErrShape)
		assert.ErrorContains(t, err, "params have 9 elements")
		list := laplace.DiagFisher(func(p []graph.Tensor, b batch) (graph.Tensor, none) { return p[0].Sum(), none{} },
			laplace.Config{Precision: []graph.Tensor{p.Head.B, p.Head.B}})
		err = initError(t, dev, list, []graph.Tensor{p.Head.B})
		require.ErrorIs(t, err, graph.ErrArgument)
		assert.ErrorContains(t, err, "Precision: ")
		_, b := problem(t, dev)
		assert.ErrorContains(t, updateError(t, dev, laplace.DiagFisher(logPosterior, laplace.Config{Chunk: -1}), p, b), "Chunk is -1")
		assert.ErrorContains(t, updateError(t, dev, laplace.DenseHessian(logPosterior, laplace.HessianConfig{Rescale: -1}), p, b), "Rescale is -1")
	})
}

func TestWrongInput(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		p, b := problem(t, dev)
		c := laplace.Config{}
		bad := upload(t, dev, []float64{1, 2, -1, math.NaN(), 0, 3, 1, 1, 2, 2}, 5, 2)
		empty := batch{upload(t, dev, nil, 0, 2), upload(t, dev, nil, 0, 3)}
		short := batch{b.X, upload(t, dev, make([]float64, 12), 4, 3)}
		for name, update := range map[string]func(batch) error{
			"fisher": func(b batch) error { return updateError(t, dev, laplace.DiagFisher(logPosterior, c), p, b) },
			"ggn":    func(b batch) error { return updateError(t, dev, laplace.DenseGGN(plain, logLikelihood, c), p, b) },
			"kfac":   func(b batch) error { return updateError(t, dev, laplace.KFAC(forward, logLikelihood, c), p, b) },
		} {
			err := update(batch{bad, b.Y})
			require.ErrorIs(t, err, graph.ErrCheck, name)
			assert.ErrorContains(t, err, "batch .X is not NaN is false for element [1]", name)
			err = update(empty)
			require.ErrorIs(t, err, graph.ErrShape, name)
			assert.ErrorContains(t, err, "the batch is empty", name)
			assert.ErrorIs(t, update(short), graph.ErrShape, name)
		}
		vector := laplace.DiagFisher(logPosteriors, c)
		err := updateError(t, dev, vector, p, b)
		require.ErrorIs(t, err, graph.ErrShape)
		assert.ErrorContains(t, err, "return one number")
		number := laplace.DiagFisher(logPosterior, laplace.Config{PerSample: true})
		err = updateError(t, dev, number, p, b)
		require.ErrorIs(t, err, graph.ErrShape)
		assert.ErrorContains(t, err, "a value for each sample")
		summed := laplace.DenseGGN(func(p model, b batch) (graph.Tensor, aux) {
			z, a := plain(p, b)
			return z.Sum(0), a
		}, func(z graph.Tensor, b batch) graph.Tensor { return z.Sum() }, c)
		err = updateError(t, dev, summed, p, b)
		require.ErrorIs(t, err, graph.ErrShape)
		assert.ErrorContains(t, err, "outputs with the samples in front")

		// A curvature can be NaN where the log posterior is not: the square root of a square, at 0.
		kink := laplace.DiagFisher(func(w, x graph.Tensor) (graph.Tensor, none) {
			return w.Square().Sqrt().Mul(x).Sum(), none{}
		}, c)
		err = updateError(t, dev, kink, upload(t, dev, []float64{1, 0}), b.X)
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "curvature is not NaN is false for element [1]")
	})
}

// Draws from a precision that is none say so.
func TestPrecisionThatIsNotPositive(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p, _ := problem(t, dev)
		seed := random.NewKey(1)
		defer graph.Close(seed)
		diag, err := laplace.DiagFisher(logPosterior, laplace.Config{}).Init(ctx, dev, p, seed)
		require.NoError(t, err)
		defer graph.Close(diag)
		draw := func(p model) error { return graph.Eval(ctx, p) }
		assert.ErrorContains(t, draw(diag.Sample(seed)), "precision > 0")
		m := make([]float64, params*params)
		for i := range params {
			m[i*params+i] = 1
		}
		m[4*params+4] = -1
		dense, err := laplace.DenseHessian(logPosterior, laplace.HessianConfig{Precision: upload(t, dev, m, params, params)}).Init(ctx, dev, p, seed)
		require.NoError(t, err)
		defer graph.Close(dense)
		err = draw(dense.Sample(seed, 3))
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "pivot > 0 is false for element [4]")
		kfac, err := laplace.KFAC(forward, logLikelihood, laplace.Config{}).Init(ctx, dev, p, seed)
		require.NoError(t, err)
		defer graph.Close(kfac)
		assert.ErrorContains(t, draw(kfac.Sample(seed)), "pivot > 0")
		flat, err := laplace.DiagFisher(logPosterior, laplace.Config{Precision: 1}).Init(ctx, dev, p, seed)
		require.NoError(t, err)
		defer graph.Close(flat)
		loud := flat
		loud.Temperature = graph.Scalar(-1)
		assert.ErrorContains(t, draw(loud.Sample(seed)), "temperature >= 0")
		require.NoError(t, loud.Temperature.Close())
	})
}

func TestKFACErrors(t *testing.T) {
	dev := gputest.Open(t)
	p, b := problem(t, dev)
	type mixed struct {
		L     nn.Linear
		Scale graph.Tensor
	}
	ll := func(z graph.Tensor, b batch) graph.Tensor { return logLikelihood(z, b) }
	err := initError(t, dev, laplace.KFAC(func(p mixed, b batch, linear curvature.LinearFunc) (graph.Tensor, none) {
		return linear(p.L, b.X).Mul(p.Scale), none{}
	}, ll, laplace.Config{}), mixed{p.Head, upload(t, dev, []float64{1})})
	require.ErrorIs(t, err, graph.ErrArgument)
	assert.ErrorContains(t, err, `".Scale"`)
	err = initError(t, dev, laplace.KFAC(func(w graph.Tensor, b batch, _ curvature.LinearFunc) (graph.Tensor, none) {
		return b.X.MatMul(w), none{}
	}, ll, laplace.Config{}), p.Head.W)
	assert.ErrorContains(t, err, "no linear layer")
	err = updateError(t, dev, laplace.KFAC(func(p model, b batch, _ curvature.LinearFunc) (graph.Tensor, none) {
		return p.Head.Apply(b.X), none{}
	}, ll, laplace.Config{}), p, b)
	assert.ErrorContains(t, err, "was not applied")
	err = updateError(t, dev, laplace.KFAC(func(p model, b batch, linear curvature.LinearFunc) (graph.Tensor, none) {
		return linear(nn.Linear{W: p.Head.W.Scale(2), B: p.Head.B}, b.X), none{}
	}, ll, laplace.Config{}), p, b)
	assert.ErrorContains(t, err, "none of params")
	square := nn.Linear{W: p.Head.W, B: upload(t, dev, []float64{1, 2})}
	err = initError(t, dev, laplace.KFAC(forward, ll, laplace.Config{}), model{square})
	require.ErrorIs(t, err, graph.ErrShape)
	assert.ErrorContains(t, err, `".Head"`)
}
