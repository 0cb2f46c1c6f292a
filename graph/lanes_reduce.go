package graph

import (
	"fmt"

	"github.com/lavagrad/lavagrad/shaders"
)

// Reductions inside a lane: short ones are written out, longer ones are loops of the lane. Those over the same lengths share a loop, and with it
// what their terms have in common.

// folding is a reduction that a Lower rule is writing.
type folding struct {
	extents []int
	round   int // of those written out
	loop    *rolledLoop
	local   int  // a minimum over all lanes: the lane's own part has so many positions along the leading axis
	apart   bool // in a loop of its own, as it needs what the shared one gives
	opened  bool // in this run of the rule
	value   *shaders.Expr
}

// rolledLoop is a loop that folds.
type rolledLoop struct{ loop *shaders.Loop }

func (r *folding) size() int {
	n := 1
	for i, x := range r.extents {
		if i == 0 && r.local > 0 {
			x = r.local
		}
		n *= x
	}
	return n
}

// reduction lowers a reduction: the op's rule runs once for every position that it folds, or once inside a loop.
func (b *laneBuilder) reduction(n *node, at []shaders.Index) *shaders.Expr {
	return b.fold(n, at, &folding{})
}

func (b *laneBuilder) fold(n *node, at []shaders.Index, r *folding) (e *shaders.Expr) {
	outer := b.folding
	b.within(n, at, func() {
		for {
			b.folding, r.opened = r, false
			e = n.op.Lower(&Lowering{b.k, n}, Operands{n}, at)
			r.round++
			if b.why == "" && r.loop != nil && r.value == nil { // it needs what the shared loop gives
				*r = folding{local: r.local, apart: true}
				continue
			}
			if b.why != "" || r.loop != nil || r.round >= r.size() {
				return
			}
		}
	})
	b.folding = outer
	return e
}

// within builds a loop for the element of n at an index no deeper inside other loops than that depends on: it runs once there, and is there for
// all that need it.
func (b *laneBuilder) within(n *node, at []shaders.Index, build func()) {
	depth := b.level(n)
	for _, x := range at {
		depth = max(depth, x.Loops())
	}
	inside := b.inside
	b.inside = inside[:depth:depth]
	b.k.f.Within(depth, build)
	b.inside = inside
}

// level is how many loops are around the registers that n is computed from.
func (b *laneBuilder) level(n *node) int {
	if d, ok := b.levels[n]; ok {
		return d
	}
	d := 0
	for _, x := range n.in() {
		d = max(d, b.level(x))
	}
	b.levels[n] = d
	return d
}

// axes gives the position on the axes to fold over for this run of the rule.
func (b *laneBuilder) axes(extents []int) []shaders.Index {
	if len(extents) == 0 {
		return nil
	}
	r := b.folding
	out := make([]shaders.Index, len(extents))
	if r.opened {
		b.refuse("it folds twice")
	}
	r.opened = true
	if r.extents == nil {
		r.extents = extents
		if n := r.size(); n == 0 || n > mostRolled {
			b.refuse("it folds over %v elements", extents)
		}
	}
	if b.why != "" {
		return out
	}
	i := shaders.Const(r.round)
	if n := r.size(); n > mostUnrolled {
		r.loop = b.roll(r)
		i = shaders.ValueIndex(r.loop.loop.Round(), 0, n-1)
	}
	for a := len(extents) - 1; a > 0; a-- {
		out[a], i = i.Mod(extents[a]), i.Div(extents[a])
	}
	out[0] = i
	if r.local > 0 {
		out[0] = out[0].Add(b.at.Scale(r.local))
	}
	return out
}

// roll is the loop over these lengths inside the loops that are open, which may exist already.
func (b *laneBuilder) roll(r *folding) *rolledLoop {
	key := fmt.Sprint(r.extents, r.local)
	for _, l := range b.inside {
		key += fmt.Sprintf(" %p", l)
	}
	old := b.rolled[key]
	if old != nil && !r.apart {
		b.k.f.Reopen(old.loop)
	} else {
		old = &rolledLoop{b.k.f.NewLoop(r.size(), nil)}
		b.rolled[key] = old
	}
	b.inside = append(b.inside[:len(b.inside):len(b.inside)], old.loop)
	return old
}

// reduce folds the value that the rule has computed into the others.
func (b *laneBuilder) reduce(kind shaders.Reducer, body *shaders.Expr) *shaders.Expr {
	r, f := b.folding, b.k.f
	if b.why != "" {
		return body
	}
	if r.loop != nil {
		b.leave()
		total, ok := f.Accumulate(r.loop.loop, kind, body)
		if !ok {
			return body
		}
		r.value = total
		return total
	}
	if r.round == 0 {
		r.value = body
	} else {
		r.value = f.Fold(kind, r.value, body)
	}
	return r.value
}

// minimum is a lane's own part of a minimum over all lanes.
func (b *laneBuilder) minimum(n *node) *shaders.Expr {
	f := b.k.f
	if leaf := b.regs[n]; leaf != nil && leaf.minimum {
		return leaf.values[0]
	}
	switch o := n.op.(type) {
	case pickOp:
		if leaf := b.result(n.in()[0], o.i); leaf != nil && leaf.minimum {
			return leaf.values[0]
		}
	case reduceOp:
		if o.kind == shaders.Min && len(n.spec.Shape) == 0 {
			if d := n.in()[0].spec.Shape[0]; d%b.lanes == 0 && b.why == "" {
				if e := b.fold(n, nil, &folding{local: d / b.lanes}); b.why == "" {
					return e
				}
				b.why = "" // every lane may know the whole
			}
		}
	case elementwise:
		if o.name == minRule.name {
			return f.Fold(shaders.Min, b.minimum(n.in()[0]), b.minimum(n.in()[1]))
		}
	}
	return b.k.value(n, nil)
}
