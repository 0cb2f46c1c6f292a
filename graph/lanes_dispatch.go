package graph

import (
	"fmt"
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders"
)

// useLanes takes a kernel with lanes for the rounds of a loop, where that is possible and pays. loopFor gives the loop for a number of lanes,
// without the arrays of its results, which are the first results of n; rounds is how many there are, at most.
func (r *roundPlan) useLanes(n *node, now []*node, rounds, results int, loopFor func(lanes int) laneLoop) {
	l := r.k.out
	if l.conf.lanes == LanesNever || off("lanes") || len(now) == 0 {
		return
	}
	plan, loop, why := l.planLanes(now, func(lanes int) laneLoop {
		loop := loopFor(lanes)
		loop.next, loop.init = simplify(loop.next), simplify(loop.init)
		loop.results = make([]*node, len(loop.now))
		for i := range results {
			loop.results[i] = l.picked(n, i)
		}
		return loop
	})
	m := laneModelOf(l.profile)
	if plan != nil {
		var most int
		most, why = l.mostRounds(plan)
		if (most == 0 || m.lanesRound(plan) > laneDispatch) && r.round.inLanes {
			return // the loops inside, which are what takes so long, go on from dispatch to dispatch
		}
		r.each = min(m.roundsPerDispatch(plan), most)
		switch {
		case most == 0:
			plan = nil
		case r.each < rounds && plan.state == nil:
			plan, why = l.planLanesOf(plan.lanes, loop, true)
		}
	}
	switch {
	case plan == nil && l.conf.lanes == LanesAlways:
		panic(&Error{Op: n.op.Name(), Pos: position(n.pc), Kind: ErrArgument, Detail: "its rounds cannot run in lanes: " + why, Fix: "leave the choice to graph.LanesAuto"})
	case plan == nil:
		return
	case l.conf.lanes == LanesAuto && !lanesAnyway && m.lanesRound(plan)+m.dispatch/float64(min(r.each, rounds)) > m.dispatchRound(plan, r.round):
		return
	}
	r.lanes, r.loop = plan, loop
	l.inLanes = true
}

// mostRounds is how many rounds of plan the driver makes in one dispatch, and the reason where that is none.
func (l *lowered) mostRounds(plan *laneKernel) (most int, why string) {
	limit := l.profile.MaxIterations
	if limit == 0 {
		return mostLaneRounds, ""
	}
	if most = min(mostLaneRounds, (limit-1)/(1+plan.f.Iterations())); most == 0 {
		why = fmt.Sprintf("a round may have more than the %d iterations of loops that the driver makes; for a while, bound a number that it counts", limit)
	}
	return most, why
}

// lanesAnyway makes tests use lanes wherever they are possible, whatever they cost.
var lanesAnyway = false

// branchCost is how many machine operations of a lane a branch must save instead of a selection: a dozen functions, or a loop. Tests make it small, and
// have every driver jump.
var (
	branchCost   = 150
	branchesJump = false
)

// mostLaneRounds bounds the rounds of a dispatch; tests make it small.
var mostLaneRounds = math.MaxInt32

