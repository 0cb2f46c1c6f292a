package spirv

import "math"

// Convert returns the value of x as another kind:
//
//   - from a boolean, 1 where it holds and 0 elsewhere;
//   - to a boolean, whether x is not 0 (NaN is not);
//   - between integers, the same bits;
//   - from an integer to a float, the nearest float, ties to even;
//   - between floats, the nearest;
//   - from a float to an integer, truncated toward zero; what is out of range
//     becomes the nearest end of the range, and NaN becomes 0.
func (b *Builder) Convert(x Value, kind Kind) Value {
	from, t := x.Type.Kind, Type{kind, x.Type.Lanes}
	if !x.Valid() || !t.valid() {
		bug("convert %v to %v", x.Type, kind)
	}
	switch {
	case from == kind:
		return x
	case from == Bool && kind.isFloat():
		return b.Select(x, b.float(t, 1), b.float(t, 0))
	case from == Bool:
		return b.Select(x, b.Const(t, 1), b.Const(t, 0))
	case kind == Bool && from.isFloat():
		return b.Ne(x, b.float(x.Type, 0))
	case kind == Bool:
		return b.Ne(x, b.Const(x.Type, 0))
	case from.isFloat() && kind.isFloat():
		return b.pure(opFConvert, t, x.ID)
	case from.isFloat():
		return b.saturate(x, t)
	case kind.isFloat():
		return b.intToFloat(x, t)
	}
	return b.Bitcast(x, kind)
}

func (b *Builder) intToFloat(x Value, t Type) Value {
	lanes, isConst := b.constBits[x.ID]
	isConst = isConst && t.Kind == Float32
	if x.Type.Kind == Int32 {
		if isConst {
			return b.mapLanes(t, lanes, func(u uint32) uint32 { return math.Float32bits(float32(int32(u))) })
		}
		return b.pure(opConvertSToF, t, x.ID)
	}
	if isConst {
		return b.mapLanes(t, lanes, func(u uint32) uint32 { return math.Float32bits(float32(u)) })
	}
	if t.Kind != Float32 {
		return b.pure(opConvertUToF, t, x.ID)
	}
	// SwiftShader converts without the highest bit, rounds, and adds it, rounding again. Halves are exact, and
	// so is the upper one with its sign turned and 2^31 added.
	half := func(v Value) Value { return b.pure(opConvertSToF, t, b.Bitcast(v, Int32).ID) }
	upper := half(b.And(b.Xor(x, b.Const(x.Type, 1<<31)), b.Const(x.Type, 0xffff0000)))
	return b.Add(b.Add(upper, b.ConstF32(1<<31)), half(b.And(x, b.Const(x.Type, 0xffff))))
}

// saturate converts floats to integers; the instruction itself is undefined
// out of range, so it sees 0 there.
func (b *Builder) saturate(x Value, t Type) Value {
	op, low, high := opConvertFToS, float32(-1<<31), float32(1<<31)
	least, most := uint32(1<<31), uint32(1<<31-1)
	if t.Kind == Uint32 {
		op, low, high = opConvertFToU, 0, 1<<32
		least, most = 0, 1<<32-1
	}
	lowest, highest := b.float(x.Type, float64(low)), b.float(x.Type, float64(high))
	above := b.Ge(x, highest)
	below := b.Lt(x, lowest)
	// Comparisons with NaN are false, so the range test drops NaN too.
	inside := b.And(b.Ge(x, lowest), b.Lt(x, highest))
	v := b.pure(op, t, b.Select(inside, x, b.float(x.Type, 0)).ID)
	v = b.Select(above, b.Const(t, most), v)
	return b.Select(below, b.Const(t, least), v)
}

// Bitcast returns the same bits as another 32-bit kind.
func (b *Builder) Bitcast(x Value, kind Kind) Value {
	t := Type{kind, x.Type.Lanes}
	if !x.Valid() || x.Type.Kind == Bool || kind == Bool || x.Type.Kind.Bytes() != kind.Bytes() || !t.valid() {
		bug("bitcast %v to %v", x.Type, kind)
	}
	if x.Type == t {
		return x
	}
	if lanes, ok := b.constBits[x.ID]; ok {
		return b.ConstLanes(t, lanes...)
	}
	return b.pure(opBitcast, t, x.ID)
}

// Vector joins scalars of one kind, 1 to 4 of them.
func (b *Builder) Vector(vals ...Value) Value {
	if len(vals) < 1 || len(vals) > 4 {
		bug("vector of %d lanes", len(vals))
	}
	t := vals[0].Type.Vec(len(vals))
	ids := make([]uint32, len(vals))
	bits := make([]uint32, 0, len(vals))
	for i, v := range vals {
		if v.Type != vals[0].Type || v.Type.Lanes != 1 || !v.Valid() {
			bug("vector lane %d is %v, the first %v", i, v.Type, vals[0].Type)
		}
		ids[i] = v.ID
		bits = append(bits, b.constBits[v.ID]...)
	}
	if len(vals) == 1 {
		return vals[0]
	}
	if len(bits) == len(vals) {
		return b.ConstLanes(t, bits...)
	}
	v := b.pure(opCompositeConstruct, t, ids...)
	b.parts[v.ID] = append([]Value(nil), vals...)
	return v
}

// Lane returns lane i of a vector; of a scalar, itself for i = 0.
func (b *Builder) Lane(v Value, i int) Value {
	if i < 0 || i >= v.Type.Lanes || !v.Valid() {
		bug("lane %d of %v", i, v.Type)
	}
	if v.Type.Lanes == 1 {
		return v
	}
	if lanes, ok := b.constBits[v.ID]; ok {
		return b.Const(v.Type.Scalar(), lanes[i])
	}
	// The lanes of a vector dominate it, hence also this place.
	if parts, ok := b.parts[v.ID]; ok {
		return parts[i]
	}
	return b.pure(opCompositeExtract, v.Type.Scalar(), v.ID, uint32(i))
}

// Shuffle picks lanes out of x's followed by y's. The kinds agree, the lanes
// need not; y may be the zero Value if no index names it.
func (b *Builder) Shuffle(x, y Value, idx ...int) Value {
	if !y.Valid() {
		y = x
	}
	if x.Type.Kind != y.Type.Kind || len(idx) < 1 || len(idx) > 4 {
		bug("shuffle of %v and %v to %d lanes", x.Type, y.Type, len(idx))
	}
	words := []uint32{x.ID, y.ID}
	vals := make([]Value, 0, len(idx))
	for _, i := range idx {
		if i < 0 || i >= x.Type.Lanes+y.Type.Lanes {
			bug("shuffle index %d of %v and %v", i, x.Type, y.Type)
		}
		words = append(words, uint32(i))
	}
	if len(idx) > 1 && b.opaque(x) && b.opaque(y) {
		return b.pure(opVectorShuffle, x.Type.Vec(len(idx)), words...)
	}
	for _, i := range idx {
		if i < x.Type.Lanes {
			vals = append(vals, b.Lane(x, i))
		} else {
			vals = append(vals, b.Lane(y, i-x.Type.Lanes))
		}
	}
	return b.Vector(vals...)
}

// opaque reports a vector whose lanes are not at hand as values.
func (b *Builder) opaque(v Value) bool {
	_, isConst := b.constBits[v.ID]
	_, joined := b.parts[v.ID]
	return v.Type.Lanes > 1 && !isConst && !joined
}
