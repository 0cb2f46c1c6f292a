package shaders

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// reductions emits the loops of all reductions that the outputs need, inner ones first, and
// remembers their results for every position of the tile.
func (e *emitter) reductions() {
	var pending []*Expr
	e.f.walk(func(x *Expr) {
		if x.kind == reduceExpr {
			pending = append(pending, x)
		}
	})
	done := map[*Expr]bool{}
	for len(pending) > 0 {
		first := e.ready(pending, done)
		var batch, later []*Expr
		for _, x := range pending {
			if e.ready([]*Expr{x}, done) != nil && slices.Equal(x.inner, first.inner) {
				batch = append(batch, x)
			} else {
				later = append(later, x)
			}
		}
		e.reduceTogether(batch)
		for _, x := range batch {
			done[x] = true
		}
		pending = later
	}
}

// ready is the first reduction whose body needs no other one that is not done.
func (e *emitter) ready(pending []*Expr, done map[*Expr]bool) *Expr {
	for _, x := range pending {
		ok := true
		var look func(*Expr)
		look = func(y *Expr) {
			if y.kind == reduceExpr {
				ok = ok && done[y]
				return
			}
			for _, a := range y.operands() {
				look(a)
			}
		}
		look(x.args[0])
		if ok {
			return x
		}
	}
	return nil
}

// accumulator is one running value: reduction r at output position p.
type accumulator struct {
	r *Expr
	p pos
}

// reduceTogether emits one loop nest for reductions over the same axes.
func (e *emitter) reduceTogether(rs []*Expr) {
	var accs []accumulator
	var init []spirv.Value
	e.eachOuter(func(p pos) {
		for _, r := range rs {
			a := accumulator{r, p.at(r.axes)}
			if slices.Contains(accs, a) {
				continue
			}
			n := 1
			if e.wide(r.args[0].axes) || e.s.vec != nil && slices.Contains(r.inner, e.s.vec) {
				n = lanes
			}
			accs = append(accs, a)
			init = append(init, e.b.Splat(e.neutral(r), n))
			e.hoist(r.args[0], p, r.inner)
		}
	})
	axes := slices.Clone(rs[0].inner)
	if len(axes) > 0 {
		last := e.f.innermost(axes, e.s.vec)
		axes = append(slices.DeleteFunc(axes, func(a *Axis) bool { return a == last }), last)
	}
	sums := e.loops(axes, accs, init)
	for i, a := range accs {
		if e.s.vec != nil && e.s.vec.reduce && sums[i].Type.Lanes > 1 {
			sums[i] = e.across(a.r, sums[i])
		}
	}
	if e.s.team > 1 {
		sums = e.teamFold(accs, sums)
	}
	for i, a := range accs {
		v := sums[i]
		key := memoKey{what: "value", id: a.r.id, at: a.p, wide: e.wide(a.r.axes)}
		e.scopes[len(e.scopes)-1][key] = v
	}
}

// block is how many steps of a loop are folded before their result joins the rest: sums of n terms then have an
// error that grows with block + n/block instead of n.
const block = 64

// loops emits the nest over axes, outermost first.
func (e *emitter) loops(axes []*Axis, accs []accumulator, carried []spirv.Value) []spirv.Value {
	b := e.b
	if len(axes) == 0 {
		return e.accumulate(accs, carried, nil, 0)
	}
	a := axes[0]
	zero, n := b.ConstU32(0), e.extentOf(a)
	if len(axes) == 1 {
		return e.innerLoop(a, n, accs, carried)
	}
	inner := 1
	for _, x := range axes[1:] {
		inner *= x.Extent
	}
	return b.Loop(zero, n, b.ConstU32(1), carried, func(i spirv.Value, c []spirv.Value) (out []spirv.Value) {
		e.scoped(func() {
			e.base[a.id] = i
			for _, x := range accs {
				e.hoist(x.r.args[0], x.p, axes[1:])
			}
			if inner < block {
				out = e.loops(axes[1:], accs, c)
				return
			}
			out = e.join(accs, c, e.loops(axes[1:], accs, e.neutrals(accs, c)))
		})
		return out
	})
}

