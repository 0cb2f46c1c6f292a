package graph

import "github.com/lavagrad/lavagrad/tree"

// GradSecond is the gradient with respect to the second of two arguments. Any other choice is a function literal:
// Grad(func(c C) Tensor { return f(a, b, c) })(c).
func GradSecond[A, P any](f func(A, P) Tensor) func(A, P) P {
	return func(a A, p P) P { return Grad(func(p P) Tensor { return f(a, p) })(p) }
}

// ValueGradSubset is a function's value with the gradient by some of the leaves of its argument.
type ValueGradSubset struct {
	Value Tensor
	Grad  []Tensor // by the chosen leaves, in the order of tree.Leaves
}

// GradSubset is the gradient of f by those leaves of p that choose picks by path (such as ".Layers[0].W") and
// value; the others are constants and cost no backward pass. tree.Insert puts updated leaves back.
func GradSubset[P any](f func(P) Tensor, choose func(path string, leaf Tensor) bool) func(P) []Tensor {
	g := ValueAndGradSubset(f, choose)
	return func(p P) []Tensor { return g(p).Grad }
}

// ValueAndGradSubset is GradSubset that returns the value as well.
func ValueAndGradSubset[P any](f func(P) Tensor, choose func(path string, leaf Tensor) bool) func(P) ValueGradSubset {
	return func(p P) ValueGradSubset {
		sub, back, err := tree.Subset(p, choose)
		if err != nil {
			fail("grad", ErrArgument, "give a struct, slice or map of graph.Tensor", "%v", err)
		}
		r := ValueAndGrad(func(sub []Tensor) Tensor {
			p, err := back(sub)
			if err != nil {
				fail("grad", ErrArgument, "", "%v", err)
			}
			return f(p)
		})(sub)
		return ValueGradSubset(r)
	}
}
