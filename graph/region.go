package graph

import (
	"context"
	"slices"
)

// region is a closed piece of graph, the body of a loop or a branch: its outputs depend on its parameters
// alone. The last parameters stand for what the user's function captured.
type region struct {
	params []*node
	outs   []*node
	key    string // equal keys, equal regions
	axis   string // the name of the axis that vectorized adds
}

// capture runs f on stand-ins of the given specs and closes over what f took from outside: the tensors it
// captured become parameters behind the others. With hoist, so do the results of what f computes
// without its parameters: it then happens once, outside.
func capture(what string, specs []Spec, hoist bool, f func([]Tensor) []Tensor) (region, []Tensor) {
	rs, captured := captureAll(what, specs, hoist, []func([]Tensor) []Tensor{f})
	return rs[0], captured
}

// captureAll is capture for several functions that share their captured parameters.
func captureAll(what string, specs []Spec, hoist bool, fs []func([]Tensor) []Tensor) ([]region, []Tensor) {
	var captured []*node
	params := make([][]*node, len(fs))
	outs := make([][]*node, len(fs))
	for i, f := range fs {
		tr := newTrace(what)
		first := nodeIDs.Load() // whatever is older was captured
		stand := make([]Tensor, len(specs))
		for j, s := range specs {
			stand[j] = tr.param(s)
		}
		result := f(stand)
		tr.close()
		params[i], outs[i] = nodes(stand), nodes(result)
		for _, n := range captures(params[i], outs[i], first, hoist) {
			captured = appendNew(captured, n)
		}
	}
	rs := make([]region, len(fs))
	for i := range fs {
		l, err := lift(slices.Concat(params[i], captured), outs[i])
		if err != nil {
			panic(err)
		}
		if len(l.arrays) > 0 {
			panic("BUG: graph: a region holds an array")
		}
		rs[i] = region{params: l.params, outs: l.outputs, key: l.key}
	}
	return rs, tensors(captured)
}

// captures lists the nodes, not computed from params, that outs are computed from.
func captures(params, outs []*node, first uint64, hoist bool) []*node {
	older := func(n *node) bool { return n.id <= first || evaluated(n) || n.isParam() }
	order := record(outs, older)
	dep := dependents(order, params)
	made := map[*node]bool{}   // from constants alone: cheaper made again than captured
	checks := map[*node]bool{} // has a check: it must not fail where the region does not run
	var list []*node
	for _, a := range order {
		_, check := a.op.(checkOp)
		checks[a.node] = check || anyOf(checks, a.from)
		if dep[a.node] {
			continue
		}
		if older(a.node) {
			made[a.node] = false
			continue
		}
		made[a.node] = a.op.Class() != Opaque
		for _, in := range a.from {
			made[a.node] = made[a.node] && made[in]
		}
	}
	// outside: n is an operand of the region rather than a part of it.
	outside := func(n *node) bool {
		if dep[n] || made[n] {
			return false
		}
		return older(n) || hoist && !checks[n] && n.spec.DType != tuple
	}
	seen := map[*node]bool{}
	var walk func(n *node, from []*node)
	from := map[*node][]*node{}
	for _, a := range order {
		from[a.node] = a.from
	}
	walk = func(n *node, in []*node) {
		if seen[n] {
			return
		}
		seen[n] = true
		// What repeats another is repeated inside, where that takes no memory.
		repeats := !older(n) && n.op.Class() == View && n.spec.Shape.Size() > repeated(n).spec.Shape.Size()
		if outside(n) && !repeats {
			list = append(list, n)
			return
		}
		for _, x := range in {
			walk(x, from[x])
		}
	}
	for _, o := range outs {
		walk(o, from[o])
	}
	return list
}

// call applies the region to arguments.
func (r region) call(args []Tensor) []Tensor {
	done := map[*node]*node{}
	for i, p := range r.params {
		done[p] = args[i].n
	}
	for _, n := range reach(r.outs, func(n *node) bool { return done[n] != nil }) {
		if done[n] == nil {
			done[n] = n.with(done)
		}
	}
	out := make([]Tensor, len(r.outs))
	for i, o := range r.outs {
		out[i] = Tensor{done[o]}
	}
	return out
}

// with is n on the operands that stand in done for its own.
func (n *node) with(done map[*node]*node) *node {
	in := make([]*node, len(n.in()))
	for i, x := range n.in() {
		in[i] = done[x]
	}
	return newNode(n.op, in, n.spec, n.pc)
}

// evaluate computes the region's outputs on the host.
func (r region) evaluate(ctx context.Context, args []*Host) ([]*Host, error) {
	given := map[*node]*Host{}
	for i, p := range r.params {
		given[p] = args[i]
	}
	return evaluate(ctx, r.outs, given)
}

// specs of the outputs.
func (r region) specs() []Spec {
	s := make([]Spec, len(r.outs))
	for i, o := range r.outs {
		s[i] = o.spec
	}
	return s
}

// reaches says for each output whether it depends on a parameter for which from is true.
func (r region) reaches(from []bool) []bool {
	var roots []*node
	for i, p := range r.params {
		if from[i] {
			roots = append(roots, p)
		}
	}
	dep := dependents(record(r.outs, nil), roots)
	out := make([]bool, len(r.outs))
	for i, o := range r.outs {
		out[i] = dep[o]
	}
	return out
}

// vectorized calls the region with one more axis in front of the arguments that are batched and of the outputs
// for which out is true.
func (r region) vectorized(what string, args []Tensor, batched, out []bool) []Tensor {
	axes := make([]int, len(args))
	some := false
	for i, b := range batched {
		some = some || b
		if !b {
			axes[i] = Shared
		}
	}
	if !some {
		return r.call(args)
	}
	return VectorizeNamed(what, r.axis, r.call, args, axes, func(i, _ int) (int, bool) { return 0, !out[i] })
}

// linearized calls f at primals and along tangents, of which zero Tensors stand for none.
func linearized(what string, f func([]Tensor) []Tensor, primals, tangents []Tensor) (values, derivatives []Tensor) {
	tr := newTrace(what)
	defer tr.close()
	fresh := tr.aliases(primals)
	values = f(fresh)
	return values, pushforward(fresh, tangents, values)
}

// pulled calls f at primals and carries cotangents, of which zero Tensors stand for none, back to them.
func pulled(what string, f func([]Tensor) []Tensor, primals, cotangents []Tensor) []Tensor {
	tr := newTrace(what)
	defer tr.close()
	fresh := tr.aliases(primals)
	outs := f(fresh)
	var some, cts []Tensor
	for i, ct := range cotangents {
		if ct.Valid() {
			some, cts = append(some, outs[i]), append(cts, ct)
		}
	}
	return pullback(recordSince(some, fresh), fresh, some, cts)
}

// hasEffects reports checks and loops inside: unlike arithmetic, it matters whether they run.
func (r region) hasEffects() bool {
	for _, n := range reach(r.outs, nil) {
		switch n.op.(type) {
		case checkOp, multiOp:
			return true
		}
	}
	return false
}
