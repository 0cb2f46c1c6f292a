package graph

import (
	"maps"
	"slices"
)

// addChecks prepares control flow for the device and appends the hidden output of every check that the outputs
// depend on. Branches become selections, short loops their rounds; the results and operands of loops that nobody reads
// vanish; checks inside loops are carried from round to round; sums over rounds follow their loop where that is better (pass_hoist.go). Ops
// that only change derivatives are their operands.
func (x *executable) addChecks(outputs []*node, checked bool, plan planOptions) []*node {
	c := &controlPass{checked: checked, plan: plan}
	outputs, pending := c.expand(outputs)
	for _, p := range pending {
		x.checks = append(x.checks, p.check)
		outputs = append(outputs, p.position())
	}
	return outputs
}

// pendingCheck is a check with its condition, bool, or what that is folded to: the position of its first false element.
type pendingCheck struct {
	check
	found *node
}

// position is that of the first false element, MaxInt32 when there is none.
func (p pendingCheck) position() *node {
	if p.found.spec.DType == Bool {
		return checkOp{}.firstFalse(Tensor{p.found}).n
	}
	return p.found
}

// unrolled is the number of nodes up to which a loop is written out: then its rounds fuse.
const unrolled = 200

type controlPass struct {
	checked bool
	plan    planOptions
}

// expand rewrites the graph below outputs and lists its checks.
func (c *controlPass) expand(outputs []*node) ([]*node, []pendingCheck) {
	var pending []pendingCheck
	order := reach(outputs, nil)
	used := map[*node][]bool{} // the results of a tuple that somebody reads
	for _, n := range order {
		if p, ok := n.op.(pickOp); ok {
			t := n.in()[0]
			for len(used[t]) <= p.i {
				used[t] = append(used[t], false)
			}
			used[t][p.i] = true
		}
	}
	done := map[*node]*node{}
	several := map[*node][]*node{}
	for _, n := range order {
		in := make([]*node, len(n.in()))
		for i, x := range n.in() {
			in[i] = done[x]
		}
		switch o := n.op.(type) {
		case pickOp:
			done[n] = several[n.in()[0]][o.i]
		case switchOp:
			all, p := c.branches(o, in)
			several[n], pending = all, append(pending, p...)
		case scanOp:
			all, p := c.scan(o, in, used[n])
			several[n], pending = all, append(pending, p...)
		case whileOp:
			all, p := c.while(o, in, used[n])
			several[n], pending = all, append(pending, p...)
		case transparentOp:
			several[n] = in
		case collectiveOp:
			panic(o.unbound(n))
		default:
			done[n] = n
			if !slices.Equal(in, n.in()) {
				done[n] = newNode(n.op, in, n.spec, n.pc)
			}
		}
		if _, ok := n.op.(checkOp); ok {
			done[n] = in[0] // nothing of a condition stays in a loop that does not need it
			if c.checked {
				pending = append(pending, pendingCheck{check{n, in[1].spec.Shape}, in[1]})
			}
		}
	}
	out := make([]*node, len(outputs))
	for i, o := range outputs {
		out[i] = done[o]
	}
	return out, pending
}

// branches is a switch written out.
func (c *controlPass) branches(o switchOp, in []*node) ([]*node, []pendingCheck) {
	r := region{}
	for _, x := range in {
		r.params = append(r.params, stand(x.spec))
	}
	r.outs = nodes(o.inlined(tensors(r.params)))
	body, checks := c.body(r)
	all := nodes(body.call(tensors(in)))
	return all[:len(r.outs)], pendingOf(checks, all[len(r.outs):])
}

// body is a region made ready for the device, with its checks as further outputs.
func (c *controlPass) body(r region) (region, []check) {
	outs, pending := c.expand(r.outs)
	var checks []check
	for _, p := range pending {
		checks = append(checks, p.check)
		outs = append(outs, p.found)
	}
	return closed(r.params, outs), checks
}

// closed is the region of the given parameters and outputs.
func closed(params, outs []*node) region {
	l, err := lift(params, outs)
	if err != nil {
		panic(err)
	}
	return region{params: l.params, outs: l.outputs, key: l.key}
}

// replaced is a graph with other nodes in the place of some.
func replaced(outs []*node, by map[*node]*node) []*node {
	if len(by) == 0 {
		return outs
	}
	done := maps.Clone(by)
	for _, n := range reach(outs, func(n *node) bool { return by[n] != nil }) {
		if done[n] != nil {
			continue
		}
		done[n] = n
		if slices.ContainsFunc(n.in(), func(x *node) bool { return done[x] != x }) {
			done[n] = n.with(done)
		}
	}
	out := make([]*node, len(outs))
	for i, o := range outs {
		out[i] = done[o]
	}
	return out
}

