package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Normal is the normal distribution with density exp(-z^2/2) / (scale sqrt(2 pi)), z = (x - loc) / scale, on the real numbers.
// Make it with NewNormal, which checks the parameters.
type Normal struct{ Loc, Scale graph.Tensor }

// NewNormal is the normal distribution of mean loc, finite, and standard deviation scale > 0.
func NewNormal[L, S Param](loc L, scale S) Normal {
	p := arguments("Normal", arg("loc", loc, constraint.Finite), arg("scale", scale, constraint.Positive))
	return Normal{p[0], p[1]}
}

// LogProb is the log density at x.
func (d Normal) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("Normal", d.Support(), d.Loc.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		z := x.Sub(d.Loc).Div(d.Scale)
		return z.Square().Scale(-0.5).Sub(d.Scale.Log()).AddScalar(-halfLog2Pi)
	})
}

// Sample draws loc + scale xi, differentiable by both.
func (d Normal) Sample(key random.Key, shape ...int) graph.Tensor {
	xi := random.NormalOf(d.Loc.DType(), key, drawn(shape, d.BatchShape())...)
	return d.Loc.Add(d.Scale.Mul(xi))
}

// Mean is loc.
func (d Normal) Mean() graph.Tensor { return spread(d.Loc, d.BatchShape()) }

// Variance is scale^2.
func (d Normal) Variance() graph.Tensor { return d.StdDev().Square() }

// StdDev is scale.
func (d Normal) StdDev() graph.Tensor { return spread(d.Scale, d.BatchShape()) }

// Entropy is log(scale sqrt(2 pi e)).
func (d Normal) Entropy() graph.Tensor { return d.StdDev().Log().AddScalar(halfLog2Pi + 0.5) }

// KL is log(s2/s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2.
func (d Normal) KL(q Normal) graph.Tensor {
	ratio, z := d.Scale.Div(q.Scale), d.Loc.Sub(q.Loc).Div(q.Scale)
	return ratio.Square().Add(z.Square()).AddScalar(-1).Scale(0.5).Sub(ratio.Log())
}

// Support is the real numbers.
func (Normal) Support() constraint.Constraint { return constraint.Real }

// BatchShape is the common shape of the parameters.
func (d Normal) BatchShape() graph.Shape { return batch("Normal", d.Loc, d.Scale) }

// EventShape is [].
func (Normal) EventShape() graph.Shape { return graph.Shape{} }
