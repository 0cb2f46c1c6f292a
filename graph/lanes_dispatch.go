package graph

import (
	"fmt"
	"math"
	"slices"
)

// useLanes takes a kernel with lanes for the rounds of a loop, where that is possible and pays. init are the first values of the carry, as
// they must be then.
func (r *roundPlan) useLanes(n *node, outputs []*node, init []Tensor) []Tensor {
	l := r.k.out
	if l.conf.lanes == LanesNever || off("lanes") || len(r.now) == 0 {
		return init
	}
	plan, why := l.planLanes(r.now, outputs)
	if plan == nil {
		if l.conf.lanes == LanesAlways {
			panic(&Error{Op: n.op.Name(), Pos: position(n.pc), Kind: ErrArgument, Detail: "its rounds cannot run in lanes: " + why, Fix: "leave the choice to graph.LanesAuto"})
		}
		return init
	}
	m := laneModelOf(l.profile)
	if l.conf.lanes == LanesAuto && !lanesAnyway && m.lanesRound(plan) > m.dispatchRound(plan, len(r.round.steps)) {
		return init
	}
	r.lanes = plan
	for i, fixed := range plan.fixed {
		if fixed {
			r.b[i] = r.a[i]
		}
	}
	for _, i := range plan.first {
		// Each lane has its own minimum, and the least of them is the result.
		part := plan.now[i]
		whole := r.a[i]
		r.a[i], r.b[i] = buffer{n: stand(part.spec)}, buffer{n: stand(part.spec)}
		init[i] = init[i].BroadcastTo(part.spec.Shape...)
		least := Tensor{r.a[i].n}.ReduceMin()
		r.least = append(r.least, laneMinimum{l.body([]*node{least.n}), whole})
	}
	r.now = plan.now
	return init
}

// lanesAnyway makes tests use lanes wherever they are possible, whatever they cost.
var lanesAnyway = false

// laneMinimum is the dispatch that puts the lanes' minima together.
type laneMinimum struct {
	reduce *lowered
	to     buffer
}

// mostLaneRounds bounds the rounds of a dispatch; tests make it small.
var mostLaneRounds = math.MaxInt32

// dispatchLanes appends the dispatches of all rounds: the first for those that do not fill one, then pairs from set A to set B and back.
func (r *roundPlan) dispatchLanes(rounds int) {
	l := r.k.out
	each := min(laneModelOf(l.profile).roundsPerDispatch(r.lanes), mostLaneRounds, rounds)
	rest, full := rounds%each, rounds/each
	from, to := r.a, r.b
	steps := full
	if rest > 0 {
		steps++
	}
	if steps%2 == 1 {
		from, to = to, from
	}
	r.start(from)
	step := func(n int) {
		r.k.append(r.lanes.rounds(n, l), r.bind(r.lanes.rounds(n, l), from, to))
		from, to = to, from
	}
	if rest > 0 {
		step(rest)
	}
	if full%2 == 1 {
		step(each)
	}
	if full > 1 {
		first := len(l.steps)
		step(each)
		step(each)
		l.loops = append(l.loops, loopRange{first: first, last: len(l.steps), count: full / 2})
	}
	for _, m := range r.least {
		r.k.append(m.reduce, map[*node]buffer{storage(m.reduce.outputs[0]): m.to})
	}
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
	return &lowered{steps: []step{{name: name, kernel: k, args: p.args, writes: p.write}}, outputs: p.next}
}
