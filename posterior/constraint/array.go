package constraint

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
)

// simplexTolerance is how far from 1 the sum of probabilities may be: the rounding of a sum of thousands in float32.
const simplexTolerance = 1e-5

// asymmetry is how far apart, relative to the largest element, a matrix and its transpose may be: the rounding of products in float32.
const asymmetry = 1e-4

// The sets of vectors and matrices.
var (
	// RealVector has the vectors without NaN.
	RealVector = Constraint{Name: "is not NaN", EventRank: 1, Kind: KindReal,
		Holds: func(x graph.Tensor) graph.Tensor { return x.IsNaN().Not().All(-1) }}
	// Simplex has the vectors of probabilities: no element below 0, and a sum within 1e-5 of 1.
	Simplex = Constraint{Name: "is in the simplex: elements >= 0 of sum 1", EventRank: 1, Kind: KindSimplex,
		Holds: func(x graph.Tensor) graph.Tensor {
			sum := x.Sum(-1)
			return x.Ge(x.Like(0)).All(-1).And(sum.AddScalar(-1).Abs().Le(sum.Like(simplexTolerance)))
		}}
	// LowerCholesky has the lower triangular matrices with a positive diagonal.
	LowerCholesky = Constraint{Name: "is lower triangular with a diagonal > 0", EventRank: 2, Kind: KindLowerCholesky,
		Holds: func(x graph.Tensor) graph.Tensor {
			d := x.Diagonal(0)
			return x.Eq(x.Tril(0)).All(-2, -1).And(d.Gt(d.Like(0)).All(-1))
		}}
	// Symmetric has the symmetric matrices: elements that mirror each other differ by 1e-4 of the largest at most.
	Symmetric = Constraint{Name: "is symmetric", EventRank: 2,
		Holds: func(x graph.Tensor) graph.Tensor {
			far := x.Sub(x.MoveAxis(-1, -2)).Abs().ReduceMax(-2, -1)
			return far.Le(x.Abs().ReduceMax(-2, -1).Scale(asymmetry))
		}}
	// PositiveDefinite has the symmetric matrices with a Cholesky factor.
	PositiveDefinite = Constraint{Name: "is symmetric positive definite", EventRank: 2, Kind: KindPositiveDefinite,
		Holds: func(x graph.Tensor) graph.Tensor {
			factored := linalg.Cholesky(graph.StopGradient(x)).Diagonal(0).IsNaN().Not().All(-1)
			return Symmetric.Holds(x).And(factored)
		}}
)

// CountsOf has the vectors of integers from 0 whose sum is total [...], which errors call name.
func CountsOf(total graph.Tensor, name string) Constraint {
	return Constraint{Name: "is of integers >= 0 with sum " + name, EventRank: 1,
		Holds: func(x graph.Tensor) graph.Tensor { return Count.Holds(x).All(-1).And(x.Sum(-1).Eq(total)) }}
}

// Each has the arrays of rank more axes whose values are in c: one value of it is many of c.
func Each(c Constraint, rank int) Constraint {
	if rank == 0 {
		return c
	}
	holds := c.Holds
	c.Holds = func(x graph.Tensor) graph.Tensor {
		axes := make([]int, rank)
		for i := range axes {
			axes[i] = -1 - i
		}
		return holds(x).All(axes...)
	}
	c.EventRank += rank
	c.Number = nil
	return c
}
