package bijection_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/bijection"
	"github.com/lavagrad/lavagrad/posterior/distribution"
)

type params struct {
	Mu  graph.Tensor
	Tau graph.Tensor
	W   []graph.Tensor
}

var model = map[string]bijection.Bijection{".Tau": bijection.Exp{}, ".W[0]": bijection.Simplex{}}

func constrained() params {
	return params{graph.Scalar(1), graph.Scalar(2), []graph.Tensor{literal([]float64{0.2, 0.3, 0.5}), literal([]float64{-1, 1})}}
}

// TestParams: named leaves go to real numbers and back, others stay, and the log posterior has the volume change by its weight.
func TestParams(t *testing.T) {
	p := constrained()
	r, err := bijection.ForParams(p, model)
	require.NoError(t, err)
	u := r.Unconstrain(p)
	assert.Equal(t, graph.Shape{2}, u.W[0].Shape())
	assert.InDelta(t, math.Ln2, reference(t, u.Tau)[0], 1e-7)
	back := r.Constrain(u)
	assert.InDelta(t, 2, reference(t, back.Tau)[0], 1e-6)
	assert.InDeltaSlice(t, []float64{0.2, 0.3, 0.5}, reference(t, back.W[0]), 1e-6)
	assert.Equal(t, reference(t, p.W[1]), reference(t, back.W[1]))
	det := reference(t, bijection.Exp{}.LogDet(u.Tau))[0] + reference(t, bijection.Simplex{}.LogDet(u.W[0]))[0]
	assert.InDelta(t, det, reference(t, r.LogDet(u))[0], 1e-6)

	posterior := func(p params, x graph.Tensor) (graph.Tensor, graph.Tensor) {
		return distribution.NewGamma(2, 1).LogProb(p.Tau).Add(p.Mu.Mul(x)), x
	}
	f := bijection.LogPosterior(r, posterior, 0.25)
	y, aux := f(u, graph.Scalar(3))
	plain, _ := posterior(p, graph.Scalar(3))
	assert.InDelta(t, reference(t, plain)[0]+0.25*det, reference(t, y)[0], 1e-6)
	assert.Equal(t, []float64{3}, reference(t, aux))
	// Gamma(2, 1) of exp(u): d/du (log density + u) = 2 - exp(u).
	g := graph.Grad(func(u params) graph.Tensor {
		y, _ := bijection.LogPosterior(r, posterior, 1)(u, graph.Scalar(3))
		return y
	})(u)
	assert.InDelta(t, 0, reference(t, g.Tau)[0], 1e-5)
}

func TestParamsWrongInput(t *testing.T) {
	_, err := bijection.ForParams(constrained(), map[string]bijection.Bijection{".Sigma": bijection.Exp{}})
	assert.ErrorIs(t, err, graph.ErrArgument)
	assert.ErrorContains(t, err, `no leaf ".Sigma"`)
	_, err = bijection.ForParams(constrained(), map[string]bijection.Bijection{".Tau": nil})
	assert.ErrorContains(t, err, `".Tau" is nil`)
	r, err := bijection.ForParams(constrained(), model)
	require.NoError(t, err)
	bad := constrained()
	bad.Tau = graph.Scalar(-1)
	_, err = graph.Reference(context.Background(), r.Unconstrain(bad).Tau)
	assert.ErrorIs(t, err, graph.ErrCheck)
	assert.ErrorContains(t, err, "parameters: .Tau > 0")
}

// A scale parameter is sampled on the scale of its logarithm; the log posterior has the volume change added.
func ExampleLogPosterior() {
	type params struct{ Mu, Tau graph.Tensor }
	logPosterior := func(p params, x graph.Tensor) (graph.Tensor, struct{}) {
		prior := distribution.NewHalfCauchy(5).LogProb(p.Tau)
		return prior.Add(distribution.NewNormal(p.Mu, p.Tau).LogProb(x).Sum()), struct{}{}
	}
	start := params{graph.Scalar(0), graph.Scalar(1)}
	r, err := bijection.ForParams(start, map[string]bijection.Bijection{".Tau": bijection.Exp{}})
	if err != nil {
		log.Fatal(err)
	}
	real := bijection.LogPosterior(r, logPosterior, 1)
	u := r.Unconstrain(start)
	y, _ := real(u, graph.Literal([]float32{1, 2, 3}))
	v, err := y.Float(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", v)
	// Output: -11.8571
}
