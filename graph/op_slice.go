package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// sliceOp keeps the elements start, start+step, ... before limit, on every axis.
type sliceOp struct{ start, limit, step []int }

func (sliceOp) Name() string { return "slice" }
func (sliceOp) Class() Class { return View }

func (o sliceOp) Infer(in []Spec) (Spec, error) {
	s := in[0].Shape
	if len(o.start) != len(s) || len(o.limit) != len(s) || len(o.step) != len(s) {
		return Spec{}, argumentError("give start, limit and step for every axis", "%d bounds for shape %v", len(o.start), s)
	}
	out := make(Shape, len(s))
	for i, d := range s {
		lo, hi, st := o.start[i], o.limit[i], o.step[i]
		if lo < 0 || hi < lo || hi > d || st < 1 {
			return Spec{}, argumentError("want 0 <= start <= limit <= length and step >= 1",
				"axis %d of %v: start %d, limit %d, step %d", i, s, lo, hi, st)
		}
		out[i] = (hi - lo + st - 1) / st
	}
	return Spec{in[0].DType, out}, nil
}

func (o sliceOp) Eval(out *Host, in []*Host) {
	st := in[0].Shape.strides()
	each(out.Shape, func(pos int, idx []int) {
		src := 0
		for i, x := range idx {
			src += (o.start[i] + x*o.step[i]) * st[i]
		}
		out.V[pos] = in[0].V[src]
	})
}

func (o sliceOp) JVP(_ Call, t []Tensor) Tensor { return apply(o, t[0]) }

// VJP puts the cotangent back in its place, zeros elsewhere.
func (o sliceOp) VJP(c Call, ct Tensor) []Tensor {
	in := c.In[0].Shape()
	p := padOp{low: slices.Clone(o.start), high: make([]int, len(in)), inner: make([]int, len(in))}
	for i, d := range ct.Shape() {
		p.inner[i] = o.step[i] - 1
		covered := 0
		if d > 0 {
			covered = (d-1)*o.step[i] + 1
		}
		p.high[i] = in[i] - o.start[i] - covered
	}
	return []Tensor{apply(p, ct)}
}

func (o sliceOp) Batch(_ Call, in []Tensor, _ []bool, size int) Tensor {
	return apply(sliceOp{
		start: slices.Insert(slices.Clone(o.start), 0, 0),
		limit: slices.Insert(slices.Clone(o.limit), 0, size),
		step:  slices.Insert(slices.Clone(o.step), 0, 1),
	}, in[0])
}

func (o sliceOp) Lower(l *Lowering, _ Operands, at []shaders.Index) *shaders.Expr {
	src := make([]shaders.Index, len(at))
	for i, x := range at {
		src[i] = x.Scale(o.step[i]).Add(shaders.Const(o.start[i]))
	}
	return l.At(0, src)
}

func (sliceOp) Cases() []Case {
	return []Case{
		{Op: sliceOp{[]int{1}, []int{5}, []int{1}}, In: []Sample{sample(7)}},
		{Op: sliceOp{[]int{0, 1}, []int{3, 6}, []int{1, 2}}, In: []Sample{sample(3, 7)}},
		{Op: sliceOp{[]int{2}, []int{2}, []int{1}}, In: []Sample{sample(4)}},
	}
}

// Slice keeps the elements from start up to but not including limit on one axis. Negative axes and
// negative bounds count from the end.
func (t Tensor) Slice(axis, start, limit int) Tensor { return t.SliceStep(axis, start, limit, 1) }

// SliceStep is Slice taking every step-th element.
func (t Tensor) SliceStep(axis, start, limit, step int) Tensor {
	a, err := normalAxis(axis, t.Rank())
	if err != nil {
		fail("slice", ErrArgument, "", "%v", err)
	}
	s := t.Shape()
	if start < 0 {
		start += s[a]
	}
	if limit < 0 {
		limit += s[a]
	}
	o := sliceOp{start: make([]int, len(s)), limit: slices.Clone(s), step: make([]int, len(s))}
	for i := range s {
		o.step[i] = 1
	}
	o.start[a], o.limit[a], o.step[a] = start, limit, step
	if start == 0 && limit == s[a] && step == 1 {
		return t
	}
	return apply(o, t)
}

func indexFix(length int) string {
	if length == 0 {
		return "the axis has no elements"
	}
	return fmt.Sprintf("positions are %d to %d", -length, length-1)
}

// Index takes one position of an axis and removes the axis.
func (t Tensor) Index(axis, i int) Tensor {
	a, err := normalAxis(axis, t.Rank())
	if err != nil {
		fail("index", ErrArgument, "", "%v", err)
	}
	if d := t.Dim(a); i < -d || i >= d {
		fail("index", ErrArgument, indexFix(d), "position %d of axis %d of %v", i, a, t.Shape())
	} else if i < 0 {
		i += d
	}
	return t.Slice(a, i, i+1).Squeeze(a)
}
