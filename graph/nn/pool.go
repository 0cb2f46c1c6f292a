package nn

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// PoolOptions says how pooling windows slide over the last len(Size) axes. Other lists have an entry for each of
// these axes; one entry serves all of them.
type PoolOptions struct {
	Size     []int    // positions in a window, for each spatial axis
	Stride   []int    // steps between windows; default Size, so that windows tile the axis
	Dilation []int    // steps between the positions of a window; default 1
	Padding  [][2]int // padding before and after each axis; default none
	Same     bool     // pad so that the result has length/stride elements rounded up; Padding must be empty
	// CountPadding makes AvgPool divide by the size of the window everywhere, padding included, as torch does by default.
	// Otherwise it divides by the number of elements that are not padding.
	CountPadding bool
}

// windows gives the windows over x's last axes, and those axes.
func (o PoolOptions) windows(op string, x graph.Tensor) ([]graph.Window, []int) {
	d := len(o.Size)
	if d == 0 || x.Rank() < d {
		graph.Fail(op, graph.ErrShape, "give a size for each of the last axes", "size %v for %v", o.Size, x.Spec())
	}
	stride := o.Stride
	if len(stride) == 0 {
		stride = o.Size
	}
	lengths := x.Shape()[x.Rank()-d:]
	return graph.ConvOptions{Stride: stride, Dilation: o.Dilation, Padding: o.Padding, Same: o.Same}.Windows(o.Size, lengths), lengths
}

// positions are the axes of the positions in a window after graph.Tensor.Windows.
func positions(d int) []int {
	axes := make([]int, d)
	for i := range axes {
		axes[i] = i - 2*d
	}
	return axes
}

// MaxPool is the largest element of every window over the last axes: x [... n1 .. nd] becomes [... m1 .. md] with
// m = (low + n + high - (size-1)*dilation - 1) / stride + 1 rounded down. Padding never wins; a window of nothing but padding is
// -Inf (for integers the least value). NaN anywhere in a window makes it NaN. Equal largest elements of a window share its
// gradient (torch gives it to the first).
func MaxPool(x graph.Tensor, o PoolOptions) graph.Tensor {
	w, _ := o.windows("max pool", x)
	least := math.Inf(-1)
	switch x.DType() {
	case graph.Int32:
		least = math.MinInt32
	case graph.Uint32:
		least = 0
	}
	return x.Windows(least, w...).ReduceMax(positions(len(w))...)
}

// AvgPool is the mean of every window over the last axes: x, floats [... n1 .. nd] becomes [... m1 .. md] as with MaxPool. Padding does
// not count, unless CountPadding is set: then it counts as zeros. A window of nothing but padding is then 0, else NaN.
func AvgPool(x graph.Tensor, o PoolOptions) graph.Tensor {
	w, lengths := o.windows("average pool", x)
	if !x.DType().IsFloat() {
		graph.Fail("average pool", graph.ErrDType, "convert with AsFloat", "the input is %v", x.Spec())
	}
	padded := false
	size := 1
	for _, v := range w {
		size *= v.Size
		padded = padded || v.Low > 0 || v.High > 0
	}
	sum := x.Windows(0, w...).Sum(positions(len(w))...)
	if o.CountPadding || !padded {
		return sum.Scale(1 / float64(size))
	}
	return sum.Div(graph.Full(x.DType(), 1, lengths...).Windows(0, w...).Sum(positions(len(w))...))
}
