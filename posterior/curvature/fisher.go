package curvature

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// Fisher is the empirical Fisher matrix J'J = sum over samples of g_n g_n', dense [N N], with g_n the gradient of f for sample
// n and J [n N] the per-sample gradients, which are written: Chunk bounds them.
func Fisher[P, S any](f func(P, S) graph.Tensor, opts ...Option) func(params P, batch S) graph.Tensor {
	c := configure(opts)
	return func(p P, batch S) graph.Tensor {
		return sum("fisher", c, batch, func(part S) graph.Tensor {
			return Gram(vmap.Map2(graph.Grad2(f), shared())(p, part))
		})
	}
}

// Gram is J'J, dense [N N], of per-sample gradients: a tree of leaves [n ...] that together are J [n N].
// The matrix J J' [n n] of their inner products is vmap.InnerProducts.
func Gram[P any](grads P) graph.Tensor {
	samples("gram", grads)
	j := vmap.Map(func(g P) graph.Tensor {
		flat, _ := graph.Ravel(g)
		return flat
	})(grads)
	return graph.DotGeneral(j, j, []int{0}, []int{0}, nil, nil)
}

// DiagFisher is the diagonal of Fisher, a tree like params: sum over samples of g_n^2.
func DiagFisher[P, S any](f func(P, S) graph.Tensor, opts ...Option) func(params P, batch S) P {
	c := configure(opts)
	return func(p P, batch S) P {
		return sum("diagonal fisher", c, batch, func(part S) P {
			return SumSquares(vmap.Map2(graph.Grad2(f), shared())(p, part))
		})
	}
}

// SumSquares is the sum over samples of the squares of per-sample gradients: leaves [n ...] become [...]. Inside a compiled
// function the gradients of linear layers are never written.
func SumSquares[P any](grads P) P {
	return mapLeaves("sum of squares", grads, func(g graph.Tensor) graph.Tensor {
		if g.Rank() == 0 {
			graph.Fail("sum of squares", graph.ErrShape, "map the function that made it", "a leaf is a scalar, it has no sample axis")
		}
		return g.Square().Sum(0)
	})
}

// FVP is the product of Fisher with a vector, a tree like params: J'(J v), by one forward-mode and one reverse-mode pass. No
// matrix and no per-sample gradient is written.
func FVP[P, S any](f func(P, S) graph.Tensor, opts ...Option) func(params P, batch S, v P) P {
	c := configure(opts)
	return func(p P, batch S, v P) P {
		check("fvp", tree.SameStructure[graph.Tensor](p, v))
		return sum("fvp", c, batch, func(part S) P {
			values := func(p P) graph.Tensor { return vmap.Map2(f, shared())(p, part) }
			_, jv := graph.JVP(values, p, v)
			_, pull := graph.VJP(values, p)
			return pull(jv)
		})
	}
}
