package graph

import (
	"slices"
)

// ConvOptions says how a convolution's kernel slides. The zero value is stride 1 without padding (VALID). Lists have
// an entry for each spatial axis; one entry serves all of them, none means the default.
type ConvOptions struct {
	Stride   []int    // steps between the kernel's places; default 1
	Dilation []int    // steps between the kernel's elements; default 1
	Padding  [][2]int // zeros before and after each axis; default none
	// Same pads so that the result has length/stride elements rounded up, the odd zero after the axis
	// (TensorFlow's and JAX's SAME). Padding must then be empty.
	Same bool
	// Groups cuts the channels into so many parts that are convolved apart; 0 means 1. With as many groups as
	// channels the convolution is depthwise.
	Groups int
	// OutputPadding lengthens the result of ConvTranspose at its end, below the stride: among the lengths that
	// Conv takes to one length, it names one. Conv does not use it.
	OutputPadding []int
}

// entry is element i of a list with one entry for each of n axes, or one for all, or none.
func entry[T any](list []T, i, n int, otherwise T) (T, error) {
	switch len(list) {
	case 0:
		return otherwise, nil
	case 1:
		return list[0], nil
	case n:
		return list[i], nil
	}
	return otherwise, argumentError("give one entry for each spatial axis, or one for all", "%d entries for %d spatial axes", len(list), n)
}

// windows gives the windows of a kernel of the given size over spatial axes of the given lengths.
func (o ConvOptions) windows(size, lengths Shape) ([]Window, error) {
	d := len(size)
	out := make([]Window, d)
	for i, k := range size {
		w := Window{Size: k}
		var err error
		set := func(p *int, list []int, otherwise int) {
			if v, e := entry(list, i, d, otherwise); e != nil {
				err = e
			} else {
				*p = v
			}
		}
		set(&w.Stride, o.Stride, 1)
		set(&w.Dilation, o.Dilation, 1)
		pad, e := entry(o.Padding, i, d, [2]int{})
		if e != nil {
			err = e
		}
		if err != nil {
			return nil, err
		}
		w.Low, w.High = pad[0], pad[1]
		if o.Same {
			if len(o.Padding) > 0 {
				return nil, argumentError("choose one of both", "both Same and Padding %v are given", o.Padding)
			}
			if w.Stride > 0 {
				all := max((lengths[i]+w.Stride-1)/w.Stride-1, 0)*w.Stride + w.span() - lengths[i]
				w.Low = max(all, 0) / 2
				w.High = max(all, 0) - w.Low
			}
		}
		out[i] = w
	}
	return out, checkWindows(out, d)
}

// Windows gives the windows that a kernel of the given size runs over spatial axes of the given lengths: what pooling needs to slide as
// convolution does.
func (o ConvOptions) Windows(size, lengths []int) []Window {
	if len(size) != len(lengths) {
		fail("windows", ErrShape, "give a size for each spatial axis", "size %v, lengths %v", Shape(size), Shape(lengths))
	}
	w, err := o.windows(size, lengths)
	if err != nil {
		callFailed("windows", err)
	}
	return w
}

// groups is the number of groups, after what it must divide has been checked.
func (o ConvOptions) groups(channels, outputs int) (int, error) {
	g := o.Groups
	if g == 0 {
		g = 1
	}
	if g < 0 || channels%g != 0 || outputs%g != 0 {
		return 0, argumentError("groups divide the channels of input and output", "%d groups of %d input and %d output channels", o.Groups, channels, outputs)
	}
	return g, nil
}

// convShapes checks the operands of a convolution and takes x apart: leading axes, channels, spatial axes.
func convShapes(op string, x, w Tensor) (lead, spatial Shape, channels, d int) {
	s, k := x.must(op).spec.Shape, w.must(op).spec.Shape
	if x.DType() != w.DType() || x.DType() == Bool {
		fail(op, ErrDType, "convert one of them with AsFloat or AsInt", "the input is %v, the kernel %v: want numbers of one type", x.Spec(), w.Spec())
	}
	if d = len(k) - 2; d < 1 {
		fail(op, ErrShape, "give a kernel [out in k...] with an axis for each spatial axis", "the kernel is %v", w.Spec())
	}
	if len(s) < d+1 {
		fail(op, ErrShape, "give an input [... channels spatial...]", "the input is %v, the kernel %v has %d spatial axes", x.Spec(), w.Spec(), d)
	}
	at := len(s) - d - 1
	return s[:at], s[at+1:], s[at], d
}

