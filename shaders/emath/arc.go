package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

var (
	// Minimax fit of (atan(x) - x) / x^3 in x^2 on [0, 1]; error of atan 2^-31.
	atanPoly = []float32{
		-0.333333284, 0.199997216, -0.142804682, 0.110622577, -0.088258408,
		0.0677453056, -0.0451463461, 0.0229229759, -0.00749632902, 0.00114913739,
	}
	// Minimax fit of (asin(x) - x) / x^3 in x^2 on [0, 1/2]; error of asin 2^-31.
	asinPoly = []float32{0.166666597, 0.0750051811, 0.0445145816, 0.0318258107, 0.014375098, 0.037600141}
)

// pi and half of it, in two floats.
const (
	pi            = 3.14159265
	piLow         = -8.742278e-08
	halfPiNearest = 1.57079633
	halfPiLow     = -4.371139e-08
)

// Atan returns the inverse tangent, in [-pi/2, pi/2].
//
// Atan(±0) = ±0, Atan(±Inf) = ±pi/2, Atan(NaN) = NaN. A denormal x may be
// flushed to 0.
func Atan(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		steep := e.Gt(a, e.f(1))
		i := e.Div(e.f(1), a)
		lost := e.Mul(i, e.remainder(e.f(1), i, e.Select(e.Lt(a, e.f(0x1p30)), a, e.f(1))))
		lost = e.Select(e.Lt(a, e.f(0x1p30)), lost, e.f(0))
		q, qLow := e.Select(steep, i, a), e.Select(steep, lost, e.f(0))
		return e.copySign(e.atanQuotient(q, qLow, steep), x)
	})
}

// atanQuotient is atan(q + qLow) for 0 <= q <= 1, or pi/2 less it where flip is true.
func (e emitter) atanQuotient(q, qLow, flip value) value {
	z := e.Mul(q, q)
	// The derivative 1/(1+z) of the correction is 1 - z/2 well enough.
	low := e.Add(e.product(z, q, e.poly(z, atanPoly...)), e.Mul(qLow, e.Sub(e.f(1), e.Mul(e.f(0.5), z))))
	s, lost := e.fastTwoSum(e.f(halfPiNearest), e.Neg(q))
	flipped := e.Add(s, e.Sub(e.Add(lost, e.f(halfPiLow)), low))
	return e.Select(flip, flipped, e.Add(q, low))
}

// Atan2 returns the angle of the point (x, y), in [-pi, pi], by the signs of
// both: Atan(y/x) for x > 0.
//
// Special cases, those of IEEE 754-2019 and math.Atan2:
//
//	Atan2(y, NaN) = Atan2(NaN, x) = NaN
//	Atan2(±0, x) = ±0 for x > 0 and x = +0, ±pi for x < 0 and x = -0
//	Atan2(y, ±0) = ±pi/2 with the sign of y
//	Atan2(y, +Inf) = ±0, Atan2(y, -Inf) = ±pi for finite y
//	Atan2(±Inf, x) = ±pi/2 for finite x
//	Atan2(±Inf, +Inf) = ±pi/4, Atan2(±Inf, -Inf) = ±3pi/4
//
// Denormal arguments may be taken for 0, and denormal results flushed to 0.
func Atan2(b *spirv.Builder, y, x spirv.Value) spirv.Value {
	return precise(b, y, func(e emitter) value {
		one, zero := e.f(1), e.f(0)
		ax, ay := e.abs(x), e.abs(y)
		steep := e.Gt(ay, ax)
		top, den := e.Select(steep, ax, ay), e.Select(steep, ay, ax)
		// Scaled to keep the quotient's remainder from overflow and underflow.
		scale := e.Select(e.Gt(den, e.f(0x1p60)), e.f(0x1p-64), e.Select(e.Lt(den, e.f(0x1p-60)), e.f(0x1p64), one))
		topS, denS := e.Mul(top, scale), e.Mul(den, scale)
		q := e.Div(top, den)
		lost := e.Div(e.remainder(topS, q, denS), denS)
		lost = e.Select(e.Gt(q, e.f(0x1p-40)), lost, zero)
		equal := e.Eq(ax, ay) // both 0, both infinite, or on a diagonal
		q = e.Select(equal, e.Select(e.Eq(ax, zero), zero, one), q)
		lost = e.Select(equal, zero, lost)

		left := e.Ge(e.bits(x), e.u(signBit))
		// A half turn less the angle, if x is negative.
		angle := e.atanQuotient(q, lost, steep)
		// In parts: pi - q, or pi/2 + q where steep.
		z := e.Mul(q, q)
		low := e.Add(e.product(z, q, e.poly(z, atanPoly...)), e.Mul(lost, e.Sub(one, e.Mul(e.f(0.5), z))))
		base := e.Select(steep, e.f(halfPiNearest), e.f(pi))
		baseLow := e.Select(steep, e.f(halfPiLow), e.f(piLow))
		signedQ, signedLow := e.Select(steep, q, e.Neg(q)), e.Select(steep, low, e.Neg(low))
		s, t := e.fastTwoSum(base, signedQ)
		angle = e.Select(left, e.Add(s, e.Add(e.Add(t, baseLow), signedLow)), angle)
		angle = e.copySign(angle, y)
		return e.Select(e.Or(e.IsNaN(x), e.IsNaN(y)), e.floatBits(nanBits), angle)
	})
}

