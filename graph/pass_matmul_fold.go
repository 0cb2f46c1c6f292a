package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders"
)

// The gradient of a convolution's input is a product that has an element for each position in each window, folded onto the image. Where windows are
// a step apart it is a convolution itself, of the cotangent with the kernel turned round: over an image, what is folded is in no memory. The cotangent has
// zeros around it, so an infinity or NaN in a kernel makes NaN also at the edges, where no window has that position.

// unfold replaces folds of products by products over images where the device has kernels for these and they take less time.
func unfold(outputs []*node, target shaders.MatMulTarget, p gpu.Profile) []*node {
	if off("windows") {
		return outputs
	}
	plan := newProductPlanner(target, p) // of products that are given up: what they read is about to be planned itself
	return rewrite(outputs, func(n *node, in []*node) *node {
		o, ok := n.op.(foldOp)
		if !ok || n.spec.DType != Float32 {
			return nil
		}
		c, convolution := o.convolution(n, in[0])
		if convolution == nil {
			return nil
		}
		l := convolution.op.(contractOp).labelled(convolution, target)
		if l.overImage(plan) == nil {
			return nil
		}
		folded := float64(in[0].spec.Shape.Size())
		apart := 2*folded*float64(foldLength(c))/p.Rates.MatMul + 2*4*folded/p.Rates.Bytes + folded*float64(o.work())/p.Rates.Vector
		at := filled(float64(l.count(l.rows))) * p.Rates.MatMul
		if 2*float64(n.spec.Shape.Size()*foldLength(convolution))/at >= apart {
			return nil
		}
		return convolution
	})
}

// convolution is n, the fold of in, as a contraction over windows of what has the places, where in is a contraction c of that with what has the positions.
// It is nil where it is none, or where windows are more than a step apart, or reach into more padding than they are long.
func (o foldOp) convolution(n, in *node) (c, convolution *node) {
	var perm []int
	if t, ok := in.op.(transposeOp); ok {
		perm, in = t.perm, in.in()[0]
	}
	product, ok := in.op.(contractOp)
	if !ok {
		return nil, nil
	}
	labels := product.out
	if perm != nil {
		labels = make([]int, len(perm))
		for i, axis := range perm {
			labels[i] = product.out[axis]
		}
	}
	d := len(o.windows)
	lead := labels[:len(labels)-2*d]
	position, place := labels[len(lead):len(lead)+d], labels[len(lead)+d:]
	kernel, image := Tensor{in.in()[0]}, Tensor{in.in()[1]}
	inKernel, inImage := product.a, product.b
	if slices.Contains(inKernel, place[0]) {
		kernel, image, inKernel, inImage = image, kernel, inImage, inKernel
	}
	windows := make([]Window, d)
	turned := make([]int, d)
	for i, w := range o.windows {
		windows[i] = Window{Size: w.Size, Stride: 1, Dilation: w.Dilation, Low: w.span() - 1 - w.Low, High: w.span() - 1 - w.High}
		turned[i] = slices.Index(inKernel, position[i])
		if w.Stride != 1 || min(windows[i].Low, windows[i].High) < 0 || turned[i] < 0 || slices.Contains(inImage, position[i]) ||
			slices.Contains(inKernel, place[i]) || !slices.Contains(inImage, place[i]) {
			return nil, nil
		}
	}
	var first []int // axes of the image before those that slide
	var of []int    // and their labels
	for i, l := range inImage {
		if !slices.Contains(place, l) {
			first, of = append(first, i), append(of, l)
		}
	}
	for _, l := range place {
		first = append(first, slices.Index(inImage, l))
	}
	x := image.Transpose(first...).Windows(0, windows...)
	op := contractOp{a: inKernel, b: slices.Concat(of, position, place), out: slices.Concat(lead, place)}
	return in, newNode(op, []*node{kernel.Flip(turned...).n, x.n}, n.spec, n.pc)
}
