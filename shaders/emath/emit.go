package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// value is a SPIR-V value; the name is short for the formulas' sake.
type value = spirv.Value

// emitter adds what formulas need to a builder. Its float arithmetic is not
// contracted: precise sees to that.
type emitter struct{ *spirv.Builder }

// precise runs f on an emitter with NoContraction set. The error-free steps of
// the formulas, such as x - (x - y), are lost when reassociated or fused.
func precise(b *spirv.Builder, x value, f func(e emitter) value) (out value) {
	if x.Type.Kind != spirv.Float32 {
		panic("BUG: emath: function of " + x.Type.String() + ", want f32")
	}
	b.Precise(func() { out = f(emitter{b}) })
	return out
}

const (
	signBit   = 0x80000000
	absMask   = 0x7fffffff
	infBits   = 0x7f800000
	nanBits   = 0x7fc00000
	highMask  = 0xfffff000 // keeps 12 bits of the mantissa: products of two such are exact
	minNormal = 0x00800000
)

func (e emitter) f(c float32) value { return e.ConstF32(c) }
func (e emitter) u(c uint32) value  { return e.ConstU32(c) }
func (e emitter) i(c int32) value   { return e.ConstI32(c) }

// bits and float reinterpret the 32 bits of a lane.
func (e emitter) bits(x value) value  { return e.Bitcast(x, spirv.Uint32) }
func (e emitter) float(x value) value { return e.Bitcast(x, spirv.Float32) }

// constant floats by their bits, for what has no literal.
func (e emitter) floatBits(c uint32) value { return e.Const(spirv.F32, c) }

// sum adds from left to right.
func (e emitter) sum(x value, more ...value) value {
	for _, y := range more {
		x = e.Add(x, y)
	}
	return x
}

// product multiplies from left to right.
func (e emitter) product(x value, more ...value) value {
	for _, y := range more {
		x = e.Mul(x, y)
	}
	return x
}

// poly is c[0] + x*c[1] + x*x*c[2] + ... by Horner's rule.
func (e emitter) poly(x value, c ...float32) value {
	y := e.f(c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		y = e.Add(e.Mul(y, x), e.f(c[i]))
	}
	return y
}

// polyHalves is poly for a z that is x*x: even and odd powers apart, since each step of Horner's rule waits for the one before.
func (e emitter) polyHalves(x, z value, c ...float32) value {
	var halves [2][]float32
	for i, c := range c {
		halves[i%2] = append(halves[i%2], c)
	}
	return e.Add(e.Mul(e.poly(z, halves[1]...), x), e.poly(z, halves[0]...))
}

// abs clears the sign bit, of NaN too.
func (e emitter) abs(x value) value { return e.float(e.And(e.bits(x), e.u(absMask))) }

// copySign gives x, which is not negative, the sign of s.
func (e emitter) copySign(x, s value) value {
	return e.float(e.Or(e.bits(x), e.And(e.bits(s), e.u(signBit))))
}

// high keeps the upper 12 bits of the mantissa.
func (e emitter) high(x value) value { return e.float(e.And(e.bits(x), e.u(highMask))) }

// clampBelow returns min(x, c) and clampAbove max(x, c); NaN stays NaN.
func (e emitter) clampBelow(x value, c float32) value {
	return e.Select(e.Gt(x, e.f(c)), e.f(c), x)
}

func (e emitter) clampAbove(x value, c float32) value {
	return e.Select(e.Lt(x, e.f(c)), e.f(c), x)
}

// nearest rounds x, |x| < 2^22, to the nearest integer, as a float and an i32.
// Adding 1.5 * 2^23 leaves the integer in the mantissa's low bits. For NaN the
// float is NaN and the integer arbitrary, without any undefined conversion.
func (e emitter) nearest(x value) (rounded, n value) {
	const magic = 12582912 // 1.5 * 2^23, bits 0x4b400000
	t := e.Add(x, e.f(magic))
	return e.Sub(t, e.f(magic)), e.Sub(e.Bitcast(t, spirv.Int32), e.i(0x4b400000))
}

// pow2 is 2^n for an i32 n in [-126, 127]. The exponent field is filled by a
// multiplication: SwiftShader shifts lane by lane.
func (e emitter) pow2(n value) value { return e.float(e.Mul(e.Add(n, e.i(127)), e.i(1<<23))) }

// power is 2^n for an integer in [-252, 254], as two factors: of a product
// with something near 1 only the second can round, overflow or underflow.
type power struct{ first, second value }

// power takes n as a float and as an i32.
func (e emitter) power(nf, n value) power {
	_, half := e.nearest(e.Mul(nf, e.f(0.5)))
	return power{e.pow2(half), e.pow2(e.Sub(n, half))}
}

// scale is y * 2^n.
func (e emitter) scale(y value, p power) value { return e.product(y, p.first, p.second) }

// twoDiff returns s = fl(x - y) and the exact error t, x - y = s + t (Knuth).
func (e emitter) twoDiff(x, y value) (s, t value) {
	s = e.Sub(x, y)
	w := e.Sub(x, s)
	return s, e.Add(e.Sub(x, e.Add(s, w)), e.Sub(w, y))
}

// fastTwoSum is fl(x + y) and the exact error, for |x| >= |y|.
func (e emitter) fastTwoSum(x, y value) (s, t value) {
	s = e.Add(x, y)
	return s, e.Add(e.Sub(x, s), y)
}

// twoSum is fl(x + y) and the exact error (Knuth).
func (e emitter) twoSum(x, y value) (s, t value) {
	s = e.Add(x, y)
	w := e.Sub(s, x)
	return s, e.Add(e.Sub(x, e.Sub(s, w)), e.Sub(y, w))
}

// remainder is x - q*y for q near x/y, exact but for its last sums (Dekker).
func (e emitter) remainder(x, q, y value) value {
	qh, yh := e.high(q), e.high(y)
	ql, yl := e.Sub(q, qh), e.Sub(y, yh)
	r := e.Sub(e.Sub(x, e.Mul(qh, yh)), e.Mul(qh, yl))
	return e.Sub(e.Sub(r, e.Mul(ql, yh)), e.Mul(ql, yl))
}
