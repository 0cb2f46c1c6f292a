package distribution_test

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
	"github.com/lavagrad/lavagrad/posterior/bijection"
	. "github.com/lavagrad/lavagrad/posterior/distribution"
	"github.com/lavagrad/lavagrad/vmap"
)

var nan = math.NaN()

// TestWrongArguments: every constraint of every distribution, by what its error says. The evaluator runs the same checks.
func TestWrongArguments(t *testing.T) {
	zero, one := graph.Scalar(0), graph.Scalar(1)
	v := func(x ...float64) graph.Tensor { return literal(x) }
	m := func(x ...float64) graph.Tensor { return literal(x, 2, 2) }
	for want, f := range map[string]func() graph.Tensor{
		"Normal: scale > 0 is false":                          func() graph.Tensor { return NewNormal(0, -1).LogProb(zero) },
		"Normal: scale > 0 is false for element [1]":          func() graph.Tensor { return NewNormal(0, v(1, 0, 2)).LogProb(zero) },
		"Normal: loc is finite is false":                      func() graph.Tensor { return NewNormal(math.Inf(1), 1).LogProb(zero) },
		"Normal: value is not NaN is false for element [2]":   func() graph.Tensor { return NewNormal(0, 1).LogProb(v(0, 1, nan)) },
		"HalfNormal: scale > 0 is false":                      func() graph.Tensor { return NewHalfNormal(nan).LogProb(one) },
		"HalfNormal: value >= 0 is false for element [0]":     func() graph.Tensor { return NewHalfNormal(1).LogProb(v(-1, 1)) },
		"HalfCauchy: scale > 0 is false":                      func() graph.Tensor { return NewHalfCauchy(0).LogProb(one) },
		"HalfCauchy: value >= 0 is false":                     func() graph.Tensor { return NewHalfCauchy(1).LogProb(v(-1)) },
		"LogNormal: scale > 0 is false":                       func() graph.Tensor { return NewLogNormal(0, -2).LogProb(one) },
		"LogNormal: loc is finite is false":                   func() graph.Tensor { return NewLogNormal(nan, 2).LogProb(one) },
		"LogNormal: value > 0 is false":                       func() graph.Tensor { return NewLogNormal(0, 2).LogProb(zero) },
		"Laplace: loc is finite is false":                     func() graph.Tensor { return NewLaplace(nan, 2).LogProb(zero) },
		"Laplace: scale > 0 is false":                         func() graph.Tensor { return NewLaplace(0, 0).LogProb(zero) },
		"Exponential: rate > 0 is false":                      func() graph.Tensor { return NewExponential(-1).LogProb(one) },
		"Exponential: value >= 0 is false for element [1]":    func() graph.Tensor { return NewExponential(1).LogProb(v(1, -1)) },
		"Uniform: high > low is false for element [1]":        func() graph.Tensor { return NewUniform(v(0, 1), v(1, 1)).LogProb(one) },
		"Uniform: low is finite is false":                     func() graph.Tensor { return NewUniform(math.Inf(-1), 1).LogProb(one) },
		"Uniform: high is finite is false":                    func() graph.Tensor { return NewUniform(0, nan).LogProb(one) },
		"Uniform: value in [low, high] is false":              func() graph.Tensor { return NewUniform(0, 0.5).LogProb(one) },
		"StudentT: df > 0 is false":                           func() graph.Tensor { return NewStudentT(0, 0, 1).LogProb(one) },
		"StudentT: loc is finite is false":                    func() graph.Tensor { return NewStudentT(1, nan, 1).LogProb(one) },
		"StudentT: scale > 0 is false":                        func() graph.Tensor { return NewStudentT(1, 0, -1).LogProb(one) },
		"Gamma: concentration > 0 is false":                   func() graph.Tensor { return NewGamma(-1, 1).LogProb(one) },
		"Gamma: rate > 0 is false":                            func() graph.Tensor { return NewGamma(1, 0).LogProb(one) },
		"Gamma: value > 0 is false":                           func() graph.Tensor { return NewGamma(1, 1).LogProb(zero) },
		"Beta: a > 0 is false":                                func() graph.Tensor { return NewBeta(0, 1).LogProb(v(0.5)) },
		"Beta: b > 0 is false":                                func() graph.Tensor { return NewBeta(1, nan).LogProb(v(0.5)) },
		"Beta: value in (0, 1) is false":                      func() graph.Tensor { return NewBeta(1, 1).LogProb(one) },
		"Bernoulli: p in [0, 1] is false":                     func() graph.Tensor { return NewBernoulli(1.5).LogProb(one) },
		"Bernoulli: logits is not NaN is false":               func() graph.Tensor { return NewBernoulliLogits(nan).LogProb(one) },
		"Bernoulli: value is 0 or 1 is false":                 func() graph.Tensor { return NewBernoulli(0.5).LogProb(v(0.5)) },
		"Binomial: total is an integer >= 0 is false":         func() graph.Tensor { return NewBinomial(2.5, 0.5).LogProb(one) },
		"Binomial: p in [0, 1] is false":                      func() graph.Tensor { return NewBinomial(2, -0.5).LogProb(one) },
		"Binomial: value is an integer in [0, total] is":      func() graph.Tensor { return NewBinomial(2, 0.5).LogProb(graph.Int(3)) },
		"Binomial: total equal in both, for KL is false":      func() graph.Tensor { return KL(NewBinomial(2, 0.5), NewBinomial(3, 0.5)) },
		"Poisson: rate >= 0 is false":                         func() graph.Tensor { return NewPoisson(-1).LogProb(one) },
		"Poisson: value is an integer >= 0 is false":          func() graph.Tensor { return NewPoisson(1).LogProb(v(1.5)) },
		"Categorical: probs is in the simplex":                func() graph.Tensor { return NewCategorical(v(0.5, 0.4)).LogProb(zero) },
		"sum 1 is false for element [1]":                      func() graph.Tensor { return NewCategorical(m(0.5, 0.5, 1.5, -0.5)).LogProb(zero) },
		"Categorical: logits is not NaN is false":             func() graph.Tensor { return NewCategoricalLogits(v(0.5, nan)).LogProb(zero) },
		"Categorical: value is an integer in [0, n-1] is":     func() graph.Tensor { return NewCategorical(v(0.5, 0.5)).LogProb(graph.Int(2)) },
		"Multinomial: probs is in the simplex":                func() graph.Tensor { return NewMultinomial(1, v(0.5, 0.4)).LogProb(v(1, 0)) },
		"Multinomial: total is an integer >= 0 is false":      func() graph.Tensor { return NewMultinomial(-1, v(0.5, 0.5)).LogProb(v(1, 0)) },
		"Multinomial: value is of integers >= 0 with sum":     func() graph.Tensor { return NewMultinomial(1, v(0.5, 0.5)).LogProb(v(1, 1)) },
		"Dirichlet: concentration > 0 is false for element":   func() graph.Tensor { return NewDirichlet(v(1, 0)).LogProb(v(0.5, 0.5)) },
		"Dirichlet: value is in the open simplex":             func() graph.Tensor { return NewDirichlet(v(1, 1)).LogProb(v(0.5, 0.6)) },
		"MultivariateNormal: covariance is positive definite": func() graph.Tensor { return NewMultivariateNormal(v(0, 0), m(1, 2, 2, 1)).LogProb(v(0, 0)) },
		"MultivariateNormal: covariance is symmetric":         func() graph.Tensor { return NewMultivariateNormal(v(0, 0), m(1, 0.5, 0, 1)).LogProb(v(0, 0)) },
		"MultivariateNormal: precision is positive definite":  func() graph.Tensor { return NewMultivariateNormalPrecision(v(0, 0), m(1, 1, 1, 1)).LogProb(v(0, 0)) },
		"MultivariateNormal: precision is symmetric is false": func() graph.Tensor {
			return NewMultivariateNormalPrecision(v(0, 0), m(1, nan, nan, 1)).LogProb(v(0, 0))
		},
		"MultivariateNormal: Cholesky factor has a finite": func() graph.Tensor { return NewMultivariateNormalCholesky(v(0, 0), m(1, 0, 1, 0)).LogProb(v(0, 0)) },
		"MultivariateNormal: loc is finite is false":       func() graph.Tensor { return NewMultivariateNormal(v(0, nan), m(1, 0, 0, 1)).LogProb(v(0, 0)) },
		"MultivariateNormal: value is not NaN is false":    func() graph.Tensor { return NewMultivariateNormal(v(0, 0), m(1, 0, 0, 1)).LogProb(v(0, nan)) },
		"Transformed: value > 0 is false":                  func() graph.Tensor { return NewTransformed(NewNormal(0, 1), bijection.Exp{}).LogProb(zero) },
		"is false for element [1]":                         func() graph.Tensor { return NewNormal(0, 1).KL(NewNormal(0, v(1, -1))) },
		"Normal: scale > 0 is false for element [0]":       func() graph.Tensor { return NewNormal(0, v(-1, 1)).Sample(random.NewKey(1), 3) },
	} {
		_, err := graph.Reference(context.Background(), f())
		assert.ErrorIs(t, err, graph.ErrCheck, want)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "distribution/arguments_test.go", want)
	}
}

