package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Poisson is the distribution on counts with probability rate^k exp(-rate) / k!. Make it with NewPoisson, which checks the parameter.
type Poisson struct{ Rate graph.Tensor }

// NewPoisson is the Poisson distribution of mean rate >= 0.
func NewPoisson[R Param](rate R) Poisson {
	return Poisson{arguments("Poisson", arg("rate", rate, constraint.NonNegative))[0]}
}

// LogProb is the log probability of counts x, integers or floats, exact to rounding also for large ones.
func (d Poisson) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("Poisson", d.Support(), d.Rate.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		return poissonLog(x, d.Rate, logOrNone(d.Rate))
	})
}

// Sample draws int32 counts; for rates above 2^24 they are -1.
func (d Poisson) Sample(key random.Key, shape ...int) graph.Tensor {
	return random.Poisson(key, d.Rate, drawn(shape, d.BatchShape())...)
}

// Mean is rate.
func (d Poisson) Mean() graph.Tensor { return d.Rate }

// Variance is rate.
func (d Poisson) Variance() graph.Tensor { return d.Rate }

// StdDev is the root of rate.
func (d Poisson) StdDev() graph.Tensor { return d.Rate.Sqrt() }

// KL is r1 log(r1/r2) - r1 + r2.
func (d Poisson) KL(q Poisson) graph.Tensor {
	return weighted(d.Rate, d.Rate.Log().Sub(q.Rate.Log())).Sub(d.Rate).Add(q.Rate)
}

// Support is the integers from 0.
func (Poisson) Support() constraint.Constraint { return constraint.Count }

// BatchShape is the shape of the rate.
func (d Poisson) BatchShape() graph.Shape { return d.Rate.Shape() }

// EventShape is [].
func (Poisson) EventShape() graph.Shape { return graph.Shape{} }
