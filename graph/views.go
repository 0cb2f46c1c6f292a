package graph

import "slices"

// Rearrangements made of slices, reshapes, broadcasts and selections: the compiler reads through them, so that most cost no memory traffic of their own.

// Split cuts t along an axis into parts of the given lengths, which together are as long as the axis.
func (t Tensor) Split(axis int, lengths ...int) []Tensor {
	a := axisOf("split", t, axis)
	sum := 0
	for _, n := range lengths {
		if n < 0 {
			fail("split", ErrArgument, "lengths are 0 or more", "length %d", n)
		}
		sum += n
	}
	if sum != t.Dim(a) {
		fail("split", ErrArgument, "let the lengths add up to the axis", "lengths %v for axis %d of %v", lengths, a, t.Shape())
	}
	out := make([]Tensor, len(lengths))
	at := 0
	for i, n := range lengths {
		out[i] = t.Slice(a, at, at+n)
		at += n
	}
	return out
}

// Unstack gives the slices of t along an axis, without the axis: the inverse of Stack.
func (t Tensor) Unstack(axis int) []Tensor {
	a := axisOf("unstack", t, axis)
	out := make([]Tensor, t.Dim(a))
	for i := range out {
		out[i] = t.Index(a, i)
	}
	return out
}

// Tile repeats all of t along every axis as often as given, as NumPy's tile: an axis of length n becomes one of n*times.
func (t Tensor) Tile(times ...int) Tensor {
	s := t.Shape()
	if len(times) != len(s) {
		fail("tile", ErrArgument, "give one number for every axis", "%d numbers for %v", len(times), s)
	}
	var narrow, wide, out []int
	for i, n := range s {
		if times[i] < 0 {
			fail("tile", ErrArgument, "repeat 0 times or more", "axis %d: %d times", i, times[i])
		}
		narrow = append(narrow, 1, n)
		wide = append(wide, times[i], n)
		out = append(out, times[i]*n)
	}
	return t.Reshape(narrow...).BroadcastTo(wide...).Reshape(out...)
}

// Repeat repeats each element along an axis, as NumPy's repeat: [a b] becomes [a a b b].
func (t Tensor) Repeat(axis, times int) Tensor {
	a := axisOf("repeat", t, axis)
	if times < 0 {
		fail("repeat", ErrArgument, "repeat 0 times or more", "%d times", times)
	}
	wide := slices.Insert(slices.Clone(t.Shape()), a+1, times)
	out := slices.Clone(t.Shape())
	out[a] *= times
	return t.ExpandDims(a + 1).BroadcastTo(wide...).Reshape(out...)
}

// Roll moves the elements of an axis shift places up; what leaves at the end comes in at the start. Negative shifts move down.
func (t Tensor) Roll(axis, shift int) Tensor {
	a := axisOf("roll", t, axis)
	n := t.Dim(a)
	if n == 0 {
		return t
	}
	k := (shift%n + n) % n
	if k == 0 {
		return t
	}
	return Concat(a, t.Slice(a, n-k, n), t.Slice(a, 0, n-k))
}

// matrixOf fails for tensors without two axes.
func matrixOf(op string, t Tensor) (rows, cols int) {
	if t.Rank() < 2 {
		fail(op, ErrShape, "give a matrix, or several with axes in front", "%v has fewer than two axes", t.Spec())
	}
	return t.Dim(-2), t.Dim(-1)
}

// Tril keeps what lies on or below a diagonal of the last two axes, and sets the rest to 0: 0 is the main diagonal, positive ones lie above it.
func (t Tensor) Tril(diagonal int) Tensor {
	rows, cols := matrixOf("tril", t)
	keep := Iota(1, rows, cols).Le(Iota(0, rows, cols).AddScalar(float64(diagonal)))
	return Where(keep, t, t.Like(0))
}

// Triu keeps what lies on or above a diagonal of the last two axes, and sets the rest to 0.
func (t Tensor) Triu(diagonal int) Tensor {
	rows, cols := matrixOf("triu", t)
	keep := Iota(1, rows, cols).Ge(Iota(0, rows, cols).AddScalar(float64(diagonal)))
	return Where(keep, t, t.Like(0))
}

// Diagonal is a diagonal of the last two axes, as a new last axis: 0 is the main one, positive ones lie above it.
func (t Tensor) Diagonal(offset int) Tensor {
	rows, cols := matrixOf("diagonal", t)
	first, length := offset, min(rows, cols-offset)
	if offset < 0 {
		first, length = -offset*cols, min(rows+offset, cols)
	}
	lead := t.Shape()[:t.Rank()-2]
	flat := t.Reshape(slices.Concat(lead, []int{rows * cols})...)
	if length <= 0 {
		return flat.Slice(-1, 0, 0)
	}
	return flat.SliceStep(-1, first, first+(length-1)*(cols+1)+1, cols+1)
}

// Diag makes square matrices with the last axis of t on a diagonal and 0 elsewhere: the transpose of Diagonal.
func (t Tensor) Diag(offset int) Tensor {
	if t.Rank() == 0 {
		fail("diag", ErrShape, "give a vector", "%v has no axis", t.Spec())
	}
	k := max(offset, -offset)
	n := t.Dim(-1) + k
	wide := t.Pad(-1, 0, k).ExpandDims(-2) // along the columns
	i, j := Iota(0, n, n), Iota(1, n, n)
	if offset >= 0 {
		wide = t.Pad(-1, 0, k).ExpandDims(-1) // along the rows
	}
	on := j.Eq(i.AddScalar(float64(offset)))
	return Where(on, wide, t.Like(0))
}

// Eye is the float32 identity matrix with n rows.
func Eye(n int) Tensor { return Iota(0, n, n).Eq(Iota(1, n, n)).AsFloat() }

// MaskedFill is value where mask (bool, broadcast) is true, and t elsewhere, with t's gradient there only.
func (t Tensor) MaskedFill(mask Tensor, value float64) Tensor { return Where(mask, t.Like(value), t) }

// MaskedMean is the mean over the given axes of the elements where mask (bool, broadcast) is true; NaN where it is nowhere. What the mask leaves
// out may be anything, NaN included.
func (t Tensor) MaskedMean(mask Tensor, axes ...int) Tensor {
	if !t.DType().IsFloat() {
		fail("masked mean", ErrDType, "convert with AsFloat", "%v", t.Spec())
	}
	x := broadcastAll("masked mean", mask, t)
	return Where(x[0], x[1], t.Like(0)).Sum(axes...).Div(x[0].Convert(t.DType()).Sum(axes...))
}
