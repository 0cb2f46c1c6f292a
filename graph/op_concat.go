package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// concatOp puts its operands one after the other along an axis.
type concatOp struct{ axis int }

func (concatOp) Name() string { return "concat" }
func (concatOp) Class() Class { return View }

func (o concatOp) Infer(in []Spec) (Spec, error) {
	if len(in) == 0 {
		return Spec{}, argumentError("give at least one tensor", "nothing to join")
	}
	if o.axis < 0 || o.axis >= len(in[0].Shape) {
		return Spec{}, argumentError("join scalars with Stack", "axis %d of %v", o.axis, in[0].Shape)
	}
	d, err := sameType(in)
	if err != nil {
		return Spec{}, err
	}
	out := slices.Clone(in[0].Shape)
	for i, s := range in[1:] {
		want := slices.Clone(s.Shape)
		if len(want) == len(out) {
			want[o.axis] = out[o.axis]
		}
		if !want.Equal(out) {
			return Spec{}, shapeError("all lengths but the joined axis' must agree", "operand 0 is %v, operand %d is %v, axis %d",
				in[0].Shape, i+1, s.Shape, o.axis)
		}
		out[o.axis] += s.Shape[o.axis]
	}
	return Spec{d, out}, nil
}

func (o concatOp) Eval(out *Host, in []*Host) {
	st := out.Shape.strides()
	at := 0
	for _, h := range in {
		each(h.Shape, func(pos int, idx []int) {
			out.V[offset(idx, st)+at*st[o.axis]] = h.V[pos]
		})
		at += h.Shape[o.axis]
	}
}

func (o concatOp) JVP(c Call, t []Tensor) Tensor {
	full := make([]Tensor, len(t))
	for i, x := range t {
		full[i] = orZeros(x, c.In[i])
	}
	return apply(o, full...)
}

func (o concatOp) VJP(c Call, ct Tensor) []Tensor {
	out := make([]Tensor, len(c.In))
	at := 0
	for i, x := range c.In {
		n := x.Shape()[o.axis]
		out[i] = ct.Slice(o.axis, at, at+n)
		at += n
	}
	return out
}

func (o concatOp) Batch(_ Call, in []Tensor, batched []bool, size int) Tensor {
	return apply(concatOp{o.axis + 1}, alignBatch(in, batched, size)...)
}

func (o concatOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	var result *shaders.Expr
	end := n.Out().Shape[o.axis]
	for i := n.Len() - 1; i >= 0; i-- {
		length := n.In(i).Shape[o.axis]
		begin := end - length
		if length > 0 {
			src := slices.Clone(at)
			src[o.axis] = at[o.axis].Add(shaders.Const(-begin)).Clamp(0, length-1)
			v := l.At(i, src)
			if result == nil {
				result = v
			} else if in := l.InRange(at[o.axis], 0, end-1); in == nil {
				result = v
			} else {
				result = l.Select(in, v, result)
			}
		}
		end = begin
	}
	if result == nil {
		result = l.Literal(n.Out().DType, 0)
	}
	return result
}

func (concatOp) Cases() []Case {
	return []Case{
		{Op: concatOp{0}, In: []Sample{sample(2), sample(3), sample(0)}},
		{Op: concatOp{1}, In: []Sample{sample(2, 1, 2), sample(2, 4, 2)}},
	}
}

// Concat joins tensors along an existing axis; negative axes count from the end.
func Concat(axis int, in ...Tensor) Tensor {
	if len(in) == 0 {
		fail("concat", ErrArgument, "give at least one tensor", "nothing to join")
	}
	a, err := normalAxis(axis, in[0].Rank())
	if err != nil {
		fail("concat", ErrArgument, "join scalars with Stack", "%v", err)
	}
	// Joined in groups, no kernel need read more arrays than a device binds.
	for len(in) > concatGroup {
		var groups []Tensor
		for part := range slices.Chunk(in, concatGroup) {
			groups = append(groups, Concat(a, part...))
		}
		in = groups
	}
	if len(in) == 1 {
		return in[0]
	}
	return apply(concatOp{a}, in...)
}

// concatGroup is how many tensors one concat joins.
const concatGroup = 8

// Stack joins tensors of one shape along a new axis, and keeps their gradients.
func Stack(axis int, in ...Tensor) Tensor {
	out := make([]Tensor, len(in))
	for i, t := range in {
		if !t.Shape().Equal(in[0].Shape()) {
			fail("stack", ErrShape, "all shapes must agree", "operand 0 is %v, operand %d is %v", in[0].Shape(), i, t.Shape())
		}
		out[i] = t.ExpandDims(axis)
	}
	if axis < 0 && len(in) > 0 {
		axis += in[0].Rank() + 1
	}
	return Concat(axis, out...)
}