// Conv is the convolution of neural networks, a cross-correlation over the last d axes, with d the number of axes of w after
// its first two:
//
//	y[..., o, p] = sum over c, k of x[..., c, p*stride + k*dilation - low] * w[o, c, k]
//
// for x [... C n1 .. nd], w [O C/groups k1 .. kd] (torch's OIHW) and y [... O m1 .. md] with
// m = (low + n + high - (k-1)*dilation - 1) / stride + 1 rounded down; x is 0 in the padding. With groups, output channel
// o sees the C/groups input channels of its own group. Any number of leading axes, none for one sample. Numbers of one type.
//
// It is a contraction of w with x.Windows, so its gradients are contractions too, per-sample ones included.
func Conv(x, w Tensor, o ConvOptions) Tensor {
	lead, spatial, channels, d := convShapes("conv", x, w)
	k := w.Shape()
	g, err := o.groups(channels, k[0])
	if err == nil && channels/g != k[1] {
		err = shapeError("the kernel's second axis has the input channels of one group", "input %v, kernel %v, %d groups of %d channels", x.Spec(), w.Spec(), g, channels/g)
	}
	var windows []Window
	if err == nil {
		windows, err = o.windows(k[2:], spatial)
	}
	if err != nil {
		callFailed("conv", err)
	}
	// Labels: 0 group, 1 output, 2 input channel, 3.. kernel, then places, then leading axes.
	kernel, places, batch := count(3, d), count(3+d, d), count(3+2*d, len(lead))
	if g > 1 {
		x = x.Reshape(slices.Concat(lead, Shape{g, channels / g}, spatial)...)
		w = w.Reshape(append([]int{g, k[0] / g}, k[1:]...)...)
	}
	y := apply(contractOp{
		slices.Concat(batch, group(g), []int{2}, kernel, places),
		slices.Concat(group(g), []int{1, 2}, kernel),
		slices.Concat(batch, group(g), []int{1}, places),
	}, x.Windows(0, windows...), w)
	return y.Reshape(slices.Concat(lead, Shape{k[0]}, y.Shape()[y.Rank()-d:])...)
}

// group is the label of the groups where there are several.
func group(g int) []int {
	if g > 1 {
		return []int{0}
	}
	return nil
}

// count is n labels from the first.
func count(first, n int) []int {
	labels := make([]int, n)
	for i := range labels {
		labels[i] = first + i
	}
	return labels
}

// ConvTranspose is the transpose of Conv by its input, also called fractionally strided convolution or, wrongly, deconvolution:
//
//	y[..., o, p*stride + k*dilation - low] += x[..., c, p] * w[c, o, k]    over all c, k, p
//
// for x [... C m1 .. md], w [C O/groups k1 .. kd] (torch's layout: the kernel of the Conv that it transposes) and y
// [... O n1 .. nd] with n = (m-1)*stride - low - high + (k-1)*dilation + 1 + OutputPadding, or m*stride with Same. Where
// windows overlap they add up. Any number of leading axes. Numbers of one type.
func ConvTranspose(x, w Tensor, o ConvOptions) Tensor {
	lead, places, channels, d := convShapes("conv transpose", x, w)
	k := w.Shape()
	g, err := o.groups(channels, k[1]*max(o.Groups, 1))
	if err == nil && channels != k[0] {
		err = shapeError("the kernel's first axis has the input channels", "input %v, kernel %v", x.Spec(), w.Spec())
	}
	var windows []Window
	lengths := make(Shape, d)
	if err == nil {
		for i, m := range places {
			var stride int
			if stride, err = entry(o.Stride, i, d, 1); err != nil {
				break
			}
			lengths[i] = m * max(stride, 1)
		}
	}
	if err == nil {
		windows, err = o.windows(k[2:], lengths)
	}
	for i := 0; err == nil && i < d; i++ {
		w := windows[i]
		var more int
		if more, err = entry(o.OutputPadding, i, d, 0); err != nil {
			break
		}
		if more < 0 || more >= w.Stride || o.Same && more > 0 {
			err = argumentError("output padding is 0 or more and below the stride, 0 with Same", "output padding %d for stride %d of axis %d", more, w.Stride, i)
		}
		if o.Same {
			continue
		}
		if lengths[i] = (places[i]-1)*w.Stride - w.Low - w.High + w.span() + more; lengths[i] < 0 || places[i] == 0 {
			err = shapeError("pad less", "axis %d of length %d with kernel %v leaves length %d", i, places[i], w, lengths[i])
		}
	}
	if err != nil {
		callFailed("conv transpose", err)
	}
	// Labels as in Conv, with 1 the channels of w's second axis.
	kernel, at, batch := count(3, d), count(3+d, d), count(3+2*d, len(lead))
	if g > 1 {
		x = x.Reshape(slices.Concat(lead, Shape{g, channels / g}, places)...)
		w = w.Reshape(append([]int{g, channels / g}, k[1:]...)...)
	}
	y := apply(contractOp{
		slices.Concat(batch, group(g), []int{2}, at),
		slices.Concat(group(g), []int{2, 1}, kernel),
		slices.Concat(batch, group(g), []int{1}, kernel, at),
	}, x, w).Fold(lengths, windows...)
	return y.Reshape(slices.Concat(lead, Shape{g * k[1]}, lengths)...)
}

// callFailed fails with an error that a rule would return, naming a function that is no op itself.
func callFailed(name string, err error) {
	re := err.(*ruleError)
	fail(name, re.kind, re.fix, "%s", re.detail)
}
