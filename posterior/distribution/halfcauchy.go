package distribution

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// HalfCauchy is the distribution of |x| for Cauchy x around 0: density 2 / (pi scale (1 + (x/scale)^2)) for x >= 0. It has
// no mean. Make it with NewHalfCauchy, which checks the parameter.
type HalfCauchy struct{ Scale graph.Tensor }

// NewHalfCauchy is the half-Cauchy distribution of median scale > 0.
func NewHalfCauchy[S Param](scale S) HalfCauchy {
	return HalfCauchy{arguments("HalfCauchy", arg("scale", scale, constraint.Positive))[0]}
}

// LogProb is the log density at x >= 0.
func (d HalfCauchy) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("HalfCauchy", d.Support(), d.Scale.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		z := x.Div(d.Scale)
		// 1 + z^2 = z^2 (1 + 1/z^2), whose second form does not overflow.
		large := z.Gt(z.Like(1))
		far, near := graph.Where(large, z, z.Like(1)), graph.Where(large, z.Like(1), z)
		tail := graph.Where(large, far.Log().Scale(2).Add(far.Reciprocal().Square().Log1p()), near.Square().Log1p())
		return d.Scale.Log().Add(tail).Neg().AddScalar(math.Log(2 / math.Pi))
	})
}

// Sample draws |scale x| for standard Cauchy x, differentiable by scale.
func (d HalfCauchy) Sample(key random.Key, shape ...int) graph.Tensor {
	return random.CauchyOf(d.Scale.DType(), key, drawn(shape, d.BatchShape())...).Abs().Mul(d.Scale)
}

// Entropy is log(2 pi scale).
func (d HalfCauchy) Entropy() graph.Tensor { return d.Scale.Log().AddScalar(math.Log(2 * math.Pi)) }

// KL is log((s1 + s2)^2 / (4 s1 s2)) (Chyzak and Nielsen, arXiv 1905.10965).
func (d HalfCauchy) KL(q HalfCauchy) graph.Tensor {
	return d.Scale.Add(q.Scale).Log().Scale(2).Sub(d.Scale.Log()).Sub(q.Scale.Log()).AddScalar(-2 * math.Ln2)
}

// Support is the numbers from 0.
func (HalfCauchy) Support() constraint.Constraint { return constraint.NonNegative }

// BatchShape is the shape of the scale.
func (d HalfCauchy) BatchShape() graph.Shape { return d.Scale.Shape() }

// EventShape is [].
func (HalfCauchy) EventShape() graph.Shape { return graph.Shape{} }
