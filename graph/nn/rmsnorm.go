package nn

import "github.com/lavagrad/lavagrad/graph"

// RMSNorm is root mean square normalisation (Zhang and Sennrich, arXiv 1910.07467) over the last axes of x, as many as
// Scale has:
//
//	y = x / sqrt(mean(x^2) + Epsilon) * Scale
type RMSNorm struct{ Scale graph.Tensor }

// Apply normalises x [... features], every leading position by itself.
func (l RMSNorm) Apply(x graph.Tensor) graph.Tensor {
	axes := lastAxes("rms norm", x, l.Scale)
	return x.Mul(keepMean(x.Square(), axes).AddScalar(Epsilon).Rsqrt()).Mul(l.Scale)
}

// NewRMSNorm is the layer that only normalises: Scale 1.
func NewRMSNorm(features ...int) RMSNorm { return RMSNorm{Scale: graph.Ones(features...)} }
