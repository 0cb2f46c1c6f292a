package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Minimax fit of (log(1+f) - f + f^2/2) / f^3 for sqrt(1/2) <= 1+f <= sqrt(2);
// absolute error relative to f of log 2^-30.2.
var logPoly = []float32{
	0.333333105, -0.249999866, 0.200022265, -0.16669251, 0.142186612,
	-0.123843506, 0.118729569, -0.117897913, 0.0691539273,
}

const sqrtHalfBits = 0x3f3504f3 // bits of sqrt(1/2)

// split returns m in [sqrt(1/2), sqrt(2)) and k * 2^23 (an i32) with
// x = m * 2^k, for the bits of a positive normal x.
func (e emitter) split(bits value) (k23, m value) {
	mantissa := e.And(e.Sub(bits, e.u(sqrtHalfBits)), e.u(0x007fffff))
	mBits := e.Add(mantissa, e.u(sqrtHalfBits))
	return e.Bitcast(e.Sub(bits, mBits), spirv.Int32), e.float(mBits)
}

// exponent is k as a float, of k * 2^23.
func (e emitter) exponent(k23 value) value {
	return e.Mul(e.Convert(k23, spirv.Float32), e.f(0x1p-23))
}

// logSum is kf ln 2 + log(1 + f) + d for a small correction d and f in the
// polynomial's range.
func (e emitter) logSum(kf, f, d value) value {
	z := e.Mul(f, f)
	y := e.product(f, z, e.polyHalves(f, z, logPoly...))
	y = e.Add(y, e.Add(e.Mul(kf, e.f(ln2Low)), d))
	y = e.Sub(y, e.Mul(e.f(0.5), z))
	return e.Add(e.Add(f, y), e.Mul(kf, e.f(ln2High)))
}

// logPositive is the logarithm of the positive finite float with these bits.
func (e emitter) logPositive(bits value) value {
	kf, m := e.splitPositive(bits)
	return e.logSum(kf, e.Sub(m, e.f(1)), e.f(0))
}

// splitPositive is split with k as a float, for denormals too: a denormal is
// its bits, an integer below 2^23, times 2^-149.
func (e emitter) splitPositive(bits value) (kf, m value) {
	denormal := e.Lt(bits, e.u(minNormal))
	asInt := e.bits(e.Convert(e.Bitcast(bits, spirv.Int32), spirv.Float32))
	k23, m := e.split(e.Select(denormal, asInt, bits))
	return e.Sub(e.exponent(k23), e.Select(denormal, e.f(149), e.f(0))), m
}

// logPair is logPositive as a sum of two floats, high the nearest to it, with
// a relative error of about 2^-28.
func (e emitter) logPair(bits value) (high, low value) {
	kf, m := e.splitPositive(bits)
	f := e.Sub(m, e.f(1))
	// f^2/2 with an exact upper part.
	fh := e.high(f)
	square := e.product(e.f(0.5), fh, fh)
	rest := e.product(e.f(0.5), e.Sub(f, fh), e.Add(f, fh))
	s, lost1 := e.twoSum(e.Mul(kf, e.f(ln2High)), f)
	s, lost2 := e.twoDiff(s, square)
	y := e.Add(e.product(f, e.Mul(f, f), e.poly(f, logPoly...)), e.Mul(kf, e.f(ln2Low)))
	return e.fastTwoSum(s, e.Add(e.Sub(y, rest), e.Add(lost1, lost2)))
}

// Log returns the natural logarithm.
//
// Log(±0) = -Inf, Log(+Inf) = +Inf, Log(x < 0) = NaN, Log(NaN) = NaN. Denormal
// x are exact: they are taken apart as integers.
//
// Source: Cephes logf's reduction; polynomial fitted for this package.
func Log(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		bits := e.bits(x)
		return e.logEdges(bits, x, e.logPositive(bits))
	})
}

// LogPositive is Log of positive, finite and normal x, to the bit, without care for what others are.
func LogPositive(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		k23, m := e.split(e.bits(x))
		return e.logSum(e.exponent(k23), e.Sub(m, e.f(1)), e.f(0))
	})
}

