package spirv

// SetPrecise turns NoContraction for the float arithmetic that follows on or
// off, and returns the setting before. With it the driver may neither fuse a
// multiplication with an addition nor reassociate.
func (b *Builder) SetPrecise(on bool) (old bool) {
	old = b.precise
	b.precise = on
	return old
}

// Precise runs f with SetPrecise(true).
func (b *Builder) Precise(f func()) {
	old := b.SetPrecise(true)
	f()
	b.precise = old
}

// Add returns x + y; integers wrap. As with every function of two operands
// here, both have the same kind and lanes, or one is a scalar and is splatted.
func (b *Builder) Add(x, y Value) Value {
	x, y = b.number("add", x, y)
	if x.Type.Kind.isFloat() {
		return b.pure(opFAdd, x.Type, x.ID, y.ID)
	}
	return b.intOp(opIAdd, x, y)
}

// Sub returns x - y; integers wrap.
func (b *Builder) Sub(x, y Value) Value {
	x, y = b.number("sub", x, y)
	if x.Type.Kind.isFloat() {
		return b.pure(opFSub, x.Type, x.ID, y.ID)
	}
	return b.intOp(opISub, x, y)
}

// Mul returns x * y; integers wrap.
func (b *Builder) Mul(x, y Value) Value {
	x, y = b.number("mul", x, y)
	if x.Type.Kind.isFloat() {
		return b.pure(opFMul, x.Type, x.ID, y.ID)
	}
	return b.intOp(opIMul, x, y)
}

// Div returns x / y. Integers truncate toward zero; division by zero, and of
// the least i32 by -1, give an undefined value. Floats: Vulkan allows an error
// of 2.5 ULP for |y| in [2^-126, 2^126]; see package emath for a division with
// a tighter bound.
func (b *Builder) Div(x, y Value) Value {
	x, y = b.number("div", x, y)
	switch x.Type.Kind {
	case Float32, Float64:
		return b.pure(opFDiv, x.Type, x.ID, y.ID)
	case Int32:
		return b.intOp(opSDiv, x, y)
	}
	return b.intOp(opUDiv, x, y)
}

// Rem returns x - y*trunc(x/y), which has the sign of x. Integers are exact;
// floats compute that formula, so the result is good only while the quotient
// is below about 2^23.
func (b *Builder) Rem(x, y Value) Value {
	x, y = b.number("rem", x, y)
	if x.Type.Kind == Uint32 {
		return b.intOp(opUMod, x, y)
	}
	// OpSRem is undefined for negative operands in Vulkan, OpFRem may be
	// arbitrarily inexact.
	if x.Type.Kind == Int32 {
		return b.Sub(x, b.Mul(b.Div(x, y), y))
	}
	return b.Sub(x, b.Mul(b.Trunc(b.Div(x, y)), y))
}

// Neg returns -x; the sign of a float zero flips.
func (b *Builder) Neg(x Value) Value {
	b.oneNumber("neg", x)
	if x.Type.Kind.isFloat() {
		if lanes, ok := b.constBits[x.ID]; ok {
			return b.mapLanes(x.Type, lanes, func(u uint32) uint32 { return u ^ 0x80000000 })
		}
		return b.pure(opFNegate, x.Type, x.ID)
	}
	if lanes, ok := b.constBits[x.ID]; ok {
		return b.mapLanes(x.Type, lanes, func(u uint32) uint32 { return -u })
	}
	return b.pure(opSNegate, x.Type, x.ID)
}

// MulAdd returns x*y + z, which the driver may contract outside Precise.
func (b *Builder) MulAdd(x, y, z Value) Value { return b.Add(b.Mul(x, y), z) }

// Fma returns GLSL's fma(x, y, z) of floats. It is one rounding on GPUs with
// the instruction and two elsewhere (on both CPU drivers).
func (b *Builder) Fma(x, y, z Value) Value {
	x, y = b.number("fma", x, y)
	x, z = b.number("fma", x, z)
	y, z = b.number("fma", y, z)
	b.wantFloat("fma", x)
	return b.glsl(glslFma, x.Type, x, y, z)
}

