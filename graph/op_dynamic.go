package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// dynamicSliceOp keeps a block of the given lengths from a start that is computed: the second operand, int32, gives one
// position for each axis. The first axes of both operands, lead in number, pair them: each has a start of its own. Starts are
// clamped so that the block lies inside.
type dynamicSliceOp struct {
	lead  int
	sizes []int
}

// dynamicPlaceOp is the transpose: zeros of the given lengths with the first operand in them from the start on.
type dynamicPlaceOp struct {
	lead  int
	sizes []int
}

func (dynamicSliceOp) Name() string { return "dynamic slice" }
func (dynamicSliceOp) Class() Class { return View }
func (dynamicPlaceOp) Name() string { return "dynamic place" }
func (dynamicPlaceOp) Class() Class { return View }

// Key tells slices apart.
func (o dynamicSliceOp) Key() string { return fmt.Sprintf("dynamic slice %d %v", o.lead, o.sizes) }

// Key tells placements apart.
func (o dynamicPlaceOp) Key() string { return fmt.Sprintf("dynamic place %d %v", o.lead, o.sizes) }

// startSpecs checks the operands of both: the block must fit into the whole.
func startSpecs(in []Spec, lead int, sizes []int, block, whole func(i int) int) (Spec, error) {
	x, starts := in[0].Shape, in[1]
	if starts.DType != Int32 {
		return Spec{}, dtypeError("convert the starts with AsInt", "the starts are %v, want int32", starts)
	}
	if len(x) != lead+len(sizes) {
		return Spec{}, argumentError("give a length for every axis", "%d lengths for shape %v", len(sizes), x)
	}
	if !starts.Shape.Equal(append(slices.Clone(x[:lead]), len(sizes))) {
		return Spec{}, shapeError("give one start for every axis", "starts of shape %v for %v", starts.Shape, x)
	}
	for i := range sizes {
		if block(i) < 0 || block(i) > whole(i) {
			return Spec{}, argumentError("a block is at most as long as the axis", "axis %d: %d elements of %d", i, block(i), whole(i))
		}
	}
	return Spec{in[0].DType, slices.Concat(x[:lead], sizes)}, nil
}

func (o dynamicSliceOp) Infer(in []Spec) (Spec, error) {
	return startSpecs(in, o.lead, o.sizes, func(i int) int { return o.sizes[i] }, func(i int) int { return in[0].Shape[o.lead+i] })
}

func (o dynamicPlaceOp) Infer(in []Spec) (Spec, error) {
	return startSpecs(in, o.lead, o.sizes, func(i int) int { return in[0].Shape[o.lead+i] }, func(i int) int { return o.sizes[i] })
}

// blockOffsets calls f with every position of the block and where in the whole that is.
func blockOffsets(block, whole Shape, lead int, starts *Host, f func(inBlock, inWhole int)) {
	st := whole.strides()
	k := len(block) - lead
	each(block, func(pos int, idx []int) {
		at := offset(idx, st)
		first := offset(idx[:lead], Shape(starts.Shape[:lead]).strides()) * k
		for i := range k {
			a := lead + i
			at += int(min(max(starts.V[first+i], 0), float64(whole[a]-block[a]))) * st[a]
		}
		f(pos, at)
	})
}

func (o dynamicSliceOp) Eval(out *Host, in []*Host) {
	blockOffsets(out.Shape, in[0].Shape, o.lead, in[1], func(b, w int) { out.V[b] = in[0].V[w] })
}

func (o dynamicPlaceOp) Eval(out *Host, in []*Host) {
	blockOffsets(in[0].Shape, out.Shape, o.lead, in[1], func(b, w int) { out.V[w] = in[0].V[b] })
}

func (o dynamicSliceOp) JVP(c Call, t []Tensor) Tensor { return alongFirst(o, c, t) }
func (o dynamicPlaceOp) JVP(c Call, t []Tensor) Tensor { return alongFirst(o, c, t) }

