package graph

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// A while in lanes: every lane leaves the loop when its own condition is false. Where a lane has several of the samples that the while was
// batched for, it goes on as long as one of them does, and those that are done keep their carry.

// inLanes is the while as a loop of lanes: the carry in a round, its next values, its first ones, and the condition on which a round runs.
func (o whileOp) inLanes(in []Tensor, lanes int) (now, next, init []*node, goes func(carry []*node) *node) {
	enabled, first, forCond, forBody := o.parts(in)
	for _, x := range first {
		now = append(now, stand(x.Spec()))
	}
	holds := func(carry []Tensor) Tensor { return o.cond.call(slices.Concat(carry, forCond))[0] }
	after := o.body.call(slices.Concat(tensors(now), forBody))
	init = nodes(first)
	if s := o.laneSpec(); s.Size() == 1 || lanes > 1 && s.Size() == lanes && s[0] == lanes {
		return now, nodes(after), init, func(carry []*node) *node { return enabled.And(holds(tensors(carry))).n }
	}
	active := Tensor{stand(enabled.Spec())}
	after = o.masked(active, after, tensors(now))
	now, init = append(now, active.n), append(init, enabled.And(holds(first)).n)
	return now, nodes(append(slices.Clone(after), active.And(holds(after)))), init, func(carry []*node) *node { return carry[len(carry)-1] }
}

// masked is the next carry with the lanes that are not active as they were.
func (o whileOp) masked(active Tensor, next, now []Tensor) []Tensor {
	next = slices.Clone(next)
	for i, x := range next {
		if i >= o.carry-o.unmasked || x.n == now[i].n {
			continue
		}
		on := active
		for on.Rank() < x.Rank() {
			on = on.ExpandDims(on.Rank())
		}
		next[i] = Where(on, x, now[i])
	}
	return next
}

// while builds a while inside a lane.
func (b *laneBuilder) while(n *node, o whileOp) []*laneLeaf {
	now, next, init, goes := o.inLanes(tensors(n.in()), b.lanes)
	_, last := b.inner(innerLoop{now: now, next: next, init: init, rounds: o.mostRounds(n.in()), goes: goes(now)})
	return last
}

// goes is the condition of a loop for a lane: any of those that it has.
func (b *laneBuilder) goes(n *node) *shaders.Expr {
	f := b.k.f
	any := f.Literal(spirv.Bool, 0)
	leaf := &laneLeaf{spec: n.spec, mapped: b.lanes > 1 && len(n.spec.Shape) > 0 && n.spec.Shape[0] == b.lanes}
	for i, at := range b.positions(leaf) {
		if v := b.k.value(n, at); i == 0 {
			any = v
		} else {
			any = f.Apply(spirv.Bool, orFn, any, v)
		}
	}
	return any
}

// storeStill writes whether the lane would go on after the last round of a dispatch.
func (b *laneBuilder) storeStill(plan *laneKernel, loop laneLoop) {
	last := make([]*node, len(loop.now))
	for i, x := range loop.now {
		last[i] = stand(x.spec)
		leaf := *plan.leaves[i]
		b.regs[last[i]], b.levels[last[i]] = &leaf, 0
	}
	goes := b.goes(loop.goes(last))
	plan.still = stand(Spec{Bool, Shape{b.lanes}})
	b.k.f.Store(b.k.arg(plan.still), b.at, goes)
}

// mostRounds is how often the while goes round at most, where its condition bounds a number that each round counts up: shaders.Endless where that
// is not seen.
func (o whileOp) mostRounds(in []*node) int {
	most := shaders.Endless
	for _, c := range conjuncts(simplify(o.cond.outs)[0], nil) {
		e, ok := c.op.(elementwise)
		if !ok || e.rule != ltRule && e.rule != leRule {
			continue
		}
		x, limit := repeated(c.in()[0]), repeated(c.in()[1])
		i := slices.Index(o.cond.params, x)
		if i < 0 || i >= o.carry || x.spec.DType != Int32 {
			continue
		}
		to, ok1 := splatOf(limit)
		from, ok2 := splatOf(repeated(in[1+i]))
		step, ok3 := o.counts(i)
		if e.rule == leRule {
			to++
		}
		if !ok1 || !ok2 || !ok3 || to+step > math.MaxInt32 { // the number might begin again at the lowest
			continue
		}
		most = min(most, int(max(0, math.Ceil((to-from)/step))))
	}
	return most
}

// counts is what every round adds to leaf i of the carry, a constant that is positive.
func (o whileOp) counts(i int) (step float64, ok bool) {
	n := simplify(o.body.outs[i : i+1])[0]
	e, is := n.op.(elementwise)
	if !is || e.rule != addRule {
		return 0, false
	}
	for k, x := range n.in() {
		if repeated(x) == o.body.params[i] {
			step, ok = splatOf(repeated(n.in()[1-k]))
			return step, ok && step > 0
		}
	}
	return 0, false
}

// conjuncts are the conditions of which n is the conjunction.
func conjuncts(n *node, list []*node) []*node {
	n = repeated(n)
	if e, ok := n.op.(elementwise); ok && e.rule == andRule {
		return conjuncts(n.in()[1], conjuncts(n.in()[0], list))
	}
	return append(list, n)
}

// splatOf is the one value of a constant.
func splatOf(n *node) (v float64, ok bool) {
	c, ok := n.op.(constOp)
	if !ok || !c.splat() {
		return 0, false
	}
	return c.values[0], true
}
