package graph

import "github.com/lavagrad/lavagrad/shaders"

// Running folds along an axis, their results as long as it. Floats accumulate in their own type, in an order fixed by device and shape. The forms named
// Reverse run from the last element down: result i folds elements i to n-1.

// CumSum is the running sum: out[i] = t[0] + ... + t[i]. Integers wrap.
func (t Tensor) CumSum(axis int) Tensor { return t.cumulative(shaders.ScanSum, axis, false) }

// CumSumReverse is CumSum from the end.
func (t Tensor) CumSumReverse(axis int) Tensor { return t.cumulative(shaders.ScanSum, axis, true) }

// CumProd is the running product: out[i] = t[0] ... t[i]. Its gradient divides by nothing, so it is right where elements are 0. Long products
// are taken chunk by chunk: where a chunk's own product leaves the range of float32, so may the result.
func (t Tensor) CumProd(axis int) Tensor { return t.cumulative(shaders.ScanProd, axis, false) }

// CumProdReverse is CumProd from the end.
func (t Tensor) CumProdReverse(axis int) Tensor { return t.cumulative(shaders.ScanProd, axis, true) }

// CumMax is the running maximum, NaN from the first NaN on. Of equal elements the one that the scan meets last has the gradient.
func (t Tensor) CumMax(axis int) Tensor { return t.cumulative(shaders.ScanMax, axis, false) }

// CumMaxReverse is CumMax from the end.
func (t Tensor) CumMaxReverse(axis int) Tensor { return t.cumulative(shaders.ScanMax, axis, true) }

// CumMin is the running minimum, NaN from the first NaN on. Of equal elements the one that the scan meets last has the gradient.
func (t Tensor) CumMin(axis int) Tensor { return t.cumulative(shaders.ScanMin, axis, false) }

// CumMinReverse is CumMin from the end.
func (t Tensor) CumMinReverse(axis int) Tensor { return t.cumulative(shaders.ScanMin, axis, true) }

// CumLogSumExp is the running log(exp(t[0]) + ... + exp(t[i])), without overflow; over elements that are all -Inf it is -Inf.
func (t Tensor) CumLogSumExp(axis int) Tensor {
	return t.cumulative(shaders.ScanLogAddExp, axis, false)
}

// CumLogSumExpReverse is CumLogSumExp from the end.
func (t Tensor) CumLogSumExpReverse(axis int) Tensor {
	return t.cumulative(shaders.ScanLogAddExp, axis, true)
}

func (t Tensor) cumulative(by shaders.Scanner, axis int, reverse bool) Tensor {
	return apply(cumulativeOp{by: by, axis: axisOf("cumulative "+by.String(), t, axis), reverse: reverse}, t)
}

// LinearRecurrence solves y[i] = a[i] y[i-1] + b[i] along an axis, with y = 0 before the first element: running averages, discounted
// sums, linear filters, in parallel where they are long. The operands are broadcast. Long recurrences are taken chunk by chunk, by the
// products of their factors: where such a product leaves the range of float32, so may the result.
func LinearRecurrence(a, b Tensor, axis int) Tensor {
	in := broadcastAll("linear recurrence", a, b)
	return linearScan(in[0], in[1], axisOf("linear recurrence", in[0], axis), false)
}

// LinearRecurrenceReverse solves y[i] = a[i] y[i+1] + b[i], with y = 0 behind the last element: returns of a sequence of rewards, for one.
func LinearRecurrenceReverse(a, b Tensor, axis int) Tensor {
	in := broadcastAll("linear recurrence", a, b)
	return linearScan(in[0], in[1], axisOf("linear recurrence", in[0], axis), true)
}