// alongFirst is the tangent of an op that is linear in its first operand and piecewise constant in its second.
func alongFirst(o Op, c Call, t []Tensor) Tensor {
	if !t[0].Valid() {
		return Tensor{}
	}
	return apply(o, t[0], c.In[1])
}

func (o dynamicSliceOp) VJP(c Call, ct Tensor) []Tensor {
	return []Tensor{apply(dynamicPlaceOp{o.lead, c.In[0].Shape()[o.lead:]}, ct, c.In[1]), {}}
}

func (o dynamicPlaceOp) VJP(c Call, ct Tensor) []Tensor {
	return []Tensor{apply(dynamicSliceOp{o.lead, c.In[0].Shape()[o.lead:]}, ct, c.In[1]), {}}
}

func (o dynamicSliceOp) Batch(_ Call, in []Tensor, batched []bool, size int) Tensor {
	return apply(dynamicSliceOp{o.lead + 1, o.sizes}, alignBatch(in, batched, size)...)
}

func (o dynamicPlaceOp) Batch(_ Call, in []Tensor, batched []bool, size int) Tensor {
	return apply(dynamicPlaceOp{o.lead + 1, o.sizes}, alignBatch(in, batched, size)...)
}

// blockStart is where the block begins along axis i.
func blockStart(l *Lowering, at []shaders.Index, lead, i, room int) shaders.Index {
	if room == 0 {
		return shaders.Const(0)
	}
	return l.Position(l.At(1, append(slices.Clone(at[:lead]), shaders.Const(i))), 0, room)
}

func (o dynamicSliceOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	src := slices.Clone(at)
	for i, size := range o.sizes {
		a := o.lead + i
		src[a] = at[a].Add(blockStart(l, at, o.lead, i, n.In(0).Shape[a]-size))
	}
	return l.At(0, src)
}

func (o dynamicPlaceOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	block := n.In(0).Shape
	zero := l.Literal(n.Out().DType, 0)
	if block.Size() == 0 {
		return zero
	}
	src := slices.Clone(at)
	var inside *shaders.Expr
	for i, size := range o.sizes {
		a := o.lead + i
		x := at[a].Add(blockStart(l, at, o.lead, i, size-block[a]).Scale(-1))
		if size > block[a] {
			inside = l.And(inside, l.InRange(x, 0, block[a]-1))
		}
		src[a] = x.Clamp(0, block[a]-1)
	}
	v := l.At(0, src)
	if inside == nil {
		return v
	}
	return l.Select(inside, v, zero)
}

func (dynamicSliceOp) Cases() []Case {
	return []Case{
		{Op: dynamicSliceOp{0, []int{3}}, In: []Sample{sample(7), sampleOf(Int32, -2, 8, 1)}},
		{Op: dynamicSliceOp{0, []int{2, 4}}, In: []Sample{sample(5, 8), sampleOf(Int32, -2, 8, 2)}},
		{Op: dynamicSliceOp{1, []int{2}}, In: []Sample{sampleOf(Int32, -9, 9, 3, 5), sampleOf(Int32, -2, 8, 3, 1)}},
		{Op: dynamicSliceOp{0, []int{0, 3}}, In: []Sample{sample(2, 3), sampleOf(Int32, 0, 3, 2)}},
	}
}

func (dynamicPlaceOp) Cases() []Case {
	return []Case{
		{Op: dynamicPlaceOp{0, []int{7}}, In: []Sample{sample(3), sampleOf(Int32, -2, 8, 1)}},
		{Op: dynamicPlaceOp{0, []int{5, 8}}, In: []Sample{sample(2, 8), sampleOf(Int32, -2, 8, 2)}},
		{Op: dynamicPlaceOp{1, []int{5}}, In: []Sample{sampleOf(Bool, 0, 2, 3, 2), sampleOf(Int32, -2, 8, 3, 1)}},
		{Op: dynamicPlaceOp{0, []int{2, 3}}, In: []Sample{sample(2, 0), sampleOf(Int32, 0, 3, 2)}},
	}
}

