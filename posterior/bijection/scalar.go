package bijection

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Identity is y = x.
type Identity struct{ elementwise }

// Forward is x.
func (Identity) Forward(x graph.Tensor) graph.Tensor { return x }

// Inverse is y.
func (Identity) Inverse(y graph.Tensor) graph.Tensor { return y }

// LogDet is 0.
func (Identity) LogDet(x graph.Tensor) graph.Tensor { return graph.Full(x.DType(), 0, x.Shape()...) }

// Codomain is the real numbers.
func (Identity) Codomain() constraint.Constraint { return constraint.Real }

// Exp is y = exp(x), to the positive numbers.
type Exp struct{ elementwise }

// Forward is exp(x).
func (Exp) Forward(x graph.Tensor) graph.Tensor { return x.Exp() }

// Inverse is log(y).
func (Exp) Inverse(y graph.Tensor) graph.Tensor { return y.Log() }

// LogDet is x.
func (Exp) LogDet(x graph.Tensor) graph.Tensor { return x }

// Codomain is the positive numbers.
func (Exp) Codomain() constraint.Constraint { return constraint.Positive }

// Softplus is y = log(1 + exp(x)), to the positive numbers; for large x it is x.
type Softplus struct{ elementwise }

// Forward is log(1 + exp(x)).
func (Softplus) Forward(x graph.Tensor) graph.Tensor { return x.Softplus() }

// Inverse is y + log(1 - exp(-y)).
func (Softplus) Inverse(y graph.Tensor) graph.Tensor { return y.Add(y.Log1mExp()) }

// LogDet is log(sigmoid(x)).
func (Softplus) LogDet(x graph.Tensor) graph.Tensor { return x.Neg().Softplus().Neg() }

// Codomain is the positive numbers.
func (Softplus) Codomain() constraint.Constraint { return constraint.Positive }

// Sigmoid is y = 1 / (1 + exp(-x)), to the numbers between 0 and 1.
type Sigmoid struct{ elementwise }

// Forward is sigmoid(x).
func (Sigmoid) Forward(x graph.Tensor) graph.Tensor { return x.Sigmoid() }

// Inverse is log(y / (1-y)).
func (Sigmoid) Inverse(y graph.Tensor) graph.Tensor { return y.Log().Sub(y.Neg().Log1p()) }

// LogDet is log(y (1-y)).
func (Sigmoid) LogDet(x graph.Tensor) graph.Tensor { return x.Softplus().Add(x.Neg().Softplus()).Neg() }

// Codomain is the numbers between 0 and 1.
func (Sigmoid) Codomain() constraint.Constraint { return constraint.UnitInterval() }

// Interval is y = low + (high - low) sigmoid(x), to the numbers between low and high. Make it with NewInterval, which checks the bounds.
type Interval struct{ Low, High graph.Tensor }

// NewInterval is the bijection to the numbers between finite low and high, low < high, which are broadcast against x; a run with other
// bounds returns graph.ErrCheck.
func NewInterval(low, high graph.Tensor) Interval {
	low = constraint.Finite.Check("Interval", "low", low)
	high = constraint.Finite.Check("Interval", "high", high)
	width := high.Sub(low)
	return Interval{low, high.BroadcastTo(width.Shape()...).Check(low.Lt(high), "Interval: high > low")}
}

// EventRanks is 0, 0.
func (Interval) EventRanks() (x, y int) { return 0, 0 }

// Forward is low + (high - low) sigmoid(x).
func (b Interval) Forward(x graph.Tensor) graph.Tensor {
	return b.Low.Add(b.High.Sub(b.Low).Mul(x.Sigmoid()))
}

// Inverse is log((y - low) / (high - y)).
func (b Interval) Inverse(y graph.Tensor) graph.Tensor {
	return y.Sub(b.Low).Log().Sub(b.High.Sub(y).Log())
}

// LogDet is log((high - low) s (1-s)) for s = sigmoid(x).
func (b Interval) LogDet(x graph.Tensor) graph.Tensor {
	return Sigmoid{}.LogDet(x).Add(b.High.Sub(b.Low).Log())
}

// Codomain is the numbers from low to high.
func (b Interval) Codomain() constraint.Constraint { return constraint.Interval(b.Low, b.High) }

// Affine is y = shift + scale x. Make it with NewAffine, which checks the scale.
type Affine struct{ Shift, Scale graph.Tensor }

// NewAffine shifts and scales by tensors, which are broadcast against x; a run with a scale of 0, or NaN, returns graph.ErrCheck.
func NewAffine(shift, scale graph.Tensor) Affine {
	ok := scale.Ne(scale.Like(0)).And(scale.IsFinite())
	return Affine{constraint.Finite.Check("Affine", "shift", shift), scale.Check(ok, "Affine: scale is finite and not 0")}
}

// EventRanks is 0, 0.
func (Affine) EventRanks() (x, y int) { return 0, 0 }

// Forward is shift + scale x.
func (b Affine) Forward(x graph.Tensor) graph.Tensor { return b.Shift.Add(b.Scale.Mul(x)) }

// Inverse is (y - shift) / scale.
func (b Affine) Inverse(y graph.Tensor) graph.Tensor { return y.Sub(b.Shift).Div(b.Scale) }

// LogDet is log |scale|.
func (b Affine) LogDet(x graph.Tensor) graph.Tensor {
	zero := graph.Where(x.IsNaN(), x.Like(math.NaN()), x.Like(0))
	return b.Scale.Abs().Log().Add(zero)
}

// Codomain is the real numbers.
func (Affine) Codomain() constraint.Constraint { return constraint.Real }
