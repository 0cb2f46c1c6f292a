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
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/distribution"
	"github.com/lavagrad/lavagrad/posterior/internal/transformtest"
	"github.com/lavagrad/lavagrad/posterior/laplace"
	"github.com/lavagrad/lavagrad/vmap"
)

// what an approximation must do, with numbers from loops in float64.
type want struct {
	start, once []float64 // precision before and after a batch; nil where draws decide
	rounding    float64
	logP        float64 // NaN where draws decide
}

// view is the state of any of them: swapping the algorithm is a line.
type view struct {
	laplace.State[model, aux]
	precision []graph.Tensor
}

func diagView(s laplace.DiagState[model, aux]) view { return view{s.State, head(s.Precision)} }
func denseView(s laplace.DenseState[model, aux]) view {
	return view{s.State, []graph.Tensor{s.Precision}}
}
func kfacView(s laplace.KFACState[model, aux]) view {
	return view{s.State, []graph.Tensor{s.Layers[0].A, s.Layers[0].G}}
}

func TestApproximations(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		fisher, ggn, ll := matrices()
		n := float64(len(ys))
		prior := 0.0
		for _, v := range theta {
			prior -= decay / 2 * v * v
		}
		logP := ll/n + prior
		zero, chunked := laplace.Config{}, laplace.Config{Precision: 0.5, Chunk: 2}
		t.Run("diag fisher", func(t *testing.T) {
			holds(t, dev, laplace.DiagFisher(logPosterior, chunked), diagView,
				want{diagonal(plus(0, fisher, 0.5)), diagonal(plus(1, fisher, 0.5)), 1e-5, logP})
		})
		t.Run("diag fisher per sample", func(t *testing.T) {
			holds(t, dev, laplace.DiagFisher(logPosteriors, laplace.Config{PerSample: true}), diagView,
				want{diagonal(plus(0, fisher, 0)), diagonal(fisher), 1e-5, n * logP})
		})
		t.Run("dense fisher", func(t *testing.T) {
			holds(t, dev, laplace.DenseFisher(logPosterior, chunked), denseView,
				want{dense(plus(0, fisher, 0.5)), dense(plus(1, fisher, 0.5)), 1e-5, logP})
		})
		t.Run("diag ggn", func(t *testing.T) {
			holds(t, dev, laplace.DiagGGN(plain, logLikelihood, chunked), diagView,
				want{diagonal(plus(0, ggn, 0.5)), diagonal(plus(1, ggn, 0.5)), 1e-5, ll})
		})
		t.Run("dense ggn", func(t *testing.T) {
			holds(t, dev, laplace.DenseGGN(plain, logLikelihoods, laplace.Config{PerSample: true}), denseView,
				want{dense(plus(0, ggn, 0)), dense(ggn), 1e-5, ll})
		})
		t.Run("dense hessian", func(t *testing.T) {
			holds(t, dev, laplace.DenseHessian(logPosterior, laplace.HessianConfig{Precision: 0.25, Rescale: n, Epsilon: 0.125}), denseView,
				want{dense(plus(0, ggn, 0.25)), dense(plus(1, ggn, n*decay+0.25+0.125)), 1e-5, logP})
		})
		// The Fisher matrix of drawn labels has the GGN as its expectation; of 4,000 draws it is within some percent.
		t.Run("diag true fisher", func(t *testing.T) {
			holds(t, dev, laplace.DiagTrueFisher(plain, distribution.NewCategoricalLogits, laplace.Config{Draws: 4000}), diagView,
				want{diagonal(plus(0, ggn, 0)), diagonal(ggn), 0.04, math.NaN()})
		})
		t.Run("dense true fisher", func(t *testing.T) {
			holds(t, dev, laplace.DenseTrueFisher(plain, distribution.NewCategoricalLogits, laplace.Config{Draws: 4000, Chunk: 3}), denseView,
				want{dense(plus(0, ggn, 0)), dense(ggn), 0.04, math.NaN()})
		})
		t.Run("kfac", func(t *testing.T) {
			a, g := kroneckerReference()
			holds(t, dev, laplace.KFAC(forward, logLikelihood, zero), kfacView,
				want{make([]float64, 18), append(a, g...), 1e-5, ll})
		})
	})
}

