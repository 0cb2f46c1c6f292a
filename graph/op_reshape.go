package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// reshapeOp gives the same elements in row-major order another shape.
type reshapeOp struct{ shape Shape }

func (reshapeOp) Name() string { return "reshape" }
func (reshapeOp) Class() Class { return View }

func (o reshapeOp) Infer(in []Spec) (Spec, error) {
	if in[0].Shape.Size() != o.shape.Size() {
		return Spec{}, shapeError("the number of elements must stay", "%v has %d elements, %v has %d",
			in[0].Shape, in[0].Shape.Size(), o.shape, o.shape.Size())
	}
	return Spec{in[0].DType, o.shape}, nil
}

func (reshapeOp) Eval(out *Host, in []*Host) { copy(out.V, in[0].V) }

func (o reshapeOp) JVP(_ Call, t []Tensor) Tensor { return t[0].Reshape(o.shape...) }

func (reshapeOp) VJP(c Call, ct Tensor) []Tensor { return []Tensor{ct.Reshape(c.In[0].Shape()...)} }

func (o reshapeOp) Batch(_ Call, in []Tensor, _ []bool, size int) Tensor {
	return apply(reshapeOp{o.shape.prepend(size)}, in[0])
}

func (o reshapeOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	return l.At(0, reshapeIndex(at, o.shape, n.In(0).Shape))
}

// reshapeIndex rewrites an index into shape from as the index of the same element in shape to.
func reshapeIndex(at []shaders.Index, from, to Shape) []shaders.Index {
	linear := shaders.Const(0)
	for i, s := range from.strides() {
		linear = linear.Add(at[i].Scale(s))
	}
	out := make([]shaders.Index, len(to))
	for i, s := range to.strides() {
		out[i] = linear.Div(max(s, 1))
		if i > 0 {
			out[i] = out[i].Mod(max(to[i], 1))
		}
	}
	return out
}

func (reshapeOp) Cases() []Case {
	return []Case{
		{Op: reshapeOp{Shape{6, 4}}, In: []Sample{sample(2, 3, 4)}},
		{Op: reshapeOp{Shape{3, 5, 2}}, In: []Sample{sample(6, 5)}},
		{Op: reshapeOp{Shape{}}, In: []Sample{sample(1, 1)}},
	}
}

// Reshape gives the same elements, in row-major order, another shape. One length may be -1: it is
// inferred from the others.
func (t Tensor) Reshape(shape ...int) Tensor {
	s := Shape(slices.Clone(shape))
	size := t.Size()
	if i := slices.Index(s, -1); i >= 0 {
		s[i] = 1
		if rest := s.Size(); rest > 0 && size%rest == 0 && !slices.Contains(s, -1) {
			s[i] = size / rest
		} else {
			fail("reshape", ErrShape, "name every length but one, and let their product divide the size",
				"cannot infer -1 in %v from %v (%d elements)", Shape(shape), t.Shape(), size)
		}
	}
	checkDims("reshape", s)
	if s.Equal(t.Shape()) {
		return t
	}
	return apply(reshapeOp{s}, t)
}

// ExpandDims inserts an axis of length 1 before the given axis; -1 appends one at the end.
func (t Tensor) ExpandDims(axis int) Tensor {
	a, err := normalAxis(axis, t.Rank()+1)
	if err != nil {
		fail("expand dims", ErrArgument, "", "%v (one more than the tensor's)", err)
	}
	return t.Reshape(slices.Insert(slices.Clone(t.Shape()), a, 1)...)
}

// Squeeze removes an axis of length 1.
func (t Tensor) Squeeze(axis int) Tensor {
	if t.Dim(axis) != 1 {
		fail("squeeze", ErrShape, "only axes of length 1 can be removed", "axis %d of %v has length %d", axis, t.Shape(), t.Dim(axis))
	}
	a, _ := normalAxis(axis, t.Rank())
	return t.Reshape(slices.Delete(slices.Clone(t.Shape()), a, a+1)...)
}

// Flatten gives all elements in one axis.
func (t Tensor) Flatten() Tensor { return t.Reshape(t.Size()) }
