package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Few results over long reductions leave most of a GPU idle when an invocation computes a result. There a workgroup is a team that computes one:
// its invocations walk through the reduction side by side, each folding into registers; then the subgroups fold what their invocations have, by
// shuffles, and after a barrier everybody folds what the subgroups have, from shared memory. Where that does not fill the device either, split.go
// makes parts of the reduction for several workgroups.
//
// The order of the additions follows from workgroup, subgroup and shape alone, so equal runs give equal bits. Shuffles rather than the
// arithmetic of subgroups: drivers may add in any order there, and their minimum and maximum drop NaN.

// team is how many invocations fold the reductions of a tile together, 1 where each invocation has tiles of its own.
func (f *Fused) team(s schedule, t Target) int {
	axis := f.teamAxis(s.vec, t)
	if axis == nil {
		return 1
	}
	tiles := 1
	for _, a := range f.axes[:f.outer] {
		tiles *= ceilDiv(a.Extent, s.tile[a.id])
	}
	step := 1
	if axis == s.vec {
		step = lanes
	}
	n := t.LocalSize / t.Subgroup * t.Subgroup
	for n > t.Subgroup && n*step > axis.Extent {
		n = n / 2 / t.Subgroup * t.Subgroup
	}
	if tiles >= t.Parallel || n < 2 || n*step > axis.Extent {
		return 1
	}
	return n
}

// teamAxis is the axis that a team's invocations walk along side by side, reading neighbouring elements; nil where there is none.
func (f *Fused) teamAxis(vec *Axis, t Target) *Axis {
	groups := f.reductionGroups()
	if !t.WorkgroupFolds || t.Subgroup < 2 || f.loops > 0 || len(groups) != 1 || f.nested() || vec != nil && !vec.reduce {
		return nil
	}
	axis := f.innermost(groups[0], vec)
	ok := true
	for e := range f.reductionLoads() {
		ok = ok && (!e.axes.has(axis) || e.at.coef(axis) == 1 && !e.at.opaque().has(axis))
	}
	f.walk(func(e *Expr) {
		if e.kind == reduceExpr {
			ok = ok && (e.dtype == spirv.Float32 || e.dtype == spirv.Int32 || e.dtype == spirv.Uint32)
		}
	})
	if !ok {
		return nil
	}
	return axis
}

// teamStart is where in a loop along the team's axis, of the given steps, the invocation begins.
func (e *emitter) teamStart(lo spirv.Value, steps int) spirv.Value {
	return e.b.Add(lo, e.b.Mul(e.b.LocalID(0), e.b.ConstU32(uint32(steps))))
}

// teamFold folds what the team's invocations have of each reduction; all of them get the results.
func (e *emitter) teamFold(accs []accumulator, values []spirv.Value) []spirv.Value {
	b := e.b
	// The butterfly: after the step of a mask, invocations that differ in its bits and lower ones have the same.
	one := b.ConstU32(1)
	state := append([]spirv.Value{one}, values...)
	state = b.While(state, func(c []spirv.Value) spirv.Value { return b.Lt(c[0], b.SubgroupSize()) }, func(c []spirv.Value) []spirv.Value {
		next := []spirv.Value{b.Shl(c[0], one)}
		for i, x := range c[1:] {
			y := b.ShuffleXor(x, c[0])
			next = append(next, e.fold(accs[i].r.red, x, y))
		}
		return next
	})
	values = state[1:]
	// There are at most as many subgroups as invocations.
	shared := make([]*spirv.SharedArray, len(accs))
	for i, x := range values {
		shared[i] = b.Shared(x.Type, e.s.team)
	}
	b.If(b.Eq(b.SubgroupLane(), b.ConstU32(0)), func() {
		for i, x := range values {
			b.StoreShared(shared[i], b.SubgroupID(), x)
		}
	})
	b.Barrier()
	first := make([]spirv.Value, len(accs))
	for i := range first {
		first[i] = b.LoadShared(shared[i], b.ConstU32(0))
	}
	return b.Loop(one, b.NumSubgroups(), one, first, func(k spirv.Value, c []spirv.Value) []spirv.Value {
		next := make([]spirv.Value, len(c))
		for i, x := range c {
			next[i] = e.fold(accs[i].r.red, x, b.LoadShared(shared[i], k))
		}
		return next
	})
}
