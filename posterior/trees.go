package posterior

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/tree"
)

// Map is f of the leaves that stand in the same place of trees like params, for algorithms. It fails with op's name where structures differ.
func Map[P any](op string, f func(x []graph.Tensor) graph.Tensor, trees ...P) P {
	out, err := tree.MapN(func(x []graph.Tensor) (graph.Tensor, error) { return f(x), nil }, trees...)
	if err != nil {
		graph.Fail(op, graph.ErrArgument, "give trees of the structure of params", "%v", err)
	}
	return out
}

// NormalLike gives the independent standard normal draws of a step, in the shapes and dtypes of params: those of leaf i are NormalStep's with the key
// FoldIn(key, i), which a loop over steps makes once.
func NormalLike[P any](op string, key random.Key, step graph.Tensor, params P) P {
	i := 0
	return Map(op, func(x []graph.Tensor) graph.Tensor {
		i++
		return random.NormalStep(x[0].DType(), random.FoldIn(key, i-1), step, x[0].Shape()...)
	}, params)
}
