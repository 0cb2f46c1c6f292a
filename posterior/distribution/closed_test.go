package distribution_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/graph"
	. "github.com/lavagrad/lavagrad/posterior/distribution"
)

// closed compares the closed forms of two members of a family with sums over a grid of the float64 evaluator's densities.
type closed struct {
	p, q Distribution
	kl   func() graph.Tensor // nil: no closed form
	// The grid: integers for discrete families, otherwise x = at(t) with slope(t) for t from low to high.
	low, high float64
	discrete  bool
	at, slope func(t float64) float64
}

func pair[D interface {
	Distribution
	KL(q D) graph.Tensor
}](p, q D, low, high float64) closed {
	return closed{p: p, q: q, kl: func() graph.Tensor { return KL(p, q) }, low: low, high: high}
}

func (c closed) counts() closed { c.discrete = true; return c }

// positive has the grid on a logarithmic scale.
func (c closed) positive() closed { c.at, c.slope = math.Exp, math.Exp; return c }

// unit has the grid between 0 and 1 on the scale of logits.
func (c closed) unit() closed {
	c.at = func(t float64) float64 { return 1 / (1 + math.Exp(-t)) }
	c.slope = func(t float64) float64 { return c.at(t) * c.at(-t) }
	return c
}

var closedForms = map[string]closed{
	"normal":      pair(NewNormal(1, 2), NewNormal(0.5, 3), -20, 20),
	"half normal": pair(NewHalfNormal(2), NewHalfNormal(3), -20, 4).positive(),
	"half cauchy": pair(NewHalfCauchy(2), NewHalfCauchy(3), -20, 25).positive(),
	"log normal":  pair(NewLogNormal(0.3, 0.5), NewLogNormal(0.2, 0.7), -6, 6).positive(),
	"laplace":     pair(NewLaplace(1, 2), NewLaplace(0.5, 3), -60, 60),
	"exponential": pair(NewExponential(2), NewExponential(3), -20, 4).positive(),
	"uniform":     pair(NewUniform(-1, 1), NewUniform(-2, 2), -0.9999, 0.9999),
	"gamma":       pair(NewGamma(2.5, 2), NewGamma(3, 1.5), -15, 4).positive(),
	"beta":        pair(NewBeta(2.5, 1.5), NewBeta(1.2, 3), -15, 15).unit(),
	"student t":   {p: NewStudentT(5, 1, 2), low: -300, high: 300},
	"bernoulli":   pair(NewBernoulli(0.3), NewBernoulli(0.6), 0, 1).counts(),
	"categorical": pair(NewCategorical(graph.Literal([]float32{0.2, 0.3, 0.5})), NewCategorical(graph.Literal([]float32{0.1, 0.6, 0.3})), 0, 2).counts(),
	"poisson":     pair(NewPoisson(3), NewPoisson(5), 0, 60).counts(),
	"binomial":    pair(NewBinomial(20, 0.3), NewBinomial(20, 0.6), 0, 20).counts(),
	"independent": pair(NewIndependent(NewNormal(1, 2), 0), NewIndependent(NewNormal(0.5, 3), 0), -20, 20),
	"mixture": {p: NewMixture(NewCategorical(graph.Literal([]float32{0.25, 0.75})),
		NewNormal(graph.Literal([]float32{-1, 2}), graph.Literal([]float32{1, 0.5}))), low: -12, high: 12},
}

