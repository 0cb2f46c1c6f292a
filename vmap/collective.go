package vmap

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// PSum gives every sample the sum of each leaf over all samples of the enclosing map named axis (see Name). What does not
// depend on the sample counts once for each. A gradient taken inside the mapped function counts a sample's effect on the
// results of all samples. Where no enclosing map has the name, computing the value is graph.ErrArgument.
func PSum[T any](t T, axis string) T { return each(graph.PSum, t, axis) }

// PMean is the mean over the samples, of trees of floats; see PSum. The statistics of a batch normalisation are
// PMean(x) and PMean(x^2) - PMean(x)^2.
func PMean[T any](t T, axis string) T { return each(graph.PMean, t, axis) }

// PMax is the largest over the samples, element by element; see PSum. NaN wins, and samples that share the maximum share
// its gradient.
func PMax[T any](t T, axis string) T { return each(graph.PMax, t, axis) }

func each[T any](f func(graph.Tensor, string) graph.Tensor, t T, axis string) T {
	out, err := tree.Map(func(x graph.Tensor) graph.Tensor { return f(x, axis) }, t)
	check(err)
	return out
}
