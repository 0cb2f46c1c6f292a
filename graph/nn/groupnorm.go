package nn

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
)

// GroupNorm is group normalisation (Wu and He, arXiv 1803.08494): the channels are cut into groups, and each group is normalised over
// its channels and all positions,
//
//	y = (x - mean(x)) / sqrt(var(x) + Epsilon) * Scale[channel] + Shift[channel]
//
// for Scale and Shift [channels]. One group is layer normalisation over everything, as many as channels instance normalisation.
type GroupNorm struct{ Scale, Shift graph.Tensor }

// Apply normalises one sample x [channels n1 .. nd] with any number of spatial axes, in the given number of groups, which must
// divide the channels. Batches go through vmap.
func (l GroupNorm) Apply(x graph.Tensor, groups int) graph.Tensor {
	s := x.Shape()
	if len(s) == 0 || !l.Scale.Shape().Equal(s[:1]) {
		graph.Fail("group norm", graph.ErrShape, "give one sample [channels ...], batches by vmap, and a scale for each channel", "the input is %v, the scale %v", x.Spec(), l.Scale.Spec())
	}
	if groups < 1 || s[0]%groups != 0 {
		graph.Fail("group norm", graph.ErrArgument, "the number of groups divides the channels", "%d groups of %d channels", groups, s[0])
	}
	y := Standardize(x.Reshape(groups, s.Size()/groups), Epsilon, 1).Reshape(slices.Clone(s)...)
	return addChannels(y.Mul(l.Scale.Reshape(channelShape(l.Scale, len(s)-1)...)), l.Shift, len(s)-1)
}

// NewGroupNorm is the layer that only normalises: Scale 1 and Shift 0.
func NewGroupNorm(channels int) GroupNorm {
	return GroupNorm{Scale: graph.Ones(channels), Shift: graph.Zeros(channels)}
}