// UMulExtended returns the low and the high word of the 64-bit product of u32s.
func (b *Builder) UMulExtended(x, y Value) (lo, hi Value) {
	x, y = b.number("umulextended", x, y)
	if x.Type.Kind != Uint32 {
		bug("umulextended of %v", x.Type)
	}
	xs, xok := b.constBits[x.ID]
	ys, yok := b.constBits[y.ID]
	if xok && yok {
		var l, h []uint32
		for i := range xs {
			p := uint64(xs[i]) * uint64(ys[i])
			l, h = append(l, uint32(p)), append(h, uint32(p>>32))
		}
		return b.ConstLanes(x.Type, l...), b.ConstLanes(x.Type, h...)
	}
	word := b.typeOf(x.Type)
	pair := b.declareType(opTypeStruct, 0, word, word)
	id := b.pureID(opUMulExtended, pair, x.ID, y.ID)
	return b.pure(opCompositeExtract, x.Type, id, 0), b.pure(opCompositeExtract, x.Type, id, 1)
}

// And returns the bitwise and of integers, or the logical one of booleans.
func (b *Builder) And(x, y Value) Value {
	return b.bitwise("and", x, y, opBitwiseAnd, opLogicalAnd)
}

// Or returns the bitwise or of integers, or the logical one of booleans.
func (b *Builder) Or(x, y Value) Value {
	return b.bitwise("or", x, y, opBitwiseOr, opLogicalOr)
}

// Xor returns the bitwise exclusive or of integers, or inequality of booleans.
func (b *Builder) Xor(x, y Value) Value {
	return b.bitwise("xor", x, y, opBitwiseXor, opLogicalNotEqual)
}

func (b *Builder) bitwise(name string, x, y Value, onInts, onBools opcode) Value {
	x, y = b.match(name, x, y)
	switch x.Type.Kind {
	case Bool:
		return b.intOp(onBools, x, y)
	case Float32, Float64:
		bug("%s of %v", name, x.Type)
	}
	return b.intOp(onInts, x, y)
}

// Not returns the complement of an integer's bits, or of a boolean.
func (b *Builder) Not(x Value) Value {
	op, flip := opNot, ^uint32(0)
	switch x.Type.Kind {
	case Bool:
		op, flip = opLogicalNot, 1
	case Float32, Float64:
		bug("not of %v", x.Type)
	}
	if lanes, ok := b.constBits[x.ID]; ok {
		return b.mapLanes(x.Type, lanes, func(u uint32) uint32 { return u ^ flip })
	}
	return b.pure(op, x.Type, x.ID)
}

// BitCount returns the number of one bits of each lane of an integer.
func (b *Builder) BitCount(x Value) Value {
	if !x.Type.Kind.isInt() {
		bug("bitcount of %v", x.Type)
	}
	return b.pure(opBitCount, x.Type, x.ID)
}

// number brings two operands of arithmetic to one type.
func (b *Builder) number(name string, x, y Value) (Value, Value) {
	x, y = b.match(name, x, y)
	if x.Type.Kind == Bool {
		bug("%s of %v", name, x.Type)
	}
	return x, y
}

// match splats a scalar operand and wants equal types.
func (b *Builder) match(name string, x, y Value) (Value, Value) {
	x, y = b.splatBoth(x, y)
	if x.Type != y.Type || !x.Valid() || !y.Valid() {
		bug("%s of %v and %v", name, x.Type, y.Type)
	}
	return x, y
}

func (b *Builder) splatBoth(x, y Value) (Value, Value) {
	switch {
	case x.Type.Lanes == 1 && y.Type.Lanes > 1:
		x = b.Splat(x, y.Type.Lanes)
	case y.Type.Lanes == 1 && x.Type.Lanes > 1:
		y = b.Splat(y, x.Type.Lanes)
	}
	return x, y
}

func (b *Builder) oneNumber(name string, x Value) {
	if !x.Valid() || x.Type.Kind == Bool {
		bug("%s of %v", name, x.Type)
	}
}

func (b *Builder) wantFloat(name string, x Value) {
	if !x.Valid() || !x.Type.Kind.isFloat() {
		bug("%s of %v", name, x.Type)
	}
}

// glsl emits an instruction of GLSL.std.450.
func (b *Builder) glsl(number uint32, t Type, args ...Value) Value {
	words := []uint32{b.extSet, number}
	for _, a := range args {
		words = append(words, a.ID)
	}
	return b.pure(opExtInst, t, words...)
}
