package linalg

import "github.com/lavagrad/lavagrad/graph"

// Cholesky is the lower triangular l with l lᵀ = a for symmetric positive definite matrices a [... n n]; above its
// diagonal are zeros. As in JAX the matrix that is factored is (a + aᵀ)/2, so that gradients are symmetric; where only
// the lower triangle of a is filled, use graph's Tensor.Cholesky, which reads no more.
//
// For a matrix that is not positive definite, l is NaN on and below the diagonal from the first column on
// whose pivot is not above zero.
func Cholesky(a graph.Tensor) graph.Tensor {
	return symmetric("cholesky", a).Cholesky()
}

// CheckedCholesky is Cholesky for matrices that must be positive definite: a run with one that is not returns
// graph.ErrCheck with the sample under vmap, and the element: batch axes, then the column of the first pivot that is
// not positive.
func CheckedCholesky(a graph.Tensor) graph.Tensor {
	l := Cholesky(a)
	return l.Check(diagonal(l).IsNaN().Not(), "cholesky: positive definite matrix, pivot > 0")
}

// CholeskySolve is the x with a x = b, from the factor l = Cholesky(a) [... n n] and b [... n k], or [n] for one
// right-hand side.
func CholeskySolve(l, b graph.Tensor) graph.Tensor {
	b, vector := columns("cholesky solve", b)
	y := l.SolveTriangular(b, graph.Triangle{})
	x := l.SolveTriangular(y, graph.Triangle{Transpose: true})
	if vector {
		return x.Squeeze(-1)
	}
	return x
}

// CholeskyInverse is the inverse of a from its factor l = Cholesky(a) [... n n]: symmetric but for rounding. To apply the inverse,
// CholeskySolve is faster and more accurate.
func CholeskyInverse(l graph.Tensor) graph.Tensor {
	square("cholesky inverse", l)
	return CholeskySolve(l, eye(l.Dim(-1), l.DType()))
}

// CholeskyLogDet is log det a, [...], from the factor l = Cholesky(a) [... n n]: twice the sum of the logarithms of its diagonal.
func CholeskyLogDet(l graph.Tensor) graph.Tensor {
	square("cholesky logdet", l)
	return diagonal(l).Log().Sum(-1).Scale(2)
}

// LogDet is the logarithm of the determinant of symmetric positive definite matrices a [... n n]: [...], and NaN for a
// matrix that is not positive definite. The gradient is the inverse of (a + aᵀ)/2.
func LogDet(a graph.Tensor) graph.Tensor { return CholeskyLogDet(Cholesky(a)) }

// SolvePositiveDefinite is the x with a x = b for symmetric positive definite matrices a [... n n] and b [... n k], or
// [n] for one right-hand side, by the Cholesky factor of (a + aᵀ)/2; NaN for a matrix that is not positive definite.
func SolvePositiveDefinite(a, b graph.Tensor) graph.Tensor { return CholeskySolve(Cholesky(a), b) }

// symmetric is (a + aᵀ)/2.
func symmetric(op string, a graph.Tensor) graph.Tensor {
	square(op, a)
	return a.Add(transpose(a)).Scale(0.5)
}
