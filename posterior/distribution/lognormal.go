package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// LogNormal is the distribution of exp(x) for normal x: density exp(-z^2/2) / (x scale sqrt(2 pi)), z = (log x - loc) / scale, for x > 0.
// Make it with NewLogNormal, which checks the parameters.
type LogNormal struct{ Loc, Scale graph.Tensor }

// NewLogNormal is the distribution whose logarithm has mean loc, finite, and standard deviation scale > 0.
func NewLogNormal[L, S Param](loc L, scale S) LogNormal {
	p := arguments("LogNormal", arg("loc", loc, constraint.Finite), arg("scale", scale, constraint.Positive))
	return LogNormal{p[0], p[1]}
}

// LogProb is the log density at x > 0.
func (d LogNormal) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("LogNormal", d.Support(), d.Loc.DType(), x, 1, func(x graph.Tensor) graph.Tensor {
		log := x.Log()
		z := log.Sub(d.Loc).Div(d.Scale)
		return z.Square().Scale(-0.5).Sub(d.Scale.Log()).Sub(log).AddScalar(-halfLog2Pi)
	})
}

// Sample draws exp(loc + scale xi), differentiable by both.
func (d LogNormal) Sample(key random.Key, shape ...int) graph.Tensor {
	return Normal(d).Sample(key, shape...).Exp()
}

// Mean is exp(loc + scale^2 / 2).
func (d LogNormal) Mean() graph.Tensor { return d.Loc.Add(d.Scale.Square().Scale(0.5)).Exp() }

// Variance is (exp(scale^2) - 1) exp(2 loc + scale^2).
func (d LogNormal) Variance() graph.Tensor { return d.Scale.Square().Expm1().Mul(d.Mean().Square()) }

// StdDev is the root of the variance.
func (d LogNormal) StdDev() graph.Tensor { return d.Variance().Sqrt() }

// Entropy is loc + log(scale sqrt(2 pi e)).
func (d LogNormal) Entropy() graph.Tensor { return Normal(d).Entropy().Add(d.Loc) }

// KL is that of the logarithms' normal distributions.
func (d LogNormal) KL(q LogNormal) graph.Tensor { return Normal(d).KL(Normal(q)) }

// Support is the numbers above 0.
func (LogNormal) Support() constraint.Constraint { return constraint.Positive }

// BatchShape is the common shape of the parameters.
func (d LogNormal) BatchShape() graph.Shape { return batch("LogNormal", d.Loc, d.Scale) }

// EventShape is [].
func (LogNormal) EventShape() graph.Shape { return graph.Shape{} }
