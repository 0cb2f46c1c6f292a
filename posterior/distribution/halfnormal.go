package distribution

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// HalfNormal is the distribution of |x| for normal x of mean 0: density sqrt(2/pi) exp(-x^2 / (2 scale^2)) / scale for x >= 0.
// Make it with NewHalfNormal, which checks the parameter.
type HalfNormal struct{ Scale graph.Tensor }

// NewHalfNormal is the half-normal distribution of a normal variable with standard deviation scale > 0.
func NewHalfNormal[S Param](scale S) HalfNormal {
	return HalfNormal{arguments("HalfNormal", arg("scale", scale, constraint.Positive))[0]}
}

// LogProb is the log density at x >= 0.
func (d HalfNormal) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("HalfNormal", d.Support(), d.Scale.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		return x.Div(d.Scale).Square().Scale(-0.5).Sub(d.Scale.Log()).AddScalar(math.Ln2 - halfLog2Pi)
	})
}

// Sample draws |scale xi|, differentiable by scale.
func (d HalfNormal) Sample(key random.Key, shape ...int) graph.Tensor {
	return random.NormalOf(d.Scale.DType(), key, drawn(shape, d.BatchShape())...).Abs().Mul(d.Scale)
}

// Mean is scale sqrt(2/pi).
func (d HalfNormal) Mean() graph.Tensor { return d.Scale.Scale(math.Sqrt(2 / math.Pi)) }

// Variance is scale^2 (1 - 2/pi).
func (d HalfNormal) Variance() graph.Tensor { return d.Scale.Square().Scale(1 - 2/math.Pi) }

// StdDev is the root of the variance.
func (d HalfNormal) StdDev() graph.Tensor { return d.Scale.Scale(math.Sqrt(1 - 2/math.Pi)) }

// Entropy is log(pi scale^2 / 2)/2 + 1/2.
func (d HalfNormal) Entropy() graph.Tensor {
	return d.Scale.Log().AddScalar(halfLog2Pi + 0.5 - math.Ln2)
}

// KL is log(s2/s1) + s1^2 / (2 s2^2) - 1/2.
func (d HalfNormal) KL(q HalfNormal) graph.Tensor {
	ratio := d.Scale.Div(q.Scale)
	return ratio.Square().AddScalar(-1).Scale(0.5).Sub(ratio.Log())
}

// Support is the numbers from 0.
func (HalfNormal) Support() constraint.Constraint { return constraint.NonNegative }

// BatchShape is the shape of the scale.
func (d HalfNormal) BatchShape() graph.Shape { return d.Scale.Shape() }

// EventShape is [].
func (HalfNormal) EventShape() graph.Shape { return graph.Shape{} }
