package graph

// ArgSort is the int32 permutation that sorts t along an axis in increasing order: t.TakeAlong(axis, t.ArgSort(axis)) is t.Sort(axis).
// It is stable (equal elements, 0 and -0 among them, stay in their order) and puts NaN last. It has no gradient.
func (t Tensor) ArgSort(axis int) Tensor { return t.argSort(axis, false) }

// ArgSortDescending is ArgSort in decreasing order; it is stable too, and NaN still comes last.
func (t Tensor) ArgSortDescending(axis int) Tensor { return t.argSort(axis, true) }

func (t Tensor) argSort(axis int, descending bool) Tensor {
	a := axisOf("argsort", t, axis)
	return StopGradient(t.MoveAxis(a, -1).argSortByRank(descending)).MoveAxis(-1, a)
}

// argSortByRank sorts along the last axis by counting for each element those that come before it, and then finding for
// each place the element of that rank: n^2 work, without steps that wait for each other.
func (t Tensor) argSortByRank(descending bool) Tensor {
	if t.DType() == Bool {
		t = t.AsInt()
	}
	n := t.Dim(-1)
	x, y := t.ExpandDims(-1), t.ExpandDims(-2) // element i, and every other element j
	before, same := y.Lt(x), y.Eq(x)
	if descending {
		before = y.Gt(x)
	}
	if t.DType().IsFloat() {
		before = before.Or(x.IsNaN().And(y.IsNaN().Not()))
		same = same.Or(x.IsNaN().And(y.IsNaN()))
	}
	i, j := Iota(0, n, n), Iota(1, n, n)
	rank := before.Or(same.And(j.Lt(i))).AsInt().Sum(-1)
	hit := rank.ExpandDims(-2).Eq(i) // place i, element j
	return Where(hit, j, Int(0)).Sum(-1)
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