// needed says which leaves of the carry a loop must keep: those whose last value is used, and what they depend on.
func needed(r region, keep []bool, others ...*node) []bool {
	keep = slices.Clone(keep)
	for {
		roots := slices.Clone(others)
		for i, k := range keep {
			if k {
				roots = append(roots, r.outs[i])
			}
		}
		reached := map[*node]bool{}
		for _, n := range reach(roots, nil) {
			reached[n] = true
		}
		changed := false
		for i := range keep {
			if reached[r.params[i]] && !keep[i] {
				keep[i], changed = true, true
			}
		}
		if !changed {
			return keep
		}
	}
}

func (c *controlPass) scan(o scanOp, in []*node, used []bool) ([]*node, []pendingCheck) {
	body, checks := c.body(o.body)
	outputs := len(o.body.outs) - o.carry
	isUsed := func(i int) bool { return i < len(used) && used[i] }
	keep := make([]bool, o.carry)
	still := unchanged(body, o.carry)
	var others, changes []*node
	var written []int // outputs that somebody reads
	for i := range o.carry {
		keep[i] = isUsed(i) || isUsed(o.carry+outputs+i)
		if !still[i] {
			changes = append(changes, body.params[i])
		}
	}
	changes = append(changes, body.params[o.carry:o.carry+o.walked]...)
	for i := o.carry; i < o.carry+outputs; i++ {
		if isUsed(i) {
			written = append(written, i)
			others = append(others, body.outs[i])
		}
	}
	varies := dependents(record(body.outs, nil), changes)
	var every, once []pendingCheck // once: the same in every round
	for i, p := range pendingOf(checks, body.outs[o.carry+outputs:]) {
		if o.rounds > 0 && !varies[p.found] {
			invariant := region{params: body.params, outs: []*node{p.found}}
			once = append(once, pendingCheck{checks[i], invariant.call(tensors(in))[0].n})
			continue
		}
		every = append(every, p)
	}
	carried := newLoopChecks(every, varies, o.rounds > 0)
	keep = needed(body, keep, slices.Concat(others, carried.nodes())...)

	var carry []int
	var params, outs, operands []*node
	for i, k := range keep {
		if k && !still[i] {
			carry = append(carry, i)
			params, outs, operands = append(params, body.params[i]), append(outs, body.outs[i]), append(operands, in[i])
		}
	}
	kept := len(carry)
	init, next := carried.carry()
	before := make([]Tensor, len(init)) // the failures of all rounds
	for i, x := range init {
		before[i] = Tensor{stand(x.spec)}
	}
	params, operands, outs = append(params, nodes(before)...), append(operands, init...), append(outs, nodes(next(before))...)
	small := scanOp{rounds: o.rounds, scanOrder: o.scanOrder, carry: len(outs)}
	outs = append(outs, others...)
	reached := map[*node]bool{}
	for _, x := range reach(outs, nil) {
		reached[x] = true
	}
	var captured, from []*node
	views := map[*node]*node{}
	for i, p := range body.params {
		switch walked := i >= o.carry && i < o.carry+o.walked; {
		case !reached[p] || i < o.carry && !still[i]:
		case walked:
			params, operands = append(params, p), append(operands, in[i])
			small.walked++
		default:
			x := in[i]
			if b, ok := x.op.(broadcastOp); ok { // it repeats its operand inside, where it is no array
				x = x.in()[0]
				whole := p
				p = stand(x.spec)
				views[whole] = newNode(b, []*node{p}, whole.spec, in[i].pc)
			}
			captured, from = append(captured, p), append(from, x)
		}
	}
	params, operands = append(params, captured...), append(operands, from...)
	small.body = closed(params, replaced(outs, views))

	history := make([]bool, small.carry)
	for i, at := range carry {
		history[i] = isUsed(o.carry + outputs + at)
	}
	all, hoisted := small.hoistSums(operands, history, c.plan)
	if !hoisted {
		all = small.rounded(operands)
	}
	result := make([]*node, o.carry+outputs+o.carry)
	for i, yes := range still {
		if yes {
			result[i] = in[i]
			result[o.carry+outputs+i] = Tensor{in[i]}.BroadcastTo(in[i].spec.Shape.prepend(o.rounds)...).n
		}
	}
	for i, at := range carry {
		result[at] = all[i]
		result[o.carry+outputs+at] = all[len(small.body.outs)+i]
	}
	for i, at := range written {
		result[at] = all[small.carry+i]
	}
	return result, append(once, carried.after(tensors(all[kept:]), body.params, in)...)
}

