package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// Loops on the device. The body of a scan or a while is compiled once, to dispatches between two sets of arrays, A and
// B: a round reads the carry in one and writes the next carry to the other. The program repeats pairs of rounds, from A to B
// and back, so nothing is copied and no kernel depends on the number of rounds.

// loopRange is a range of a program's steps that repeats: count times, or as long as the word of while is not 0.
type loopRange struct {
	first, last int // steps [first, last)
	count       int
	while       *buffer
}

// stand is a parameter of a loop's body, or one of its arrays.
func stand(s Spec) *node { return newNode(paramOp{}, nil, s, 0) }

// roundPlan is the compiled body of a loop.
type roundPlan struct {
	k       *Kernels
	now     []*node          // the carry at the beginning of a round
	fixed   map[*node]buffer // other arrays that the body names
	a, b    []buffer
	prelude *lowered // fills a set of arrays with the first carry
	round   *lowered

	lanes   *laneKernel // the rounds of a dispatch as one kernel, instead of round
	loop    laneLoop
	each    int      // rounds of a dispatch, where there are several
	results *lowered // makes the results of the lanes' arrays
}

// carrySets chooses the arrays of the carry: set A holds the results that somebody reads.
func (r *roundPlan) carrySets(tuple *node, results int) {
	for i, n := range r.now {
		a := buffer{n: stand(n.spec)}
		if p := r.k.out.picked(tuple, i); p != nil && i < results {
			a = buffer{n: p}
		}
		r.a = append(r.a, a)
		r.b = append(r.b, buffer{n: stand(n.spec)})
	}
}

// bind says which array stands for a node of the body when the carry is read from one set and written to another.
func (r *roundPlan) bind(sub *lowered, from, to []buffer) map[*node]buffer {
	m := map[*node]buffer{}
	for n, b := range r.fixed {
		m[n] = b
	}
	for i, n := range r.now {
		if from != nil {
			m[n] = from[i]
		}
		m[storage(sub.outputs[i])] = to[i]
	}
	return m
}

// start appends the dispatches that fill a set with the first carry.
func (r *roundPlan) start(set []buffer) { r.k.append(r.prelude, r.bind(r.prelude, nil, set)) }

// step appends a round.
func (r *roundPlan) step(from, to []buffer) { r.k.append(r.round, r.bind(r.round, from, to)) }

// append takes over the steps of a compiled body, with its nodes' arrays as bound.
func (k *Kernels) append(sub *lowered, bound map[*node]buffer) {
	l := k.out
	base, scratch := len(l.steps), len(l.scratch)
	l.scratch = append(l.scratch, sub.scratch...)
	l.inLanes = l.inLanes || sub.inLanes
	rename := func(b buffer) buffer {
		if b.scratch > 0 {
			b.scratch += scratch
			return b
		}
		if to, ok := bound[b.n]; ok {
			b.n, b.scratch = to.n, to.scratch
		}
		return b
	}
	for _, s := range sub.steps {
		s.args = slices.Clone(s.args)
		for i, b := range s.args {
			s.args[i] = rename(b)
		}
		l.steps = append(l.steps, s)
	}
	for _, r := range sub.loops {
		r.first, r.last = r.first+base, r.last+base
		if r.while != nil {
			b := rename(*r.while)
			r.while = &b
		}
		l.loops = append(l.loops, r)
	}
}

// float64Kernels: a loop takes whatever its body takes.
func (scanOp) float64Kernels()  {}
func (whileOp) float64Kernels() {}

// Kernels of a scan: the carry and the number of the round go from set to set.
func (o scanOp) Kernels(k *Kernels, n Operands) {
	r := k.plan(func(r *roundPlan) { o.planRounds(r, n.n) })
	if r.lanes != nil {
		r.dispatchLanes(o.rounds)
		return
	}
	from, to := r.a, r.b
	if o.rounds%2 == 1 {
		from, to = to, from
	}
	r.start(from)
	if o.rounds%2 == 1 {
		r.step(from, to)
		from, to = to, from
	}
	if o.rounds > 1 {
		first := len(k.out.steps)
		r.step(from, to)
		r.step(to, from)
		k.out.loops = append(k.out.loops, loopRange{first: first, last: len(k.out.steps), count: o.rounds / 2})
	}
}

func (o scanOp) planRounds(r *roundPlan, n *node) {
	in := n.in()
	args := make([]Tensor, len(in))
	var init []Tensor
	for i, x := range in {
		args[i] = r.operand(x)
		if i < o.carry {
			init = append(init, args[i])
			args[i] = Tensor{stand(x.spec)}
			r.now = append(r.now, args[i].n)
		}
	}
	// Rounds are counted only where something is read or written by their number.
	counted := o.walked > 0
	for i := o.carry; i < len(o.body.outs)+o.carry; i++ {
		counted = counted || r.k.out.picked(n, i) != nil
	}
	round := Tensor{stand(Spec{Int32, Shape{}})}
	if counted {
		r.now = append(r.now, round.n)
		init = append(init, Int(0))
	}
	r.carrySets(n, o.carry)
	at := round
	if o.reverse {
		at = Int(o.rounds - 1).Sub(round)
	}
	for i := o.carry; i < o.carry+o.walked; i++ {
		x := args[i].n
		args[i] = Tensor{newNode(rowOp{}, []*node{x, at.n}, Spec{x.spec.DType, x.spec.Shape[1:]}, n.pc)}
	}
	outs := o.body.call(args)
	outputs := slices.Clone(outs[:o.carry])
	if counted {
		outputs = append(outputs, round.AddScalar(1))
	}
	rows := append(slices.Clone(outs[o.carry:]), args[:o.carry]...)
	for i, y := range rows {
		if p := r.k.out.picked(n, o.carry+i); p != nil {
			dest := stand(p.spec)
			r.fixed[dest] = buffer{n: p}
			outputs = append(outputs, Tensor{newNode(putOp{dest: dest}, []*node{y.n, at.n}, y.Spec(), n.pc)})
		}
	}
	r.round = r.k.out.body(nodes(outputs), o.chunk != nil)
	r.k.out.rounds[o.body.key] = r.round
	if o.rounds > 0 && o.chunk == nil {
		r.useLanes(n, r.now, o.rounds, o.carry, func(int) laneLoop { return laneLoop{now: r.now, next: nodes(outputs), init: nodes(init)} })
	}
	if r.lanes == nil {
		r.carryInPlace()
		r.prelude = r.k.out.body(nodes(init), o.chunk != nil)
	}
}

