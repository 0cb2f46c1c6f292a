package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// broadcastOp repeats the operand along new leading axes and along axes of length 1.
type broadcastOp struct{ shape Shape }

func (broadcastOp) Name() string { return "broadcast" }
func (broadcastOp) Class() Class { return View }

func (o broadcastOp) Infer(in []Spec) (Spec, error) {
	s, err := broadcastShapes(in[0].Shape, o.shape)
	if err != nil || !s.Equal(o.shape) {
		return Spec{}, shapeError("axes are aligned at the last one; only axes of length 1 stretch", "%v does not broadcast to %v", in[0].Shape, o.shape)
	}
	return Spec{in[0].DType, o.shape}, nil
}

// source gives the stride with which each axis of the result walks over the operand.
func (o broadcastOp) source(in Shape) []int {
	st := make([]int, len(o.shape))
	for i, s := range in.strides() {
		if in[i] != 1 {
			st[i+len(o.shape)-len(in)] = s
		}
	}
	return st
}

func (o broadcastOp) Eval(out *Host, in []*Host) {
	st := o.source(in[0].Shape)
	each(out.Shape, func(pos int, idx []int) { out.V[pos] = in[0].V[offset(idx, st)] })
}

func (o broadcastOp) JVP(_ Call, t []Tensor) Tensor { return apply(o, t[0]) }

// VJP sums over everything that was repeated.
func (o broadcastOp) VJP(c Call, ct Tensor) []Tensor {
	in := c.In[0].Shape()
	lead := len(o.shape) - len(in)
	var axes []int
	for i := range o.shape {
		if i < lead || in[i-lead] == 1 && o.shape[i] != 1 {
			axes = append(axes, i)
		}
	}
	if len(axes) == 0 {
		return []Tensor{ct}
	}
	return []Tensor{ct.Sum(axes...).Reshape(in...)}
}

func (o broadcastOp) Batch(c Call, in []Tensor, _ []bool, size int) Tensor {
	// Axes that the broadcast puts in front must come after the batch axis: make room for them.
	inner := c.In[0].Shape()
	room := make(Shape, 0, len(o.shape)+1)
	room = append(room, size)
	for range len(o.shape) - len(inner) {
		room = append(room, 1)
	}
	return apply(broadcastOp{o.shape.prepend(size)}, in[0].Reshape(append(room, inner...)...))
}

func (o broadcastOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	in := n.In(0).Shape
	src := make([]shaders.Index, len(in))
	for i, d := range in {
		src[i] = at[i+len(at)-len(in)]
		if d == 1 {
			src[i] = shaders.Const(0)
		}
	}
	return l.At(0, src)
}

func (broadcastOp) Cases() []Case {
	return []Case{
		{Op: broadcastOp{Shape{3, 4}}, In: []Sample{sample(4)}},
		{Op: broadcastOp{Shape{2, 3, 4}}, In: []Sample{sample(3, 1)}},
		{Op: broadcastOp{Shape{5}}, In: []Sample{sample()}},
	}
}

// BroadcastTo repeats t along new leading axes and along its axes of length 1 (NumPy's rule).
func (t Tensor) BroadcastTo(shape ...int) Tensor {
	checkDims("broadcast", shape)
	return t.stretch(slices.Clone(shape))
}

// stretch is BroadcastTo for a shape that nobody else holds.
func (t Tensor) stretch(shape Shape) Tensor {
	n := t.must("broadcast")
	if n.spec.Shape.Equal(shape) {
		return t
	}
	if c, ok := n.op.(constOp); ok && c.splat() {
		if s, err := broadcastShapes(n.spec.Shape, shape); err == nil && s.Equal(shape) {
			return constant(Spec{n.spec.DType, shape}, c.values[0])
		}
	}
	return apply(broadcastOp{shape}, t)
}