// unchanged says which leaves of a loop's carry no round changes.
func unchanged(body region, carry int) []bool {
	still := make([]bool, carry)
	for i := range still {
		still[i] = body.outs[i] == body.params[i]
	}
	return still
}

// rounded is the results of a scan that is ready for the device, a short one written out.
func (o scanOp) rounded(in []*node) []*node {
	if short := o.rounds*len(reach(o.body.outs, nil)) <= unrolled && !keepLoops || o.rounds == 1; short && !o.rolled {
		return nodes(o.unroll(tensors(in)))
	}
	return nodes(applyMulti(o, tensors(in)...))
}

// keepLoops makes tests compile short loops as loops.
var keepLoops = false

func pendingOf(checks []check, found []*node) []pendingCheck {
	var p []pendingCheck
	for i, c := range checks {
		p = append(p, pendingCheck{c, found[i]})
	}
	return p
}

// unroll writes the rounds out.
func (o scanOp) unroll(in []Tensor) []Tensor {
	carry, walked, captured := o.parts(in)
	stacks := make([][]Tensor, len(o.body.outs)) // outputs and history
	carry = slices.Clone(carry)
	for r := range o.rounds {
		if o.reverse {
			r = o.rounds - 1 - r
		}
		args := slices.Clone(carry)
		for _, x := range walked {
			args = append(args, x.Index(0, r))
		}
		outs := o.body.call(append(args, captured...))
		for i, y := range append(slices.Clone(outs[o.carry:]), carry...) {
			stacks[i] = append(stacks[i], y)
		}
		carry = outs[:o.carry]
	}
	specs, _ := o.InferAll(specsOf(in))
	result := slices.Clone(carry)
	for i, s := range specs[o.carry:] {
		y := Full(s.DType, 0, s.Shape...)
		if o.rounds > 0 {
			if o.reverse {
				slices.Reverse(stacks[i])
			}
			y = Stack(0, stacks[i]...)
		}
		result = append(result, y)
	}
	return result
}

func specsOf(ts []Tensor) []Spec {
	s := make([]Spec, len(ts))
	for i, t := range ts {
		s[i] = t.Spec()
	}
	return s
}

func (c *controlPass) while(o whileOp, in []*node, used []bool) ([]*node, []pendingCheck) {
	cond, _ := c.body(o.cond)
	cond = closed(cond.params, cond.outs[:1]) // a condition has no effects, so its checks are left to the body
	body, checks := c.body(o.body)
	carried := newLoopChecks(pendingOf(checks, body.outs[o.carry:]), dependents(record(body.outs, nil), body.params[:o.carry]), false)

	// A carry parameter of the condition is the carry parameter of the body of the same place.
	keep := make([]bool, o.carry)
	inCond := map[*node]bool{}
	for _, x := range reach(cond.outs, nil) {
		inCond[x] = true
	}
	for i := range keep {
		keep[i] = i < len(used) && used[i] || inCond[cond.params[i]]
	}
	keep = needed(body, keep, carried.nodes()...)

	init, next := carried.carry()
	small := whileOp{lanes: o.lanes, unmasked: len(init)}
	operands := []*node{in[0]}
	var condParams, bodyParams, outs []*node
	var carry []int
	for i, k := range keep {
		if k {
			carry = append(carry, i)
			operands = append(operands, in[1+i])
			condParams, bodyParams = append(condParams, cond.params[i]), append(bodyParams, body.params[i])
			outs = append(outs, body.outs[i])
		}
	}
	before := make([]Tensor, len(init)) // the failures of all rounds
	for i, x := range init {
		before[i] = Tensor{stand(x.spec)}
		condParams = append(condParams, stand(x.spec))
	}
	bodyParams, operands, outs = append(bodyParams, nodes(before)...), append(operands, init...), append(outs, nodes(next(before))...)
	small.carry = len(outs)
	at := 1 + o.carry
	for i, p := range cond.params[o.carry:] {
		if inCond[p] {
			condParams, operands = append(condParams, p), append(operands, in[at+i])
		}
	}
	at += len(cond.params) - o.carry
	inBody := map[*node]bool{}
	for _, x := range reach(outs, nil) {
		inBody[x] = true
	}
	for i, p := range body.params[o.carry:] {
		if inBody[p] {
			bodyParams, operands = append(bodyParams, p), append(operands, in[at+i])
		}
	}
	small.cond, small.body = closed(condParams, cond.outs), closed(bodyParams, outs)
	all := nodes(applyMulti(small, tensors(operands)...))
	result := make([]*node, o.carry)
	for i, at := range carry {
		result[at] = all[i]
	}
	return result, carried.after(tensors(all[len(carry):]), body.params, slices.Concat(in[1:1+o.carry], in[1+len(cond.params):]))
}
