package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// Loops inside a lane.

// result is a leaf of the last carry of a loop inside; nil where lanes are not possible.
func (b *laneBuilder) result(tuple *node, i int) *laneLeaf {
	if b.build(tuple); b.why != "" {
		return nil
	}
	return b.loops[tuple][i]
}

// build builds a loop inside, where that has not been done.
func (b *laneBuilder) build(tuple *node) {
	if _, done := b.loops[tuple]; done {
		return
	}
	b.within(tuple, nil, func() {
		switch o := tuple.op.(type) {
		case scanOp:
			b.loops[tuple] = b.scan(tuple, o)
		case whileOp:
			b.loops[tuple] = b.while(tuple, o)
		default:
			b.refuse("%s inside a loop", tuple.op.Name())
		}
	})
}

// scan builds a loop inside.
func (b *laneBuilder) scan(n *node, o scanOp) []*laneLeaf {
	in := n.in()
	args := make([]Tensor, len(in))
	now := make([]*node, o.carry)
	// The captured operands are nodes around the loop, as they are.
	for i, x := range in {
		args[i] = Tensor{x}
		if i < o.carry {
			now[i] = stand(x.spec)
			args[i] = Tensor{now[i]}
		}
	}
	round := stand(Spec{Int32, Shape{}})
	at := Tensor{round}
	if o.reverse {
		at = Int(o.rounds - 1).Sub(at)
	}
	for i := o.carry; i < o.carry+o.walked; i++ {
		x := args[i].n
		args[i] = Tensor{newNode(rowOp{}, []*node{x, at.n}, Spec{x.spec.DType, x.spec.Shape[1:]}, n.pc)}
	}
	outs := nodes(o.body.call(args))
	loop, last := b.inner(innerLoop{now: now, next: outs[:o.carry], init: in[:o.carry], rounds: o.rounds, round: round})
	b.scans[n] = &laneScan{loop: loop, rounds: o.rounds, at: at.n, gives: slices.Concat(outs[o.carry:], now), rows: map[int]int{}}
	return last
}

// innerLoop is a loop inside a lane.
type innerLoop struct {
	now, next, init []*node
	rounds          int
	round           *node // stands for the number of the round; nil where nobody reads it
	goes            *node // the condition on which a round runs, on now; nil for counted loops
}

// inner builds a loop inside and gives it with its last carry.
func (b *laneBuilder) inner(l innerLoop) (*shaders.Loop, []*laneLeaf) {
	leaves := make([]*laneLeaf, len(l.now))
	var init []*shaders.Expr
	for i, x := range l.now {
		leaves[i] = b.leaf(x, l.next[i])
		if x.spec.Shape.Size() > mostLaneExprs/8*b.lanes {
			b.refuse("the carry of a loop inside has more than %d numbers for a sample", mostLaneExprs/8)
			return nil, nil
		}
		for _, at := range b.positions(leaves[i]) {
			switch {
			case leaves[i].minimum:
				init = append(init, b.minimum(l.init[i]))
			case leaves[i].fixed:
				leaves[i].values = append(leaves[i].values, b.k.value(l.init[i], at))
			default:
				init = append(init, b.k.value(l.init[i], at))
			}
		}
	}
	if b.why != "" {
		return nil, nil
	}
	f := b.k.f
	loop := f.NewLoop(l.rounds, init)
	b.enter(loop, l.now, leaves)
	if l.round != nil {
		b.regs[l.round], b.levels[l.round] = &laneLeaf{spec: l.round.spec, values: []*shaders.Expr{loop.Round()}}, len(b.inside)
	}
	if l.goes != nil {
		f.While(loop, b.goes(l.goes))
	}
	next := b.next(l.now, leaves, l.next)
	b.leave()
	if b.why != "" {
		return nil, nil
	}
	last := f.Close(loop, next)
	results := make([]*laneLeaf, len(leaves))
	for i, f := range leaves {
		results[i] = &laneLeaf{spec: f.spec, mapped: f.mapped, minimum: f.minimum, values: f.values}
		if !f.fixed {
			results[i].values, last = last[:len(f.values)], last[len(f.values):]
		}
	}
	return loop, results
}
