package graph

// SquaredNorm is the sum of the squares of all elements of all leaves of a tree of one float type: a scalar. For
// per-sample gradients see vmap.SquaredNorms.
func SquaredNorm[T any](t T) Tensor {
	sum := Scalar(0)
	for i, l := range leavesOf("squared norm", t) {
		s := l.Square().Sum()
		if i > 0 {
			s = sum.Add(s)
		}
		sum = s
	}
	return sum
}
