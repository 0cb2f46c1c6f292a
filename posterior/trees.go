package posterior

import (
	"github.com/lavagrad/lavagrad/graph"
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
