package diagnostics

import "github.com/lavagrad/lavagrad/graph"

// SplitRHat is the potential scale reduction of draws [T chains ...], chains split in halves: [...], the root of the variance estimated from within
// and between the halves over that within (Gelman et al. 2013, section 11.4). Of chains that have forgotten where they began it is close to 1.
//
// T must be 4 or more; with odd T the middle draw is left out. It is NaN where all draws are equal. Draws that are NaN or infinite fail on the device.
func SplitRHat(draws graph.Tensor) graph.Tensor {
	x, shape := chains("split R-hat", draws)
	return reduction(x).Reshape(shape...)
}

// RankRHat is the rank-normalised split R-hat (Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, section 4.1): the larger of those
// of the draws' normal scores and of the normal scores of their distances from the median, so that chains of other spread are seen too, and
// heavy tails do no harm. Below 1.01 is what is asked for. Shapes and limits as for SplitRHat; it is NaN also where all distances are equal.
func RankRHat(draws graph.Tensor) graph.Tensor {
	x, shape := chains("rank-normalised R-hat", draws)
	all := x.Reshape(x.Dim(0), x.Dim(1)*x.Dim(2))
	folded := all.Sub(all.Median(1).ExpandDims(1)).Abs().Reshape(x.Shape()...)
	return reduction(normalScores(x)).Max(reduction(normalScores(folded))).Reshape(shape...)
}

func reduction(x graph.Tensor) graph.Tensor {
	within, total := variances(nearZero(x))
	return total.Div(within).Sqrt()
}
