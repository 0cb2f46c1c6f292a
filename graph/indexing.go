package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// Gathers and scatters clamp or drop indices out of range rather than fail, since a kernel cannot stop: see each method. CheckIndex
// makes such an index an error.

// indicesOf checks the indices of a user's call and makes them int32.
func indicesOf(op string, indices Tensor) Tensor {
	if !indices.DType().IsInt() {
		fail(op, ErrDType, "convert the indices with AsInt", "the indices are %v, want int32 or uint32", indices.Spec())
	}
	return toInt32(indices)
}

// axisOf is a method's axis, counted from the front.
func axisOf(op string, t Tensor, axis int) int {
	a, err := normalAxis(axis, t.Rank())
	if err != nil {
		fail(op, ErrArgument, "", "%v of %v", err, t.Shape())
	}
	return a
}

// labelsFrom counts n labels up from first.
func labelsFrom(first, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = first + i
	}
	return out
}

// takeLabels are the labels of a tensor that is indexed along an axis by indices of any shape, of these, and of the result.
func takeLabels(rank, axis, indexRank int) (x, idx, out []int) {
	x, idx = labelsFrom(0, rank), labelsFrom(rank, indexRank)
	out = slices.Concat(x[:axis], idx, x[axis+1:])
	x = slices.Clone(x)
	x[axis] = indexed
	return x, idx, out
}

// alongLabels are the labels of a tensor indexed along an axis by indices of the same rank, of these, and of the result.
func alongLabels(rank, axis int) (x, idx, out []int) {
	x, idx = labelsFrom(0, rank), labelsFrom(0, rank)
	x[axis] = indexed
	return x, idx, idx
}

// Take picks slices of t along an axis: the result has the axes of indices (int32 or uint32, any shape) in the place of that axis,
//
//	out[i..., j..., k...] = t[i..., indices[j...], k...]
//
// as NumPy's take and, along axis 0, an embedding's lookup. Indices out of range, negative ones too, are clamped to the first and last
// position, as JAX's are in this mode; CheckIndex makes them an error. The gradient of t adds up over equal indices.
func (t Tensor) Take(axis int, indices Tensor) Tensor {
	idx := indicesOf("take", indices)
	a := axisOf("take", t, axis)
	x, i, out := takeLabels(t.Rank(), a, idx.Rank())
	return apply(gatherOp{x, i, out}, t, idx)
}

// TakeAlong picks single elements along an axis: indices has t's rank and, on all other axes, t's lengths (or 1: broadcast),
//
//	out[i..., j, k...] = t[i..., indices[i..., j, k...], k...]
//
// as NumPy's take_along_axis and torch's gather. Indices out of range are clamped as Take's are.
func (t Tensor) TakeAlong(axis int, indices Tensor) Tensor {
	idx := indicesOf("take along", indices)
	a := axisOf("take along", t, axis)
	idx = spreadAlong("take along", t.Shape(), a, idx, idx.Rank())
	x, i, out := alongLabels(t.Rank(), a)
	return apply(gatherOp{x, i, out}, t, idx)
}

// spreadAlong broadcasts indices to a shape on every axis but one.
func spreadAlong(op string, shape Shape, axis int, idx Tensor, rank int) Tensor {
	if rank != len(shape) {
		fail(op, ErrShape, "give indices of the tensor's rank, or use the form for indices of any shape", "indices of shape %v for %v", idx.Shape(), shape)
	}
	want := slices.Clone(shape)
	want[axis] = idx.Shape()[axis]
	if s, err := broadcastShapes(idx.Shape(), want); err != nil || !s.Equal(want) {
		fail(op, ErrShape, "all axes but the indexed one must agree or be 1", "indices of shape %v for %v along axis %d", idx.Shape(), shape, axis)
	}
	return idx.stretch(want)
}

// CheckIndex is t, integers, but a run in which one of them lies outside 0 to n-1 returns ErrCheck with its place: for indices
// that must not be clamped or dropped.
func (t Tensor) CheckIndex(n int) Tensor {
	if !t.DType().IsInt() {
		fail("check index", ErrDType, "convert the indices with AsInt", "the indices are %v", t.Spec())
	}
	inside := t.Lt(t.Like(float64(n)))
	if t.DType() == Int32 {
		inside = inside.And(t.Ge(t.Like(0)))
	}
	return t.Check(inside, fmt.Sprintf("index in [0, %d)", n))
}

