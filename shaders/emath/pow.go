package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Pow returns x^y.
//
// Special cases, those of IEEE 754-2019 and math.Pow, in order:
//
//	Pow(x, ±0) = 1, Pow(1, y) = 1, even for NaN
//	Pow(NaN, y) = Pow(x, NaN) = NaN
//	Pow(-1, ±Inf) = 1
//	Pow(x, +Inf) = +Inf and Pow(x, -Inf) = 0 for |x| > 1, the other way round below
//	Pow(±0, y) = ±Inf for an odd integer y < 0, +Inf for other y < 0,
//	             ±0 for an odd integer y > 0, +0 for other y > 0
//	Pow(-Inf, y) = Pow(-0, -y), Pow(+Inf, y) = +Inf for y > 0, 0 for y < 0
//	Pow(x, y) = NaN for finite x < 0 and a finite y that is no integer
//
// Denormal x are exact; denormal results may be flushed to 0.
//
// Source: fdlibm's e_powf.c (Sun Microsystems, 1993; I. Taylor): log2|x| as a
// sum of two floats, of which the upper has 12 bits, times y likewise, and 2
// to that sum.
func Pow(b *spirv.Builder, x, y spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		x, y := x, y
		if lanes := max(x.Type.Lanes, y.Type.Lanes); lanes > 1 {
			x, y = e.Splat(x, lanes), e.Splat(y, lanes)
		}
		return e.powEdges(x, y, e.powPositive(e.bits(e.abs(x)), y))
	})
}

// powPositive is |x|^y for the bits of a finite |x| > 0 and a finite y.
func (e emitter) powPositive(bits, y value) value {
	log2High, log2Low := e.log2Pair(bits)
	// |log2 x| is at least 2^-24 where it is not 0, so that no larger y can
	// make more of the result than 0, 1 or +Inf; and products stay finite.
	y = e.clampAbove(e.clampBelow(y, 0x1p34), -0x1p34)
	yHigh := e.high(y)
	low := e.Add(e.Mul(e.Sub(y, yHigh), log2High), e.Mul(y, log2Low))
	high := e.Mul(yHigh, log2High) // exact
	z := e.Add(low, high)
	// Past ±160 the result is +Inf or 0, and the low part is of no account.
	over := e.Gt(e.abs(z), e.f(160))
	z = e.Select(over, e.copySign(e.f(160), z), z)
	high, low = e.Select(over, z, high), e.Select(over, e.f(0), low)

	// 2^(high + low) = 2^n e^(r + c).
	nf, n := e.nearest(z)
	high = e.Sub(high, nf) // exact
	t, tail := e.twoSum(high, low)
	r, c := e.timesLn2(t, tail)
	m, _ := e.expPair(r, c)
	return e.scale(m, e.power(nf, n))
}

