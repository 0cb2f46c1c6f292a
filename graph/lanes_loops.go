package graph

import "github.com/lavagrad/lavagrad/shaders"

// Loops inside a lane.

// result is a result of a loop inside.
func (b *laneBuilder) result(tuple *node, i int) *laneLeaf {
	all, ok := b.loops[tuple]
	if !ok {
		o, scan := tuple.op.(scanOp)
		if !scan {
			b.refuse("%s inside a loop", tuple.op.Name())
			return nil
		}
		b.within(tuple, nil, func() { all = b.scan(tuple, o) })
		b.loops[tuple] = all
	}
	if b.why == "" && i >= len(all) {
		b.refuse("what each round of a loop inside gives is read")
	}
	if b.why != "" {
		return nil
	}
	return all[i]
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
	outs := nodes(o.body.call(args)[:o.carry])
	leaves := make([]*laneLeaf, o.carry)
	var init []*shaders.Expr
	for i, x := range now {
		leaves[i] = b.leaf(x, outs[i])
		if x.spec.Shape.Size() > mostLaneExprs/8*b.lanes {
			b.refuse("the carry of a loop inside has more than %d numbers for a sample", mostLaneExprs/8)
			return nil
		}
		for _, at := range b.positions(leaves[i]) {
			switch {
			case leaves[i].minimum:
				init = append(init, b.minimum(in[i]))
			case leaves[i].fixed:
				leaves[i].values = append(leaves[i].values, b.k.value(in[i], at))
			default:
				init = append(init, b.k.value(in[i], at))
			}
		}
	}
	if b.why != "" {
		return nil
	}
	f := b.k.f
	loop := f.NewLoop(o.rounds, init)
	b.enter(loop, now, leaves)
	b.regs[round], b.levels[round] = &laneLeaf{spec: round.spec, values: []*shaders.Expr{loop.Round()}}, len(b.inside)
	next := b.next(now, leaves, outs)
	b.leave()
	if b.why != "" {
		return nil
	}
	last := f.Close(loop, next)
	results := make([]*laneLeaf, o.carry)
	for i, f := range leaves {
		results[i] = &laneLeaf{spec: f.spec, mapped: f.mapped, minimum: f.minimum, values: f.values}
		if !f.fixed {
			results[i].values, last = last[:len(f.values)], last[len(f.values):]
		}
	}
	return results
}