// TestClosedForms: densities integrate to 1, and means, variances, entropies and divergences are their integrals.
func TestClosedForms(t *testing.T) {
	const n = 8000
	for name, c := range closedForms {
		var x, weight []float64
		if c.discrete {
			for k := c.low; k <= c.high; k++ {
				x, weight = append(x, k), append(weight, 1)
			}
		} else {
			if c.at == nil {
				c.at, c.slope = func(t float64) float64 { return t }, func(float64) float64 { return 1 }
			}
			for i := range n {
				u := c.low + (c.high-c.low)*(float64(i)+0.5)/n
				x, weight = append(x, c.at(u)), append(weight, c.slope(u)*(c.high-c.low)/n)
			}
		}
		x = rounded(x)
		log := reference(t, c.p.LogProb(literal(x)))
		mean := func(f func(i int) float64) float64 {
			sum := 0.0
			for i := range x {
				if p := math.Exp(log[i]) * weight[i]; p > 0 {
					sum += p * f(i)
				}
			}
			return sum
		}
		value := func(y graph.Tensor) float64 {
			v := reference(t, y)
			require.Len(t, v, 1, name)
			return v[0]
		}
		assert.InDelta(t, 1, mean(func(int) float64 { return 1 }), 2e-3, "%s: total", name)
		if m, ok := c.p.(Moments); ok {
			first := mean(func(i int) float64 { return x[i] })
			variance := mean(func(i int) float64 { return (x[i] - first) * (x[i] - first) })
			assert.InDelta(t, first, value(m.Mean()), 2e-3*max(1, math.Abs(first)), "%s: mean", name)
			assert.InDelta(t, variance, value(m.Variance()), 5e-3*max(1, variance), "%s: variance", name)
			sd := m.(interface{ StdDev() graph.Tensor }).StdDev()
			assert.InDelta(t, math.Sqrt(value(m.Variance())), value(sd), 1e-5, "%s: standard deviation", name)
		}
		if e, ok := c.p.(interface{ Entropy() graph.Tensor }); ok {
			assert.InDelta(t, mean(func(i int) float64 { return -log[i] }), value(e.Entropy()), 1e-2, "%s: entropy", name)
		}
		if c.kl != nil {
			other := reference(t, c.q.LogProb(literal(x)))
			assert.InDelta(t, mean(func(i int) float64 { return log[i] - other[i] }), value(c.kl()), 5e-3, "%s: divergence", name)
		}
	}
}

// Edges where a formula would give NaN: zero probabilities, and intervals that do not nest.
func TestClosedFormEdges(t *testing.T) {
	sure, fair := NewBernoulli(0), NewBernoulli(0.5)
	assert.Equal(t, []float64{0}, reference(t, sure.Entropy()))
	assert.InDelta(t, math.Ln2, reference(t, KL(sure, fair))[0], 1e-7)
	assert.True(t, math.IsInf(reference(t, KL(fair, sure))[0], 1))
	one, two := NewCategorical(graph.Literal([]float32{1, 0})), NewCategorical(graph.Literal([]float32{0.5, 0.5}))
	assert.Equal(t, []float64{0}, reference(t, one.Entropy()))
	assert.InDelta(t, math.Ln2, reference(t, KL(one, two))[0], 1e-7)
	assert.Equal(t, []float64{0}, reference(t, KL(one, one)))
	assert.True(t, math.IsInf(reference(t, KL(two, one))[0], 1))
	assert.True(t, math.IsInf(reference(t, KL(NewUniform(0, 2), NewUniform(0, 1)))[0], 1))
	assert.Equal(t, []float64{5}, reference(t, KL(NewPoisson(0), NewPoisson(5))))
	assert.True(t, math.IsNaN(reference(t, NewStudentT(1, 0, 1).Mean())[0]))
	assert.True(t, math.IsInf(reference(t, NewStudentT(1.5, 0, 1).Variance())[0], 1))
}

// Gradients at counts of zero are those of the formula, not NaN.
func TestGradientsAtEdges(t *testing.T) {
	byRate := graph.Grad(func(r graph.Tensor) graph.Tensor { return NewPoisson(r).LogProb(graph.Scalar(0)) })
	assert.Equal(t, []float64{-1}, reference(t, byRate(graph.Scalar(0))))
	byP := graph.Grad(func(p graph.Tensor) graph.Tensor { return NewCategorical(p).LogProb(graph.Int(1)) })
	assert.Equal(t, []float64{0, 2, 0}, reference(t, byP(graph.Literal([]float32{0, 0.5, 0.5}))))
	byLogits := graph.Grad(func(l graph.Tensor) graph.Tensor { return NewBinomialLogits(4, l).LogProb(graph.Scalar(0)) })
	assert.InDelta(t, -2, reference(t, byLogits(graph.Scalar(0)))[0], 1e-9)
	none := NewBinomial(0, 0.3).LogProb(graph.Int(0))
	assert.Equal(t, []float64{0}, reference(t, none))
	assert.Equal(t, []float64{0}, reference(t, NewBinomial(5, 0).LogProb(graph.Int(0))))
	assert.Equal(t, []float64{0}, reference(t, NewBinomial(5, 1).LogProb(graph.Int(5))))
}
