package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// Products with the windows of an image, as convolutions and the gradients of their kernels are, read the windows out of the image (implicit GEMM), which so
// takes the place of an array that has each of its elements once for every position in a window. The kernels move vectors of four, so the
// image has its channels next to each other, in whole vectors, and its padding around it.

// imageOperand is how the second operand of a product is read out of an image; the zero value stands for a matrix.
type imageOperand struct {
	windows shaders.Windows
	step    int // from a window to the next of its line
	size    int // elements of one image of the batch
}

// mostWidened is how many times as many channels as there are may be multiplied so that they are whole vectors: windows of fewer are small, and written out.
const mostWidened = 1.5

// imageKey tells images apart: what they are made of, and how.
type imageKey struct {
	n    *node
	form string
}

// imageLabels are the labels of windows of an image: what numbers products and, in one of them, images, the channels, positions in a window, and places of windows.
type imageLabels struct{ batch, images, channels, positions, places []int }

// overImage is the product whose second operand is read out of an image, or nil where that operand is no windows, or the product none that the kernels
// compute so.
func (p *labelledProduct) overImage(planner *productPlanner) *node {
	if p.target.Rounding != shaders.Unrounded {
		return nil // kernels on cooperative matrices take matrices
	}
	b, squareB := squareRoot(p.b)
	o, x, ok := windowsOf(b)
	if !ok || !o.inImage() || b.Size() == 0 {
		return nil
	}
	d := len(o.windows)
	lead := p.lb[:len(p.lb)-2*d]
	l := imageLabels{batch: p.batch, positions: p.lb[len(lead) : len(lead)+d], places: p.lb[len(lead)+d:]}
	convolution := slices.Equal(p.cols, l.places) // else the gradient of its kernel
	for _, label := range lead {
		switch {
		case slices.Contains(l.batch, label):
		case !convolution && slices.Contains(p.sum, label):
			l.images = append(l.images, label)
		default:
			l.channels = append(l.channels, label)
		}
	}
	depth := p.count(l.channels)
	whole := roundUp4(depth)
	if len(lead) != len(l.batch)+len(l.images)+len(l.channels) || float64(whole) > mostWidened*float64(depth) {
		return nil
	}
	window := slices.Concat(l.positions, l.channels)
	inWindow := p.count(l.positions) * whole
	over := slices.Concat(l.images, l.places)
	if convolution && !sameLabels(p.sum, window) || !convolution && !(sameLabels(p.sum, over) && sameLabels(p.cols, window)) {
		return nil
	}
	var m matmulOp
	if convolution {
		m, ok = p.op(planner.limit, p.count(l.places), inWindow)
		m.form = shaders.MatMulNT
	} else {
		m, ok = p.op(planner.limit, inWindow, p.count(over))
		m.form = shaders.MatMulNN
	}
	if !ok {
		return nil
	}
	image := planner.imageOf(x, o.windows, lead, l, whole)
	if image.Size() > b.Size() {
		return nil // windows with gaps between
	}
	m.image, m.squareB = readWindows(o.windows, b.Shape()[b.Rank()-d:], image.Shape(), p.count(l.images)), squareB
	if _, err := shaders.MatMul(m.form, m.arguments(), m.batch, p.target); err != nil || !storable(image.n) {
		return nil
	}
	a, squareA := squareRoot(p.a)
	m.squareA = squareA
	q := *p
	if convolution {
		q.sum = window
		a = arrange(a, p.la, slices.Concat(p.ofA, p.rows, window), p.count(p.ofA)*m.m, p.count(l.positions), depth).Reshape(p.count(p.ofA), m.m, m.k)
	} else {
		q.cols = window
		a = arrange(a, p.la, slices.Concat(p.ofA, p.rows, over), p.count(p.ofA), m.m, m.k)
	}
	if !storable(a.n) {
		return nil
	}
	c := q.products(m, a, image)
	if !convolution && whole > depth {
		c = c.Reshape(c.Size()/whole, whole).Slice(1, 0, depth)
	}
	return q.result(c)
}

// inImage reports that products may read the windows out of an image.
func (o windowsOp) inImage() bool {
	return !off("windows") && len(o.windows) <= 2 && (o.fill == 0 || !o.pads())
}

// windowsOf is the op and the operand that t is windows of, also where a reshape of the axes before them lies between: one drops axes of length 1.
func windowsOf(t Tensor) (o windowsOp, x Tensor, ok bool) {
	n := t.n
	if _, reshaped := n.op.(reshapeOp); reshaped {
		n = n.in()[0]
	}
	if o, ok = n.op.(windowsOp); !ok {
		return o, x, false
	}
	x = Tensor{n.in()[0]}
	if n == t.n {
		return o, x, true
	}
	d := len(o.windows)
	to, from := t.Shape(), n.spec.Shape
	lead := len(to) - 2*d
	if lead < 0 || !to[lead:].Equal(from[len(from)-2*d:]) {
		return o, x, false
	}
	return o, x.Reshape(slices.Concat(to[:lead], x.Shape()[x.Rank()-d:])...), true
}

// readWindows is how windows at places are read out of so many images for a product, in an array of the shape [batch, height, width, channels]. Where it is not how
// kernels can, MatMul will say so.
func readWindows(windows []Window, places, s Shape, images int) imageOperand {
	down, along, lines := Window{Size: 1, Stride: 1, Dilation: 1}, windows[len(windows)-1], 1
	if len(windows) == 2 {
		down, lines = windows[0], places[0]
	}
	line := s[2] * s[3]
	r := shaders.Windows{Width: places[len(places)-1], Jump: down.Stride * line, Run: along.Size * s[3], Segment: down.Dilation * line}
	if along.Size > 1 && along.Dilation > 1 {
		r.Run, r.Segment = s[3], along.Dilation*s[3]
		if down.Size > 1 {
			r.Run = 0 // there are gaps in lines and between them
		}
	}
	if images > 1 {
		r.Lines, r.Image = lines, s[1]*line
	}
	return imageOperand{windows: r, step: along.Stride * s[3], size: images * s[1] * line}
}

// imageOf is x, the axes of which have the labels lead and then slide, as [batch, height, width, channels], padded. Products that read the same image
// share it.
func (p *productPlanner) imageOf(x Tensor, windows []Window, lead []int, l imageLabels, depth int) Tensor {
	var perm []int
	shape := []int{1, 1, 1, 1}
	take := func(at, axis int) {
		perm = append(perm, axis)
		shape[at] *= x.Dim(axis)
	}
	for _, label := range slices.Concat(l.batch, l.images) {
		take(0, slices.Index(lead, label))
	}
	first := 3 - len(windows)
	for i := range windows {
		take(first+i, len(lead)+i)
	}
	for _, label := range l.channels {
		take(3, slices.Index(lead, label))
	}
	key := imageKey{storage(x.n), fmt.Sprint(perm, x.Shape(), depth, windows)}
	if t, ok := p.images[key]; ok {
		return t
	}
	t := x.Transpose(perm...).Reshape(shape...)
	for i, w := range windows {
		t = t.Pad(first+i, w.Low, w.High)
	}
	t = t.Pad(3, 0, depth-shape[3])
	p.images[key] = t
	return t
}

// sameLabels reports that a and b have the same labels, each once.
func sameLabels(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for _, l := range a {
		if !slices.Contains(b, l) {
			return false
		}
	}
	return true
}
