package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Gamma is the distribution with density rate^a x^(a-1) exp(-rate x) / Gamma(a) for x > 0, a the concentration.
// Make it with NewGamma, which checks the parameters.
type Gamma struct{ Concentration, Rate graph.Tensor }

// edges are the least positive float of full precision and the largest below 1 of a type.
func edges(d graph.DType) (least, below1 float64) {
	if d == graph.Float64 {
		return 0x1p-1022, 1 - 0x1p-53
	}
	return 0x1p-126, 1 - 0x1p-24
}

// aboveZero sets what is 0 or less, as draws that underflow, to the least float of full precision.
func aboveZero(x graph.Tensor) graph.Tensor {
	least, _ := edges(x.DType())
	return x.Max(x.Like(least))
}

// NewGamma is the gamma distribution of mean concentration/rate, both above 0.
func NewGamma[C, R Param](concentration C, rate R) Gamma {
	p := arguments("Gamma", arg("concentration", concentration, constraint.Positive), arg("rate", rate, constraint.Positive))
	return Gamma{p[0], p[1]}
}

// LogProb is the log density at x > 0.
func (d Gamma) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("Gamma", d.Support(), d.Rate.DType(), x, 1, func(x graph.Tensor) graph.Tensor {
		a, log := d.Concentration, x.Log()
		return poissonLog(a, d.Rate.Mul(x), d.Rate.Log().Add(log)).Add(a.Log()).Sub(log)
	})
}

// Sample draws positive numbers, differentiable by both parameters (the concentration by implicit reparameterisation).
func (d Gamma) Sample(key random.Key, shape ...int) graph.Tensor {
	x := random.Gamma(key, d.Concentration, drawn(shape, d.BatchShape())...).Div(d.Rate)
	return aboveZero(x) // the support excludes 0
}

// Mean is concentration/rate.
func (d Gamma) Mean() graph.Tensor { return d.Concentration.Div(d.Rate) }

// Variance is concentration/rate^2.
func (d Gamma) Variance() graph.Tensor { return d.Mean().Div(d.Rate) }

// StdDev is the root of the variance.
func (d Gamma) StdDev() graph.Tensor { return d.Concentration.Sqrt().Div(d.Rate) }

// Entropy is a - log(rate) + log Gamma(a) + (1 - a) digamma(a).
func (d Gamma) Entropy() graph.Tensor {
	a := d.Concentration
	return a.Sub(d.Rate.Log()).Add(a.Lgamma()).Add(a.Neg().AddScalar(1).Mul(a.Digamma()))
}

// KL is (a1 - a2) digamma(a1) - log Gamma(a1) + log Gamma(a2) + a2 log(r1/r2) + a1 (r2/r1 - 1).
func (d Gamma) KL(q Gamma) graph.Tensor {
	a, b, ratio := d.Concentration, q.Concentration, q.Rate.Div(d.Rate)
	y := a.Sub(b).Mul(a.Digamma()).Sub(a.Lgamma()).Add(b.Lgamma())
	return y.Sub(b.Mul(ratio.Log())).Add(a.Mul(ratio.AddScalar(-1)))
}

// Support is the numbers above 0.
func (Gamma) Support() constraint.Constraint { return constraint.Positive }

// BatchShape is the common shape of the parameters.
func (d Gamma) BatchShape() graph.Shape { return batch("Gamma", d.Concentration, d.Rate) }

// EventShape is [].
func (Gamma) EventShape() graph.Shape { return graph.Shape{} }
