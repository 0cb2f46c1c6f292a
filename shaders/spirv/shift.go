package spirv

import "math"

// Shl shifts an integer left by y, an integer in [0, 31] of either kind.
func (b *Builder) Shl(x, y Value) Value {
	if n, ok := b.slowShift(x, y); ok {
		return b.Mul(x, b.Const(x.Type, 1<<n))
	}
	return b.shift("shl", opShiftLeftLogical, x, y)
}

// Shr shifts an integer right by y, an integer in [0, 31] of either kind:
// zeros come in for u32, copies of the sign for i32.
func (b *Builder) Shr(x, y Value) Value {
	op := opShiftRightLogical
	if x.Type.Kind == Int32 {
		op = opShiftRightArithmetic
	}
	if n, ok := b.slowShift(x, y); ok && n > 0 {
		return b.divideByPower(x, n)
	}
	return b.shift("shr", op, x, y)
}

// Mix is a round of a cipher on u32s: y0 = x0 + x1, and y1 = x1 rotated left by n, from 1 to 31, xor y0. Compilers make a rotation of two shifts and
// their or. Where shifts are multiplications, the part shifted right takes longest: it is begun first and comes in last, and the product is
// the last to read x1, since registers are few.
//
// Source: MIX of N. Ferguson et al., The Skein hash function family (2010), section 3.3.1, which Threefry takes over.
func (b *Builder) Mix(x0, x1 Value, n int) (y0, y1 Value) {
	left, right := b.ConstU32(uint32(n)), b.ConstU32(uint32(32-n))
	if !b.cfg.ScalarShifts {
		y0 = b.Add(x0, x1)
		return y0, b.Xor(b.Or(b.Shl(x1, left), b.Shr(x1, right)), y0)
	}
	upper := b.Shr(x1, right)
	y0 = b.Add(x0, x1)
	return y0, b.Xor(b.Xor(b.Shl(x1, left), y0), upper)
}

func (b *Builder) shift(name string, op opcode, x, y Value) Value {
	x, y = b.splatBoth(x, y)
	if !x.Type.Kind.isInt() || !y.Type.Kind.isInt() || x.Type.Lanes != y.Type.Lanes {
		bug("%s of %v by %v", name, x.Type, y.Type)
	}
	for _, n := range b.constBits[y.ID] {
		if n > 31 {
			bug("%s by %d bits", name, n)
		}
	}
	return b.intOp(op, x, y)
}

// slowShift reports a shift by n, the same for all lanes, that is to be replaced by other instructions (Config.ScalarShifts).
func (b *Builder) slowShift(x, y Value) (n uint32, ok bool) {
	amounts := b.constBits[y.ID]
	if !b.cfg.ScalarShifts || !x.Type.Kind.isInt() || len(amounts) == 0 || b.constBits[x.ID] != nil {
		return 0, false
	}
	for _, a := range amounts {
		if a != amounts[0] || a > 31 {
			return 0, false
		}
	}
	return amounts[0], true
}

// divideByPower is x >> n by floats, exactly. What is left of x is a float; where 22 bits stay, adding a power of 2 puts them in its last bits. Else
// the upper bits, as many as a float32 holds, are a float with a power of 2 less in its exponent, and the rest, if any are left, another.
func (b *Builder) divideByPower(x Value, n uint32) Value {
	float := Type{Float32, x.Type.Lanes}
	kept, lost := ^uint32(0)>>n, uint32(1)<<n-1
	part := func(mask uint32) Value {
		v := b.And(x, b.Const(x.Type, mask)) // the conversion takes either kind as signed, and a bitcast would be a copy
		return b.pure(opConvertSToF, float, v.ID)
	}
	if n >= 10 {
		const bits = 23 // of a float's mantissa
		upper := part(^lost)
		magic := float32(1.5) * float32(uint64(1)<<(bits+n)) // with half more, so that it stays as large when something negative is added
		q := b.Bitcast(b.pure(opFAdd, float, upper.ID, b.float(float, float64(magic)).ID), x.Type.Kind)
		if x.Type.Kind == Uint32 {
			return b.And(q, b.Const(x.Type, kept))
		}
		return b.Sub(q, b.Const(x.Type, math.Float32bits(magic)))
	}
	divided := func(mask uint32) Value {
		f := b.Mul(part(mask), b.float(float, 1/float64(uint32(1)<<n)))
		return b.pure(opConvertFToS, x.Type, f.ID)
	}
	q := divided(^max(lost, 0xff))
	if x.Type.Kind == Uint32 { // the highest bit was taken for a sign
		q = b.And(q, b.Const(x.Type, kept))
	}
	if n < 8 {
		q = b.Or(q, divided(0xff))
	}
	return q
}