// operand stands for an operand of the loop in its body. Constants and positions are the same there as here.
func (r *roundPlan) operand(x *node) Tensor {
	if !storable(x) {
		return Tensor{x}
	}
	s := stand(x.spec)
	r.fixed[s] = buffer{n: storage(x)}
	return Tensor{s}
}

// carryInPlace gives leaves of the carry one array instead of two, where a round needs no element of it once the next is written: sums, above all.
func (r *roundPlan) carryInPlace() {
	if len(r.round.loops) > 0 {
		return // what is read before it is written in one round of an inner loop is read again in the next
	}
	for i, n := range r.now {
		if r.round.mayOverwrite(storage(r.round.outputs[i]), n) {
			r.b[i] = r.a[i]
		}
	}
}

// Kernels of a while: beside the carry go the lanes that are active and whether any is. A round leaves the carry of
// lanes that are not as it is, so that rounds after the last change nothing.
func (o whileOp) Kernels(k *Kernels, n Operands) {
	r := k.plan(func(r *roundPlan) { o.planRounds(r, n.n) })
	if r.lanes != nil {
		r.dispatchLanes(0)
		return
	}
	r.start(r.a)
	first := len(k.out.steps)
	r.step(r.a, r.b)
	r.step(r.b, r.a)
	any := r.a[len(r.a)-1]
	k.out.loops = append(k.out.loops, loopRange{first: first, last: len(k.out.steps), while: &any})
}

func (o whileOp) planRounds(r *roundPlan, n *node) {
	in := n.in()
	args := make([]Tensor, len(in))
	for i, x := range in {
		args[i] = r.operand(x)
	}
	enabled, init, forCond, forBody := o.parts(args)
	var now []Tensor
	for _, x := range init {
		now = append(now, Tensor{stand(x.Spec())})
	}
	active := Tensor{stand(enabled.Spec())}
	some := Tensor{stand(Spec{Int32, Shape{}})}
	r.now = nodes(append(slices.Clone(now), active, some))
	r.carrySets(n, o.carry)
	outputs := func(carry []Tensor, were Tensor) []*node {
		are := were.And(o.cond.call(slices.Concat(carry, forCond))[0])
		return nodes(append(slices.Clone(carry), are, are.Convert(Int32).Sum()))
	}
	next := o.masked(active, o.body.call(slices.Concat(now, forBody)), now)
	r.round = r.k.out.body(outputs(next, active), false)
	r.whileInLanes(n, o, args)
	if r.lanes == nil {
		r.prelude = r.k.out.body(outputs(init, enabled), false)
	}
}

// plan compiles a loop's body.
func (k *Kernels) plan(build func(r *roundPlan)) *roundPlan {
	r := &roundPlan{k: k, fixed: map[*node]buffer{}}
	build(r)
	return r
}

// rowOp is the position of its first operand's leading axis that the second (int32 scalar, in range) names.
type rowOp struct{ compilerRules }

func (rowOp) Name() string { return "row" }
func (rowOp) Class() Class { return View }

func (rowOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	i := shaders.ValueIndex(l.At(1, nil), 0, max(n.In(0).Shape[0]-1, 0))
	return l.At(0, append([]shaders.Index{i}, at...))
}

// putOp writes its first operand to the position of dest's leading axis that the second names. It is an output of a
// body; pass_lower.go knows it.
type putOp struct {
	compilerRules
	dest *node
}

func (putOp) Name() string  { return "put" }
func (o putOp) Key() string { return fmt.Sprintf("put %d", o.dest.id) }
func (putOp) Class() Class  { return Pointwise }
func (putOp) Lower(l *Lowering, _ Operands, at []shaders.Index) *shaders.Expr {
	return l.At(0, at)
}

// compilerRules are the rules that never run on nodes of the compiler's own.
type compilerRules struct{}

const late = "BUG: graph: a node of the compiler's own was transformed"

func (compilerRules) Infer([]Spec) (Spec, error)               { panic(late) }
func (compilerRules) Eval(*Host, []*Host)                      { panic(late) }
func (compilerRules) JVP(Call, []Tensor) Tensor                { panic(late) }
func (compilerRules) VJP(Call, Tensor) []Tensor                { panic(late) }
func (compilerRules) Batch(Call, []Tensor, []bool, int) Tensor { panic(late) }
func (compilerRules) Cases() []Case                            { return nil }
