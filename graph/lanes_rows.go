package graph

import "github.com/lavagrad/lavagrad/shaders"

// What each round of a loop inside a lane gives, and the carry that it began with, which reverse mode reads: the lane keeps it in an array of its own
// in memory, which it writes while the loop runs and reads afterwards, at positions that may be computed.

// laneScan is a scan that was built inside a lane.
type laneScan struct {
	loop   *shaders.Loop
	rounds int
	at     *node       // the position of a round's rows
	gives  []*node     // what a round gives, and the carry at its beginning
	rows   map[int]int // the arguments that keep them
}

// row is an element of the rows that n, result number carry + i of a scan, stands for.
func (b *laneBuilder) row(n *node, i int, at []shaders.Index) *shaders.Expr {
	tuple, f := n.in()[0], b.k.f
	b.build(tuple)
	zero := f.Literal(n.spec.DType.kind(), 0)
	if b.why != "" {
		return zero
	}
	s := b.scans[tuple]
	y := s.gives[i]
	mapped := b.lanes > 1 && len(y.spec.Shape) > 0 && y.spec.Shape[0] == b.lanes
	arg, ok := s.rows[i]
	if !ok {
		b.within(tuple, nil, func() { arg = b.keepRows(s, y, mapped) })
		if b.why != "" {
			return zero
		}
		s.rows[i] = arg
	}
	if mapped {
		if at[1].String() != b.at.String() {
			b.refuse("a sample reads the rounds of others")
			return zero
		}
		at = append([]shaders.Index{at[0]}, at[2:]...)
	}
	return f.LoadAfter(arg, b.rowAt(y, mapped, at[0], at[1:]), f.Done(s.loop))
}

// rowAt is where an element of a row is kept: rows are apart by what all lanes keep of one.
func (b *laneBuilder) rowAt(y *node, mapped bool, row shaders.Index, at []shaders.Index) shaders.Index {
	shape := y.spec.Shape
	if mapped {
		shape = shape[1:]
	}
	lane := b.at.Scale(shape.Size())
	return row.Scale(b.lanes * shape.Size()).Add(lane).Add(linear(at, shape))
}

// keepRows has the loop of a scan store y in every round, and gives the argument that keeps it. It is called with the loops around that one open.
func (b *laneBuilder) keepRows(s *laneScan, y *node, mapped bool) (arg int) {
	shape, f := y.spec.Shape, b.k.f
	if mapped {
		shape = shape[1:]
	}
	if shape.Size() > mostLaneExprs/8 {
		b.refuse("what each round of a loop inside gives has more than %d numbers for a sample", mostLaneExprs/8)
		return 0
	}
	kept := stand(Spec{y.spec.DType, shape.prepend(b.lanes).prepend(s.rounds)})
	if size := bytesOf(kept.spec); b.budget > 0 && size > b.budget {
		b.refuse("what the rounds of a loop inside give takes %d bytes, the budget is %d", size, b.budget)
		return 0
	}
	arg = b.k.arg(kept)
	f.Reopen(s.loop)
	b.inside = append(b.inside[:len(b.inside):len(b.inside)], s.loop)
	row := shaders.ValueIndex(b.k.value(s.at, nil), 0, max(s.rounds-1, 0))
	for _, at := range b.positions(&laneLeaf{spec: y.spec, mapped: mapped}) {
		v := b.k.value(y, at)
		if mapped {
			at = at[1:]
		}
		f.Put(s.loop, arg, b.rowAt(y, mapped, row, at), v)
	}
	b.leave()
	return arg
}
