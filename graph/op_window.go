package graph

import (
	"fmt"
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// Window says how windows slide along one axis. Its zero values mean the usual: Stride 0 and Dilation 0
// stand for 1.
type Window struct {
	Size      int // positions in a window
	Stride    int // steps from one window to the next
	Dilation  int // steps from one position of a window to the next
	Low, High int // padding before and after the axis
}

// normal fills in the defaults.
func (w Window) normal() Window {
	if w.Stride == 0 {
		w.Stride = 1
	}
	if w.Dilation == 0 {
		w.Dilation = 1
	}
	return w
}

// span is how many positions of the axis a window reaches over.
func (w Window) span() int { return (w.Size-1)*w.Dilation + 1 }

// count is how many windows fit on an axis of length n with its padding: whole ones only.
func (w Window) count(n int) int {
	room := w.Low + n + w.High - w.span()
	if room < 0 {
		return 0
	}
	return room/w.Stride + 1
}

// String prints the window for errors.
func (w Window) String() string {
	return fmt.Sprintf("size %d stride %d dilation %d padding %d+%d", w.Size, w.Stride, w.Dilation, w.Low, w.High)
}

// checkWindows says what is wrong with windows over the last axes of a tensor of the given rank.
func checkWindows(windows []Window, rank int) error {
	if len(windows) == 0 || len(windows) > rank {
		return argumentError("give one window for each of the last axes", "%d windows for rank %d", len(windows), rank)
	}
	for i, w := range windows {
		if w.Size < 1 || w.Stride < 1 || w.Dilation < 1 || w.Low < 0 || w.High < 0 {
			return argumentError("sizes, strides and dilations are 1 or more, paddings 0 or more", "window %d: %v", i, w)
		}
	}
	return nil
}

// windowsOp slides windows over the last axes: [... n1 n2] becomes [... k1 k2 o1 o2], positions in the window
// before positions of the window, which is the layout that matrix products and overlap-add read row by row.
// Element (k, o) is the operand's at o*stride + k*dilation - low, the fill value outside.
type windowsOp struct {
	windows []Window
	fill    float64
}

func (windowsOp) Name() string { return "windows" }
func (windowsOp) Class() Class { return View }

func (o windowsOp) Infer(in []Spec) (Spec, error) {
	s := in[0].Shape
	if err := checkWindows(o.windows, len(s)); err != nil {
		return Spec{}, err
	}
	return Spec{in[0].DType, windowsShape(s, o.windows)}, nil
}

// windowsShape is the shape [... k o] of windows over the last axes of s.
func windowsShape(s Shape, windows []Window) Shape {
	lead := len(s) - len(windows)
	out := slices.Clone(s[:lead])
	for _, w := range windows {
		out = append(out, w.Size)
	}
	for i, w := range windows {
		out = append(out, w.count(s[lead+i]))
	}
	return out
}

// eachWindow calls f with the position of every element of [... k o] and that of the element of [... n] it stands
// for, -1 in the padding.
func eachWindow(wide, narrow Shape, windows []Window, f func(wide, narrow int)) {
	d := len(windows)
	lead := len(narrow) - d
	st := narrow.strides()
	each(wide, func(pos int, idx []int) {
		at := offset(idx[:lead], st[:lead])
		for i, w := range windows {
			x := idx[lead+d+i]*w.Stride + idx[lead+i]*w.Dilation - w.Low
			if x < 0 || x >= narrow[lead+i] {
				f(pos, -1)
				return
			}
			at += x * st[lead+i]
		}
		f(pos, at)
	})
}

func (o windowsOp) Eval(out *Host, in []*Host) {
	eachWindow(out.Shape, in[0].Shape, o.windows, func(pos, src int) {
		out.V[pos] = o.fill
		if src >= 0 {
			out.V[pos] = in[0].V[src]
		}
	})
}

// JVP: the fill does not move.
func (o windowsOp) JVP(_ Call, t []Tensor) Tensor { return apply(windowsOp{windows: o.windows}, t[0]) }

func (o windowsOp) VJP(c Call, ct Tensor) []Tensor {
	in := c.In[0].Shape()
	return []Tensor{apply(foldOp{o.windows, slices.Clone(in[len(in)-len(o.windows):])}, ct)}
}

// Batch: windows slide over the last axes, whatever stands before.
func (o windowsOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor { return apply(o, in[0]) }

func (o windowsOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	in := n.In(0).Shape
	d := n.Out().DType
	if in.Size() == 0 {
		return l.Literal(d, o.fill)
	}
	lead := len(in) - len(o.windows)
	src := slices.Clone(at[:lead])
	var inside *shaders.Expr
	for i, w := range o.windows {
		x := at[lead+len(o.windows)+i].Scale(w.Stride).Add(at[lead+i].Scale(w.Dilation)).Add(shaders.Const(-w.Low))
		inside = l.And(inside, l.InRange(x, 0, in[lead+i]-1))
		src = append(src, x.Clamp(0, in[lead+i]-1))
	}
	v := l.At(0, src)
	if inside == nil {
		return v
	}
	return l.Select(inside, v, l.Literal(d, o.fill))
}

// pads reports that some window reaches into the padding of an axis of in.
func (o windowsOp) pads() bool {
	for _, w := range o.windows {
		if w.Low > 0 || w.High > 0 {
			return true
		}
	}
	return false
}

// windowCases are the windows that the cases of windows and fold share, with the lengths they slide over.
var windowCases = []struct {
	windows []Window
	shape   Shape
}{
	{[]Window{{3, 1, 1, 0, 0}}, Shape{7}},
	{[]Window{{3, 1, 1, 1, 1}}, Shape{2, 5}},
	{[]Window{{2, 2, 1, 0, 0}}, Shape{3, 6}},                     // windows that do not overlap
	{[]Window{{2, 3, 1, 1, 0}}, Shape{8}},                        // windows with gaps between
	{[]Window{{3, 2, 1, 2, 1}}, Shape{1, 8}},                     // the last position is in no window
	{[]Window{{3, 1, 2, 1, 3}}, Shape{7}},                        // dilated
	{[]Window{{2, 3, 2, 1, 1}}, Shape{9}},                        // dilated with a stride
	{[]Window{{4, 1, 1, 3, 3}}, Shape{1}},                        // an axis shorter than the window
	{[]Window{{3, 1, 1, 0, 0}}, Shape{2, 2}},                     // no window fits
	{[]Window{{2, 1, 1, 3, 0}}, Shape{2, 0}},                     // nothing but padding
	{[]Window{{1, 2, 1, 0, 0}, {1, 1, 1, 0, 0}}, Shape{4, 3}},    // single positions
	{[]Window{{3, 1, 1, 1, 1}, {2, 2, 1, 0, 1}}, Shape{2, 4, 5}}, // two axes
	{[]Window{{2, 2, 1, 0, 0}, {2, 2, 1, 0, 0}}, Shape{3, 4, 4}},
	{[]Window{{2, 1, 1, 0, 0}, {2, 1, 1, 1, 0}, {2, 1, 1, 0, 0}}, Shape{2, 3, 2}},
}

func (windowsOp) Cases() []Case {
	var cases []Case
	for i, c := range windowCases {
		fill := 0.0
		if i%3 == 1 {
			fill = -2.5
		}
		cases = append(cases, Case{Op: windowsOp{c.windows, fill}, In: []Sample{sample(c.shape...)}})
	}
	return append(cases,
		Case{Op: windowsOp{[]Window{{3, 2, 1, 1, 1}}, math.MinInt32}, In: []Sample{sampleOf(Int32, -9, 9, 2, 5)}},
		Case{Op: windowsOp{[]Window{{2, 1, 1, 0, 1}}, 1}, In: []Sample{sampleOf(Bool, 0, 2, 6)}},
		Case{Op: windowsOp{[]Window{{2, 1, 1, 1, 0}}, math.Inf(-1)}, In: []Sample{sample(4)}, Kinked: true})
}

// Windows slides windows over the last len(windows) axes and gives every position of every window:
// t [... n1 n2] becomes [... k1 k2 o1 o2] with element (k, o) equal to t at o*stride + k*dilation - low along each axis,
// and to fill where that lies in the padding. k runs over Size, and o over the whole windows that fit:
// (low + n + high - (size-1)*dilation - 1) / stride + 1 rounded down, none when the padded axis is too short. Any element type.
//
// It is what convolution and pooling are made of (im2col, torch's unfold): a view that is stored only where a
// kernel needs it. Its gradient is Fold; windows that overlap add up.
func (t Tensor) Windows(fill float64, windows ...Window) Tensor {
	n := t.must("windows")
	w := normalWindows(windows)
	if err := checkWindows(w, n.rank()); err != nil {
		ruleFailed(windowsOp{}, err)
	}
	if s := n.spec.Shape; trivial(w) {
		return t.Reshape(windowsShape(s, w)...)
	}
	return apply(windowsOp{w, fill}, t)
}

func normalWindows(windows []Window) []Window {
	out := make([]Window, len(windows))
	for i, w := range windows {
		out[i] = w.normal()
	}
	return out
}

// trivial reports windows of one position, each position once: as of a convolution 1x1.
func trivial(windows []Window) bool {
	for _, w := range windows {
		if w.Size != 1 || w.Stride != 1 || w.Low != 0 || w.High != 0 {
			return false
		}
	}
	return true
}
