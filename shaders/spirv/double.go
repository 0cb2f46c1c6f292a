package spirv

import "math"

// ConstF64 returns the constant x of Float64. Arithmetic on such constants is not folded.
func (b *Builder) ConstF64(x float64) Value {
	bits := math.Float64bits(x)
	if v, ok := b.doubles[bits]; ok {
		return v
	}
	typeID := b.typeOf(F64)
	v := Value{b.newID(), F64}
	b.globals.add(opConstant, typeID, v.ID, uint32(bits), uint32(bits>>32))
	b.doubles[bits] = v
	return v
}

// ConstFloat returns the constant x of Float32 or Float64.
func (b *Builder) ConstFloat(k Kind, x float64) Value {
	switch k {
	case Float32:
		return b.ConstF32(float32(x))
	case Float64:
		return b.ConstF64(x)
	}
	bug("float constant of %v", k)
	return Value{}
}

// float is the constant x in every lane of a float type.
func (b *Builder) float(t Type, x float64) Value { return b.Splat(b.ConstFloat(t.Kind, x), t.Lanes) }

// Words returns the low and the high word of every lane of a Float64, as Uint32 of as many lanes.
func (b *Builder) Words(x Value) (lo, hi Value) {
	if x.Type.Kind != Float64 {
		bug("words of %v", x.Type)
	}
	los, his := make([]Value, x.Type.Lanes), make([]Value, x.Type.Lanes)
	for i := range los {
		pair := b.pure(opBitcast, U32.Vec(2), b.Lane(x, i).ID)
		los[i], his[i] = b.Lane(pair, 0), b.Lane(pair, 1)
	}
	return b.Vector(los...), b.Vector(his...)
}

// FromWords returns the Float64 whose lanes have the given low and high words; the inverse of Words.
func (b *Builder) FromWords(lo, hi Value) Value {
	lo, hi = b.match("fromwords", lo, hi)
	if lo.Type.Kind != Uint32 {
		bug("fromwords of %v", lo.Type)
	}
	lanes := make([]Value, lo.Type.Lanes)
	for i := range lanes {
		lanes[i] = b.pure(opBitcast, F64, b.Vector(b.Lane(lo, i), b.Lane(hi, i)).ID)
	}
	return b.Vector(lanes...)
}

// Pairs returns the bits of a vector of 32-bit lanes as a Float64 of half as many, for a store: arithmetic on it would be nonsense.
func (b *Builder) Pairs(x Value) Value {
	if x.Type.Kind == Bool || x.Type.Kind.Bytes() != 4 || x.Type.Lanes%2 != 0 {
		bug("pairs of %v", x.Type)
	}
	return b.pure(opBitcast, F64.Vec(x.Type.Lanes/2), x.ID)
}

// roundDouble is RoundEven of a Float64 that is not negative: adding 2^52 leaves no bits for a fraction. lavapipe's own
// instructions go through 32-bit integers and leave everything above 2^24 as it is.
func (b *Builder) roundDouble(x Value) Value {
	var y Value
	b.Precise(func() {
		c := b.ConstF64(1 << 52)
		y = b.Select(b.Lt(x, c), b.Sub(b.Add(x, c), c), x)
	})
	return y
}

// truncDouble is Trunc of a Float64.
func (b *Builder) truncDouble(x Value) Value {
	a := b.Abs(x)
	r := b.roundDouble(a)
	return b.withSign(b.Select(b.Gt(r, a), b.Sub(r, b.ConstF64(1)), r), x)
}

// withSign gives a Float64 that is not negative the sign of x.
func (b *Builder) withSign(y, x Value) Value {
	lo, hi := b.Words(y)
	_, sign := b.Words(x)
	return b.FromWords(lo, b.Or(hi, b.And(sign, b.ConstU32(0x80000000))))
}
