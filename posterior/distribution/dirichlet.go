package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Dirichlet is the distribution on vectors of n probabilities with density Gamma(sum a) prod x_i^(a_i-1) / prod Gamma(a_i), by the
// measure of the first n-1 of them. Make it with NewDirichlet, which checks the parameter.
type Dirichlet struct{ Concentration graph.Tensor }

// NewDirichlet is the Dirichlet distribution with concentrations [..., n] above 0, n > 0.
func NewDirichlet(concentration graph.Tensor) Dirichlet {
	a := arguments("Dirichlet", arg("concentration", concentration, constraint.Positive))[0]
	if a.Rank() == 0 || a.Dim(-1) == 0 {
		graph.Fail("Dirichlet", graph.ErrShape, "give concentrations [..., n]", "the concentration is %v", a.Spec())
	}
	return Dirichlet{a}
}

// LogProb is the log density at probabilities x [..., n] above 0.
func (d Dirichlet) LogProb(x graph.Tensor) graph.Tensor {
	a := d.Concentration
	n := a.Dim(-1)
	return logProb("Dirichlet", d.Support(), a.DType(), sized("Dirichlet", x, n), 1/float64(n), func(x graph.Tensor) graph.Tensor {
		total, log := a.Sum(-1), x.Log()
		wide := total.ExpandDims(-1)
		terms := poissonLog(a, wide.Mul(x), wide.Log().Add(log)).Add(a.Log()).Sub(log)
		return terms.Sum(-1).Sub(poissonPeak(total)).Sub(total.Log())
	})
}

// Sample draws probabilities [shape..., batch..., n], at least 2^-126 each, differentiable by the concentrations (implicit reparameterisation).
func (d Dirichlet) Sample(key random.Key, shape ...int) graph.Tensor {
	x := random.Dirichlet(key, d.Concentration, drawn(shape, d.BatchShape())...)
	return aboveZero(x) // the support excludes 0
}

// Mean is a / sum a, [..., n].
func (d Dirichlet) Mean() graph.Tensor {
	return d.Concentration.Div(d.Concentration.Sum(-1).ExpandDims(-1))
}

// Variance is m (1 - m) / (1 + sum a) for the mean m, [..., n].
func (d Dirichlet) Variance() graph.Tensor {
	m := d.Mean()
	return m.Mul(m.Neg().AddScalar(1)).Div(d.Concentration.Sum(-1).ExpandDims(-1).AddScalar(1))
}

// StdDev is the root of the variance.
func (d Dirichlet) StdDev() graph.Tensor { return d.Variance().Sqrt() }

// Entropy is log B(a) + (sum a - n) digamma(sum a) - sum (a_i - 1) digamma(a_i), B the product of the Gamma(a_i) over Gamma(sum a).
func (d Dirichlet) Entropy() graph.Tensor {
	a := d.Concentration
	total := a.Sum(-1)
	y := a.Lgamma().Sum(-1).Sub(total.Lgamma()).Sub(a.AddScalar(-1).Mul(a.Digamma()).Sum(-1))
	return y.Add(total.AddScalar(-float64(a.Dim(-1))).Mul(total.Digamma()))
}

// KL is log(B(a2)/B(a1)) + sum (a1_i - a2_i) (digamma(a1_i) - digamma(sum a1)).
func (d Dirichlet) KL(q Dirichlet) graph.Tensor {
	a, b := d.Concentration, q.Concentration
	total := a.Sum(-1)
	y := b.Lgamma().Sum(-1).Sub(b.Sum(-1).Lgamma()).Sub(a.Lgamma().Sum(-1)).Add(total.Lgamma())
	return y.Add(a.Sub(b).Mul(a.Digamma().Sub(total.Digamma().ExpandDims(-1))).Sum(-1))
}

// Support is the vectors of positive probabilities.
func (Dirichlet) Support() constraint.Constraint {
	c := constraint.Simplex
	c.Name = "is in the open simplex: elements > 0 of sum 1"
	c.Holds = func(x graph.Tensor) graph.Tensor {
		return constraint.Simplex.Holds(x).And(x.Gt(x.Like(0)).All(-1))
	}
	return c
}

// BatchShape is the shape of the concentrations without their last axis.
func (d Dirichlet) BatchShape() graph.Shape {
	return d.Concentration.Shape()[:d.Concentration.Rank()-1]
}

// EventShape is [n].
func (d Dirichlet) EventShape() graph.Shape { return graph.Shape{d.Concentration.Dim(-1)} }