// TestWrongShapes: what can be seen without values is an error when the graph is built.
func TestWrongShapes(t *testing.T) {
	v := func(x ...float64) graph.Tensor { return literal(x) }
	cat := NewCategorical(v(0.5, 0.5))
	for want, f := range map[string]func(){
		"Normal":               func() { NewNormal(v(0, 1), v(1, 2, 3)) },
		"scale is int32":       func() { NewNormal(0, graph.Int(1)) },
		"scale is the zero":    func() { NewNormal(0, graph.Tensor{}) },
		"value is the zero":    func() { NewNormal(0, 1).LogProb(graph.Tensor{}) },
		"want [... 2]":         func() { NewDirichlet(v(1, 1)).LogProb(v(1)) },
		"covariance is":        func() { NewMultivariateNormal(v(1, 1), literal(make([]float64, 6), 2, 3)) },
		"loc is float32[3]":    func() { NewMultivariateNormal(v(1, 1, 1), graph.Eye(2)) },
		"want [... [2]]":       func() { NewIndependent(NewNormal(v(0, 0), 1), 1).LogProb(v(1)) },
		"rank is 2":            func() { NewIndependent(NewNormal(v(0, 0), 1), 2) },
		"batch shape is [3]":   func() { NewMixture(cat, NewNormal(v(0, 0, 0), 1)) },
		"no mean and variance": func() { NewMixture(cat, NewHalfCauchy(v(1, 1))).Mean() },
		"no entropy":           func() { NewIndependent(NewMultinomial(3, literal([]float64{0.5, 0.5, 0.5, 0.5}, 2, 2)), 1).Entropy() },
		"the base has 0":       func() { NewTransformed(NewNormal(0, 1), bijection.Simplex{}) },
		"no class":             func() { NewCategorical(v()) },
		"want 1 axes or more":  func() { NewCategorical(graph.Scalar(1)) },
		"lengths 2 and 3": func() {
			KL(NewMultivariateNormal(v(1, 1), graph.Eye(2)), NewMultivariateNormal(v(1, 1, 1), graph.Eye(3)))
		},
		"Float32, scale Float64": func() { NewNormal(v(0), graph.Full(graph.Float64, 1)) },
	} {
		err := graph.Try(f)
		if want == "Float32, scale Float64" {
			assert.ErrorIs(t, err, graph.ErrDType)
			continue
		}
		assert.ErrorContains(t, err, want)
	}
}

