package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// foldOp adds windows back to where windowsOp took them from, axes of the given lengths: overlap-add, the
// transpose of windowsOp, [... k1 k2 o1 o2] to [... n1 n2].
type foldOp struct {
	windows []Window
	lengths []int
}

func (foldOp) Name() string { return "fold" }

// Class: where windows do not overlap, each result element is one operand element or 0.
func (o foldOp) Class() Class {
	if o.foldLength() == 1 {
		return View
	}
	return Reduction
}

// steps is over how many candidates for a window each position of an axis is summed.
func (w Window) steps() int {
	if w.Dilation == 1 {
		return (w.Size + w.Stride - 1) / w.Stride
	}
	return w.Size
}

func (o foldOp) foldLength() int {
	n := 1
	for _, w := range o.windows {
		n *= w.steps()
	}
	return n
}

// work is how many machine operations an element folded takes.
func (o foldOp) work() int { return 8 * len(o.windows) }

func (o foldOp) Infer(in []Spec) (Spec, error) {
	if _, err := sameNumber(in); err != nil {
		return Spec{}, err
	}
	s := in[0].Shape
	if err := checkWindows(o.windows, len(s)/2); err != nil {
		return Spec{}, err
	}
	if len(o.lengths) != len(o.windows) {
		return Spec{}, argumentError("give the length of every axis folded", "%d lengths for %d windows", len(o.lengths), len(o.windows))
	}
	for i, n := range o.lengths {
		if n < 0 {
			return Spec{}, argumentError("axis lengths are 0 or more", "length %d of axis %d", n, i)
		}
	}
	out := append(slices.Clone(s[:len(s)-2*len(o.windows)]), o.lengths...)
	if want := windowsShape(out, o.windows); !want.Equal(s) {
		return Spec{}, shapeError("give a tensor as Windows of the same windows makes it from the lengths",
			"%v folded to lengths %v, which have windows %v", s, o.lengths, want)
	}
	return Spec{in[0].DType, out}, nil
}

func (o foldOp) Eval(out *Host, in []*Host) {
	eachWindow(in[0].Shape, out.Shape, o.windows, func(pos, dst int) {
		if dst >= 0 {
			out.V[dst] = out.DType.wrap(out.V[dst] + in[0].V[pos])
		}
	})
}

func (o foldOp) JVP(_ Call, t []Tensor) Tensor { return apply(o, t[0]) }

func (o foldOp) VJP(_ Call, ct Tensor) []Tensor {
	return []Tensor{ct.Windows(0, o.windows...)}
}

// Batch: the axes folded are the last ones.
func (o foldOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor { return apply(o, in[0]) }

// Lower sums over the windows that hold a position. Without dilation those are the one that begins last before it
// and its predecessors, at most size/stride of them; with dilation every position of a window is tried.
func (o foldOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	in := n.In(0).Shape
	d := n.Out().DType
	if in.Size() == 0 {
		return l.Literal(d, 0)
	}
	axes := len(o.windows)
	lead := len(in) - 2*axes
	steps := make([]int, axes)
	for i, w := range o.windows {
		steps[i] = w.steps()
	}
	inner := l.ReductionAxes(steps...)
	ks, os := make([]shaders.Index, axes), make([]shaders.Index, axes)
	var inside *shaders.Expr
	for i, w := range o.windows {
		count := in[lead+axes+i]
		x := at[lead+i].Add(shaders.Const(w.Low))
		if w.Dilation == 1 {
			k := x.Mod(w.Stride).Add(inner[i].Scale(w.Stride))
			inside = l.And(inside, l.InRange(k, 0, w.Size-1))
			ks[i] = k.Clamp(0, w.Size-1)
			x = x.Div(w.Stride).Add(inner[i].Scale(-1))
		} else {
			ks[i] = inner[i]
			x = x.Add(inner[i].Scale(-w.Dilation))
			last := (count - 1) * w.Stride
			inside = l.And(inside, l.InRange(x, 0, last))
			x = x.Clamp(0, last)
			inside = l.And(inside, l.InRange(x.Mod(w.Stride), 0, 0))
			x = x.Div(w.Stride)
		}
		inside = l.And(inside, l.InRange(x, 0, count-1))
		os[i] = x.Clamp(0, count-1)
	}
	v := l.At(0, slices.Concat(at[:lead], ks, os))
	if inside != nil {
		v = l.Select(inside, v, l.Literal(d, 0))
	}
	if o.foldLength() == 1 {
		return v
	}
	return l.Reduce(shaders.Sum, v, inner)
}

func (foldOp) Cases() []Case {
	var cases []Case
	for _, c := range windowCases {
		lengths := c.shape[len(c.shape)-len(c.windows):]
		cases = append(cases, Case{Op: foldOp{c.windows, lengths}, In: []Sample{sample(windowsShape(c.shape, c.windows)...)}})
	}
	return append(cases, Case{Op: foldOp{[]Window{{3, 1, 1, 1, 1}}, []int{5}}, In: []Sample{sampleOf(Int32, -9, 9, 2, 3, 5)}})
}

// Fold adds windows up where they lie, the transpose of Windows: t [... k1 k2 o1 o2] becomes [... n1 n2] with the
// given lengths n, each element the sum of all t at (k, o) with o*stride + k*dilation - low equal to its position;
// 0 where no window reaches, and what lies in the padding is dropped. t must have the shape that Windows of the same windows
// gives for those lengths. Numbers of any type.
func (t Tensor) Fold(lengths []int, windows ...Window) Tensor {
	t.must("fold")
	w := normalWindows(windows)
	o := foldOp{w, slices.Clone(lengths)}
	if _, err := o.Infer([]Spec{t.Spec()}); err != nil {
		ruleFailed(o, err)
	}
	if s := t.Shape(); trivial(w) {
		return t.Reshape(append(slices.Clone(s[:len(s)-2*len(w)]), lengths...)...)
	}
	return apply(o, t)
}
