package graph

// Hessian is the matrix of second derivatives of f, which takes one float tensor of shape S to a float32 scalar: a tensor
// [S..., S...], forward over reverse. For functions of a tree, Ravel the tree, or use HVP, which never holds the matrix.
func Hessian(f func(Tensor) Tensor) func(Tensor) Tensor { return JacFwd(Grad(f)) }

// HVP is the Hessian-vector product of f, a function from a tree to a float32 scalar: the derivative of the gradient at p
// along v, a tree like p. It costs a few times f and never holds the Hessian. Forward over reverse (Pearlmutter, 1994).
func HVP[P any](f func(P) Tensor) func(p, v P) P {
	return func(p, v P) P {
		_, d := JVP(Grad(f), p, v)
		return d
	}
}

// GNVP is the product of a vector with the generalised Gauss-Newton matrix J' H J of loss(model(p)), where J is the Jacobian
// of model at p and H the Hessian of loss at the model's output: positive semidefinite wherever loss is convex
// (Schraudolph, 2002). v and the result are trees like p.
func GNVP[P, R any](model func(P) R, loss func(R) Tensor) func(p, v P) P {
	return func(p, v P) P {
		y, along := JVP(model, p, v)
		_, pull := VJP(model, p)
		return pull(HVP(loss)(y, along))
	}
}
