package shaders

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Selections between values that take long, and that nothing else needs, become branches in kernels with loops: a
// lane then computes the side that it takes. Where lanes that run together take different sides they all go through both, which costs no
// more than the selection. Selections by one condition share a branch.
//
// GPUs jump over a side that none of the lanes takes. The CPU drivers do not: they run both sides with masks (of 1,024 lanes, none of which took a side
// of eight functions, lavapipe took as long with the branch as without), but a loop there ends after its first round. One over 40 rows that no lane took
// cost 5 ms instead of 213, and one that a lane in 64 took 19 instead of 242.

// branch is selections by one condition that are made together.
type branch struct {
	cond    *Expr
	list    []*Expr
	members map[*Expr]bool
	sides   [2]map[*Expr]bool // what is computed for nothing else
}

// isSelect reports a selection: its operands are the condition and the two values.
func (x *Expr) isSelect() bool { return x.kind == applyExpr && x.fn.Name == SelectName }

// SelectName is the name of the function that takes its second argument where the first is true, else the third.
const SelectName = "where"

// branches finds the selections to be made branches: those of which a side costs so many machine operations.
func (f *Fused) branches(t Target) map[*Expr]*branch {
	var order []*Expr // operands first
	f.walk(func(x *Expr) { order = append(order, x) })
	users := f.users(order)
	groups := map[string]*branch{}
	var keys []string
	add := func(key string, x *Expr) {
		if groups[key] == nil {
			groups[key] = &branch{cond: x.args[0], members: map[*Expr]bool{}}
			keys = append(keys, key)
		}
		g := groups[key]
		g.list, g.members[x] = append(g.list, x), true
	}
	for _, x := range order {
		if x.isSelect() && x.args[0].kind != literalExpr {
			add(fmt.Sprintf("%d %p", x.args[0].id, x.home), x)
		}
	}
	// Those of one branch are needed in the same places, and none is computed from another.
	places := map[*Expr]string{}
	var worth []*branch
	for i, key := range keys {
		g := groups[key]
		g.findSides(order, users)
		if max(g.saves(0, t.Jumps), g.saves(1, t.Jumps)) < float64(t.BranchCost) {
			continue
		}
		worth = append(worth, g)
		for side, only := range g.sides {
			for x := range only {
				if x.isSelect() {
					places[x] += fmt.Sprintf(" %d.%d", i, side)
				}
			}
		}
	}
	groups, keys = map[string]*branch{}, nil
	for i, g := range worth {
		turn := map[*Expr]int{} // how many of the group follow each other on the way to an expression
		for _, x := range order {
			x.eachPart(func(y *Expr) { turn[x] = max(turn[x], turn[y]) })
			if g.members[x] {
				add(fmt.Sprint(i, places[x], ",", turn[x]), x)
				turn[x]++
			}
		}
	}
	found := map[*Expr]*branch{}
	for _, key := range keys {
		g := groups[key]
		g.findSides(order, users)
		if max(g.saves(0, t.Jumps), g.saves(1, t.Jumps)) < float64(t.BranchCost) {
			continue
		}
		for _, x := range g.list {
			found[x] = g
		}
	}
	return found
}

// users lists what each expression is an operand of; nil stands for the kernel's outputs.
func (f *Fused) users(order []*Expr) map[*Expr][]*Expr {
	users := map[*Expr][]*Expr{}
	for _, x := range order {
		x.eachPart(func(y *Expr) { users[y] = append(users[y], x) })
	}
	for _, x := range f.effects {
		users[x] = append(users[x], nil)
	}
	for _, o := range f.outputs {
		users[o.value] = append(users[o.value], nil)
		for _, t := range o.at.terms {
			for _, x := range t.atom.values(nil) {
				users[x] = append(users[x], nil)
			}
		}
	}
	return users
}

// eachPart visits what x is computed from: its operands, and all that the loop is made of whose result it is.
func (x *Expr) eachPart(visit func(*Expr)) {
	for _, y := range x.operands() {
		visit(y)
	}
	if x.kind == resultExpr {
		x.loop.parts(visit, func(at Index) {
			for _, t := range at.terms {
				for _, y := range t.atom.values(nil) {
					visit(y)
				}
			}
		})
	}
}

// findSides finds what only the one side or the other needs.
func (g *branch) findSides(order []*Expr, users map[*Expr][]*Expr) {
	for side := range g.sides {
		only := map[*Expr]bool{}
		for _, x := range slices.Backward(order) {
			if x.kind == literalExpr || len(users[x]) == 0 {
				continue
			}
			only[x] = !slices.ContainsFunc(users[x], func(u *Expr) bool {
				if u != nil && g.members[u] {
					return u.args[0] == x || u.args[1+side] != x || u.args[2-side] == x
				}
				return u == nil || !only[u]
			})
		}
		for x, yes := range only {
			if !yes {
				delete(only, x)
			}
		}
		g.sides[side] = only
	}
}

// saves is what lanes that do not take a side save in a round of the loop around the branch: all of it where the driver jumps, else the rounds of
// the loops inside but their first.
func (g *branch) saves(side int, jumps bool) float64 {
	total, depth := 0.0, g.list[0].depth
	for x := range g.sides[side] {
		times, skipped := 1.0, 0.0
		for l := x.home; l != nil && l.depth > depth; l = l.outer {
			times *= float64(max(l.expected(), 1))
			skipped = times - 1
		}
		if jumps {
			skipped = times
		}
		switch {
		case x.depth < depth: // it is computed before the loop
		case x.kind == applyExpr:
			total += skipped * float64(x.fn.Cost)
		case x.kind == loadExpr:
			total += 4 * skipped
		}
	}
	return total
}

// runBranch emits a branch and remembers the values of its selections in the current block.
func (e *emitter) runBranch(g *branch, p pos) {
	cond := e.value(g.cond, p)
	depth := g.list[0].depth
	for side, only := range g.sides {
		seen := map[*Expr]bool{}
		var before func(x *Expr)
		before = func(x *Expr) {
			if seen[x] {
				return
			}
			seen[x] = true
			if !only[x] && x.depth <= depth {
				if x.kind != literalExpr {
					e.value(x, p)
				}
				return
			}
			x.eachPart(before)
		}
		for _, x := range g.list {
			before(x.args[1+side])
		}
	}
	run := func(side int) func() []spirv.Value {
		return func() []spirv.Value {
			values := make([]spirv.Value, len(g.list))
			e.scoped(func() {
				for i, x := range g.list {
					values[i] = e.value(x.args[1+side], p)
				}
			})
			return values
		}
	}
	for i, v := range e.b.IfElse(cond, run(0), run(1)) {
		e.remember(g.list[i], v, p)
	}
}
