package graph

// Ravel joins all leaves of a tree of float tensors to one vector, in the order of tree.Leaves, row-major, and gives the
// function that takes such a vector back to a tree like p. With it, matrix-valued transforms work on trees:
//
//	flat, unravel := graph.Ravel(params)
//	h := graph.Hessian(func(v graph.Tensor) graph.Tensor { return loss(unravel(v)) })(flat)
func Ravel[P any](p P) (flat Tensor, unravel func(Tensor) P) {
	leaves := leavesOf("ravel", p)
	if len(leaves) == 0 {
		return Zeros(0), func(Tensor) P { return p }
	}
	parts := make([]Tensor, len(leaves))
	size := 0
	for i, l := range leaves {
		if !l.DType().IsFloat() {
			fail("ravel", ErrDType, "leave it out of the tree, or convert it with AsFloat", "leaf %d is %v, not float", i, l.Spec())
		}
		parts[i] = l.Flatten()
		size += l.Size()
	}
	return Concat(0, parts...), func(v Tensor) P {
		if !v.Shape().Equal(Shape{size}) {
			fail("unravel", ErrShape, "give a vector as long as the tree has elements", "got %v, the tree has %d elements", v.Spec(), size)
		}
		out := make([]Tensor, len(leaves))
		at := 0
		for i, l := range leaves {
			out[i] = v.Slice(0, at, at+l.Size()).Reshape(l.Shape()...)
			at += l.Size()
		}
		return rebuild("unravel", p, out)
	}
}
