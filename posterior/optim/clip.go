package optim

import (
	"github.com/lavagrad/lavagrad/graph"
)

// ClipByGlobalNorm scales all leaves by one factor so that the Euclidean norm over all of them is at most max:
//
//	u max / max(norm, max)
//
// (Pascanu, Mikolov, Bengio 2013). max > 0. A NaN anywhere makes everything NaN; where the norm leaves the range of float32
// (elements beyond 1e19), finite updates become 0.
func ClipByGlobalNorm(max float64) Transformation {
	positive("clip by global norm", "norm", max)
	return stateless("clip by global norm", func(in Input) []graph.Tensor {
		if len(in.Updates) == 0 {
			return nil
		}
		norm := root(sumOfSquares(in.Updates))
		factor := norm.Max(norm.Like(max)).Reciprocal().Scale(max)
		return each1(func(u graph.Tensor) graph.Tensor { return times(u, factor) }, in.Updates)
	})
}

// sumOfSquares is over all elements of all leaves; float64 if one of them is.
func sumOfSquares(ts []graph.Tensor) graph.Tensor {
	d := graph.Float32
	for _, t := range ts {
		if t.DType() == graph.Float64 {
			d = graph.Float64
		}
	}
	sum := ts[0].Square().Sum().Convert(d)
	for _, t := range ts[1:] {
		sum = sum.Add(t.Square().Sum().Convert(d))
	}
	return sum
}

// ClipByValue brings every element into [-max, max]; NaN stays NaN. max > 0.
func ClipByValue(max float64) Transformation {
	positive("clip by value", "bound", max)
	return each("clip by value", func(u, _ graph.Tensor) graph.Tensor { return u.Clamp(-max, max) })
}

// AddDecayedWeights adds factor times the parameters: before an optimizer it is an L2 penalty of factor/2, behind one, with a
// factor of -lr times decay, decoupled weight decay as AdamW has it. choose, where given, tells by index among the float leaves
// and value which parameters decay, such as those of two axes and more.
func AddDecayedWeights(factor float64, choose ...func(i int, param graph.Tensor) bool) Transformation {
	return stateless("add decayed weights", func(in Input) []graph.Tensor {
		out := make([]graph.Tensor, len(in.Updates))
	leaves:
		for i, u := range in.Updates {
			out[i] = u
			for _, f := range choose {
				if !f(i, in.Params[i]) {
					continue leaves
				}
			}
			out[i] = u.Add(in.Params[i].Scale(factor))
		}
		return out
	})
}

// Scale multiplies with a number: Scale(-1) before an optimizer makes it ascend.
func Scale(factor float64) Transformation {
	return each("scale", func(u, _ graph.Tensor) graph.Tensor { return u.Scale(factor) })
}
