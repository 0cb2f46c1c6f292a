package shaders

import (
	"cmp"
	"maps"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Target is what the emitter must know of a device; package graph fills it from the device's profile.
type Target struct {
	LocalSize   int  // invocations of a full workgroup
	Subgroup    int  // invocations that run in step: the smallest workgroups that waste nothing
	VectorRun   int  // vectors of four that one invocation of a copy-like kernel handles
	Unrolled    bool // in straight code rather than a loop
	Rows        int  // that share loads and one invocation of an elementwise kernel handles; 0 for 8
	Parallel    int  // invocations wanted before work is grouped into larger tiles
	Workgroups  int  // workgroups wanted before they are made larger
	MaxRange    int  // elements that one binding of an array can hold; 0 for no limit
	Align       int  // bytes: bindings begin at multiples of it; 0 for 256, which every device has
	MaxTexels   int  // float arrays of up to so many vectors are read through uniform texel buffers; 0 for none
	TexelScalar bool // and so are arrays of which only single elements are read
	BranchCost  int  // machine operations that a selection must save to be a branch, in kernels with loops (branch.go)
	Jumps       bool // branches that no invocation takes cost nothing
	PreserveNaN bool // the driver can be told to keep NaN, infinities and signed zeros

	SplitLength    int  // elements that a reduction folds at least for two kernels to be faster than one; 0 for the least that Split knows
	MaxIterations  int  // of all loops of an invocation together; 0 for no limit
	PairStores     bool // two words of 64 bits are stored faster than four of 32
	Ahead          int  // rounds for which a loop in a kernel computes random numbers together
	ScalarShifts   bool // the driver shifts the lanes of a register one by one
	WorkgroupFolds bool // few long reductions are folded by workgroups, whose subgroups shuffle (team.go)
}

// schedule says how a kernel's positions are spread over invocations and vector lanes.
type schedule struct {
	vec    *Axis // the axis whose positions fill vector lanes, nil for scalar code
	tile   []int // by axis: output positions an invocation handles, or reduction steps unrolled
	roll   int   // how many tiles along vec an invocation goes through in a loop
	padded bool  // the one output axis runs on into the arrays' padding
	local  int
	tiles  int
	team   int // invocations that fold the reductions of one tile together: a workgroup, or 1
}

const lanes = 4

// plan chooses vector axis, tile and workgroup.
func (f *Fused) plan(t Target) schedule {
	s := schedule{tile: make([]int, len(f.axes)), roll: 1, team: 1}
	for i := range s.tile {
		s.tile[i] = 1
	}
	s.padded = f.paddable()
	s.vec = f.vectorAxis(s.padded)
	outer := f.axes[:f.outer]
	if s.vec != nil {
		s.tile[s.vec.id] = lanes
	}
	if f.reduces() {
		f.tileReduction(&s, t)
	} else {
		f.tileMap(&s, t)
	}
	s.tiles = 1
	for _, a := range outer {
		s.tiles *= ceilDiv(f.extent(a, s), f.span(a, s))
	}
	if s.team > 1 {
		s.local = s.team
		return s
	}
	// Two sizes of workgroups, so that few variants of a kernel serve batches of all sizes.
	s.local = t.LocalSize
	if ceilDiv(s.tiles, s.local) < t.Workgroups {
		s.local = min(s.local, max(t.Subgroup, 8))
	}
	return s
}

// span is how many positions along an axis an invocation handles.
func (f *Fused) span(a *Axis, s schedule) int {
	if a == s.vec {
		return s.tile[a.id] * s.roll
	}
	return s.tile[a.id]
}

// extent is an axis' length, rounded up where it may run into padding.
func (f *Fused) extent(a *Axis, s schedule) int {
	if s.padded && a.id == 0 && f.outer == 1 {
		return ceilDiv(a.Extent, lanes) * lanes
	}
	return a.Extent
}

// paddable reports a kernel over one axis that walks over all arrays contiguously: every array has room
// for whole vectors of four, so its end needs no special code.
func (f *Fused) paddable() bool {
	if f.outer != 1 || f.reduces() {
		return false
	}
	a := f.axes[0]
	ok := true
	for _, x := range f.args {
		ok = ok && x.Kind != spirv.Float64 // arrays are padded to 16 bytes, two elements
	}
	check := func(x Index) {
		for _, t := range x.terms {
			if t.atom.axis != a && t.coef%lanes != 0 {
				ok = false // a row that begins, and ends, inside a vector
			}
		}
		if x.opaque() != 0 || x.c%lanes != 0 || x.coef(a) > 1 || x.coef(a) < 0 {
			ok = false
		}
	}
	f.walk(func(e *Expr) {
		if e.kind == loadExpr {
			check(e.at)
		}
	})
	for _, o := range f.outputs {
		check(o.at)
		ok = ok && o.at.coef(a) == 1
	}
	return ok
}

func (f *Fused) reduces() bool {
	found := false
	f.walk(func(e *Expr) { found = found || e.kind == reduceExpr })
	return found
}

// vectorAxis picks the axis along which most memory accesses are whole vectors or none.
func (f *Fused) vectorAxis(padded bool) *Axis {
	bodies := f.reductionLoads()
	var best *Axis
	bestCost := f.accessCost(nil, bodies)
	for i := len(f.axes) - 1; i >= 0; i-- {
		a := f.axes[i]
		if !a.reduce && (a.Extent%lanes != 0 && !padded || f.chunked(a)) || a.Extent < lanes && !padded {
			continue
		}
		// Between equals the last output axis wins: it is looked at after the reduction axes, which come last.
		if c := f.accessCost(a, bodies); c < bestCost || c == bestCost && best != nil && best.reduce && !a.reduce {
			best, bestCost = a, c
		}
	}
	return best
}

// reductionLoads is the set of loads inside reductions: they run far more often than the others.
func (f *Fused) reductionLoads() map[*Expr]bool {
	in := f.reductionBodies()
	maps.DeleteFunc(in, func(e *Expr, _ bool) bool { return e.kind != loadExpr })
	return in
}

// reductionBodies is the set of what is computed inside reductions.
func (f *Fused) reductionBodies() map[*Expr]bool {
	in := map[*Expr]bool{}
	var mark func(e *Expr)
	mark = func(e *Expr) {
		in[e] = true
		for _, a := range e.operands() {
			mark(a)
		}
	}
	f.walk(func(e *Expr) {
		if e.kind == reduceExpr {
			mark(e.args[0])
		}
	})
	return in
}

// accessCost estimates the memory instructions an element when lanes run along a.
func (f *Fused) accessCost(a *Axis, bodies map[*Expr]bool) float64 {
	cost := 0.0
	f.walk(func(e *Expr) {
		if e.kind != loadExpr {
			return
		}
		c := 1.0
		switch {
		case a == nil:
		case !e.axes.has(a):
			c = 0.3
		case f.vectorAccess(e.at, a):
			c = 0.25
		}
		if len(bodies) > 0 && !bodies[e] {
			c *= 0.01
		}
		cost += c
	})
	for _, o := range f.outputs {
		c := 1.0
		if a != nil && f.vectorAccess(o.at, a) {
			c = 0.25
		}
		if len(bodies) > 0 {
			c *= 0.01
		}
		cost += c
	}
	return cost
}

// vectorAccess reports that four neighbours along a are one aligned vector of memory.
func (f *Fused) vectorAccess(x Index, a *Axis) bool {
	if x.coef(a) != 1 || x.opaque().has(a) || x.c%lanes != 0 {
		return false
	}
	for _, t := range x.terms {
		if !(t.atom.kind == axisAtom && t.atom.axis == a) && t.coef%lanes != 0 {
			return false
		}
	}
	return true
}

// reuse counts the loads that positions along a share.
func (f *Fused) reuse(a *Axis, bodies map[*Expr]bool) int {
	n := 0
	f.walk(func(e *Expr) {
		if e.kind == loadExpr && (len(bodies) == 0 || bodies[e]) && e.axes != 0 && !e.axes.has(a) {
			n++
		}
	})
	return n
}

// tileReduction gives an invocation several outputs where they share loads, and unrolls the
// innermost loop.
func (f *Fused) tileReduction(s *schedule, t Target) {
	bodies := f.reductionLoads()
	budget := 8
	if s.vec != nil && s.vec.reduce {
		budget = 16
	}
	for range 2 {
		var best *Axis
		for _, a := range f.axes[:f.outer] {
			if a != s.vec && s.tile[a.id] == 1 && !f.chunked(a) && f.reuse(a, bodies) > 0 && (best == nil || a.Extent > best.Extent) {
				best = a
			}
		}
		if best == nil {
			break
		}
		n := min(budget, 8)
		if s.vec != nil && s.vec.reduce {
			n = min(budget, 4)
		}
		n = f.straight(n, best, s.vec, f.repeated())
		for n > 1 && (n > best.Extent || f.countTiles(s, best, n) < t.Parallel) {
			n = max(n/4, 1)
		}
		s.tile[best.id] = n
		budget /= n
		if budget < 2 {
			break
		}
	}
	if s.team = f.team(*s, t); s.team > 1 {
		return // neighbours read side by side: an invocation's next steps are a team away
	}
	unroll := 4
	if s.vec != nil && s.vec.reduce {
		unroll = max(1, budget/4) // with few accumulators more loads must be in flight
	}
	for _, group := range f.reductionGroups() {
		last := f.innermost(group, s.vec)
		n := unroll
		for n > 1 && n*s.tile[last.id] > last.Extent {
			n /= 2
		}
		if last.Extent < 4*n && last != s.vec { // a loop for the steps left over would be most of the code
			n = even(n, last)
		}
		s.tile[last.id] *= n
	}
}

// shortFold is from how many elements on a reduction is most of its kernel.
const shortFold = 8

// repeated is the set of what is computed inside reductions, nil where they are short: then the rest is as much.
func (f *Fused) repeated() map[*Expr]bool {
	for _, group := range f.reductionGroups() {
		n := 1
		for _, a := range group {
			n *= a.Extent
		}
		if n >= shortFold {
			return f.reductionBodies()
		}
	}
	return nil
}

// innermost is the axis of a reduction that its innermost loop runs over.
func (f *Fused) innermost(group []*Axis, vec *Axis) *Axis {
	for _, a := range group {
		if a == vec {
			return a
		}
	}
	return group[len(group)-1]
}

// reductionGroups lists the distinct axis groups of the kernel's reductions.
func (f *Fused) reductionGroups() [][]*Axis {
	var groups [][]*Axis
	seen := map[*Axis]bool{}
	f.walk(func(e *Expr) {
		if e.kind == reduceExpr && len(e.inner) > 0 && !seen[e.inner[0]] {
			seen[e.inner[0]] = true
			groups = append(groups, e.inner)
		}
	})
	return groups
}

// countTiles is the number of invocations if axis a had tile n.
func (f *Fused) countTiles(s *schedule, a *Axis, n int) int {
	tiles := 1
	for _, b := range f.axes[:f.outer] {
		k := s.tile[b.id]
		if b == a {
			k = n
		}
		tiles *= ceilDiv(f.extent(b, *s), k)
	}
	return tiles
}

// straightWork is how many operations (rowWork) the rows of an invocation may have together, beyond two rows: what they share is little of so much, and
// SwiftShader takes longer than linear to compile straight code. It leaves outer products, of 3 operations a row, their 16 (RATIONALE.md, "Why rows of an
// invocation are limited by what they do").
const straightWork = 48

// straight is how many of n positions along a an invocation should handle, so that its code does not become too long.
func (f *Fused) straight(n int, a, vec *Axis, bodies map[*Expr]bool) int {
	work := f.rowWork(a, vec, bodies)
	for n > 2 && n*work > straightWork {
		n /= 2
	}
	return n
}

// even is a number from half of n to n that divides an axis' length, or n: rows past the end would take a branch each. The outermost axis, which code
// does not depend on, keeps n.
func even(n int, a *Axis) int {
	if a.id == 0 {
		return n
	}
	for m := n; m > 0 && 2*m >= n; m-- {
		if a.Extent%m == 0 {
			return m
		}
	}
	return n
}

// rowWork is the number of operations that each position along a needs for itself, where vec fills lanes: the cost of functions, and the accesses to
// memory. Where kernels reduce, bodies are what counts, if not nil, and two steps at once, because they are unrolled, too.
func (f *Fused) rowWork(a, vec *Axis, bodies map[*Expr]bool) int {
	work := 0
	access := func(x Index, axes axisSet) {
		switch {
		case !axes.has(vec) || f.vectorAccess(x, vec):
			work++
		default:
			work += lanes
		}
	}
	f.walk(func(e *Expr) {
		if !e.axes.has(a) || len(bodies) > 0 && !bodies[e] {
			return
		}
		switch e.kind {
		case loadExpr:
			access(e.at, e.axes)
		case applyExpr:
			work += e.fn.Cost
		}
	})
	for _, o := range f.outputs {
		if len(bodies) == 0 {
			access(o.at, o.at.axes())
		}
	}
	if f.reduces() {
		return 2 * work
	}
	return work
}

// tileMap gives an invocation of an elementwise kernel several vectors: rows that share loads, or a
// contiguous run.
func (f *Fused) tileMap(s *schedule, t Target) {
	var rows *Axis
	for _, a := range f.axes[:f.outer] {
		if a != s.vec && a.Extent > 1 && f.reuse(a, nil) > 0 && (rows == nil || f.reuse(a, nil) > f.reuse(rows, nil)) {
			rows = a
		}
	}
	n := cmp.Or(t.Rows, 8)
	if rows == nil && s.vec != nil {
		// Neighbouring vectors, in a loop or in straight code: which is faster differs between drivers (RATIONALE.md).
		for s.roll = max(t.VectorRun, 1); s.roll > 1; s.roll = max(s.roll/8, 1) {
			if f.extent(s.vec, *s)%f.span(s.vec, *s) == 0 && f.countTiles(s, s.vec, f.span(s.vec, *s)) >= t.Parallel {
				break
			}
		}
		if t.Unrolled {
			s.tile[s.vec.id], s.roll = s.tile[s.vec.id]*s.roll, 1
		}
		return
	}
	if rows == nil {
		n = lanes
		for _, a := range f.axes[:f.outer] {
			if rows == nil || a.Extent > rows.Extent {
				rows = a
			}
		}
	}
	if rows == nil {
		return // a scalar
	}
	n = f.straight(n, rows, s.vec, nil)
	for n > 1 && (n > rows.Extent || f.countTiles(s, rows, n) < t.Parallel) {
		n = max(n/4, 1)
	}
	s.tile[rows.id] = even(n, rows)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
