package linalg

import "github.com/lavagrad/lavagrad/graph"

// SolveTriangular is the x with t x = b, where t is the named triangle of a [... n n]; the rest of a is not read and
// gets no gradient. b is [... n k], or [n] for one right-hand side. A zero on the diagonal divides, as IEEE says. To solve
// x t = b, solve for the transposes.
func SolveTriangular(a, b graph.Tensor, tri graph.Triangle) graph.Tensor {
	b, vector := columns("solve triangular", b)
	x := a.SolveTriangular(b, tri)
	if vector {
		return x.Squeeze(-1)
	}
	return x
}

// Trace is the sum of the diagonal of square matrices [... n n]: [...].
func Trace(a graph.Tensor) graph.Tensor {
	square("trace", a)
	return diagonal(a).Sum(-1)
}

// square fails for anything but square float matrices.
func square(op string, a graph.Tensor) {
	switch {
	case !a.DType().IsFloat():
		graph.Fail(op, graph.ErrDType, "convert with AsFloat", "the matrix is %v, want float32", a.Spec())
	case a.Rank() < 2 || a.Dim(-1) != a.Dim(-2):
		graph.Fail(op, graph.ErrShape, "give matrices [... n n]", "the matrix is %v, not square", a.Spec())
	}
}

// columns gives a vector a column axis, and says so.
func columns(op string, b graph.Tensor) (graph.Tensor, bool) {
	switch b.Rank() {
	case 0:
		graph.Fail(op, graph.ErrShape, "give right-hand sides [... n k] or [n]", "the right-hand side is %v", b.Spec())
	case 1:
		return b.ExpandDims(-1), true
	}
	return b, false
}

func transpose(a graph.Tensor) graph.Tensor { return a.MoveAxis(-1, -2) }

// onDiagonal is true where row and column agree.
func onDiagonal(n int) graph.Tensor { return graph.Iota(0, n, n).Eq(graph.Iota(1, n, n)) }

func eye(n int, d graph.DType) graph.Tensor { return onDiagonal(n).Convert(d) }

// diagonal is the diagonal of square matrices: [... n]. Whatever stands beside it does not matter, NaN included.
func diagonal(a graph.Tensor) graph.Tensor {
	return graph.Where(onDiagonal(a.Dim(-1)), a, a.Like(0)).Sum(-1)
}
