package nn

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
)

// Conv is a convolution with bias over the last axes of x: graph.Conv(x, W, options) + B for W [out in/groups k1 .. kd] and
// B [out]; one, two or any number d of spatial axes.
type Conv struct{ W, B graph.Tensor }

// Apply gives the convolution of x [... in n1 .. nd], with shape [... out m1 .. md]. Leading axes are samples; there may be
// none. The zero options are stride 1 without padding.
func (c Conv) Apply(x graph.Tensor, options graph.ConvOptions) graph.Tensor {
	y := graph.Conv(x, c.W, options)
	return addChannels(y, c.B, c.W.Rank()-2)
}

// ConvTranspose is a transposed convolution with bias: graph.ConvTranspose(x, W, options) + B for W [in out/groups k1 .. kd]
// and B [out].
type ConvTranspose struct{ W, B graph.Tensor }

// Apply gives the transposed convolution of x [... in m1 .. md], with shape [... out n1 .. nd].
func (c ConvTranspose) Apply(x graph.Tensor, options graph.ConvOptions) graph.Tensor {
	y := graph.ConvTranspose(x, c.W, options)
	return addChannels(y, c.B, c.W.Rank()-2)
}

// addChannels adds b [channels] to y [... channels n1 .. nd].
func addChannels(y, b graph.Tensor, spatial int) graph.Tensor {
	return y.Add(b.Reshape(channelShape(b, spatial)...))
}

// channelShape is [channels 1 .. 1]: it broadcasts over the spatial axes.
func channelShape(b graph.Tensor, spatial int) []int {
	return append(slices.Clone(b.Shape()), slices.Repeat([]int{1}, spatial)...)
}
