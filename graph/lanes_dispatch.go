package graph

import (
	"fmt"
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// useLanes takes a kernel with lanes for the rounds of a loop, where that is possible and pays. init are the first values of the carry, outputs its
// next ones and what is put into arrays, the first results of the carry's leaves are the results of n.
func (r *roundPlan) useLanes(n *node, outputs, init []*node, rounds, results int) {
	l := r.k.out
	if l.conf.lanes == LanesNever || off("lanes") || len(r.now) == 0 {
		return
	}
	loop := laneLoop{now: r.now, outputs: simplify(outputs), init: simplify(init), results: make([]*node, len(r.now))}
	for i := range results {
		loop.results[i] = l.picked(n, i)
	}
	plan, why := l.planLanes(loop)
	m := laneModelOf(l.profile)
	most := mostLaneRounds
	if limit := l.profile.MaxIterations; plan != nil && limit > 0 {
		if most = min(most, (limit-1)/(1+plan.f.Iterations())); most == 0 {
			plan, why = nil, fmt.Sprintf("a round has more than the %d iterations of loops that the driver makes", limit)
		}
	}
	if plan != nil {
		if each := min(m.roundsPerDispatch(plan), most); each < rounds {
			r.each = each
			plan, why = l.planLanesOf(plan.lanes, loop, true)
		}
	}
	switch {
	case plan == nil && l.conf.lanes == LanesAlways:
		panic(&Error{Op: n.op.Name(), Pos: position(n.pc), Kind: ErrArgument, Detail: "its rounds cannot run in lanes: " + why, Fix: "leave the choice to graph.LanesAuto"})
	case plan == nil:
		return
	case l.conf.lanes == LanesAuto && !lanesAnyway && m.lanesRound(plan) > m.dispatchRound(plan, len(r.round.steps)):
		return
	}
	r.lanes, r.loop = plan, loop
}

// lanesAnyway makes tests use lanes wherever they are possible, whatever they cost.
var lanesAnyway = false

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
	if rest := rounds % r.each; rest > 0 {
		r.k.append(p.rounds(rest, l), bound)
	}
	begin := len(l.steps)
	r.k.append(p.rounds(r.each, l), bound)
	l.loops = append(l.loops, loopRange{first: begin, last: len(l.steps), count: rounds / r.each})
	r.finish(nodes(last), bound, func(i int) *node { return to[i] })
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
		k := p.f.CompileLanes(l.target, n)
		p.compiled = &k
	}
	k := *p.compiled
	k.Push = slices.Clone(k.Push)
	k.Push[len(k.Push)-1] = uint32(n)
	name := fmt.Sprintf("lanes [%d]", p.lanes)
	return &lowered{steps: []step{{name: name, kernel: func() shaders.Kernel { return k }, args: p.args, writes: p.write}}}
}