// kroneckerReference are the factors over all samples.
func kroneckerReference() (a, g []float64) {
	a, g = make([]float64, 9), make([]float64, 9)
	for n := range xs {
		x, p, _ := reference(n)
		for i := range 3 {
			for j := range 3 {
				a[3*i+j] += x[i] * x[j]
				g[3*i+j] -= p[i] * p[j]
			}
			g[4*i] += p[i]
		}
	}
	return a, g
}

func holds[S posterior.Sampler[model]](t *testing.T, dev *gpu.Device, transform *posterior.Transform[model, batch, S], look func(S) view, w want) {
	ctx := context.Background()
	p, b := problem(t, dev)
	seed := random.NewKey(7)
	state, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	v := look(state)
	assert.Equal(t, w.start, values(t, v.precision...))
	assert.True(t, math.IsNaN(values(t, v.LogPosterior)[0]))
	assert.Nil(t, v.Aux)

	once, err := transform.Update(ctx, state, b)
	require.NoError(t, err)
	twice, err := transform.Update(ctx, once, b)
	require.NoError(t, err)
	v1, v2 := look(once), look(twice)
	got1, got2 := values(t, v1.precision...), values(t, v2.precision...)
	for i, x := range w.once {
		assert.InDelta(t, x, got1[i], w.rounding*(1+math.Abs(x)), "precision, element %d", i)
		assert.InDelta(t, 2*x-w.start[i], got2[i], 2*w.rounding*(1+math.Abs(x)), "each batch adds: element %d", i)
	}
	if !math.IsNaN(w.logP) {
		assert.InDelta(t, w.logP, values(t, v1.LogPosterior)[0], 1e-4)
	}
	assert.Equal(t, theta, values(t, head(v2.Params)...), "params stay")
	require.NotNil(t, v1.Aux)
	assert.Equal(t, graph.Shape{len(ys), 3}, v1.Aux.Logits.Shape())
	count, err := v2.Count.Ints(ctx)
	require.NoError(t, err)
	assert.Equal(t, []int32{2}, count)
	assert.Equal(t, w.start, values(t, look(state).precision...), "a pure update leaves its argument")

	// In place: the same bits in the same tensors, and no memory but the aux.
	over := state
	update := func() gpu.Stats {
		over, err = transform.Update(ctx, over, b, posterior.InPlace)
		require.NoError(t, err)
		before, after := look(state), look(over)
		assert.Equal(t, before.precision, after.precision, "the same tensors")
		assert.True(t, before.Params == after.Params && before.Count == after.Count && before.LogPosterior == after.LogPosterior)
		require.NoError(t, graph.Close(*after.Aux))
		require.NoError(t, dev.Wait(ctx)) // an array lives until the device is done with it
		return dev.Stats()
	}
	first := update()
	second := update() // the programs' arena has been allocated
	assert.Equal(t, first.LiveArrays, second.LiveArrays)
	assert.Equal(t, got2, values(t, look(over).precision...))
	assert.Equal(t, got2, values(t, look(state).precision...), "the old handle sees the new value")
	third := update()
	assert.Equal(t, second.LiveArrays, third.LiveArrays)
	assert.Equal(t, second.LiveBytes, third.LiveBytes)

	// Many models at once: each is what it is alone.
	transformtest.Chains(t, dev, transform, func(i int) model {
		return posterior.Map("test", func(x []graph.Tensor) graph.Tensor { return x[0].Scale(1 - 0.25*float64(i)) }, p)
	}, b, 2, 1e-4)

	// Draws have the sample shape in front of every leaf's shape.
	if w.start[0] > 0 {
		draws, err := graph.Jit(dev, func(s S) model { return s.Sample(random.NewKey(3), 2, 5) })(ctx, once)
		require.NoError(t, err)
		assert.Equal(t, graph.Shape{2, 5, 2, 3}, draws.Head.W.Shape())
		assert.Equal(t, graph.Shape{2, 5, 3}, draws.Head.B.Shape())
		require.NoError(t, graph.Close(draws))
	}
	require.NoError(t, graph.Close([]S{once, twice}))
	bare := transform.Bare(over)
	require.NoError(t, graph.Close(bare))
	require.NoError(t, graph.Close(seed))
}

