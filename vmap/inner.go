package vmap

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// InnerProducts gives for each sample of a, leaves [n ...], and each of b, leaves [m ...] of the same further axes, the sum of the products
// of all elements of all leaves: [n m]. Of per-sample gradients that is J_a J_b', how much a step for one sample changes the loss of another:
// the matrix of similarities and, of gradients of outputs, the neural tangent kernel. Inside a compiled function the gradients of linear
// layers are never written.
//
//	kernel := graph.Jit3(dev, func(p params, x, y batch) graph.Tensor { return vmap.InnerProducts(perSample(p, x), perSample(p, y)) })
func InnerProducts[T any](a, b T) graph.Tensor {
	const op = "inner products"
	xs, paths, err := tree.LeavesAndPaths[graph.Tensor](a)
	check(err)
	ys, others, err := tree.LeavesAndPaths[graph.Tensor](b)
	check(err)
	if len(xs) == 0 || len(xs) != len(ys) {
		graph.Fail(op, graph.ErrArgument, "give trees of one structure with a tensor", "the trees have %d and %d leaves", len(xs), len(ys))
	}
	var sum graph.Tensor
	for i, x := range xs {
		y := ys[i]
		if paths[i] != others[i] {
			graph.Fail(op, graph.ErrArgument, "give trees of one structure", "leaf %d is %q of the first tree and %q of the second", i, paths[i], others[i])
		}
		if x.Rank() == 0 || y.Rank() != x.Rank() || !x.Shape()[1:].Equal(y.Shape()[1:]) {
			graph.Fail(op, graph.ErrShape, "map the functions that made them: all axes but the first agree", "at %q %v and %v", paths[i], x.Spec(), y.Spec())
		}
		axes := make([]int, x.Rank()-1)
		for k := range axes {
			axes[k] = k + 1
		}
		p := graph.DotGeneral(x, y, axes, axes, nil, nil)
		if sum.Valid() {
			p = sum.Add(p)
		}
		sum = p
	}
	return sum
}
