package vmap

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// SquaredNorms gives for each sample the sum of the squares of all elements of all leaves [B ...]: a
// vector [B]. On per-sample gradients inside a compiled function, the gradients themselves are never written.
func SquaredNorms[T any](t T) graph.Tensor {
	leaves, err := tree.Leaves[graph.Tensor](t)
	check(err)
	if len(leaves) == 0 {
		graph.Fail("squared norms", graph.ErrArgument, "give a tree with a tensor", "the tree has no leaves")
	}
	var sum graph.Tensor
	for i, l := range leaves {
		if l.Rank() == 0 {
			graph.Fail("squared norms", graph.ErrShape, "map the function that made it", "leaf %d is a scalar, it has no sample axis", i)
		}
		s := l.Square()
		if l.Rank() > 1 {
			axes := make([]int, l.Rank()-1)
			for i := range axes {
				axes[i] = i + 1
			}
			s = s.Sum(axes...)
		}
		if sum.Valid() {
			s = sum.Add(s)
		}
		sum = s
	}
	return sum
}