// log2Pair is the base-2 logarithm of the positive float with these bits, as a
// sum of two floats with a relative error of about 2^-34, the first of 12 bits.
func (e emitter) log2Pair(bits value) (high, low value) {
	denormal := e.Lt(bits, e.u(minNormal))
	asInt := e.bits(e.Convert(e.Bitcast(bits, spirv.Int32), spirv.Float32))
	bits = e.Select(denormal, asInt, bits)

	// The mantissa is compared with 1, 1.5 or (halved, k one up) 1, whichever
	// is near: sqrt(3/2) and sqrt(3) are the borders.
	fraction := e.And(bits, e.u(0x007fffff))
	mid := e.And(e.Gt(fraction, e.u(0x1cc471)), e.Lt(fraction, e.u(0x5db3d7)))
	top := e.Ge(fraction, e.u(0x5db3d7))
	aBits := e.Or(fraction, e.Select(top, e.u(0x3f000000), e.u(0x3f800000)))
	a := e.float(aBits)
	kf := e.exponent(e.Bitcast(e.Sub(bits, aBits), spirv.Int32))
	kf = e.Sub(kf, e.Select(denormal, e.f(149), e.f(0)))
	center := e.Select(mid, e.f(1.5), e.f(1))

	// s = (a - center)/(a + center) as sHigh + sLow.
	u := e.Sub(a, center)
	v := e.Div(e.f(1), e.Add(a, center))
	s := e.Mul(u, v)
	sHigh := e.high(s)
	tHigh := e.high(e.Add(a, center))
	tLow := e.Sub(a, e.Sub(tHigh, center))
	sLow := e.Mul(v, e.Sub(e.Sub(u, e.Mul(sHigh, tHigh)), e.Mul(sHigh, tLow)))

	// log(a/center) = s (2 + 2/3 s^2 + ...) = 2/3 s (3 + s^2 + R(s)).
	s2 := e.Mul(s, s)
	r := e.product(s2, s2, e.poly(s2, 6.0000002384e-01, 4.2857143283e-01, 3.3333334327e-01,
		2.7272811532e-01, 2.3066075146e-01, 2.0697501302e-01))
	r = e.Add(r, e.Mul(sLow, e.Add(sHigh, s)))
	sHigh2 := e.Mul(sHigh, sHigh)
	pHigh := e.high(e.sum(e.f(3), sHigh2, r))
	pLow := e.Sub(r, e.Sub(e.Sub(pHigh, e.f(3)), sHigh2))
	main := e.Mul(sHigh, pHigh) // exact
	minor := e.Add(e.Mul(sLow, pHigh), e.Mul(pLow, s))
	wHigh := e.high(e.Add(main, minor))
	wLow := e.Sub(minor, e.Sub(wHigh, main))

	// Times 2/(3 ln 2), and plus log2(center) and k.
	const (
		c     = 9.6179670095e-01
		cHigh = 9.6191406250e-01 // 12 bits
		cLow  = -1.1736857402e-04
	)
	zHigh := e.Mul(e.f(cHigh), wHigh) // exact
	zLow := e.sum(e.Mul(e.f(cLow), wHigh), e.Mul(wLow, e.f(c)), e.Select(mid, e.f(1.56322085e-06), e.f(0)))
	center2 := e.Select(mid, e.f(5.84960938e-01), e.f(0)) // log2(1.5), upper bits
	high = e.high(e.sum(zHigh, zLow, center2, kf))
	low = e.Sub(zLow, e.Sub(e.Sub(e.Sub(high, kf), center2), zHigh))
	return high, low
}

// powEdges gives v = |x|^y its sign and puts in what x^y is where v is not it.
func (e emitter) powEdges(x, y, v value) value {
	xBits, xAbs := e.bits(x), e.And(e.bits(x), e.u(absMask))
	yBits, yAbs := e.bits(y), e.And(e.bits(y), e.u(absMask))
	inf, one := e.u(infBits), e.u(0x3f800000)
	yNegative := e.Ge(yBits, e.u(signBit))
	xNegative := e.Ge(xBits, e.u(signBit))

	integer := e.Eq(e.Trunc(y), y)
	half := e.Mul(y, e.f(0.5))
	odd := e.And(integer, e.Ne(e.Trunc(half), half))

	// 0 and infinity to a power, and a power that is infinite: 0 or +Inf.
	xZero, xInf, yInf := e.Eq(xAbs, e.u(0)), e.Eq(xAbs, inf), e.Eq(yAbs, inf)
	large := e.Gt(xAbs, one) // |x| > 1: grows with y
	extreme := e.Select(e.Ne(large, yNegative), e.floatBits(infBits), e.f(0))
	v = e.Select(e.Or(e.Or(xZero, xInf), yInf), extreme, v)

	v = e.Select(e.And(xNegative, odd), e.Neg(v), v)
	finite := e.And(e.Lt(xAbs, inf), e.Not(yInf))
	invalid := e.And(e.And(e.And(xNegative, e.Not(xZero)), finite), e.Not(integer))
	invalid = e.Or(invalid, e.Or(e.Gt(xAbs, inf), e.Gt(yAbs, inf)))
	v = e.Select(invalid, e.floatBits(nanBits), v)
	isOne := e.Or(e.Eq(yAbs, e.u(0)), e.Eq(xBits, one))
	isOne = e.Or(isOne, e.And(e.Eq(xAbs, one), yInf))
	return e.Select(isOne, e.f(1), v)
}
