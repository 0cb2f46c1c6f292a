package spirv

// Eq returns x == y. NaN equals nothing; the zeros of both signs are equal.
func (b *Builder) Eq(x, y Value) Value {
	return b.compare("eq", x, y, opIEqual, opIEqual, opFOrdEqual)
}

// Ne returns x != y, true where either is NaN.
func (b *Builder) Ne(x, y Value) Value {
	return b.compare("ne", x, y, opINotEqual, opINotEqual, opFUnordNotEqual)
}

// Lt returns x < y, false where either is NaN.
func (b *Builder) Lt(x, y Value) Value {
	return b.compare("lt", x, y, opSLessThan, opULessThan, opFOrdLessThan)
}

// Le returns x <= y, false where either is NaN.
func (b *Builder) Le(x, y Value) Value {
	return b.compare("le", x, y, opSLessThanEqual, opULessThanEqual, opFOrdLessThanEqual)
}

// Gt returns x > y, false where either is NaN.
func (b *Builder) Gt(x, y Value) Value {
	return b.compare("gt", x, y, opSGreaterThan, opUGreaterThan, opFOrdGreaterThan)
}

// Ge returns x >= y, false where either is NaN.
func (b *Builder) Ge(x, y Value) Value {
	return b.compare("ge", x, y, opSGreaterThanEqual, opUGreaterThanEqual, opFOrdGreaterThanEqual)
}

func (b *Builder) compare(name string, x, y Value, onI32, onU32, onF32 opcode) Value {
	x, y = b.match(name, x, y)
	switch x.Type.Kind {
	case Int32:
		return b.intOp(onI32, x, y)
	case Uint32:
		return b.intOp(onU32, x, y)
	case Float32, Float64:
		return b.pure(onF32, B1.Vec(x.Type.Lanes), x.ID, y.ID)
	}
	switch onF32 {
	case opFOrdEqual:
		return b.intOp(opLogicalEqual, x, y)
	case opFUnordNotEqual:
		return b.intOp(opLogicalNotEqual, x, y)
	}
	bug("%s of %v", name, x.Type)
	return Value{}
}

const (
	floatAbsMask = 0x7fffffff
	floatInf     = 0x7f800000
	doubleInf    = 0x7ff00000 // the high word
)

// IsNaN tests the bits of floats, so that no driver's assumption about NaN
// can fold it away.
func (b *Builder) IsNaN(x Value) Value {
	if x.Type.Kind == Float64 {
		// Any bit of the low word counts as the lowest of the high one.
		lo, hi := b.Words(x)
		some := b.Convert(b.Ne(lo, b.ConstU32(0)), Uint32)
		return b.Gt(b.Or(b.And(hi, b.ConstU32(floatAbsMask)), some), b.ConstU32(doubleInf))
	}
	return b.Gt(b.absBits("isnan", x), b.ConstU32(floatInf))
}

// IsInf reports infinities of either sign, by their bits.
func (b *Builder) IsInf(x Value) Value {
	if x.Type.Kind == Float64 {
		lo, hi := b.Words(x)
		return b.And(b.Eq(lo, b.ConstU32(0)), b.Eq(b.And(hi, b.ConstU32(floatAbsMask)), b.ConstU32(doubleInf)))
	}
	return b.Eq(b.absBits("isinf", x), b.ConstU32(floatInf))
}

// IsFinite reports what is neither NaN nor infinite, by the bits.
func (b *Builder) IsFinite(x Value) Value {
	if x.Type.Kind == Float64 {
		_, hi := b.Words(x)
		return b.Lt(b.And(hi, b.ConstU32(floatAbsMask)), b.ConstU32(doubleInf))
	}
	return b.Lt(b.absBits("isfinite", x), b.ConstU32(floatInf))
}

func (b *Builder) absBits(name string, x Value) Value {
	b.wantFloat(name, x)
	return b.And(b.Bitcast(x, Uint32), b.ConstU32(floatAbsMask))
}

// Select returns x in lanes where c holds and y elsewhere.
func (b *Builder) Select(c, x, y Value) Value {
	x, y = b.match("select", x, y)
	if c.Type.Kind != Bool {
		bug("select on %v", c.Type)
	}
	if x.Type.Lanes == 1 && c.Type.Lanes > 1 {
		x, y = b.Splat(x, c.Type.Lanes), b.Splat(y, c.Type.Lanes)
	}
	if c.Type.Lanes == 1 {
		c = b.Splat(c, x.Type.Lanes)
	}
	if c.Type.Lanes != x.Type.Lanes {
		bug("select on %v of %v", c.Type, x.Type)
	}
	if bit, ok := b.uniformBits(c); ok {
		if bit != 0 {
			return x
		}
		return y
	}
	if x.ID == y.ID {
		return x
	}
	return b.pure(opSelect, x.Type, c.ID, x.ID, y.ID)
}