// Under linear regression with known noise Laplace is exact: the precision is X'X / noise^2 + prior, by GGN and Hessian, whatever the parameters.
func TestLinearRegressionIsExact(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		const noise, tau = 0.5, 2.0
		_, b := problem(t, dev)
		w := upload(t, dev, []float64{1, -1})
		f := func(w graph.Tensor, b batch) (graph.Tensor, none) { return b.X.MatMul(w), none{} }
		ll := func(z graph.Tensor, b batch) graph.Tensor {
			return z.Sub(b.Y.Index(1, 0)).Square().Sum().Scale(-0.5 / (noise * noise))
		}
		var want [4]float64
		want[0], want[3] = tau, tau
		for _, x := range xs {
			for i := range 2 {
				for j := range 2 {
					want[2*i+j] += x[i] * x[j] / (noise * noise)
				}
			}
		}
		seed := random.NewKey(1)
		check := func(transform *posterior.Transform[graph.Tensor, batch, laplace.DenseState[graph.Tensor, none]]) {
			s, err := transform.Init(ctx, dev, w, seed)
			require.NoError(t, err)
			s, err = transform.Update(ctx, s, b, posterior.InPlace)
			require.NoError(t, err)
			assert.InDeltaSlice(t, want[:], values(t, s.Precision), 1e-4)
			require.NoError(t, graph.Close(s))
		}
		check(laplace.DenseGGN(f, ll, laplace.Config{Precision: tau}))
		check(laplace.DenseGGN(f, ll, laplace.Config{Precision: upload(t, dev, []float64{tau, tau})}))
		check(laplace.DenseGGN(f, ll, laplace.Config{Precision: upload(t, dev, []float64{tau, 0, 0, tau}, 2, 2)}))
		check(laplace.DenseHessian(func(w graph.Tensor, b batch) (graph.Tensor, none) {
			z, _ := f(w, b)
			return ll(z, b).Sub(w.Square().Sum().Scale(tau / 2)), none{}
		}, laplace.HessianConfig{}))
		require.NoError(t, graph.Close(seed))
	})
}

// The precision is differentiable by the parameters, and Update composes with maps over batches.
func TestComposes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		transform := laplace.DiagFisher(func(w, x graph.Tensor) (graph.Tensor, none) {
			return w.Square().Mul(x).Sum(), none{} // gradient 2 w x
		}, laplace.Config{})
		precision := func(w, x graph.Tensor) graph.Tensor {
			return transform.Step(transform.Start(w, random.NewKey(0)), x).Precision
		}
		type result struct{ Slope, Each graph.Tensor }
		out, err := graph.Jit2(dev, func(w, x graph.Tensor) result {
			return result{
				graph.Grad2(func(w, x graph.Tensor) graph.Tensor { return precision(w, x).Sum() })(w, x),
				vmap.Map(func(x graph.Tensor) graph.Tensor { return precision(w, x.ExpandDims(0)) })(x),
			}
		})(ctx, upload(t, dev, []float64{3}), upload(t, dev, []float64{1, 2}, 2, 1))
		require.NoError(t, err)
		assert.InDeltaSlice(t, []float64{8 * 3 * (1 + 4)}, values(t, out.Slope), 1e-3) // d/dw of 4 w^2 (1 + 4)
		assert.InDeltaSlice(t, []float64{36, 144}, values(t, out.Each), 1e-3)
		require.NoError(t, graph.Close(out))
	})
}

func TestWithAux(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	p, b := problem(t, dev)
	seed := random.NewKey(1)
	transform := laplace.KFAC(forward, logLikelihood, laplace.Config{})
	first, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	s, err := transform.Update(ctx, first, b)
	require.NoError(t, err)
	other := s.WithAux(aux{upload(t, dev, []float64{1})})
	assert.True(t, other.Params == s.Params && other.Layers[0] == s.Layers[0])
	assert.Equal(t, []float64{1}, values(t, other.Aux.Logits))
	assert.Len(t, values(t, s.Aux.Logits), 15, "the original's aux stays")
	require.NoError(t, graph.Close([]laplace.KFACState[model, aux]{first, s}))
	require.NoError(t, graph.Close(seed))
}
