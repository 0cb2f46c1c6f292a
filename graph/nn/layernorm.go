package nn

import "github.com/lavagrad/lavagrad/graph"

// Epsilon is what the normalising layers add to the variance (to the mean square in RMSNorm), so that constant
// inputs do not divide by zero: torch's default.
const Epsilon = 1e-5

// LayerNorm is layer normalisation (Ba et al., arXiv 1607.06450) over the last axes of x, as many as Scale and Shift have:
//
//	y = (x - mean(x)) / sqrt(var(x) + Epsilon) * Scale + Shift
//
// with mean and variance (over n, not n-1) of those axes. Scale and Shift have their shape, most often [features].
type LayerNorm struct{ Scale, Shift graph.Tensor }

// Apply normalises x [... features], every leading position by itself.
func (l LayerNorm) Apply(x graph.Tensor) graph.Tensor {
	return Standardize(x, Epsilon, lastAxes("layer norm", x, l.Scale)...).Mul(l.Scale).Add(l.Shift)
}

// NewLayerNorm is the layer that only normalises: Scale 1 and Shift 0.
func NewLayerNorm(features ...int) LayerNorm {
	return LayerNorm{Scale: graph.Ones(features...), Shift: graph.Zeros(features...)}
}

// lastAxes names the last axes of x, as many as scale has, after checking that their lengths agree.
func lastAxes(op string, x, scale graph.Tensor) []int {
	n, s := scale.Rank(), x.Shape()
	if n == 0 || n > len(s) || !s[len(s)-n:].Equal(scale.Shape()) {
		graph.Fail(op, graph.ErrShape, "the scale has the shape of the axes that are normalised", "the input is %v, the scale %v", x.Spec(), scale.Spec())
	}
	axes := make([]int, n)
	for i := range axes {
		axes[i] = i - n
	}
	return axes
}

// Standardize is (x - mean) / sqrt(variance + epsilon) over the given axes, all of them when none is named. The variance is the
// mean of the squared differences from the mean, in two passes: nothing cancels where the mean is large.
func Standardize(x graph.Tensor, epsilon float64, axes ...int) graph.Tensor {
	centered := x.Sub(keepMean(x, axes))
	return centered.Mul(keepMean(centered.Square(), axes).AddScalar(epsilon).Rsqrt())
}

// keepMean is the mean over axes, kept with length 1.
func keepMean(x graph.Tensor, axes []int) graph.Tensor {
	shape := append([]int(nil), x.Shape()...)
	for i := range shape {
		if len(axes) == 0 {
			shape[i] = 1
		}
	}
	for _, a := range axes {
		if a < 0 {
			a += len(shape)
		}
		if a >= 0 && a < len(shape) { // Mean says what is wrong with others
			shape[a] = 1
		}
	}
	return x.Mean(axes...).Reshape(shape...)
}
