package shaders

import (
	"fmt"
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Loop is a loop inside a kernel that every position of the output space runs for itself. Its registers are handed on
// from round to round; what a round computes is built between NewLoop and Close, in terms of them.
type Loop struct {
	id     int
	rounds int // Pushed for a push constant
	depth  int
	outer  *Loop // around it, nil for the outermost
	round  *Expr // int32, counted from 0
	regs   []*Expr
	init   []*Expr
	next   []*Expr
	cond   *Expr   // a round runs where it is true; nil for counted loops
	puts   []store // stored in every round
	folds  bool    // it is a reduction's
}

// Pushed is the number of rounds of the one loop of a kernel that takes it from a push constant.
const Pushed = -1

// Endless is the number of rounds of a loop that ends by its condition alone.
const Endless = math.MaxInt32

// NewLoop begins a loop of so many rounds. init are the first values of its registers.
func (f *Fused) NewLoop(rounds int, init []*Expr) *Loop {
	l := &Loop{id: f.loops, rounds: rounds, depth: len(f.open) + 1, init: init}
	f.loops++
	if n := len(f.open); n > 0 {
		l.outer = f.open[n-1]
	}
	f.open = append(f.open[:len(f.open):len(f.open)], l)
	l.round = f.register(l, spirv.Int32, -1)
	for i, x := range init {
		l.regs = append(l.regs, f.register(l, x.dtype, i))
	}
	return l
}

func (f *Fused) register(l *Loop, k spirv.Kind, place int) *Expr {
	return f.cons(fmt.Sprintf("g%d %d", l.id, place), Expr{kind: registerExpr, dtype: k, loop: l, place: place, depth: l.depth, home: l, axes: f.everywhere()})
}

func (f *Fused) result(l *Loop, i int, k spirv.Kind) *Expr {
	return f.cons(fmt.Sprintf("o%d %d", l.id, i), Expr{kind: resultExpr, dtype: k, loop: l, place: i, depth: l.depth - 1, home: l.outer, axes: f.everywhere()})
}

// everywhere is the set of all output axes.
func (f *Fused) everywhere() axisSet { return 1<<f.outer - 1 }

// Round is the number of the round, an int32 counted from 0.
func (l *Loop) Round() *Expr { return l.round }

// Register is the value of register i at the beginning of a round.
func (l *Loop) Register(i int) *Expr { return l.regs[i] }

// While gives a loop that is being built a condition, bool, of its registers at the beginning of a round: the first round
// for which it is false does not run, nor does any after that. Every position of the output space stops by its own.
func (f *Fused) While(l *Loop, cond *Expr) {
	if cond.dtype != spirv.Bool || f.open[len(f.open)-1] != l {
		panic("BUG: shaders: the condition of a loop that is not the innermost, or no condition")
	}
	l.cond = cond
}

// Put stores a value to element at of an array in every round.
func (f *Fused) Put(l *Loop, arg int, at Index, value *Expr) {
	f.args[arg].Write = true
	l.puts = append(l.puts, store{arg: arg, value: value, at: at})
}

// Done is a result of a closed loop, for LoadAfter.
func (f *Fused) Done(l *Loop) *Expr {
	if len(l.regs) == 0 {
		zero := f.Literal(spirv.Int32, 0)
		l.init, l.regs, l.next = append(l.init, zero), append(l.regs, f.register(l, spirv.Int32, 0)), append(l.next, zero)
	}
	return f.result(l, 0, l.next[0].dtype)
}

// LoadAfter reads element at of an array that a loop has written, of which after is a result. What a position reads it has written itself.
func (f *Fused) LoadAfter(arg int, at Index, after *Expr) *Expr {
	return f.cons(fmt.Sprintf("l%d %s %d", arg, at, after.id),
		Expr{kind: loadExpr, dtype: f.args[arg].Kind, arg: arg, at: at, axes: at.axes() | after.axes, args: []*Expr{after}})
}

// Close ends the building of a loop and gives its registers after the last round.
func (f *Fused) Close(l *Loop, next []*Expr) []*Expr {
	if len(next) != len(l.regs) || f.open[len(f.open)-1] != l {
		panic("BUG: shaders: a loop was closed that is not the innermost, or with other registers")
	}
	f.open = f.open[:len(f.open)-1]
	l.next = next
	out := make([]*Expr, len(next))
	for i, x := range next {
		out[i] = f.result(l, i, x.dtype)
	}
	if len(l.puts) > 0 && l.depth == 1 {
		f.effects = append(f.effects, out[0])
	}
	return out
}

// StoreOnce is Store by the first position of the output space alone, for values that are the same at all of them.
func (f *Fused) StoreOnce(arg int, at Index, value *Expr) {
	f.Store(arg, at, value)
	f.outputs[len(f.outputs)-1].once = true
}

// Reopen continues the building of a loop, for Accumulate.
func (f *Fused) Reopen(l *Loop) { f.open = append(f.open[:l.depth-1:l.depth-1], l) }

// Within runs build with only the outermost loops open: what it makes of loops happens once in a round of the innermost of them.
func (f *Fused) Within(loops int, build func()) {
	open := f.open
	f.open = open[:loops:loops]
	build()
	f.open = open
}

// Accumulate ends the building of a loop with a register that folds body over its rounds, and gives its last value. ok is false where body
// is computed from what the loop gives: then it needs another one.
func (f *Fused) Accumulate(l *Loop, r Reducer, body *Expr) (result *Expr, ok bool) {
	f.open = f.open[:l.depth-1]
	if body.any(func(e *Expr) bool { return e.kind == resultExpr && e.loop == l }) {
		return nil, false
	}
	for i, x := range l.next {
		if x.args[1] == body && x.fn == foldFns[r] {
			return f.result(l, i, x.dtype), true
		}
	}
	l.folds = true
	i := len(l.regs)
	reg := f.register(l, body.dtype, i)
	l.init, l.regs = append(l.init, f.neutral(r, body.dtype)), append(l.regs, reg)
	l.next = append(l.next, f.Fold(r, reg, body))
	return f.result(l, i, body.dtype), true
}

// Fold is two values folded.
func (f *Fused) Fold(r Reducer, x, y *Expr) *Expr { return f.Apply(x.dtype, foldFns[r], x, y) }

var foldFns = func() (fns [4]*Fn) {
	for r := Sum; r <= Prod; r++ {
		fns[r] = &Fn{Name: "fold " + r.String(), Cost: 1, Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value { return fold(b, r, x[0], x[1]) }}
	}
	return fns
}()

// neutral is the value that changes nothing.
func (f *Fused) neutral(r Reducer, k spirv.Kind) *Expr {
	word := func(w uint32) *Expr { return f.Literal(k, uint64(w)) }
	switch k {
	case spirv.Float32:
		return word(math.Float32bits(float32(neutralFloat[r])))
	case spirv.Float64:
		return f.Literal(k, math.Float64bits(neutralFloat[r]))
	case spirv.Int32:
		return word(uint32(neutralInt[r]))
	}
	return word(neutralWord[r])
}

// Varies reports a value that depends on an axis or on a register for which varying is true. Of a loop's results each depends on its own register.
func (e *Expr) Varies(along Index, varying func(register *Expr) bool) bool {
	axes := along.axes()
	seen := map[*Expr]bool{}
	var varies func(x *Expr) bool
	varies = func(x *Expr) bool {
		if seen[x] {
			return false
		}
		seen[x] = true
		switch x.kind {
		case loadExpr, indexExpr:
			if x.at.axes()&axes != 0 {
				return true
			}
		case registerExpr:
			return varying(x)
		case resultExpr:
			return varies(x.loop.init[x.place]) || varies(x.loop.next[x.place]) || x.loop.cond != nil && varies(x.loop.cond)
		}
		return slices.ContainsFunc(x.operands(), varies)
	}
	return varies(e)
}

// any reports an expression, among those that e is computed from, for which is is true.
func (e *Expr) any(is func(*Expr) bool) bool {
	seen, found := map[*Expr]bool{}, false
	walkFrom(func(expr func(*Expr), _ func(Index)) { expr(e) }, func(x *Expr) bool {
		if seen[x] || found {
			return false
		}
		seen[x] = true
		found = is(x)
		return !found
	})
	return found
}

// walkFrom visits expressions from the given ones on down, through loops, as long as enter is true.
func walkFrom(roots func(expr func(*Expr), index func(Index)), enter func(*Expr) bool) {
	var expr func(x *Expr)
	var index func(x Index)
	expr = func(x *Expr) {
		if !enter(x) {
			return
		}
		for _, a := range x.operands() {
			expr(a)
		}
		if x.kind == resultExpr {
			x.loop.parts(expr, index)
		}
	}
	index = func(x Index) {
		for _, t := range x.terms {
			for _, v := range t.atom.values(nil) {
				expr(v)
			}
		}
	}
	roots(expr, index)
}

// parts visits everything that the loop is made of.
func (l *Loop) parts(expr func(*Expr), index func(Index)) {
	for _, list := range [][]*Expr{l.init, l.next} {
		for _, x := range list {
			expr(x)
		}
	}
	if l.cond != nil {
		expr(l.cond)
	}
	for _, p := range l.puts {
		expr(p.value)
		index(p.at)
	}
}

// Count is the number of distinct expressions so far.
func (f *Fused) Count() int { return f.count }

// Loops is how many loops are around what e is computed from.
func (e *Expr) Loops() int { return e.depth }

// Loops is how many loops are around what x is computed from.
func (x Index) Loops() int {
	d := 0
	for _, t := range x.terms {
		for _, v := range t.atom.values(nil) {
			d = max(d, v.depth)
		}
	}
	return d
}

// Constant is the value of an index that is always the same.
func (x Index) Constant() (c int, ok bool) { return x.c, len(x.terms) == 0 }

// Cost is a rough number of machine operations at a position: those of a round of the outermost loop, with all rounds of the
// loops inside; and how many of these are in the loops of reductions.
func (f *Fused) Cost() (all, folding int) {
	cost := make([]float64, 1+f.deepest()) // by depth
	rounds := make([]float64, len(cost))
	folds := make([]bool, len(cost))
	f.walk(func(e *Expr) {
		switch e.kind {
		case applyExpr:
			cost[e.depth] += float64(e.fn.Cost)
		case loadExpr:
			cost[e.depth] += 4
		case resultExpr:
			if e.place == 0 {
				rounds[e.loop.depth] = max(rounds[e.loop.depth], float64(e.loop.expected()))
				folds[e.loop.depth] = folds[e.loop.depth] || e.loop.folds
			}
		}
	})
	total, inFolds, times, inside := 0.0, 0.0, 1.0, false
	for d := 1; d < len(cost); d++ {
		if d > 1 {
			times *= max(rounds[d], 1)
			inside = inside || folds[d]
		}
		total += times * cost[d]
		if inside {
			inFolds += times * cost[d]
		}
	}
	return int(min(total, math.MaxInt32)), int(min(inFolds, math.MaxInt32))
}

// AssumedRounds is how often cost models have a loop go round that ends by a condition.
const AssumedRounds = 16

func (l *Loop) expected() int {
	if l.cond != nil {
		return min(l.rounds, AssumedRounds)
	}
	return l.rounds
}

// Iterations is how often loops go round in a round of the outermost one, beside it, at most.
func (f *Fused) Iterations() int {
	most := map[int]float64{} // rounds of a loop, by depth
	loops := map[*Loop]bool{}
	ahead := map[*Loop]bool{} // those that may compute values ahead, in loops around and beside their own
	f.walk(func(e *Expr) {
		if e.kind == resultExpr && !loops[e.loop] {
			loops[e.loop] = true
			ahead[e.loop] = len(e.loop.ahead(e.loop.counters(), nil)) > 0
			most[e.loop.depth] = max(most[e.loop.depth], float64(e.loop.rounds))
		}
	})
	total := 0.0
	for l := range loops {
		rounds := max(float64(l.rounds), 1)
		times := rounds
		if ahead[l] {
			times += rounds
		}
		if l.depth == 1 {
			times -= rounds // itself
		}
		for d := 2; d < l.depth; d++ {
			times *= max(most[d], 1)
		}
		total += times
	}
	return int(min(total, math.MaxInt32))
}

func (f *Fused) deepest() int {
	d := 0
	f.walk(func(e *Expr) { d = max(d, e.depth) })
	return d
}

// CompileLanes emits a kernel with loops: an invocation for each position of the output space, which are its lanes, scalar code, and the given
// number of rounds of the loop whose rounds are Pushed. That number is the last push constant: the code is the same for all.
func (f *Fused) CompileLanes(t Target, rounds int) Kernel {
	f.rounds = rounds
	s := schedule{tile: make([]int, len(f.axes)), roll: 1, team: 1, tiles: 1, local: t.LocalSize}
	for i, a := range f.axes {
		s.tile[i] = 1
		s.tiles *= a.Extent
	}
	if ceilDiv(s.tiles, s.local) < t.Workgroups {
		s.local = min(s.local, max(t.Subgroup, 8))
	}
	e := newEmitter(f, s, t)
	e.branches, e.ahead = f.branches(t), t.Ahead
	e.emit()
	return Kernel{Code: e.b.Module(), Push: e.pushed, Groups: s.groups(), Views: e.views}
}

// runLoop emits a loop and remembers its results in the current block.
func (e *emitter) runLoop(l *Loop, p pos) {
	b := e.b
	e.hoistLoop(l, p)
	carried := make([]spirv.Value, len(l.init))
	for i, x := range l.init {
		carried[i] = e.value(x, p)
	}
	var n spirv.Value
	if l.rounds == Pushed {
		n = b.PushU32(e.roundsWord)
	} else {
		n = b.ConstU32(uint32(l.rounds))
	}
	var last []spirv.Value
	counts := l.counters()
	roots := l.ahead(counts, e.branches)
	switch {
	case l.cond != nil:
		e.scoped(func() {
			last = b.While(append([]spirv.Value{b.ConstU32(0)}, carried...), func(c []spirv.Value) spirv.Value {
				e.begin(l, p, c[0], c[1:])
				goes := e.value(l.cond, p)
				if l.rounds != Endless {
					goes = b.And(b.Lt(c[0], n), goes)
				}
				return goes
			}, func(c []spirv.Value) (next []spirv.Value) {
				e.scoped(func() { next = e.next(l, p) }) // in the scope of what the condition has computed
				return append([]spirv.Value{b.Add(c[0], b.ConstU32(1))}, next...)
			})[1:]
		})
	case e.ahead > 1 && len(roots) > 0 && (l.rounds == Pushed || l.rounds >= e.ahead):
		last = e.runAhead(l, p, n, carried, counts, roots)
	default:
		last = b.Loop(b.ConstU32(0), n, b.ConstU32(1), carried, func(i spirv.Value, c []spirv.Value) []spirv.Value {
			return e.round(l, p, i, c, func() {
				for _, x := range roots {
					l.heavy(x, func(h *Expr) { e.value(h, p) })
				}
			})
		})
	}
	for i, x := range l.next {
		e.remember(e.f.result(l, i, x.dtype), last[i], p)
	}
}

// round emits a round of a loop and gives its registers behind it. given remembers what is known before.
func (e *emitter) round(l *Loop, p pos, i spirv.Value, c []spirv.Value, given func()) (next []spirv.Value) {
	e.scoped(func() {
		e.begin(l, p, i, c)
		given()
		next = e.next(l, p)
	})
	return next
}

// begin remembers the number of a round and the registers at its beginning.
func (e *emitter) begin(l *Loop, p pos, i spirv.Value, c []spirv.Value) {
	e.remember(l.round, e.b.Bitcast(i, spirv.Int32), p)
	for j, x := range l.regs {
		e.remember(x, c[j], p)
	}
}

// next emits what a round computes and gives its registers behind it.
func (e *emitter) next(l *Loop, p pos) []spirv.Value {
	next := make([]spirv.Value, len(l.next))
	for j, x := range l.next {
		next[j] = e.value(x, p)
	}
	puts := make([]spirv.Value, len(l.puts))
	for j, o := range l.puts {
		puts[j] = e.value(o.value, p)
	}
	for j, o := range l.puts {
		e.put(o, puts[j], p)
	}
	return next
}

// remember makes v the value of x in the current block.
func (e *emitter) remember(x *Expr, v spirv.Value, p pos) {
	e.scopes[len(e.scopes)-1][memoKey{what: "value", id: x.id, at: p.at(x.axes), wide: e.wide(x.axes)}] = v
}

// hoistLoop emits what does not change in a loop before it, out of the loops inside it too.
func (e *emitter) hoistLoop(l *Loop, p pos) {
	seen := map[*Expr]bool{}
	walkFrom(l.parts, func(x *Expr) bool {
		if seen[x] {
			return false
		}
		seen[x] = true
		if x.depth < l.depth {
			if x.kind != literalExpr {
				e.value(x, p)
			}
			return false
		}
		return true
	})
}

// put is store, by the first position alone where that is asked for.
func (e *emitter) put(o store, v spirv.Value, p pos) {
	if !o.once {
		e.store(o, v, p)
		return
	}
	b := e.b
	first := b.ConstBool(true)
	for _, a := range e.f.axes[:e.f.outer] {
		first = b.And(first, b.Eq(e.base[a.id], b.ConstU32(0)))
	}
	b.If(first, func() { e.scoped(func() { e.store(o, v, p) }) })
}