// Any returns a scalar: whether any lane of a boolean holds.
func (b *Builder) Any(x Value) Value { return b.reduceBool("any", opAny, x) }

// All returns a scalar: whether every lane of a boolean holds.
func (b *Builder) All(x Value) Value { return b.reduceBool("all", opAll, x) }

func (b *Builder) reduceBool(name string, op opcode, x Value) Value {
	if x.Type.Kind != Bool {
		bug("%s of %v", name, x.Type)
	}
	if x.Type.Lanes == 1 {
		return x
	}
	return b.pure(op, B1, x.ID)
}

// Min returns the smaller operand, and NaN where either float is NaN. Of zeros
// of different sign either may be returned.
func (b *Builder) Min(x, y Value) Value {
	return b.extremum("min", x, y, glslSMin, glslUMin, opFOrdLessThan)
}

// Max returns the larger operand, and NaN where either float is NaN. Of zeros
// of different sign either may be returned.
func (b *Builder) Max(x, y Value) Value {
	return b.extremum("max", x, y, glslSMax, glslUMax, opFOrdGreaterThan)
}

func (b *Builder) extremum(name string, x, y Value, onI32, onU32 uint32, before opcode) Value {
	x, y = b.number(name, x, y)
	t := x.Type
	switch t.Kind {
	case Int32:
		return b.glsl(onI32, t, x, y)
	case Uint32:
		return b.glsl(onU32, t, x, y)
	}
	// The comparison is false where either is NaN: x must win only if it is the NaN.
	first := b.pure(before, B1.Vec(t.Lanes), x.ID, y.ID)
	return b.Select(b.Or(first, b.IsNaN(x)), x, y)
}

// Abs returns the magnitude; of the least i32, itself.
func (b *Builder) Abs(x Value) Value {
	b.oneNumber("abs", x)
	switch x.Type.Kind {
	case Uint32:
		return x
	case Int32:
		return b.glsl(glslSAbs, x.Type, x)
	}
	return b.glsl(glslFAbs, x.Type, x)
}

// Sign returns -1, 0 or 1 of x's kind; a float zero or NaN is returned as it is.
func (b *Builder) Sign(x Value) Value {
	b.oneNumber("sign", x)
	switch x.Type.Kind {
	case Uint32:
		return b.Convert(b.Ne(x, b.Const(x.Type, 0)), Uint32)
	case Int32:
		return b.glsl(glslSSign, x.Type, x)
	}
	if x.Type.Kind == Float64 {
		zero := b.ConstF64(0)
		return b.Select(b.Gt(x, zero), b.ConstF64(1), b.Select(b.Lt(x, zero), b.ConstF64(-1), x))
	}
	signBit := b.And(b.Bitcast(x, Uint32), b.ConstU32(0x80000000))
	one := b.Bitcast(b.Or(signBit, b.ConstU32(0x3f800000)), Float32)
	// Magnitudes from the least denormal to infinity, as bits: some devices compare denormals as zeros.
	bits := b.Sub(b.absBits("sign", x), b.ConstU32(1))
	return b.Select(b.Lt(bits, b.ConstU32(floatInf)), one, x)
}

// Floor returns the largest integer not above x, as a float.
func (b *Builder) Floor(x Value) Value {
	if x.Type.Kind == Float64 {
		t := b.truncDouble(x)
		return b.Select(b.Gt(t, x), b.Sub(t, b.ConstF64(1)), t)
	}
	return b.round("floor", glslFloor, x)
}

// Ceil returns the smallest integer not below x, as a float.
func (b *Builder) Ceil(x Value) Value {
	if x.Type.Kind == Float64 {
		t := b.truncDouble(x)
		return b.Select(b.Lt(t, x), b.Add(t, b.ConstF64(1)), t)
	}
	return b.round("ceil", glslCeil, x)
}

// Trunc drops the fraction.
func (b *Builder) Trunc(x Value) Value {
	if x.Type.Kind == Float64 {
		return b.truncDouble(x)
	}
	return b.round("trunc", glslTrunc, x)
}

// RoundEven returns the nearest integer as a float, the even one of two.
func (b *Builder) RoundEven(x Value) Value {
	if x.Type.Kind == Float64 {
		return b.withSign(b.roundDouble(b.Abs(x)), x)
	}
	return b.round("roundeven", glslRoundEven, x)
}

// Sqrt returns GLSL's square root. Vulkan bounds its error only by that of
// 1/inversesqrt(x); see package emath for one with a tighter bound.
func (b *Builder) Sqrt(x Value) Value { return b.round("sqrt", glslSqrt, x) }

// InverseSqrt returns 1/Sqrt(x).
func (b *Builder) InverseSqrt(x Value) Value { return b.Div(b.float(x.Type, 1), b.Sqrt(x)) }

func (b *Builder) round(name string, number uint32, x Value) Value {
	b.wantFloat(name, x)
	return b.glsl(number, x.Type, x)
}
