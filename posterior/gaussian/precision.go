package gaussian

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/tree"
)

// SamplePrecision draws from the normal distribution of a mean and a precision matrix over the ravelled tree (graph.Ravel), given by its
// lower Cholesky factor l [n n], without any inverse: mean + l^-T xi, a tree like mean with the sample shape in front of every leaf's own
// shape.
func SamplePrecision[P any](key random.Key, mean P, l graph.Tensor, shape ...int) P {
	const op = "precision sample"
	flat, _ := graph.Ravel(mean)
	n := flat.Size()
	if !l.Valid() || !l.Shape().Equal(graph.Shape{n, n}) {
		graph.Fail(op, graph.ErrShape, "give the factor of a matrix over all elements of the mean", "the factor is %v, the mean has %d elements", l, n)
	}
	xi := random.NormalOf(flat.DType(), key, n, graph.Shape(shape).Size())
	rows := l.SolveTriangular(xi, graph.Triangle{Transpose: true}).Transpose()
	return Unravel(mean, rows.Add(flat), shape...)
}

// Unravel takes vectors [shape... n], or rows of as many, apart into trees like p with the shape in front of every leaf's own shape.
func Unravel[P any](p P, vectors graph.Tensor, shape ...int) P {
	const op = "unravel"
	n, err := tree.Size(p, graph.Tensor.Size)
	check(op, err)
	if !vectors.Valid() || vectors.Rank() == 0 || vectors.Dim(-1) != n || vectors.Size() != n*graph.Shape(shape).Size() {
		graph.Fail(op, graph.ErrShape, "give vectors as long as the tree has elements", "got %v, the tree has %d elements, the shape is %v", vectors, n, graph.Shape(shape))
	}
	at := 0
	out, err := tree.Map(func(leaf graph.Tensor) graph.Tensor {
		from := at
		at += leaf.Size()
		return vectors.Slice(-1, from, at).Reshape(slices.Concat(graph.Shape(shape), leaf.Shape())...)
	}, p)
	check(op, err)
	return out
}