// dispatchLanes appends the dispatches of all rounds: one, or the first for those that do not fill one and then as many as it takes, which go on
// in the arrays of the carry.
func (r *roundPlan) dispatchLanes(rounds int) {
	l, p := r.k.out, r.lanes
	bound := map[*node]buffer{}
	for n, b := range r.fixed {
		bound[n] = b
	}
	if p.state == nil {
		r.k.append(p.rounds(rounds, l), bound)
		var least []Tensor
		for _, m := range p.least {
			least = append(least, Tensor{m.parts}.ReduceMin())
		}
		r.finish(nodes(least), bound, func(i int) *node { return r.loop.results[p.least[i].leaf] })
		return
	}
	// The first carry, with a copy for every lane of what all share.
	first := make([]Tensor, len(p.state))
	var last []Tensor
	var to []*node
	for i, s := range p.state {
		first[i] = Tensor{r.loop.init[i]}
		result := r.loop.results[i]
		if leaf := p.leaves[i]; !leaf.spec.Shape.Equal(s.spec.Shape) {
			first[i] = first[i].BroadcastTo(s.spec.Shape...)
			if result != nil {
				to = append(to, result)
				if leaf.minimum {
					last = append(last, Tensor{s}.ReduceMin())
				} else {
					last = append(last, Tensor{s}.Index(0, 0))
				}
			}
			result = nil
		}
		bound[s] = buffer{n: s}
		if result != nil {
			bound[s] = buffer{n: result}
		}
	}
	if r.prelude == nil {
		r.prelude = l.body(nodes(first), false)
	}
	start := map[*node]buffer{}
	for n, b := range r.fixed {
		start[n] = b
	}
	for i, o := range r.prelude.outputs {
		start[storage(o)] = bound[p.state[i]]
	}
	r.k.append(r.prelude, start)
	if p.still != nil {
		r.dispatchWhile(bound)
	} else {
		if rest := rounds % r.each; rest > 0 {
			r.k.append(p.rounds(rest, l), bound)
		}
		begin := len(l.steps)
		r.k.append(p.rounds(r.each, l), bound)
		l.loops = append(l.loops, loopRange{first: begin, last: len(l.steps), count: rounds / r.each})
	}
	r.finish(nodes(last), bound, func(i int) *node { return to[i] })
}

// dispatchWhile appends a dispatch of a loop with a condition, and more of them as long as a lane goes on.
func (r *roundPlan) dispatchWhile(bound map[*node]buffer) {
	l, p := r.k.out, r.lanes
	some := buffer{n: p.still}
	var any *lowered
	if p.lanes > 1 {
		any = l.body([]*node{Tensor{p.still}.AsInt().Sum().n}, false)
		some = buffer{n: stand(Spec{Int32, Shape{}})}
		bound[storage(any.outputs[0])] = some
	}
	dispatch := func() {
		r.k.append(p.rounds(r.each, l), bound)
		if any != nil {
			r.k.append(any, bound)
		}
	}
	dispatch()
	begin := len(l.steps)
	dispatch()
	l.loops = append(l.loops, loopRange{first: begin, last: len(l.steps), while: &some})
}

// whileInLanes is useLanes for a while. A dispatch makes as many rounds as it may; usually that is all of them.
func (r *roundPlan) whileInLanes(n *node, o whileOp, in []Tensor) {
	r.useLanes(n, r.now[:o.carry], math.MaxInt32, o.carry, func(lanes int) (l laneLoop) {
		l.now, l.next, l.init, l.goes = o.inLanes(in, lanes)
		return l
	})
}

// finish appends what makes results of the arrays of the carry.
func (r *roundPlan) finish(last []*node, bound map[*node]buffer, to func(i int) *node) {
	if len(last) == 0 {
		return
	}
	if r.results == nil {
		r.results = r.k.out.body(last, false)
	}
	for i, o := range r.results.outputs {
		bound[storage(o)] = buffer{n: to(i)}
	}
	r.k.append(r.results, bound)
}

// rounds is the kernel as a body that makes so many rounds.
func (p *laneKernel) rounds(n int, l *lowered) *lowered {
	if p.compiled == nil {
		t := l.target
		t.BranchCost, t.Jumps = branchCost, l.profile.Kind != gpu.CPU || branchesJump
		k := p.f.CompileLanes(t, n)
		p.compiled = &k
	}
	k := *p.compiled
	k.Push = slices.Clone(k.Push)
	k.Push[len(k.Push)-1] = uint32(n)
	name := fmt.Sprintf("lanes [%d]", p.lanes)
	return &lowered{steps: []step{{name: name, kernel: func() shaders.Kernel { return k }, args: p.args, writes: p.write}}}
}
