package graph

// ArgSort is the int32 permutation that sorts t along an axis in increasing order: t.TakeAlong(axis, t.ArgSort(axis)) is t.Sort(axis).
// It is stable (equal elements, 0 and -0 among them, stay in their order) and puts NaN last. It has no gradient.
func (t Tensor) ArgSort(axis int) Tensor { return t.argSort(axis, false) }

// ArgSortDescending is ArgSort in decreasing order; it is stable too, and NaN still comes last.
func (t Tensor) ArgSortDescending(axis int) Tensor { return t.argSort(axis, true) }

func (t Tensor) argSort(axis int, descending bool) Tensor {
	a := axisOf("argsort", t, axis)
	return apply(argsortOp{descending: descending}, t.MoveAxis(a, -1)).MoveAxis(-1, a)
}

// Sort sorts t along an axis in increasing order, NaN last. The gradient follows the elements to their places.
func (t Tensor) Sort(axis int) Tensor { return t.TakeAlong(axis, t.ArgSort(axis)) }

// SortDescending sorts t along an axis in decreasing order, NaN last.
func (t Tensor) SortDescending(axis int) Tensor { return t.TakeAlong(axis, t.ArgSortDescending(axis)) }

// Top is what TopK returns.
type Top struct {
	Values  Tensor // the largest elements, in decreasing order
	Indices Tensor // int32: where they were
}

// TopK gives the k largest elements along an axis, in decreasing order, with their positions; of equals the first come first, NaN
// comes last. Gradients flow through the values.
func (t Tensor) TopK(axis, k int) Top {
	a := axisOf("top-k", t, axis)
	if n := t.Dim(a); k < 0 || k > n {
		fail("top-k", ErrArgument, "ask for at most as many as there are", "k is %d, axis %d of %v has %d elements", k, a, t.Shape(), n)
	}
	i := t.ArgSortDescending(a).Slice(a, 0, k)
	return Top{Values: t.TakeAlong(a, i), Indices: i}
}