// TestChecksUnderTransforms: an error under grad, vmap, Jit and Scan names distribution, argument, constraint and sample; without checks the call
// goes through, and what is outside of the support has log density -Inf and gradient 0.
func TestChecksUnderTransforms(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		x := on(t, dev, []float64{1, 2, -3, 4})
		byValue := func(x graph.Tensor) graph.Tensor { return NewExponential(2).LogProb(x) }
		byScale := func(s graph.Tensor) graph.Tensor { return NewNormal(0, s).LogProb(graph.Scalar(1)) }
		scanned := func(f func(graph.Tensor) graph.Tensor) func(graph.Tensor) graph.Tensor {
			return func(x graph.Tensor) graph.Tensor {
				_, y := graph.Scan(func(c, x graph.Tensor) (graph.Tensor, graph.Tensor) { return c, f(x) }, graph.Scalar(0), x)
				return y
			}
		}
		tangent := func(f func(graph.Tensor) graph.Tensor) func(graph.Tensor) graph.Tensor {
			return func(x graph.Tensor) graph.Tensor {
				_, d := graph.JVP(f, x, graph.Scalar(1))
				return d
			}
		}
		for name, c := range map[string]struct {
			f    func(graph.Tensor) graph.Tensor
			want string
		}{
			"value":           {vmap.Map(byValue), "Exponential: value >= 0 is false for sample [2]"},
			"gradient":        {vmap.Map(graph.Grad(byValue)), "Exponential: value >= 0 is false for sample [2]"},
			"tangent":         {vmap.Map(tangent(byValue)), "Exponential: value >= 0 is false for sample [2]"},
			"argument":        {vmap.Map(byScale), "Normal: scale > 0 is false for sample [2]"},
			"its gradient":    {vmap.Map(graph.Grad(byScale)), "Normal: scale > 0 is false for sample [2]"},
			"second order":    {vmap.Map(graph.Grad(graph.Grad(byScale))), "Normal: scale > 0 is false for sample [2]"},
			"scan":            {scanned(byScale), "Normal: scale > 0 is false"},
			"scan's gradient": {graph.Grad(func(x graph.Tensor) graph.Tensor { return scanned(byScale)(x).Sum() }), "Normal: scale > 0 is false"},
		} {
			_, err := graph.Jit(dev, c.f)(ctx, x)
			assert.ErrorIs(t, err, graph.ErrCheck, name)
			assert.ErrorContains(t, err, c.want, name)
			y, err := graph.Jit(dev, c.f, graph.WithoutChecks())(ctx, x)
			require.NoError(t, err, name)
			got := read(t, y)
			switch name {
			case "value":
				assert.InDeltaSlice(t, []float64{math.Ln2 - 2, math.Ln2 - 4}, got[:2], 1e-6)
				assert.True(t, math.IsInf(got[2], -1))
			case "gradient":
				assert.Equal(t, []float64{-2, -2, 0, -2}, got)
			}
		}
		// A distribution is a tree: it may be an argument of compiled and of mapped functions.
		d, at := NewNormal(on(t, dev, []float64{0, 1}), on(t, dev, []float64{1, 2})), on(t, dev, []float64{0.5, 0.5})
		y, err := graph.Jit2(dev, vmap.Map2(func(d Normal, x graph.Tensor) graph.Tensor { return d.LogProb(x) }, vmap.In(0, 0)))(ctx, d, at)
		require.NoError(t, err)
		require.NoError(t, graph.Close(d))
		assert.InDeltaSlice(t, []float64{-1.0439385, -1.6433357}, read(t, y), 1e-5)
	})
}
