package graph

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders"
)

// Reductions beside Sum, Mean, ReduceMax, ReduceMin, ArgMax and LogSumExp, which stand in op_reduce.go. No axes means all of them, and negative
// axes count from the end.

// Prod is the product over the given axes; over no elements it is 1. Its gradient divides by nothing, so it is right, to any order, where
// elements are 0.
func (t Tensor) Prod(axes ...int) Tensor { return t.reduce(shaders.Prod, axes) }

// truth is t as bool: numbers are true unless 0.
func truth(op string, t Tensor) Tensor {
	t.must(op)
	return t.Convert(Bool)
}

// Any reports over the given axes whether an element is true (a number: not 0, as NaN is); of no elements it is false.
func (t Tensor) Any(axes ...int) Tensor { return truth("any", t).AsInt().Sum(axes...).Gt(Int(0)) }

// All reports over the given axes whether every element is true (a number: not 0, as NaN is); of no elements it is true.
func (t Tensor) All(axes ...int) Tensor { return truth("all", t).Not().AsInt().Sum(axes...).Eq(Int(0)) }

// ArgMin is the int32 position of the smallest element along an axis: the first of equals, the first NaN when there is one.
func (t Tensor) ArgMin(axis int) Tensor { return positionOf("argmin", t, axis, Tensor.ReduceMin) }

// positionOf is where along an axis the extreme element is.
func positionOf(op string, t Tensor, axis int, extreme func(t Tensor, axes ...int) Tensor) Tensor {
	a := axisOf(op, t, axis)
	if t.Dim(a) == 0 {
		fail(op, ErrShape, "take it over at least one element", "axis %d of %v has no elements", a, t.Shape())
	}
	hit := t.Eq(extreme(t, a).ExpandDims(a))
	if t.DType().IsFloat() {
		hit = hit.Or(t.IsNaN())
	}
	pos := Iota(a, t.Shape()...)
	return Where(hit, pos, pos.Like(math.MaxInt32)).ReduceMin(a)
}

// VarianceOptions are the choices of Var and Std. The zero value gives the population's over all elements.
type VarianceOptions struct {
	Axes       []int // all of them when empty
	Correction int   // divide by n - Correction: 1 for the unbiased estimate from a sample
}

// Var is the mean squared distance from the mean,
//
//	sum((t - mean)^2) / (n - Correction)
//
// in two passes, so that a large mean costs no digits. It is NaN where n - Correction is 0 and the sum too.
func (t Tensor) Var(o VarianceOptions) Tensor {
	if !t.DType().IsFloat() {
		fail("var", ErrDType, "convert with AsFloat", "%v has no variance", t.Spec())
	}
	axes, err := normalAxes(o.Axes, t.Rank())
	if err != nil {
		fail("var", ErrArgument, "", "%v of %v", err, t.Shape())
	}
	if o.Correction < 0 {
		fail("var", ErrArgument, "0 for a population, 1 for a sample", "correction %d", o.Correction)
	}
	keep := reduceOp{axes: axes}.keep(t.Shape())
	if len(axes) == 0 { // a scalar's only element
		return t.Sub(t).Square().Scale(1 / float64(1-o.Correction))
	}
	mean := t.Mean(axes...).Reshape(keep...)
	sum := t.Sub(mean).Square().Sum(axes...)
	n := 1
	for _, a := range axes {
		n *= t.Dim(a)
	}
	return sum.Scale(1 / math.Max(0, float64(n-o.Correction)))
}

// Std is the square root of Var. Its gradient is infinite or NaN where all elements are equal.
func (t Tensor) Std(o VarianceOptions) Tensor { return t.Var(o).Sqrt() }

// Quantile is the value below which the share q (0 to 1) of the elements along an axis lies, interpolated linearly between neighbours, NaN when an element is.
// The gradient flows to the one or two elements that make it. For several quantiles, the compiler sorts once.
func (t Tensor) Quantile(axis int, q float64) Tensor {
	a := axisOf("quantile", t, axis)
	n := t.Dim(a)
	if !t.DType().IsFloat() {
		fail("quantile", ErrDType, "convert with AsFloat", "%v", t.Spec())
	}
	if !(q >= 0 && q <= 1) || n == 0 {
		fail("quantile", ErrArgument, "0 is the least element, 0.5 the median, 1 the largest", "quantile %v of %d elements", q, n)
	}
	order := t.ArgSort(a)
	at := q * float64(n-1)
	k := min(int(at), max(n-2, 0))
	v := t.TakeAlong(a, order.Slice(a, k, min(k+2, n)))
	out := v.Index(a, 0)
	if w := at - float64(k); w == 1 {
		out = v.Index(a, 1)
	} else if w > 0 {
		out = out.Scale(1 - w).Add(v.Index(a, 1).Scale(w))
	}
	return Where(t.IsNaN().Any(a), t.Like(math.NaN()), out)
}

// Median is the middle element along an axis, the mean of both where the number is even, NaN when an element is.
func (t Tensor) Median(axis int) Tensor { return t.Quantile(axis, 0.5) }
