package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/tree"
)

// CustomVJP gives a function a derivative of the user's own for reverse mode: for better numerics, for functions whose
// derivative is known in closed form, or to change gradients on their way. forward returns the value and what backward
// will need; backward takes that with a cotangent tree like the value to the cotangent tree like p, in which an
// integer leaf may be the zero Tensor.
//
// The result works under every transform: its gradient can be differentiated again (through forward's and backward's
// own ops), vmap maps both, and forward mode transposes backward, which must be linear in the cotangent for that.
// backward must not capture traced tensors, and differentiating by a tensor that forward captured is
// ErrArgument: save the one, pass the other as an argument.
func CustomVJP[P, R, S any](forward func(P) (R, S), backward func(saved S, cotangent R) P) func(P) R {
	const what = "custom vjp"
	return func(p P) R {
		in := leavesOf(what, p)
		var saved S
		result, outs, captured := traceFor(what, func(p P) R {
			var r R
			r, saved = forward(p)
			return r
		}, p, in, func() []Tensor { return leavesOf(what, saved) })
		kept := leavesOf(what, saved)
		rule := func(s, args, cts []Tensor) []Tensor {
			g := backward(rebuild(what, saved, s), rebuild(what, result, cts))
			return ruleResult(what, "backward", g, args)
		}
		o := customOp{transparentRules: transparentRules{results: len(outs)}, saved: len(kept), args: len(in), reverse: true, rule: rule}
		return rebuild(what, result, applyMulti(o, slices.Concat(outs, kept, in, captured)...))
	}
}

// CustomJVP gives a function a derivative of the user's own: rule takes the argument and a tangent tree like it to the
// tangent tree like the value, linearly in the tangent (integer leaves have float32 zeros as tangents). Reverse mode transposes the
// rule. The result works under every transform, as that of CustomVJP does, and the same holds for what is captured.
func CustomJVP[P, R any](f func(P) R, rule func(p, tangent P) R) func(P) R {
	const what = "custom jvp"
	return func(p P) R {
		in := leavesOf(what, p)
		result, outs, captured := traceFor(what, f, p, in, func() []Tensor { return nil })
		o := customOp{transparentRules: transparentRules{results: len(outs)}, args: len(in), rule: func(_, args, ts []Tensor) []Tensor {
			return ruleResult(what, "the rule", rule(rebuild(what, p, args), rebuild(what, p, ts)), outs)
		}}
		return rebuild(what, result, applyMulti(o, slices.Concat(outs, in, captured)...))
	}
}

// traceFor runs f on aliases of in and gives its result with what it captured, more being results too.
func traceFor[P, R any](what string, f func(P) R, p P, in []Tensor, more func() []Tensor) (result R, outs, captured []Tensor) {
	tr := newTrace(what)
	defer tr.close()
	fresh := tr.aliases(in)
	result = f(rebuild(what, p, fresh))
	outs = leavesOf(what, result)
	all := slices.Concat(outs, more())
	return result, outs, capturedBy(recordSince(all, fresh), fresh, all)
}

// capturedBy lists the tensors of order that were made before the parameters, constants aside: what the
// function between parameters and outs took from its surroundings.
func capturedBy(order []applied, params, outs []Tensor) []Tensor {
	if len(params) == 0 {
		return nil
	}
	first := params[0].n.id
	own := map[*node]bool{}
	for _, p := range params {
		own[p.n] = true
		first = min(first, p.n.id)
	}
	var captured []Tensor
	add := func(n *node) {
		if _, constant := n.op.(constOp); n.id < first && !own[n] && !constant {
			own[n] = true
			captured = append(captured, Tensor{n})
		}
	}
	for _, a := range order {
		if !own[a.node] {
			for _, n := range a.from {
				add(n)
			}
		}
	}
	for _, o := range outs {
		add(o.n)
	}
	return captured
}

// ruleResult are the leaves of what a user's rule gave, which must be like the given tensors.
func ruleResult[T any](what, who string, t T, like []Tensor) []Tensor {
	got, err := tree.Leaves[Tensor](t)
	if err != nil {
		fail(what, ErrArgument, "give a struct, slice or map of graph.Tensor", "%v", err)
	}
	if len(got) != len(like) {
		fail(what, ErrArgument, "return a tree like the one that is differentiated", "%s gave %d tensors, want %d", who, len(got), len(like))
	}
	out := zerosLike(like)
	for i, g := range got {
		switch {
		case !like[i].DType().IsFloat():
		case !g.Valid():
			fail(what, ErrArgument, "return graph.Zeros where nothing flows", "%s gave no tensor for leaf %d %v", who, i, like[i].Spec())
		case !g.Shape().Equal(like[i].Shape()) || !g.DType().IsFloat():
			fail(what, ErrShape, "a derivative has the shape of what it belongs to", "%s gave %v for leaf %d %v", who, g.Spec(), i, like[i].Spec())
		default:
			out[i] = g
		}
	}
	return out
}