// scatter checks the operands of a user's scatter and spreads the updates to the shape of a gather by the same indices.
func scatterOperands(op string, t Tensor, axis int, indices, updates Tensor, along bool) (o gatherOp, idx, up Tensor) {
	idx = indicesOf(op, indices)
	if updates.DType() != t.DType() {
		fail(op, ErrDType, "convert the updates", "the updates are %v, the tensor %v", updates.Spec(), t.Spec())
	}
	want := slices.Concat(t.Shape()[:axis], idx.Shape(), t.Shape()[axis+1:])
	o.x, o.idx, o.out = takeLabels(t.Rank(), axis, idx.Rank())
	if along {
		idx = spreadAlong(op, t.Shape(), axis, idx, idx.Rank())
		want = idx.Shape()
		o.x, o.idx, o.out = alongLabels(t.Rank(), axis)
	}
	if s, err := broadcastShapes(updates.Shape(), want); err != nil || !s.Equal(want) {
		fail(op, ErrShape, "updates have the shape that picking by the same indices gives, or broadcast to it", "updates of shape %v, want %v", updates.Shape(), want)
	}
	return o, idx, updates.stretch(want)
}

// IndexAdd is t with updates added to the slices that indices name along an axis; where indices repeat, all are added:
//
//	out = t; out[i..., indices[j...], k...] += updates[i..., j..., k...]
//
// The updates have t's dtype and the shape of t.Take(axis, indices), or broadcast to it. Indices out of range, negative ones too, are dropped, as
// JAX's are; CheckIndex makes them an error. The order of additions is fixed: equal runs give equal bits.
func (t Tensor) IndexAdd(axis int, indices, updates Tensor) Tensor {
	return t.scatterAdd("index add", axis, indices, updates, false)
}

// ScatterAdd is t with updates added to the elements that indices, of t's rank, name along an axis (torch's scatter_add):
//
//	out = t; out[i..., indices[i..., j, k...], k...] += updates[i..., j, k...]
//
// The updates have t's dtype and the shape of t.TakeAlong(axis, indices), or broadcast to it. Indices out of range are dropped, as IndexAdd's are.
func (t Tensor) ScatterAdd(axis int, indices, updates Tensor) Tensor {
	return t.scatterAdd("scatter add", axis, indices, updates, true)
}

func (t Tensor) scatterAdd(op string, axis int, indices, updates Tensor, along bool) Tensor {
	if t.DType() == Bool {
		fail(op, ErrDType, "convert with AsInt", "%v has no sum", t.Spec())
	}
	a := axisOf(op, t, axis)
	o, idx, up := scatterOperands(op, t, a, indices, updates, along)
	return t.Add(apply(scatterOp{up: o.out, idx: o.idx, out: o.x, rows: t.Shape()[a]}, up, idx))
}

// IndexSet is t with the slices that indices name along an axis replaced by updates; where indices repeat, the last in row-major order
// wins. Shapes and indices out of range are as for IndexAdd. The gradient flows to the updates that won, and to t elsewhere.
func (t Tensor) IndexSet(axis int, indices, updates Tensor) Tensor {
	return t.scatterSet("index set", axis, indices, updates, false)
}

// ScatterSet is t with the elements that indices, of t's rank, name along an axis replaced by updates (torch's scatter); where
// indices repeat, the last along the axis wins. Shapes and indices out of range are as for ScatterAdd.
func (t Tensor) ScatterSet(axis int, indices, updates Tensor) Tensor {
	return t.scatterSet("scatter set", axis, indices, updates, true)
}

// scatterSet finds for every element the last update that names it, and gathers those.
func (t Tensor) scatterSet(op string, axis int, indices, updates Tensor, along bool) Tensor {
	a := axisOf(op, t, axis)
	o, idx, up := scatterOperands(op, t, a, indices, updates, along)
	if up.Size() == 0 {
		return t
	}
	if along {
		order := Iota(a, idx.Shape()...)
		last := apply(scatterOp{kind: shaders.Max, up: o.idx, idx: o.idx, out: o.x, rows: t.Shape()[a]}, order, idx)
		return Where(last.Ge(Int(0)), up.TakeAlong(a, last), t)
	}
	// The indices' axes become one: a position in it names an update.
	n := idx.Size()
	flat := up.Reshape(slices.Concat(t.Shape()[:a], []int{n}, t.Shape()[a+1:])...)
	last := apply(scatterOp{kind: shaders.Max, up: []int{0}, idx: []int{0}, out: []int{indexed}, rows: t.Shape()[a]}, Iota(0, n), idx.Flatten())
	wide := make([]int, t.Rank())
	for i := range wide {
		wide[i] = 1
	}
	wide[a] = t.Shape()[a]
	return Where(last.Ge(Int(0)).Reshape(wide...), flat.Take(a, last), t)
}
