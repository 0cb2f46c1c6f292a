package distribution

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Laplace is the distribution with density exp(-|x - loc| / scale) / (2 scale) on the real numbers.
// Make it with NewLaplace, which checks the parameters.
type Laplace struct{ Loc, Scale graph.Tensor }

// NewLaplace is the Laplace distribution of mean loc, finite, and mean distance scale > 0 from it.
func NewLaplace[L, S Param](loc L, scale S) Laplace {
	p := arguments("Laplace", arg("loc", loc, constraint.Finite), arg("scale", scale, constraint.Positive))
	return Laplace{p[0], p[1]}
}

// LogProb is the log density at x; its gradient at x = loc is 0.
func (d Laplace) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("Laplace", d.Support(), d.Loc.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		return x.Sub(d.Loc).Abs().Div(d.Scale).Add(d.Scale.Log()).AddScalar(math.Ln2).Neg()
	})
}

// Sample draws loc + scale x for standard x, differentiable by both.
func (d Laplace) Sample(key random.Key, shape ...int) graph.Tensor {
	x := random.LaplaceOf(d.Loc.DType(), key, drawn(shape, d.BatchShape())...)
	return d.Loc.Add(d.Scale.Mul(x))
}

// Mean is loc.
func (d Laplace) Mean() graph.Tensor { return spread(d.Loc, d.BatchShape()) }

// Variance is 2 scale^2.
func (d Laplace) Variance() graph.Tensor { return d.StdDev().Square() }

// StdDev is sqrt(2) scale.
func (d Laplace) StdDev() graph.Tensor { return spread(d.Scale.Scale(math.Sqrt2), d.BatchShape()) }

// Entropy is 1 + log(2 scale).
func (d Laplace) Entropy() graph.Tensor {
	return spread(d.Scale.Log().AddScalar(1+math.Ln2), d.BatchShape())
}

// KL is log(s2/s1) + |m1 - m2|/s2 + (s1/s2) exp(-|m1 - m2|/s1) - 1.
func (d Laplace) KL(q Laplace) graph.Tensor {
	far, ratio := d.Loc.Sub(q.Loc).Abs(), d.Scale.Div(q.Scale)
	return far.Div(q.Scale).Add(ratio.Mul(far.Div(d.Scale).Neg().Exp())).Sub(ratio.Log()).AddScalar(-1)
}

// Support is the real numbers.
func (Laplace) Support() constraint.Constraint { return constraint.Real }

// BatchShape is the common shape of the parameters.
func (d Laplace) BatchShape() graph.Shape { return batch("Laplace", d.Loc, d.Scale) }

// EventShape is [].
func (Laplace) EventShape() graph.Shape { return graph.Shape{} }