// Asin returns the inverse sine, in [-pi/2, pi/2].
//
// Asin(±0) = ±0, Asin(|x| > 1) = NaN, Asin(NaN) = NaN. A denormal x may be
// flushed to 0.
//
// Source: Cephes asinf: above 1/2 it is pi/2 - 2 asin(sqrt((1-x)/2)).
func Asin(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		far, q, qLow, low := e.asinParts(a)
		s, lost := e.fastTwoSum(e.f(halfPiNearest), e.Mul(e.f(-2), q))
		rest := e.Sub(e.Add(lost, e.f(halfPiLow)), e.Mul(e.f(2), e.Add(qLow, low)))
		y := e.copySign(e.Select(far, e.Add(s, rest), e.Add(q, low)), x)
		return e.Select(e.Gt(a, e.f(1)), e.floatBits(nanBits), y)
	})
}

// Acos returns the inverse cosine, in [0, pi].
//
// Acos(1) = 0, Acos(|x| > 1) = NaN, Acos(NaN) = NaN.
func Acos(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		a, negative := e.abs(x), e.Lt(x, e.f(0))
		far, q, qLow, low := e.asinParts(a)
		// Near 0: pi/2 - asin(x); above 1/2: 2q; below -1/2: pi - 2q.
		signed := func(v value) value { return e.Select(negative, v, e.Neg(v)) } // -x asin
		s1, l1 := e.fastTwoSum(e.f(halfPiNearest), signed(q))
		near := e.Add(s1, e.Add(e.Add(l1, e.f(halfPiLow)), signed(low)))
		double, doubleLow := e.Mul(e.f(2), q), e.Mul(e.f(2), e.Add(qLow, low))
		s2, l2 := e.fastTwoSum(e.f(pi), e.Neg(double))
		back := e.Add(s2, e.Sub(e.Add(l2, e.f(piLow)), doubleLow))
		y := e.Select(far, e.Select(negative, back, e.Add(double, doubleLow)), near)
		return e.Select(e.Gt(a, e.f(1)), e.floatBits(nanBits), y)
	})
}

// asinParts returns q + qLow, which is a, or sqrt((1-a)/2) where far, and what
// the inverse sine of it has more.
func (e emitter) asinParts(a value) (far, q, qLow, low value) {
	far = e.Gt(a, e.f(0.5))
	z := e.Select(far, e.Mul(e.f(0.5), e.Sub(e.f(1), a)), e.Mul(a, a)) // exact where far
	root := Sqrt(e.Builder, z)
	// Newton's step; z - root^2 is exact, but for its last sums.
	lost := e.Div(e.remainder(z, root, root), e.Add(root, root))
	lost = e.Select(e.Gt(root, e.f(0)), lost, e.f(0))
	q, qLow = e.Select(far, root, a), e.Select(far, lost, e.f(0))
	return far, q, qLow, e.product(z, q, e.poly(z, asinPoly...))
}
