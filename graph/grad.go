package graph

import (
	"github.com/lavagrad/lavagrad/tree"
)

// ValueGrad is a function's value with its gradient.
type ValueGrad[P any] struct {
	Value Tensor
	Grad  P
}

// Grad turns f, which returns a float32 or float64 scalar, into the function that returns its gradient: a tree
// like p, with zeros where f does not depend on a leaf. Integer and bool leaves get float32 zeros.
func Grad[P any](f func(P) Tensor) func(P) P {
	g := ValueAndGrad(f)
	return func(p P) P { return g(p).Grad }
}

// Grad2 is the gradient with respect to the first of two arguments. To differentiate with respect to
// both, put them into one struct.
func Grad2[P, A any](f func(P, A) Tensor) func(P, A) P {
	return func(p P, a A) P { return Grad(func(p P) Tensor { return f(p, a) })(p) }
}

// Grad3 is the gradient with respect to the first of three arguments.
func Grad3[P, A, B any](f func(P, A, B) Tensor) func(P, A, B) P {
	return func(p P, a A, b B) P { return Grad(func(p P) Tensor { return f(p, a, b) })(p) }
}

// ValueAndGrad is Grad that returns the value as well.
func ValueAndGrad[P any](f func(P) Tensor) func(P) ValueGrad[P] {
	return func(p P) ValueGrad[P] {
		y, pull := VJP(f, p)
		if len(y.Shape()) != 0 || !y.DType().IsFloat() {
			fail("grad", ErrShape, "return one number, for example with Sum or Mean; for other outputs use VJP or JVP",
				"the function returned %v, want float32[]", y.Spec())
		}
		return ValueGrad[P]{y, pull(y.Like(1))}
	}
}

// ValueAndGrad2 is Grad2 that returns the value as well.
func ValueAndGrad2[P, A any](f func(P, A) Tensor) func(P, A) ValueGrad[P] {
	return func(p P, a A) ValueGrad[P] { return ValueAndGrad(func(p P) Tensor { return f(p, a) })(p) }
}

// VJP runs f at p and returns its value with the pullback: from a cotangent tree like the value to
// the cotangent tree like p, the vector-Jacobian product. The pullback may be called any number of times.
func VJP[P, R any](f func(P) R, p P) (R, func(cotangent R) P) {
	tr := newTrace("vjp")
	defer tr.close()
	fresh := tr.aliases(leavesOf("vjp", p))
	result := f(rebuild("vjp", p, fresh))
	outs := leavesOf("vjp", result)
	order := recordSince(outs, fresh)
	return result, func(cotangent R) P {
		cts := alike("vjp", "cotangent", "output", cotangent, result)
		return rebuild("vjp", p, pullback(order, fresh, outs, cts))
	}
}

// aliases gives every tensor a name of its own, so that what f captured is told apart from what it
// is differentiated by.
func (tr *trace) aliases(in []Tensor) []Tensor {
	out := make([]Tensor, len(in))
	for i, t := range in {
		out[i] = tr.alias(t)
	}
	return out
}

// recordSince walks back from outs to what was made before params: nothing older depends on them.
func recordSince(outs, params []Tensor) []applied {
	if len(params) == 0 {
		return nil
	}
	first := params[0].n.id
	for _, p := range params {
		first = min(first, p.n.id)
	}
	return record(nodes(outs), func(n *node) bool { return n.id < first || n.isParam() })
}

// pullback accumulates cotangents from outs back to params, users before operands.
func pullback(order []applied, params, outs, cts []Tensor) []Tensor {
	checkOutdated(order)
	dep := differentiable(order, nodes(params))
	sum := map[*node]Tensor{}
	for i, o := range outs {
		if dep[o.n] && o.DType().IsFloat() {
			sum[o.n] = addTangent(sum[o.n], cts[i])
		}
	}
	param := map[*node]bool{}
	for _, p := range params {
		param[p.n] = true
	}
	several := results{}
	for i := len(order) - 1; i >= 0; i-- {
		a := order[i]
		ct := sum[a.node]
		if param[a.node] || !anyOf(dep, a.from) {
			continue
		}
		var cotangents []Tensor
		switch op := a.op.(type) {
		case pickOp:
			if ct.Valid() {
				several.set(a.from[0], op, ct)
			}
		case multiOp:
			if cts := several[a.node]; cts != nil {
				rejectCaptured(a, dep)
				c := a.multiCall(op)
				cotangents = op.VJPAll(c, padded(cts, len(c.Out)))
			}
		default:
			if ct.Valid() {
				cotangents = op.VJP(a.call(), ct)
			}
		}
		for j, c := range cotangents {
			if in := a.from[j]; c.Valid() && dep[in] && in.spec.DType.IsFloat() {
				sum[in] = addTangent(sum[in], c)
			}
		}
	}
	out := zerosLike(params)
	for i, p := range params {
		if g := sum[p.n]; g.Valid() {
			out[i] = g
		}
	}
	return out
}

// differentiable returns those of order whose derivative by one of params may differ from zero.
func differentiable(order []applied, params []*node) map[*node]bool {
	dep := make(map[*node]bool, len(order))
	for _, n := range params {
		dep[n] = true
	}
	for _, a := range order {
		_, stopped := a.op.(stopGradientOp)
		dep[a.node] = dep[a.node] || !stopped && anyOf(dep, a.from)
	}
	return dep
}

func (a applied) call() Call { return Call{In: tensors(a.from), Out: Tensor{a.node}} }

func nodes(ts []Tensor) []*node {
	out := make([]*node, len(ts))
	for i, t := range ts {
		out[i] = t.n
	}
	return out
}

func tensors(ns []*node) []Tensor {
	out := make([]Tensor, len(ns))
	for i, n := range ns {
		out[i] = Tensor{n}
	}
	return out
}

// leavesOf flattens a tree of tensors; every leaf must be a tensor.
func leavesOf[T any](op string, t T) []Tensor {
	leaves, err := tree.Leaves[Tensor](t)
	if err != nil {
		fail(op, ErrArgument, "give a struct, slice or map of graph.Tensor", "%v", err)
	}
	for i, l := range leaves {
		if !l.Valid() {
			fail(op, ErrArgument, "set every tensor of the tree", "leaf %s is the zero Tensor", leafAt(pathsOf(t), i))
		}
	}
	return leaves
}

// rebuild is the tree like t with other leaves.
func rebuild[T any](op string, like T, leaves []Tensor) T {
	out, err := tree.Unflatten(like, leaves)
	if err != nil {
		fail(op, ErrArgument, "", "%v", err)
	}
	return out
}
