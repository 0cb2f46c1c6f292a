package graph

import (
	"fmt"
	"strings"

	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Lanes. A loop whose rounds work on a few numbers of every sample, such as the steps of a Markov chain, would spend its
// time between dispatches. Such a loop becomes one kernel: an invocation, its lane, runs all rounds for one sample, with the carry in
// registers. That is possible where a sample's next carry depends on the sample's own carry alone; whether it does is seen
// when the body is lowered to expressions of single elements, by the positions that it reads.

// LaneMode says when loops become kernels with a lane for each sample.
type LaneMode uint8

// The modes.
const (
	LanesAuto   LaneMode = iota // where the cost model expects a gain
	LanesNever                  // loops are dispatches for every round
	LanesAlways                 // wherever it is possible; a loop for which it is not is an error that says why
)

// Lanes chooses how loops run on the device; the default is LanesAuto.
func Lanes(m LaneMode) JitOption { return func(c *jitConfig) { c.lanes = m } }

const (
	// mostLaneExprs bounds a kernel's size: drivers take long over larger ones.
	mostLaneExprs = 1500
	// mostUnrolled is the length up to which a reduction inside a lane is written out; a longer one is a loop, up to mostRolled.
	mostUnrolled, mostRolled = 32, 1 << 12
)

// laneKernel is a loop's body, with the loop, as one kernel.
type laneKernel struct {
	f      *shaders.Fused
	lanes  int
	leaves []*laneLeaf
	state  []*node // of a kernel that goes on where another dispatch stopped: the carry's arrays, which it reads and writes
	least  []laneMinimum
	still  *node // of a loop with a condition: whether each lane would go on
	args   []buffer
	write  []bool

	compiled *shaders.Kernel
}

// laneMinimum is a minimum over all lanes, and the array of the lanes' own minima.
type laneMinimum struct {
	leaf  int
	parts *node
}

// laneBuilder lowers a loop's body to a laneKernel.
type laneBuilder struct {
	k       *kernelBuilder
	lanes   int
	at      shaders.Index // the lane
	regs    map[*node]*laneLeaf
	loops   map[*node][]*laneLeaf // results of loops inside, by tuple
	scans   map[*node]*laneScan
	rolled  map[string]*rolledLoop
	inside  []*shaders.Loop // the loops whose bodies are being built
	folding *folding
	levels  map[*node]int
	varying map[*shaders.Expr]bool // registers that differ between lanes
	budget  int64                  // of memory, 0 for none
	why     string                 // it is not possible
}

// laneLeaf is a leaf of a carry, with its elements in registers.
type laneLeaf struct {
	spec    Spec
	mapped  bool // the leading axis is that of the lanes
	minimum bool // a minimum over all lanes, of which each has its part
	fixed   bool // the same in all rounds: no register
	values  []*shaders.Expr
}

// laneLoop is a loop to be run in lanes.
type laneLoop struct {
	now, next []*node // the carry in a round, and its next values, followed by what is put into arrays
	init      []*node
	results   []*node                   // arrays for the last carry, nil where nobody reads it
	goes      func(carry []*node) *node // the condition on which a round runs, for one lane or each of them; nil for counted loops
}

// planLanes lowers a loop to one kernel that makes all rounds; loopFor gives it for a number of lanes. It gives nil and the reason where that is
// not possible.
func (l *lowered) planLanes(now []*node, loopFor func(lanes int) laneLoop) (*laneKernel, laneLoop, string) {
	var reasons []string
	for _, n := range laneCounts(now) {
		loop := loopFor(n)
		plan, why := l.planLanesOf(n, loop, loop.goes != nil)
		if plan != nil {
			return plan, loop, ""
		}
		reasons = append(reasons, fmt.Sprintf("%s (with %d)", why, n))
	}
	return nil, laneLoop{}, strings.Join(reasons, "; ")
}

// laneCounts are the numbers of lanes worth trying: the leading length that most leaves of the carry share, and 1.
func laneCounts(now []*node) []int {
	votes := map[int]int{}
	best := 1
	for _, n := range now {
		if s := n.spec.Shape; len(s) > 0 && s[0] > 1 {
			votes[s[0]]++
			if v := votes[s[0]]; best == 1 || v > votes[best] || v == votes[best] && s[0] > best {
				best = s[0]
			}
		}
	}
	if best == 1 {
		return []int{1}
	}
	return []int{best, 1}
}

// planLanesOf is planLanes for a number of lanes. With resume the kernel makes some of the rounds: it finds the carry in arrays, and leaves it there.
func (l *lowered) planLanesOf(lanes int, loop laneLoop, resume bool) (*laneKernel, string) {
	f := shaders.NewFused(lanes)
	b := &laneBuilder{lanes: lanes, at: f.Space()[0], regs: map[*node]*laneLeaf{}, loops: map[*node][]*laneLeaf{}, scans: map[*node]*laneScan{}, rolled: map[string]*rolledLoop{},
		levels: map[*node]int{}, varying: map[*shaders.Expr]bool{}, budget: l.conf.plan.budget}
	b.k = &kernelBuilder{f: f, args: map[*node]int{}, memo: map[string]*shaders.Expr{}, lanes: b}
	plan := &laneKernel{f: f, lanes: lanes}
	var init []*shaders.Expr
	for i, n := range loop.now {
		leaf := b.leaf(n, loop.next[i])
		plan.leaves = append(plan.leaves, leaf)
		from := loop.init[i]
		if resume {
			from = stand(leaf.stored(lanes))
			plan.state = append(plan.state, from)
		}
		for _, at := range b.positions(leaf) {
			var x *shaders.Expr
			switch {
			case resume:
				x = b.k.load(from, b.own(leaf, at))
			case leaf.minimum:
				x = b.minimum(from)
			default:
				x = b.k.value(from, at)
			}
			if leaf.fixed {
				leaf.values = append(leaf.values, x)
			} else {
				init = append(init, x)
			}
		}
		if len(init) > mostLaneExprs/8 {
			return nil, fmt.Sprintf("the carry has more than %d numbers for a sample", mostLaneExprs/8)
		}
	}
	in := f.NewLoop(shaders.Pushed, init)
	b.enter(in, loop.now, plan.leaves)
	if loop.goes != nil {
		f.While(in, b.goes(loop.goes(loop.now)))
	}
	next := b.next(loop.now, plan.leaves, loop.next)
	for _, n := range loop.next[len(loop.now):] {
		b.put(in, n)
	}
	b.leave()
	if b.why != "" {
		return nil, b.why
	}
	last := f.Close(in, next)
	for i, leaf := range plan.leaves {
		values := leaf.values
		if !leaf.fixed {
			values, last = last[:len(leaf.values)], last[len(leaf.values):]
		}
		b.store(plan, i, values, loop.results[i], resume)
		leaf.values = values
	}
	if loop.goes != nil {
		b.storeStill(plan, loop)
		if b.why != "" {
			return nil, b.why
		}
	}
	for i, n := range b.k.order {
		if int64(f.Args()[i].Size) > int64(l.target.MaxRange) && l.target.MaxRange > 0 {
			return nil, fmt.Sprintf("%v is larger than a binding", n.spec)
		}
		plan.args = append(plan.args, buffer{n: n})
		plan.write = append(plan.write, f.Args()[i].Write)
	}
	if len(plan.args) > l.bindings {
		return nil, fmt.Sprintf("it reads and writes %d arrays, the device binds %d", len(plan.args), l.bindings)
	}
	return plan, ""
}

// store writes the last values of a leaf to the arrays that the next dispatch, or whoever reads the result, finds them in.
func (b *laneBuilder) store(plan *laneKernel, i int, values []*shaders.Expr, result *node, resume bool) {
	f, leaf := b.k.f, plan.leaves[i]
	to, once := result, false
	switch {
	case resume && leaf.fixed || !resume && result == nil:
		return
	case resume:
		to = plan.state[i]
	case leaf.minimum:
		to = stand(leaf.stored(b.lanes))
		plan.least = append(plan.least, laneMinimum{i, to})
	default:
		once = !leaf.mapped && b.lanes > 1
	}
	arg := b.k.arg(to)
	for j, at := range b.positions(leaf) {
		if once {
			f.StoreOnce(arg, linear(at, to.spec.Shape), values[j])
			continue
		}
		if resume || leaf.minimum {
			at = b.own(leaf, at)
		}
		f.Store(arg, linear(at, to.spec.Shape), values[j])
	}
}

// stored is the array of a leaf between dispatches: of what is one for all lanes each has its own copy, as none may read what another writes.
func (f *laneLeaf) stored(lanes int) Spec {
	if f.mapped || f.fixed || lanes == 1 {
		return f.spec
	}
	return Spec{f.spec.DType, f.spec.Shape.prepend(lanes)}
}

// own is the place of an element in that array.
func (b *laneBuilder) own(f *laneLeaf, at []shaders.Index) []shaders.Index {
	if f.mapped || f.fixed || b.lanes == 1 {
		return at
	}
	return append([]shaders.Index{b.at}, at...)
}

// leaf says how a leaf of the carry lies in the lanes.
func (b *laneBuilder) leaf(now, next *node) *laneLeaf {
	f := &laneLeaf{spec: now.spec}
	s := now.spec.Shape
	f.mapped = b.lanes > 1 && len(s) > 0 && s[0] == b.lanes
	f.fixed = now == next
	f.minimum = !f.fixed && b.lanes > 1 && len(s) == 0 && now.spec.DType == Int32 && isMinimumWith(next, now)
	return f
}

// isMinimumWith reports n = min(p, ...): what a loop does with the first failure of a check.
func isMinimumWith(n, p *node) bool {
	return n.op.Name() == minRule.name && (n.in()[0] == p || n.in()[1] == p)
}

// positions lists where a leaf's elements are.
func (b *laneBuilder) positions(f *laneLeaf) [][]shaders.Index {
	s := f.spec.Shape
	if f.mapped {
		s = s[1:]
	}
	out := make([][]shaders.Index, 0, s.Size())
	each(s, func(_ int, idx []int) {
		var at []shaders.Index
		if f.mapped {
			at = append(at, b.at)
		}
		for _, i := range idx {
			at = append(at, shaders.Const(i))
		}
		out = append(out, at)
	})
	return out
}

// enter makes the registers of a loop the values of its carry.
func (b *laneBuilder) enter(loop *shaders.Loop, now []*node, leaves []*laneLeaf) {
	b.inside = append(b.inside, loop)
	r := 0
	for i, n := range now {
		f := leaves[i]
		b.regs[n], b.levels[n] = f, len(b.inside)
		if f.fixed {
			b.levels[n] = len(b.inside) - 1
			continue
		}
		for range b.positions(f) {
			f.values = append(f.values, loop.Register(r))
			b.varying[loop.Register(r)] = f.mapped || f.minimum
			r++
		}
	}
}

func (b *laneBuilder) leave() { b.inside = b.inside[:len(b.inside)-1] }

// next are the values of a carry's registers after a round.
func (b *laneBuilder) next(now []*node, leaves []*laneLeaf, outputs []*node) []*shaders.Expr {
	var next []*shaders.Expr
	for i := range now {
		if leaves[i].fixed {
			continue
		}
		for _, at := range b.positions(leaves[i]) {
			if leaves[i].minimum {
				next = append(next, b.minimum(outputs[i]))
				continue
			}
			v := b.k.value(outputs[i], at)
			if !leaves[i].mapped && b.lanes > 1 && v.Varies(b.at, func(r *shaders.Expr) bool { return b.varying[r] }) {
				b.refuse("a number that all samples share changes by sample")
			}
			next = append(next, v)
		}
	}
	return next
}

// refuse notes why lanes are not possible; what is built after it is not used.
func (b *laneBuilder) refuse(format string, args ...any) {
	if b.why == "" {
		b.why = fmt.Sprintf(format, args...)
	}
}

// put stores what a round gives to a row of an array.
func (b *laneBuilder) put(loop *shaders.Loop, n *node) {
	dest := n.op.(putOp).dest
	leaf := &laneLeaf{spec: n.spec}
	leaf.mapped = b.lanes > 1 && len(n.spec.Shape) > 0 && n.spec.Shape[0] == b.lanes
	if b.lanes > 1 && !leaf.mapped {
		b.refuse("an output of each round is not of each sample")
		return
	}
	row := shaders.ValueIndex(b.k.value(n.in()[1], nil), 0, max(dest.spec.Shape[0]-1, 0)).Scale(n.spec.Shape.Size())
	arg := b.k.arg(dest)
	if leaf.spec.Shape.Size()/b.lanes > mostLaneExprs/8 {
		b.refuse("an output of each round has more than %d numbers for a sample", mostLaneExprs/8)
		return
	}
	for _, at := range b.positions(leaf) {
		b.k.f.Put(loop, arg, linear(at, n.spec.Shape).Add(row), b.k.value(n.in()[0], at))
	}
}

// value is the element of n at an index; kernelBuilder.value comes here.
func (b *laneBuilder) value(n *node, at []shaders.Index) *shaders.Expr {
	k := b.k
	if b.why != "" {
		return k.f.Literal(n.spec.DType.kind(), 0)
	}
	if leaf := b.regs[n]; leaf != nil {
		return b.element(leaf, at)
	}
	if n.isParam() || isTable(n) {
		return k.load(n, at)
	}
	switch o := n.op.(type) {
	case pickOp:
		if scan, ok := n.in()[0].op.(scanOp); ok && o.i >= scan.carry {
			return b.row(n, o.i-scan.carry, at)
		}
		return b.element(b.result(n.in()[0], o.i), at)
	case putOp:
		return k.value(n.in()[0], at)
	}
	if n.op.Class() == Opaque {
		b.refuse("%s has kernels of its own", n.op.Name())
		return k.f.Literal(n.spec.DType.kind(), 0)
	}
	key := fmt.Sprintf("%d %s", n.id, indexKey(at))
	if e, ok := k.memo[key]; ok {
		return e
	}
	if k.f.Count() > mostLaneExprs {
		b.refuse("it takes more than %d operations for a sample", mostLaneExprs)
		return k.f.Literal(n.spec.DType.kind(), 0)
	}
	var e *shaders.Expr
	if n.op.Class() == Reduction {
		e = b.reduction(n, at)
	} else {
		e = n.op.Lower(&Lowering{k, n}, Operands{n}, at)
	}
	if b.why == "" { // a minimum is tried in two ways: nothing stays of the one that failed
		k.memo[key] = e
	}
	return e
}

// element is an element of a carry: the lane's own, at a position known when the kernel is built.
func (b *laneBuilder) element(f *laneLeaf, at []shaders.Index) *shaders.Expr {
	if f == nil || b.why != "" {
		return b.k.f.Literal(spirv.Int32, 0)
	}
	if f.minimum {
		b.refuse("a minimum over all samples is read")
		return f.values[0]
	}
	s := f.spec.Shape
	if f.mapped {
		if at[0].String() != b.at.String() {
			b.refuse("a sample reads the carry of others")
			return f.values[0]
		}
		at, s = at[1:], s[1:]
	}
	i := linear(at, s)
	c, ok := i.Constant()
	if !ok {
		b.refuse("the carry is read at a computed position")
		return f.values[0]
	}
	return f.values[c]
}
