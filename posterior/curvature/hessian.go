package curvature

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// Hessian is the matrix of second derivatives, dense [N N], of a scalar function of parameters and a batch.
func Hessian[P, B any](f func(P, B) graph.Tensor) func(params P, batch B) graph.Tensor {
	return func(p P, batch B) graph.Tensor {
		flat, unravel := graph.Ravel(p)
		return graph.Hessian(func(v graph.Tensor) graph.Tensor { return f(unravel(v), batch) })(flat)
	}
}

// HVP is the product of Hessian with a vector, a tree like params, by forward over reverse mode (graph.HVP). No matrix is written.
func HVP[P, B any](f func(P, B) graph.Tensor) func(params P, batch B, v P) P {
	return func(p P, batch B, v P) P {
		check("hvp", tree.SameStructure[graph.Tensor](p, v))
		return graph.HVP(func(p P) graph.Tensor { return f(p, batch) })(p, v)
	}
}
