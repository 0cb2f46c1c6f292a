package distribution_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distmv"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	. "github.com/lavagrad/lavagrad/posterior/distribution"
	"github.com/lavagrad/lavagrad/vmap"
)

var (
	covariance = []float64{2, 0.5, -0.25, 0.5, 1, 0.125, -0.25, 0.125, 0.5}
	other      = []float64{1, 0.25, 0, 0.25, 2, -0.5, 0, -0.5, 1.5}
	loc        = []float64{1, -1, 0.5}
	points     = []float64{0, 0, 0, 1, 2, 3, -1, 0.5, 2, 1, -1, 0.5}
)

// forms are the three ways to a normal distribution with one covariance.
func forms(loc, c graph.Tensor) map[string]MultivariateNormal {
	l := linalg.Cholesky(c)
	return map[string]MultivariateNormal{
		"covariance": NewMultivariateNormal(loc, c),
		"precision":  NewMultivariateNormalPrecision(loc, linalg.CholeskyInverse(l)),
		"cholesky":   NewMultivariateNormalCholesky(loc, l),
		"negative":   NewMultivariateNormalCholesky(loc, l.Mul(graph.Literal([]float32{-1, 1, -1}))), // signs of columns
	}
}

// TestMultivariateNormal compares values and divergences with gonum's, and gradients by the covariance of the three forms with each other, on
// the device.
func TestMultivariateNormal(t *testing.T) {
	g, ok := distmv.NewNormal(loc, mat.NewSymDense(3, covariance), nil)
	require.True(t, ok)
	h, ok := distmv.NewNormal([]float64{0, 0, 1}, mat.NewSymDense(3, other), nil)
	require.True(t, ok)
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		type input struct{ Loc, C, D, X graph.Tensor }
		type result struct{ Log, KL, Entropy, Grad, Mapped, Cov graph.Tensor }
		got, err := graph.Jit(dev, func(in input) map[string]result {
			out := map[string]result{}
			q := NewMultivariateNormal(literal([]float64{0, 0, 1}), in.D)
			for name, d := range forms(in.Loc, in.C) {
				f := func(c graph.Tensor) graph.Tensor { return forms(in.Loc, c)[name].LogProb(in.X).Sum() }
				// A batch of matrices, each for its own point.
				each := vmap.Map2(func(c, x graph.Tensor) graph.Tensor { return forms(in.Loc, c)[name].LogProb(x) }, vmap.In(0, 0))
				c := in.C.BroadcastTo(4, 3, 3)
				out[name] = result{d.LogProb(in.X), KL(d, q), d.Entropy(), graph.Grad(f)(in.C), each(c, in.X), d.Covariance()}
			}
			batched := NewMultivariateNormal(in.Loc, in.C.BroadcastTo(4, 3, 3))
			out["batch"] = result{batched.LogProb(in.X), KL(batched, q).Index(0, 1), batched.Entropy().Index(0, 2),
				out["covariance"].Grad, out["covariance"].Mapped, batched.Covariance().Index(0, 3)}
			return out
		})(context.Background(), input{on(t, dev, loc), on(t, dev, covariance, 3, 3), on(t, dev, other, 3, 3), on(t, dev, points, 4, 3)})
		require.NoError(t, err)
		var grad []float64
		for name, r := range got {
			log, mapped := read(t, r.Log), read(t, r.Mapped)
			for i := range log {
				want := g.LogProb(points[3*i : 3*i+3])
				assert.InDelta(t, want, log[i], 1e-4, "%s: point %d", name, i)
				assert.InDelta(t, want, mapped[i], 1e-4, "%s: point %d, mapped", name, i)
			}
			assert.InDelta(t, distmv.KullbackLeibler{}.DistNormal(g, h), read(t, r.KL)[0], 1e-5, name)
			assert.InDelta(t, g.Entropy(), read(t, r.Entropy)[0], 1e-5, name)
			assert.InDeltaSlice(t, covariance, read(t, r.Cov), 1e-5, name)
			if b := read(t, r.Grad); grad == nil {
				grad = b
			} else {
				assert.InDeltaSlice(t, grad, b, 1e-3, name)
			}
		}
	})
}

