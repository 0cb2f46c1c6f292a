package gaussian

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/graph"
)

// FlatToTril makes lower triangular matrices [... n n] of the elements on and below their diagonals [... n(n+1)/2], row by row:
//
//	[a b c] becomes [[a 0] [b c]]
//
// A last axis of another length is graph.ErrShape. Any dtype; differentiable.
func FlatToTril(flat graph.Tensor) graph.Tensor {
	const op = "flat to tril"
	if !flat.Valid() || flat.Rank() == 0 {
		graph.Fail(op, graph.ErrShape, "give vectors [... n(n+1)/2]", "the argument has no axis")
	}
	m := flat.Dim(-1)
	n := int(math.Round((math.Sqrt(8*float64(m)+1) - 1) / 2))
	if n*(n+1)/2 != m {
		graph.Fail(op, graph.ErrShape, "give 1, 3, 6, 10, ... elements: n(n+1)/2", "%v has %d elements on its last axis", flat.Spec(), m)
	}
	if n == 0 {
		return flat.Reshape(append(slices.Clone(flat.Shape()[:flat.Rank()-1]), 0, 0)...)
	}
	row, col := graph.Iota(0, n, n), graph.Iota(1, n, n)
	return flat.Take(-1, position(row, col.Min(row))).Tril(0)
}

// TrilToFlat is the inverse of FlatToTril: the elements on and below the diagonals of square matrices [... n n], row by row, as
// vectors [... n(n+1)/2]. What stands above is not read.
func TrilToFlat(l graph.Tensor) graph.Tensor {
	const op = "tril to flat"
	if !l.Valid() || l.Rank() < 2 || l.Dim(-1) != l.Dim(-2) {
		graph.Fail(op, graph.ErrShape, "give square matrices [... n n]", "the argument is no square matrix")
	}
	n := l.Dim(-1)
	m := n * (n + 1) / 2
	batch := slices.Clone(l.Shape()[:l.Rank()-2])
	if n == 0 {
		return l.Reshape(append(batch, 0)...)
	}
	row, col := graph.Iota(0, n, n), graph.Iota(1, n, n)
	at := graph.Where(col.Le(row), position(row, col), graph.Int(m)).Flatten() // out of range: dropped
	none := graph.Full(l.DType(), 0, append(slices.Clone(batch), m)...)
	return none.IndexSet(-1, at, l.Reshape(append(batch, n*n)...))
}

// position is where the element of a row and a column not behind it stands.
func position(row, col graph.Tensor) graph.Tensor {
	return row.Mul(row.AddScalar(1)).Div(graph.Int(2)).Add(col)
}