// logEdges puts in what a logarithm of x is outside the positive finite
// numbers; bits are those of x.
func (e emitter) logEdges(bits, x, y value) value {
	y = e.Select(e.Eq(bits, e.u(infBits)), x, y)
	// As unsigned integers all of NaN and the negative numbers are above +Inf.
	y = e.Select(e.Gt(bits, e.u(infBits)), e.floatBits(nanBits), y)
	return e.Select(e.Eq(e.And(bits, e.u(absMask)), e.u(0)), e.floatBits(infBits|signBit), y)
}

// Log1p returns log(1 + x), accurate near 0.
//
// Log1p(±0) = ±0, Log1p(-1) = -Inf, Log1p(+Inf) = +Inf, Log1p(x < -1) = NaN,
// Log1p(NaN) = NaN. A denormal x may be flushed to 0.
func Log1p(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		u := e.Add(e.f(1), x)
		y := e.logEdges(e.bits(u), u, e.log1p(x, e.f(0)))
		return e.Select(e.Lt(e.abs(x), e.f(0x1p-25)), x, y)
	})
}

// log1p is log(1 + x + d) for finite x > -1 and a d below the rounding error
// of x. What 1 + x rounds away comes back as a correction.
func (e emitter) log1p(x, d value) value {
	one := e.f(1)
	u := e.Add(one, x)
	k23, m := e.split(e.bits(u))
	lost := e.Select(e.Ge(x, one), e.Sub(one, e.Sub(u, x)), e.Sub(x, e.Sub(u, one)))
	// For k = 0 nothing need be rounded: 1 + x is in the polynomial's range.
	near := e.Eq(k23, e.i(0))
	f := e.Select(near, x, e.Sub(m, one))
	c := e.Add(e.Select(near, e.f(0), lost), d)
	// log(m + c) is log(m) + c/m and 1/m is about 1 - f; past 2^25 nothing is lost.
	c = e.Mul(c, e.float(e.Sub(e.i(0x3f800000), e.Min(k23, e.i(60<<23)))))
	c = e.Sub(c, e.Mul(c, f))
	return e.logSum(e.exponent(k23), f, c)
}

// expNegative returns t + d = e^-(a + da) for a >= 0 and a da below its
// rounding error; t is the nearest float, at most 1.
func (e emitter) expNegative(a, da value) (t, d value) {
	a = e.clampBelow(a, 105) // e^-105 is 0 as a float
	nf, n, r, c := e.reduceExp(e.Neg(a))
	m, l := e.expPair(r, e.Sub(c, da))
	p := e.power(nf, n)
	return e.scale(m, p), e.scale(l, p)
}

// Softplus returns log(1 + e^x) = max(x, 0) + log1p(e^-|x|).
//
// Softplus(-Inf) = 0, Softplus(+Inf) = +Inf, Softplus(NaN) = NaN. Below
// -87.33655 the result is denormal and may be flushed to 0.
func Softplus(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		t, d := e.expNegative(e.abs(x), e.f(0))
		return e.Add(e.clampAbove(x, 0), e.log1p(t, d))
	})
}

// LogAddExp returns log(e^x + e^y) = max(x, y) + log1p(e^-|x-y|), without
// overflow.
//
// Where one argument is +Inf so is the result, where one is -Inf the result is
// the other, where one is NaN it is NaN. The sum cancels where the result is
// near 0 and x and y are not: the error is at most 2 ULP of the larger of
// |max(x, y)| and |result|, and 2^-126 where e^-|x-y| is denormal and flushed.
func LogAddExp(b *spirv.Builder, x, y spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		// Equal infinities have no difference, but it is as good as 0.
		first, second := e.Select(e.Gt(x, y), x, y), e.Select(e.Gt(x, y), y, x)
		diff, lost := e.twoDiff(first, second)
		diff = e.Select(e.Eq(x, y), e.f(0), diff)
		lost = e.Select(e.IsFinite(lost), lost, e.f(0))
		t, d := e.expNegative(diff, lost)
		return e.Add(first, e.log1p(t, d))
	})
}