// innerLoop emits the innermost loop, over n positions along a: unrolled steps, then the rest one by one.
func (e *emitter) innerLoop(a *Axis, n spirv.Value, accs []accumulator, carried []spirv.Value) []spirv.Value {
	b := e.b
	step := e.s.tile[a.id]
	whole := n
	even := a.Extent%step == 0 && a.total%step == 0
	if !even {
		s := b.ConstU32(uint32(step))
		whole = b.Mul(b.Div(n, s), s)
	}
	run := func(lo, hi spirv.Value, steps int, carried []spirv.Value) []spirv.Value {
		if e.s.team > 1 {
			lo = e.teamStart(lo, steps)
		}
		return b.Loop(lo, hi, b.ConstU32(uint32(steps*e.s.team)), carried, func(i spirv.Value, c []spirv.Value) (out []spirv.Value) {
			e.scoped(func() {
				e.base[a.id] = i
				out = e.accumulate(accs, c, a, steps)
			})
			return out
		})
	}
	if stride := block * step * e.s.team; a.Extent > 2*stride {
		length := b.ConstU32(uint32(stride))
		carried = b.Loop(b.ConstU32(0), whole, length, carried, func(i spirv.Value, c []spirv.Value) []spirv.Value {
			end := b.Min(b.Add(i, length), whole)
			return e.join(accs, c, run(i, end, step, e.neutrals(accs, c)))
		})
	} else {
		carried = run(b.ConstU32(0), whole, step, carried)
	}
	if even {
		return carried
	}
	// The last steps fill no vector and no unrolled body.
	tail, narrow := e.tail, e.narrow
	e.tail, e.narrow = a, narrow || a == e.s.vec
	carried = run(whole, n, 1, carried)
	e.tail, e.narrow = tail, narrow
	return carried
}

// neutrals are fresh accumulators of the types of carried.
func (e *emitter) neutrals(accs []accumulator, carried []spirv.Value) []spirv.Value {
	out := make([]spirv.Value, len(accs))
	for i, x := range accs {
		out[i] = e.b.Splat(e.neutral(x.r), carried[i].Type.Lanes)
	}
	return out
}

// join folds two sets of accumulators.
func (e *emitter) join(accs []accumulator, x, y []spirv.Value) []spirv.Value {
	out := make([]spirv.Value, len(accs))
	for i, a := range accs {
		out[i] = e.fold(a.r.red, x[i], y[i])
	}
	return out
}

// accumulate folds the body at each of the unrolled steps along a into the running values.
func (e *emitter) accumulate(accs []accumulator, carried []spirv.Value, a *Axis, steps int) []spirv.Value {
	out := slices.Clone(carried)
	stride := 1
	if a == nil {
		steps = 1
	} else if a == e.s.vec && !e.narrow {
		stride = lanes
	}
	for s := 0; s < steps; s += stride {
		for i, x := range accs {
			p := x.p
			if a != nil {
				p[a.id] = int16(s)
			}
			v := e.value(x.r.args[0], p)
			switch {
			case v.Type.Lanes == out[i].Type.Lanes:
			case out[i].Type.Lanes > 1 && e.narrow:
				// A scalar step joins the first lane.
				neutral := e.neutral(x.r)
				v = e.b.Vector(v, neutral, neutral, neutral)
			default:
				v = e.b.Splat(v, out[i].Type.Lanes)
			}
			out[i] = e.fold(x.r.red, out[i], v)
		}
	}
	return out
}

// hoist emits the parts of a loop's body that do not change in the loop before it.
func (e *emitter) hoist(x *Expr, p pos, axes []*Axis) {
	var inside axisSet
	for _, a := range axes {
		inside |= 1 << a.id
	}
	var walk func(*Expr)
	walk = func(x *Expr) {
		if x.axes&inside == 0 {
			if x.kind != literalExpr {
				e.value(x, p)
			}
			return
		}
		for _, a := range x.args {
			walk(a)
		}
	}
	walk(x)
}

func (e *emitter) fold(r Reducer, x, y spirv.Value) spirv.Value { return fold(e.b, r, x, y) }

func fold(b *spirv.Builder, r Reducer, x, y spirv.Value) spirv.Value {
	switch r {
	case Sum:
		return b.Add(x, y)
	case Max:
		return b.Max(x, y)
	case Prod:
		return b.Mul(x, y)
	default:
		return b.Min(x, y)
	}
}

// across folds the lanes of a vector.
func (e *emitter) across(r *Expr, v spirv.Value) spirv.Value {
	b := e.b
	return e.fold(r.red, e.fold(r.red, b.Lane(v, 0), b.Lane(v, 1)), e.fold(r.red, b.Lane(v, 2), b.Lane(v, 3)))
}

// neutral is the value that changes nothing.
func (e *emitter) neutral(r *Expr) spirv.Value { return neutral(e.b, r.red, r.dtype) }

func neutral(b *spirv.Builder, r Reducer, k spirv.Kind) spirv.Value {
	switch k {
	case spirv.Float32, spirv.Float64:
		return b.ConstFloat(k, neutralFloat[r])
	case spirv.Int32:
		return b.ConstI32(neutralInt[r])
	}
	return b.ConstU32(neutralWord[r])
}

// The neutral values, by reducer.
var (
	neutralFloat = [...]float64{0, math.Inf(-1), math.Inf(1), 1}
	neutralInt   = [...]int32{0, math.MinInt32, math.MaxInt32, 1}
	neutralWord  = [...]uint32{0, 0, math.MaxUint32, 1}
)
