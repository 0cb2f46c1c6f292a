package graph

// ValueGradAux is a function's value with its gradient and what else it returned.
type ValueGradAux[P, A any] struct {
	Value Tensor
	Grad  P
	Aux   A
}

// GradAux is Grad of a function that returns auxiliary values as well, such as predictions or statistics: any tree
// of tensors, which is not differentiated.
func GradAux[P, A any](f func(P) (Tensor, A)) func(P) (P, A) {
	g := ValueAndGradAux(f)
	return func(p P) (P, A) {
		r := g(p)
		return r.Grad, r.Aux
	}
}

// ValueAndGradAux is GradAux that returns the value as well.
func ValueAndGradAux[P, A any](f func(P) (Tensor, A)) func(P) ValueGradAux[P, A] {
	return func(p P) ValueGradAux[P, A] {
		var aux A
		r := ValueAndGrad(func(p P) Tensor {
			var y Tensor
			y, aux = f(p)
			return y
		})(p)
		leavesOf("grad aux", aux) // an unset tensor is an error here, where it came from
		return ValueGradAux[P, A]{r.Value, r.Grad, aux}
	}
}

// ValueAndGradAux2 is ValueAndGradAux with respect to the first of two arguments.
func ValueAndGradAux2[P, B, A any](f func(P, B) (Tensor, A)) func(P, B) ValueGradAux[P, A] {
	return func(p P, b B) ValueGradAux[P, A] {
		return ValueAndGradAux(func(p P) (Tensor, A) { return f(p, b) })(p)
	}
}