// startsOf checks the starts of a user's call and makes them int32.
func startsOf(op string, starts Tensor, rank int) Tensor {
	if !starts.DType().IsInt() || !starts.Shape().Equal(Shape{rank}) {
		fail(op, ErrShape, "give one int32 start for every axis, for example with Stack", "starts are %v, want int32[%d]", starts.Spec(), rank)
	}
	return toInt32(starts)
}

// toInt32 makes indices int32; uint32 beyond its range become the largest, not negative.
func toInt32(t Tensor) Tensor {
	if t.DType() == Uint32 {
		t = t.Min(t.Like(1<<31 - 1))
	}
	return t.Convert(Int32)
}

// DynamicSlice keeps a block of the given lengths, one for every axis, from starts on: int32 or uint32 of shape [rank], which
// may be computed. Starts are clamped so that the block lies inside t, as JAX's are. The gradient flows to the block.
func (t Tensor) DynamicSlice(starts Tensor, sizes ...int) Tensor {
	return apply(dynamicSliceOp{0, slices.Clone(sizes)}, t, startsOf("dynamic slice", starts, t.Rank()))
}

// DynamicUpdateSlice is t with the block from starts on replaced by update, which has t's rank and dtype and fits in t. Starts are clamped
// as for DynamicSlice. The gradient flows to update for the block, to t for the rest.
func (t Tensor) DynamicUpdateSlice(update, starts Tensor) Tensor {
	const name = "dynamic update slice"
	if update.DType() != t.DType() {
		fail(name, ErrDType, "convert the update", "the update is %v, the tensor %v", update.Spec(), t.Spec())
	}
	if update.Rank() != t.Rank() {
		fail(name, ErrShape, "give both the same rank", "the update is %v, the tensor %v", update.Spec(), t.Spec())
	}
	at := startsOf(name, starts, t.Rank())
	place := dynamicPlaceOp{0, slices.Clone(t.Shape())}
	inside := apply(place, Full(Bool, 1, update.Shape()...), at)
	return Where(inside, apply(place, update, at), t)
}

// startAlong is the starts of a block that is whole but along one axis.
func startAlong(op string, t Tensor, axis int, start Tensor) (int, Tensor) {
	a, err := normalAxis(axis, t.Rank())
	if err != nil {
		fail(op, ErrArgument, "", "%v", err)
	}
	if !start.DType().IsInt() || start.Rank() != 0 {
		fail(op, ErrShape, "give one position, such as Int(3)", "the start is %v, want int32[]", start.Spec())
	}
	return a, toInt32(start).ExpandDims(0).Pad(0, a, t.Rank()-1-a)
}

// DynamicSliceIn keeps size elements of one axis from a start that may be computed (an int32 scalar), clamped as for DynamicSlice.
func (t Tensor) DynamicSliceIn(axis int, start Tensor, size int) Tensor {
	a, starts := startAlong("dynamic slice", t, axis, start)
	sizes := slices.Clone(t.Shape())
	sizes[a] = size
	return t.DynamicSlice(starts, sizes...)
}

// DynamicIndex takes one position of an axis, which may be computed (an int32 scalar, clamped to the axis), and removes the axis.
func (t Tensor) DynamicIndex(axis int, i Tensor) Tensor {
	return t.DynamicSliceIn(axis, i, 1).Squeeze(axis)
}

// DynamicUpdateIn is t with the elements of one axis from start on replaced by update, whose other axes are as long as t's.
func (t Tensor) DynamicUpdateIn(axis int, start, update Tensor) Tensor {
	_, starts := startAlong("dynamic update slice", t, axis, start)
	return t.DynamicUpdateSlice(update, starts)
}
