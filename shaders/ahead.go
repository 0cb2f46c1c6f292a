package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Values ahead. A round's random numbers depend on its number, not on the rounds before it. An invocation computes those of a few rounds together,
// as one vector: operations of a cipher wait for each other, and a processor has room for those of other rounds between them. Where registers are
// too few for that, heavy functions of the round itself come first, before other values are live.

// heavyFunction is the cost of a function from which on it is worth computing ahead.
const heavyFunction = 100

// counters says which registers of a loop are computed, round by round, from such registers alone, without a function that is heavy or reads arrays.
func (l *Loop) counters() map[*Expr]bool {
	counts := map[*Expr]bool{l.round: true}
	for _, r := range l.regs {
		counts[r] = true
	}
	for changed := true; changed; {
		changed = false
		for i, r := range l.regs {
			if counts[r] && !l.known(l.next[i], counts, nil) {
				counts[r], changed = false, true
			}
		}
	}
	return counts
}

// known reports an expression that is known as soon as the counters are. heavy, if not nil, is set where one of its functions is heavy; else none may be.
func (l *Loop) known(x *Expr, counts map[*Expr]bool, heavy *bool) bool {
	seen := map[*Expr]bool{}
	var walk func(x *Expr) bool
	walk = func(x *Expr) bool {
		if x.depth < l.depth || seen[x] {
			return true
		}
		seen[x] = true
		switch x.kind {
		case registerExpr:
			return counts[x]
		case applyExpr:
			if x.fn.Cost >= heavyFunction {
				if heavy == nil {
					return false
				}
				*heavy = true
			}
			for _, a := range x.args {
				if !walk(a) {
					return false
				}
			}
			return true
		}
		return false
	}
	return walk(x)
}

// ahead lists what is worth computing ahead: the largest expressions with a heavy function that are known from the counters. What a branch
// computes is not among them: it may not be needed.
func (l *Loop) ahead(counts map[*Expr]bool, branches map[*Expr]*branch) (roots []*Expr) {
	seen := map[*Expr]bool{}
	for x := range branches {
		seen[x] = true
	}
	walkFrom(l.parts, func(x *Expr) bool {
		if seen[x] || x.depth < l.depth {
			return false
		}
		seen[x] = true
		heavy := false
		if x.depth == l.depth && l.known(x, counts, &heavy) && heavy {
			roots = append(roots, x)
			return false
		}
		return true
	})
	return roots
}

// heavy visits the heavy functions below an expression of the loop.
func (l *Loop) heavy(x *Expr, visit func(*Expr)) {
	seen := map[*Expr]bool{}
	walkFrom(func(expr func(*Expr), _ func(Index)) { expr(x) }, func(y *Expr) bool {
		if seen[y] || y.depth < l.depth {
			return false
		}
		seen[y] = true
		if y.kind == applyExpr && y.fn.Cost >= heavyFunction {
			visit(y)
		}
		return true
	})
}

// vectors computes expressions for n rounds from the one whose number is round on: a lane for each, or a scalar for what is the same in all. regs are the registers at its
// beginning.
func (e *emitter) vectors(l *Loop, counts map[*Expr]bool, roots []*Expr, n int, round spirv.Value, regs []spirv.Value, p pos) []spirv.Value {
	b := e.b
	lanes := map[*Expr][]spirv.Value{} // of counters
	now := regs
	for k := range n {
		e.scoped(func() {
			r := b.Bitcast(b.Add(round, b.ConstU32(uint32(k))), spirv.Int32)
			e.remember(l.round, r, p)
			lanes[l.round] = append(lanes[l.round], r)
			next := make([]spirv.Value, len(l.regs))
			for i, x := range l.regs {
				if counts[x] {
					e.remember(x, now[i], p)
					lanes[x] = append(lanes[x], now[i])
				}
			}
			for i, x := range l.regs {
				if counts[x] {
					next[i] = e.value(l.next[i], p)
				}
			}
			now = next
		})
	}
	done := map[*Expr]spirv.Value{}
	var value func(x *Expr) spirv.Value
	value = func(x *Expr) spirv.Value {
		if v, ok := done[x]; ok {
			return v
		}
		var v spirv.Value
		switch {
		case x.depth < l.depth:
			v = e.value(x, p)
		case x.kind == registerExpr:
			v = b.Vector(lanes[x]...)
		default:
			v = e.applied(x, value)
		}
		done[x] = v
		return v
	}
	out := make([]spirv.Value, len(roots))
	for i, x := range roots {
		out[i] = b.Splat(value(x), n)
	}
	return out
}

// runAhead is the rounds of a loop, from the registers carried on, n at a time: what is known ahead first, then a round after the other.
func (e *emitter) runAhead(l *Loop, p pos, rounds spirv.Value, carried []spirv.Value, counts map[*Expr]bool, roots []*Expr) []spirv.Value {
	b, n := e.b, e.ahead
	return b.Loop(b.ConstU32(0), rounds, b.ConstU32(uint32(n)), carried, func(first spirv.Value, c []spirv.Value) []spirv.Value {
		var given []spirv.Value
		e.scoped(func() { given = e.vectors(l, counts, roots, n, first, c, p) })
		rest := b.Min(b.ConstU32(uint32(n)), b.Sub(rounds, first))
		return b.Loop(b.ConstU32(0), rest, b.ConstU32(1), c, func(k spirv.Value, c []spirv.Value) []spirv.Value {
			return e.round(l, p, b.Add(first, k), c, func() {
				for i, x := range roots {
					v := b.Lane(given[i], n-1)
					for lane := n - 2; lane >= 0; lane-- {
						v = b.Select(b.Eq(k, b.ConstU32(uint32(lane))), b.Lane(given[i], lane), v)
					}
					e.remember(x, v, p)
				}
			})
		})
	})
}
