package bijection

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// LowerCholesky maps vectors x [..., n(n+1)/2], the rows of a lower triangle one after the other, to lower triangular matrices
// [..., n n] with exp of its elements on the diagonal.
type LowerCholesky struct{}

// EventRanks is 1, 2.
func (LowerCholesky) EventRanks() (x, y int) { return 1, 2 }

// side is the n with n(n+1)/2 elements on and below the diagonal.
func side(x graph.Tensor) int {
	if x.Rank() > 0 {
		length := x.Dim(-1)
		if n := int(math.Sqrt(float64(2 * length))); n > 0 && n*(n+1)/2 == length {
			return n
		}
	}
	graph.Fail("lower cholesky", graph.ErrShape, "give vectors of 1, 3, 6, 10, ... elements for matrices of 1, 2, 3, 4, ... rows", "x is %v", x.Spec())
	return 0
}

// diagonalOf is the elements of x on the diagonal, [..., n].
func diagonalOf(x graph.Tensor) graph.Tensor {
	i := graph.Iota(0, side(x))
	return x.Take(-1, i.Mul(i.AddScalar(3)).Div(i.Like(2)))
}

// Forward is the matrix.
func (LowerCholesky) Forward(x graph.Tensor) graph.Tensor {
	n := side(x)
	i, j := graph.Iota(0, n, n), graph.Iota(1, n, n)
	below := j.Lt(i)
	at := i.Mul(i.AddScalar(1)).Div(i.Like(2)).Add(graph.Where(j.Le(i), j, j.Like(0)))
	full := x.Take(-1, at)
	return graph.Where(below, full, full.Like(0)).Add(diagonalOf(x).Exp().Diag(0))
}

// Inverse reads the lower triangle with its diagonal.
func (LowerCholesky) Inverse(y graph.Tensor) graph.Tensor {
	if y.Rank() < 2 || y.Dim(-1) != y.Dim(-2) {
		graph.Fail("lower cholesky", graph.ErrShape, "give matrices [... n n]", "y is %v", y.Spec())
	}
	n := y.Dim(-1)
	var flat []float32
	for i := range n {
		for j := range i + 1 {
			flat = append(flat, float32(i*n+j))
		}
	}
	at := graph.Literal(flat, len(flat)).AsInt()
	shape := append(append([]int{}, y.Shape()[:y.Rank()-2]...), n*n)
	diagonal := graph.Iota(0, n, n).Eq(graph.Iota(1, n, n))
	logs := graph.Where(diagonal, graph.Where(diagonal, y, y.Like(1)).Log(), y)
	return logs.Reshape(shape...).Take(-1, at)
}

// LogDet is the sum of the logarithms of the diagonal.
func (LowerCholesky) LogDet(x graph.Tensor) graph.Tensor { return diagonalOf(x).Sum(-1) }

// Codomain is the lower triangular matrices with a positive diagonal.
func (LowerCholesky) Codomain() constraint.Constraint { return constraint.LowerCholesky }

// PositiveDefinite maps vectors x [..., n(n+1)/2] to symmetric positive definite matrices L L^T, L = LowerCholesky(x). The volume is that of the
// elements on and below the diagonal.
type PositiveDefinite struct{}

// EventRanks is 1, 2.
func (PositiveDefinite) EventRanks() (x, y int) { return 1, 2 }

// Forward is L L^T.
func (PositiveDefinite) Forward(x graph.Tensor) graph.Tensor {
	l := LowerCholesky{}.Forward(x)
	return l.MatMul(l.MoveAxis(-1, -2))
}

// Inverse is that of LowerCholesky for the Cholesky factor; NaN for matrices that are not positive definite.
func (PositiveDefinite) Inverse(y graph.Tensor) graph.Tensor {
	return LowerCholesky{}.Inverse(linalg.Cholesky(y))
}

// LogDet is n log 2 + sum_i (n + 2 - i) log L_ii for i = 1..n: the volume change 2^n prod L_ii^(n+1-i) of L L^T, and that of L.
func (PositiveDefinite) LogDet(x graph.Tensor) graph.Tensor {
	n := side(x)
	logs := diagonalOf(x)
	power := graph.Iota(0, n).Convert(x.DType()).Neg().AddScalar(float64(n + 1))
	return logs.Mul(power).Sum(-1).AddScalar(float64(n) * math.Ln2)
}

// Codomain is the symmetric positive definite matrices.
func (PositiveDefinite) Codomain() constraint.Constraint { return constraint.PositiveDefinite }
