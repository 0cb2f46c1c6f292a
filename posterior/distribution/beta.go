package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Beta is the distribution with density x^(a-1) (1-x)^(b-1) Gamma(a+b) / (Gamma(a) Gamma(b)) for 0 < x < 1.
// Make it with NewBeta, which checks the parameters.
type Beta struct{ A, B graph.Tensor }

// NewBeta is the beta distribution of mean a/(a+b), both above 0.
func NewBeta[A, B Param](a A, b B) Beta {
	p := arguments("Beta", arg("a", a, constraint.Positive), arg("b", b, constraint.Positive))
	return Beta{p[0], p[1]}
}

// LogProb is the log density at x in (0, 1).
func (d Beta) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("Beta", d.Support(), d.A.DType(), x, 0.5, func(x graph.Tensor) graph.Tensor {
		logX, logY := x.Log(), x.Neg().Log1p()
		y := binomialLog(d.A, d.B, logX, logY).Sub(logX).Sub(logY)
		return y.Add(d.A.Log()).Add(d.B.Log()).Sub(d.A.Add(d.B).Log())
	})
}

// Sample draws numbers between 2^-126 and 1 - 2^-24, in float64 2^-1022 and 1 - 2^-53, differentiable by both parameters (implicit reparameterisation).
func (d Beta) Sample(key random.Key, shape ...int) graph.Tensor {
	x := random.Beta(key, d.A, d.B, drawn(shape, d.BatchShape())...)
	least, below := edges(d.A.DType())
	return x.Clamp(least, below)
}

// Mean is a/(a+b).
func (d Beta) Mean() graph.Tensor { return d.A.Div(d.A.Add(d.B)) }

// Variance is ab / ((a+b)^2 (a+b+1)).
func (d Beta) Variance() graph.Tensor {
	n := d.A.Add(d.B)
	return d.A.Div(n).Mul(d.B.Div(n)).Div(n.AddScalar(1))
}

// StdDev is the root of the variance.
func (d Beta) StdDev() graph.Tensor { return d.Variance().Sqrt() }

// Entropy is log B(a,b) - (a-1) digamma(a) - (b-1) digamma(b) + (a+b-2) digamma(a+b).
func (d Beta) Entropy() graph.Tensor {
	n := d.A.Add(d.B)
	y := logBeta(d.A, d.B).Sub(d.A.AddScalar(-1).Mul(d.A.Digamma())).Sub(d.B.AddScalar(-1).Mul(d.B.Digamma()))
	return y.Add(n.AddScalar(-2).Mul(n.Digamma()))
}

// KL is log(B(a2,b2)/B(a1,b1)) + (a1-a2) digamma(a1) + (b1-b2) digamma(b1) + (a2-a1+b2-b1) digamma(a1+b1).
func (d Beta) KL(q Beta) graph.Tensor {
	da, db := d.A.Sub(q.A), d.B.Sub(q.B)
	y := logBeta(q.A, q.B).Sub(logBeta(d.A, d.B)).Add(da.Mul(d.A.Digamma())).Add(db.Mul(d.B.Digamma()))
	return y.Sub(da.Add(db).Mul(d.A.Add(d.B).Digamma()))
}

// Support is the numbers between 0 and 1, both excluded.
func (Beta) Support() constraint.Constraint { return constraint.UnitInterval() }

// BatchShape is the common shape of the parameters.
func (d Beta) BatchShape() graph.Shape { return batch("Beta", d.A, d.B) }

// EventShape is [].
func (Beta) EventShape() graph.Shape { return graph.Shape{} }