// TestVectors compares the vector distributions with gonum's and with products of scalar ones.
func TestVectors(t *testing.T) {
	a := []float64{0.5, 2, 3.5}
	x := []float64{0.2, 0.3, 0.5, 0.001, 0.099, 0.9}
	got := reference(t, NewDirichlet(literal(a)).LogProb(literal(x, 2, 3)))
	for i := range 2 {
		assert.InDelta(t, distmv.NewDirichlet(a, nil).LogProb(x[3*i:3*i+3]), got[i], 1e-5)
	}
	// The Dirichlet distribution of two probabilities is a beta distribution.
	p, q := NewDirichlet(literal([]float64{2, 3})), NewDirichlet(literal([]float64{1, 0.5}))
	assert.InDelta(t, reference(t, NewBeta(2, 3).Entropy())[0], reference(t, p.Entropy())[0], 1e-9)
	assert.InDelta(t, reference(t, KL(NewBeta(2, 3), NewBeta(1, 0.5)))[0], reference(t, KL(p, q))[0], 1e-9)
	assert.InDelta(t, reference(t, NewBeta(2, 3).Variance())[0], reference(t, p.Variance())[0], 1e-9)

	// The multinomial distribution of two classes is a binomial one.
	m := NewMultinomial(5, literal([]float64{0.25, 0.75}))
	assert.InDelta(t, reference(t, NewBinomial(5, 0.25).LogProb(graph.Int(2)))[0],
		reference(t, m.LogProb(literal([]float64{2, 3})))[0], 1e-9)
	assert.InDelta(t, math.Log(6*0.2*0.3*0.5), reference(t, NewMultinomialLogits(3,
		literal([]float64{0.2, 0.3, 0.5}).Log().AddScalar(7)).LogProb(literal([]float64{1, 1, 1})))[0], 1e-6)
	assert.InDelta(t, reference(t, KL(NewBinomial(5, 0.25), NewBinomial(5, 0.5)))[0],
		reference(t, KL(m, NewMultinomial(5, literal([]float64{0.5, 0.5}))))[0], 1e-6)
	assert.InDeltaSlice(t, []float64{1.25, 3.75}, reference(t, m.Mean()), 1e-6)
	assert.InDeltaSlice(t, []float64{0.9375, 0.9375}, reference(t, m.Variance()), 1e-6)

	assert.InDeltaSlice(t, []float64{0.75, 1}, reference(t, NewBinomial(graph.Literal([]float32{3, 4}).AsInt(), 0.25).Mean()), 1e-7)

	// Independent sums what it makes part of the event.
	d := NewIndependent(NewNormal(literal([]float64{0, 1, 2}), literal([]float64{1, 2, 3})), 1)
	assert.Equal(t, graph.Shape{3}, d.EventShape())
	assert.Equal(t, graph.Shape{}, d.BatchShape())
	each := reference(t, d.Base.LogProb(literal([]float64{1, 1, 1})))
	assert.InDelta(t, each[0]+each[1]+each[2], reference(t, d.LogProb(literal([]float64{1, 1, 1})))[0], 1e-9)

	// Components of different supports, checks off.
	steps := NewMixture(NewCategorical(literal([]float64{0.25, 0.75})), NewUniform(literal([]float64{0, 1}), literal([]float64{1, 3})))
	_, err := graph.Reference(context.Background(), steps.LogProb(graph.Scalar(2)))
	assert.ErrorContains(t, err, "Uniform: value in [low, high] is false for element [0]")

	// A mixture of vectors.
	c := NewMultivariateNormalCholesky(literal([]float64{0, 0, 3, 1}, 2, 2), graph.Eye(2))
	mix := NewMixture(NewCategorical(literal([]float64{0.25, 0.75})), c)
	at := []float64{1, 1}
	near := reference(t, c.LogProb(literal([]float64{1, 1}, 1, 2)))
	assert.InDelta(t, math.Log(0.25*math.Exp(near[0])+0.75*math.Exp(near[1])), reference(t, mix.LogProb(literal(at)))[0], 1e-7)
	assert.InDeltaSlice(t, []float64{2.25, 0.75}, reference(t, mix.Mean()), 1e-6)
	assert.InDeltaSlice(t, []float64{1 + 9*0.1875, 1 + 0.1875}, reference(t, mix.Variance()), 1e-6)
}

// TestMixtureOfSteps: with checks off a mixture of uniform distributions is a step function.
func TestMixtureOfSteps(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		y, err := graph.Jit(dev, func(x graph.Tensor) graph.Tensor {
			d := NewMixture(NewCategorical(literal([]float64{0.25, 0.75})), NewUniform(literal([]float64{0, 1}), literal([]float64{1, 3})))
			return d.LogProb(x).Exp()
		}, graph.WithoutChecks())(context.Background(), on(t, dev, []float64{-1, 0.5, 2, 4}))
		require.NoError(t, err)
		assert.InDeltaSlice(t, []float64{0, 0.25, 0.375, 0}, read(t, y), 1e-6)
	})
}
