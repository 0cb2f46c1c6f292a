package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// padOp surrounds the operand with zeros: low before, high after (negative crops nothing: it is an
// error), inner between neighbours, on every axis.
type padOp struct{ low, high, inner []int }

func (padOp) Name() string { return "pad" }
func (padOp) Class() Class { return View }

func (o padOp) Infer(in []Spec) (Spec, error) {
	s := in[0].Shape
	if len(o.low) != len(s) || len(o.high) != len(s) || len(o.inner) != len(s) {
		return Spec{}, argumentError("give low, high and inner padding for every axis", "%d paddings for shape %v", len(o.low), s)
	}
	out := make(Shape, len(s))
	for i, d := range s {
		if o.low[i] < 0 || o.high[i] < 0 || o.inner[i] < 0 {
			return Spec{}, argumentError("paddings are 0 or more; crop with Slice", "axis %d of %v: low %d, high %d, inner %d",
				i, s, o.low[i], o.high[i], o.inner[i])
		}
		out[i] = o.low[i] + o.high[i] + d + max(d-1, 0)*o.inner[i]
	}
	return Spec{in[0].DType, out}, nil
}

func (o padOp) Eval(out *Host, in []*Host) {
	st := out.Shape.strides()
	each(in[0].Shape, func(pos int, idx []int) {
		dst := 0
		for i, x := range idx {
			dst += (o.low[i] + x*(1+o.inner[i])) * st[i]
		}
		out.V[dst] = in[0].V[pos]
	})
}

func (o padOp) JVP(_ Call, t []Tensor) Tensor { return apply(o, t[0]) }

func (o padOp) VJP(c Call, ct Tensor) []Tensor {
	in := c.In[0].Shape()
	s := sliceOp{start: slices.Clone(o.low), limit: make([]int, len(in)), step: make([]int, len(in))}
	for i, d := range in {
		s.step[i] = 1 + o.inner[i]
		s.limit[i] = o.low[i]
		if d > 0 {
			s.limit[i] += (d-1)*s.step[i] + 1
		}
	}
	return []Tensor{apply(s, ct)}
}

func (o padOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor {
	zero := func(x []int) []int { return slices.Insert(slices.Clone(x), 0, 0) }
	return apply(padOp{zero(o.low), zero(o.high), zero(o.inner)}, in[0])
}

func (o padOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	in := n.In(0).Shape
	d := n.Out().DType
	if in.Size() == 0 {
		return l.Literal(d, 0)
	}
	src := make([]shaders.Index, len(at))
	var inside *shaders.Expr
	for i, x := range at {
		x = x.Add(shaders.Const(-o.low[i]))
		step := 1 + o.inner[i]
		inside = l.And(inside, l.InRange(x, 0, (in[i]-1)*step))
		x = x.Clamp(0, (in[i]-1)*step)
		if step > 1 {
			inside = l.And(inside, l.InRange(x.Mod(step), 0, 0))
			x = x.Div(step)
		}
		src[i] = x
	}
	v := l.At(0, src)
	if inside == nil {
		return v
	}
	return l.Select(inside, v, l.Literal(d, 0))
}

func (padOp) Cases() []Case {
	return []Case{
		{Op: padOp{[]int{1}, []int{2}, []int{0}}, In: []Sample{sample(4)}},
		{Op: padOp{[]int{0, 2}, []int{1, 0}, []int{1, 2}}, In: []Sample{sample(3, 2)}},
	}
}

// Pad puts zeros before and after the elements of one axis.
func (t Tensor) Pad(axis, low, high int) Tensor {
	a, err := normalAxis(axis, t.Rank())
	if err != nil {
		fail("pad", ErrArgument, "", "%v", err)
	}
	if low == 0 && high == 0 {
		return t
	}
	o := padOp{make([]int, t.Rank()), make([]int, t.Rank()), make([]int, t.Rank())}
	o.low[a], o.high[a] = low, high
	return apply(o, t)
}
