package shaders

import (
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// chooseViews decides how every argument is bound.
func (e *emitter) chooseViews(t Target) {
	e.views, e.pairs = make([]View, len(e.f.args)), make([]bool, len(e.f.args))
	vectors, loaded := make([]bool, len(e.f.args)), make([]bool, len(e.f.args))
	e.f.walk(func(x *Expr) {
		if x.kind == loadExpr {
			loaded[x.arg] = true
			vectors[x.arg] = vectors[x.arg] || e.wide(x.axes) && e.f.vectorAccess(x.at, e.s.vec) || e.granule(x.at) != nil
		}
	})
	for i, a := range e.f.args {
		if !a.Write && a.Kind == spirv.Float32 && ceilDiv(a.Size, lanes) <= t.MaxTexels && (vectors[i] || t.TexelScalar) {
			e.views[i] = TexelVector
		}
		e.pairs[i] = t.PairStores && !loaded[i] && a.Kind.Bytes() == 4
	}
}

// read loads element at (a scalar) of an argument.
func (e *emitter) read(arg int, at spirv.Value) spirv.Value {
	b := e.b
	if e.views[arg] == Storage {
		return b.Load(e.buffer(arg, 1), at)
	}
	v := b.Fetch(e.texelBuffer(arg), b.Div(at, b.ConstU32(lanes)))
	rest := b.And(at, b.ConstU32(lanes-1))
	if c, ok := b.IntConst(rest); ok {
		return b.Lane(v, int(c))
	}
	x := b.Lane(v, lanes-1)
	for l := lanes - 2; l >= 0; l-- {
		x = b.Select(b.Eq(rest, b.ConstU32(uint32(l))), b.Lane(v, l), x)
	}
	return x
}

// readVector loads the vector of four number at of an argument.
func (e *emitter) readVector(arg int, at spirv.Value) spirv.Value {
	if e.views[arg] == TexelVector {
		return e.b.Fetch(e.texelBuffer(arg), at)
	}
	return e.b.Load(e.buffer(arg, lanes), at)
}

func (e *emitter) texelBuffer(arg int) *spirv.Texel {
	t, ok := e.texel[arg]
	if !ok {
		t = e.b.TexelBuffer(e.first + arg)
		e.texel[arg] = t
	}
	return t
}

// buffer is the view of an array with elements of the given number of lanes.
func (e *emitter) buffer(arg, n int) *spirv.Buffer {
	k := bufKey{arg, n}
	if b, ok := e.buf[k]; ok {
		return b
	}
	a := e.f.args[arg]
	elem := spirv.Type{Kind: a.Kind, Lanes: n}
	switch {
	case n == lanes && e.pairs[arg]:
		elem = spirv.F64.Vec(lanes / 2)
	case a.Kind == spirv.Bool:
		elem.Kind = spirv.Uint32
	}
	access := spirv.ReadOnly
	if a.Write {
		access = spirv.ReadWrite
	}
	buf := e.b.StorageBuffer(e.first+arg, elem, access)
	e.buf[k] = buf
	return buf
}

// load reads an array element, or a vector of four.
func (e *emitter) load(x *Expr, p pos) spirv.Value {
	v := e.fetch(x, p)
	if x.dtype == spirv.Bool {
		return e.b.Ne(v, e.b.Splat(e.b.ConstU32(0), v.Type.Lanes))
	}
	return v
}

func (e *emitter) fetch(x *Expr, p pos) spirv.Value {
	b := e.b
	if !e.wide(x.axes) {
		return e.element(x, p, 0)
	}
	if e.f.vectorAccess(x.at, e.s.vec) {
		return e.vector(x, p, 0)
	}
	var v [lanes]spirv.Value
	for l := range v {
		v[l] = e.element(x, p, l)
	}
	return b.Vector(v[:]...)
}

// element reads one scalar: as part of a vector that its neighbours need too, where there are such.
func (e *emitter) element(x *Expr, p pos, lane int) spirv.Value {
	if a := e.granule(x.at); a != nil {
		rest := int(p[a.id]) % lanes
		q := p
		q[a.id] -= int16(rest)
		return e.b.Lane(e.vector(x, q, lane), rest)
	}
	return e.read(x.arg, e.index(x.at, p, lane))
}

// granule is the unrolled axis along which an index walks over aligned vectors, or nil.
func (e *emitter) granule(x Index) *Axis {
	for _, t := range x.terms {
		a := t.atom.axis
		if t.atom.kind == axisAtom && a != e.s.vec && a != e.tail && e.s.tile[a.id]%lanes == 0 && !e.ragged(a) && e.f.vectorAccess(x, a) {
			return a
		}
	}
	return nil
}

// vector reads the four elements from an aligned position on.
func (e *emitter) vector(x *Expr, p pos, lane int) spirv.Value {
	key := memoKey{what: "vector", id: x.id, at: p.at(x.axes), lane: lane}
	return e.memo(key, func() spirv.Value {
		return e.readVector(x.arg, e.vectorIndex(x.at, p, lane))
	})
}

// index emits an index at p for one lane, as u32 modulo 2^32.
func (e *emitter) index(x Index, p pos, lane int) spirv.Value { return e.indexIn(1, x, p, lane) }

// vectorIndex is index divided by four, for accesses of whole vectors (vectorAccess). Each part is divided, not the sum: so neighbours
// differ in a constant, where a division of each would take eight instructions on SwiftShader.
func (e *emitter) vectorIndex(x Index, p pos, lane int) spirv.Value {
	return e.indexIn(lanes, x, p, lane)
}

// indexIn emits an index in units of one element or of one vector. Then at most one axis has a coefficient that the unit does not divide: 1, and
// its positions are divided.
func (e *emitter) indexIn(unit int, x Index, p pos, lane int) spirv.Value {
	b := e.b
	c := x.c
	sum := spirv.Value{}
	for _, t := range x.terms {
		a, coef := t.atom, t.coef/unit
		var v spirv.Value
		if a.kind == axisAtom && !e.ragged(a.axis) {
			// The offset in the tile goes into the constant, so that neighbours share the rest.
			c += t.coef * e.offset(a.axis, p, lane)
			v = e.base[a.axis.id]
		} else {
			v = e.atom(a, p, lane)
		}
		if t.coef%unit != 0 {
			v, coef = e.quarter(v), 1
		}
		v = b.Mul(v, b.ConstU32(uint32(int32(coef))))
		if sum.Valid() {
			v = b.Add(sum, v)
		}
		sum = v
	}
	k := b.ConstU32(uint32(int32(c / unit)))
	if !sum.Valid() {
		return k
	}
	return b.Add(sum, k)
}

// quarter is a position divided by four: known without a division where it is the start of a tile.
func (e *emitter) quarter(v spirv.Value) spirv.Value {
	if q, ok := e.quarters[v.ID]; ok {
		return q
	}
	return e.b.Div(v, e.b.ConstU32(lanes))
}

// offset is where in the tile position p, lane, stands along a.
func (e *emitter) offset(a *Axis, p pos, lane int) int {
	o := int(p[a.id])
	if a == e.s.vec {
		o += lane
	}
	return o
}

// atom emits an opaque part of an index; positions past a ragged end are held at the last one.
func (e *emitter) atom(a *atom, p pos, lane int) spirv.Value {
	b := e.b
	u := func(c int) spirv.Value { return b.ConstU32(uint32(int32(c))) }
	switch a.kind {
	case axisAtom:
		o := e.offset(a.axis, p, lane)
		if o == 0 {
			return e.base[a.axis.id]
		}
		last := b.Sub(e.extentOf(a.axis), u(1))
		return b.Min(b.Add(e.base[a.axis.id], u(o)), last)
	case divAtom:
		if start, o, ok := e.inStep(a, p, lane); ok {
			return b.Add(b.Div(e.index(start, pos{}, 0), u(a.by)), u(o/a.by))
		}
		return b.Div(e.index(a.base, p, lane), u(a.by))
	case modAtom:
		if _, o, ok := e.inStep(a, p, lane); ok {
			return u(o % a.by)
		}
		return b.Rem(e.index(a.base, p, lane), u(a.by))
	case clampAtom:
		x := b.Bitcast(e.index(a.base, p, lane), spirv.Int32)
		x = b.Min(b.Max(x, b.ConstI32(int32(a.lo))), b.ConstI32(int32(a.hi)))
		return b.Bitcast(x, spirv.Uint32)
	default:
		v := e.value(a.expr, p)
		if v.Type.Lanes > 1 {
			v = b.Lane(v, lane)
		}
		if v.Type.Kind == spirv.Int32 {
			v = b.Bitcast(v, spirv.Uint32)
		}
		return v
	}
}

// inStep takes the base of a quotient or remainder apart: into what it is where the tile starts, if that is known to be a multiple of the divisor,
// and the constant o that p, lane, adds. So two lanes that read one element of a pooled array read it once.
func (e *emitter) inStep(a *atom, p pos, lane int) (start Index, o int, ok bool) {
	o = a.base.c
	for _, t := range a.base.terms {
		x := t.atom.axis
		if t.atom.kind != axisAtom || t.coef < 0 || x == e.tail || e.ragged(x) || t.coef*e.s.tile[x.id]%a.by != 0 {
			return Index{}, 0, false
		}
		o += t.coef * e.offset(x, p, lane)
	}
	return Index{terms: a.base.terms}, o, o >= 0
}

// store writes a value to an output.
func (e *emitter) store(o store, v spirv.Value, p pos) {
	b := e.b
	if v.Type.Kind == spirv.Bool {
		v = b.Convert(v, spirv.Uint32)
	}
	vec := e.s.vec
	switch {
	case vec == nil || vec.reduce:
		b.Store(e.buffer(o.arg, 1), e.index(o.at, p, 0), v)
	case e.f.vectorAccess(o.at, vec):
		at := e.vectorIndex(o.at, p, 0)
		v = b.Splat(v, lanes)
		if e.ragged(vec) {
			v = b.Select(e.inRow(), v, b.Const(v.Type, 0))
		}
		if e.pairs[o.arg] {
			v = b.Pairs(v)
		}
		b.Store(e.buffer(o.arg, lanes), at, v)
	default:
		var last spirv.Value
		for l := range lanes {
			x := v
			if v.Type.Lanes > 1 {
				x = b.Lane(v, l)
			}
			if l > 0 && e.ragged(vec) { // past the end the last element is stored again, which takes no branch
				x = b.Select(b.Lane(e.inRow(), l), x, last)
			}
			b.Store(e.buffer(o.arg, 1), e.index(o.at, p, l), x)
			last = x
		}
	}
}
