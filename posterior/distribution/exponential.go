package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Exponential is the distribution with density rate exp(-rate x) for x >= 0. Make it with NewExponential, which checks the parameter.
type Exponential struct{ Rate graph.Tensor }

// NewExponential is the exponential distribution of mean 1/rate, rate > 0.
func NewExponential[R Param](rate R) Exponential {
	return Exponential{arguments("Exponential", arg("rate", rate, constraint.Positive))[0]}
}

// LogProb is the log density at x >= 0.
func (d Exponential) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("Exponential", d.Support(), d.Rate.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		return d.Rate.Log().Sub(d.Rate.Mul(x))
	})
}

// Sample draws x / rate for standard x, differentiable by rate.
func (d Exponential) Sample(key random.Key, shape ...int) graph.Tensor {
	return random.ExponentialOf(d.Rate.DType(), key, drawn(shape, d.BatchShape())...).Div(d.Rate)
}

// Mean is 1/rate.
func (d Exponential) Mean() graph.Tensor { return d.Rate.Reciprocal() }

// Variance is 1/rate^2.
func (d Exponential) Variance() graph.Tensor { return d.Mean().Square() }

// StdDev is 1/rate.
func (d Exponential) StdDev() graph.Tensor { return d.Mean() }

// Entropy is 1 - log(rate).
func (d Exponential) Entropy() graph.Tensor { return d.Rate.Log().Neg().AddScalar(1) }

// KL is log(r1/r2) + r2/r1 - 1.
func (d Exponential) KL(q Exponential) graph.Tensor {
	ratio := q.Rate.Div(d.Rate)
	return ratio.Sub(ratio.Log()).AddScalar(-1)
}

// Support is the numbers from 0.
func (Exponential) Support() constraint.Constraint { return constraint.NonNegative }

// BatchShape is the shape of the rate.
func (d Exponential) BatchShape() graph.Shape { return d.Rate.Shape() }

// EventShape is [].
func (Exponential) EventShape() graph.Shape { return graph.Shape{} }
