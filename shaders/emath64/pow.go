package emath64

import (
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Pow returns x to the power of y, with the special cases of IEEE 754 and package math: 1 where y is 0 or x is 1, even
// beside NaN; NaN for negative x and finite y that is no integer.
func Pow(b *spirv.Builder, x, y value) value {
	return precise(b, x, func(e emitter) value {
		ax := e.abs(x)
		usual := e.And(e.Gt(ax, e.f(0)), e.Lt(ax, e.inf()))
		high, low := e.log2(e.Select(usual, ax, e.f(1)))
		// 1100 is beyond overflow and underflow even for the least logarithm.
		yc := e.Select(e.Lt(e.abs(y), e.inf()), y, e.f(0))
		y1 := e.high(yc)
		minor := e.Add(e.Mul(e.Sub(yc, y1), high), e.Mul(yc, low))
		main := e.Mul(y1, high)
		total := e.Add(main, minor)
		v := e.exp2Sum(main, minor)
		v = e.Select(e.Gt(total, e.f(1100)), e.inf(), v)
		v = e.Select(e.Lt(total, e.f(-1100)), e.f(0), v)
		return e.powEdges(x, y, v)
	})
}

// log2 is the logarithm of a positive, finite x to base 2 as a sum: high has 21 bits, low the rest, good to some 2^-68
// (fdlibm, e_pow.c).
func (e emitter) log2(x value) (high, low value) {
	tiny := e.Lt(x, e.f(0x1p-1022))
	x = e.Select(tiny, e.Mul(x, e.f(0x1p53)), x)
	lo, hi := e.Words(x)
	n := e.Sub(e.Bitcast(e.Shr(hi, e.u(20)), spirv.Int32), e.Select(tiny, e.ConstI32(1023+53), e.ConstI32(1023)))
	rest := e.And(hi, e.u(0x000fffff))
	mid := e.And(e.Gt(rest, e.u(0x3988e)), e.Lt(rest, e.u(0xbb67a))) // nearer to 1.5 than to 1 and 2
	up := e.Ge(rest, e.u(0xbb67a))
	n = e.Add(n, e.Convert(up, spirv.Int32))
	ix := e.Sub(e.Or(rest, e.u(0x3ff00000)), e.Select(up, e.u(0x00100000), e.u(0)))
	m := e.FromWords(lo, ix)
	center := e.Select(mid, e.f(1.5), e.f(1))

	u := e.Sub(m, center)
	v := e.Div(e.f(1), e.Add(m, center))
	s := e.Mul(u, v)
	sHigh := e.high(s)
	// The upper bits of m + center.
	tBits := e.Add(e.Add(e.Or(e.Shr(ix, e.u(1)), e.u(0x20000000)), e.u(0x00080000)), e.Select(mid, e.u(1<<18), e.u(0)))
	tHigh := e.FromWords(e.Splat(e.u(0), e.lanes), tBits)
	tLow := e.Sub(m, e.Sub(tHigh, center))
	sLow := e.Mul(v, e.Sub(e.Sub(u, e.Mul(sHigh, tHigh)), e.Mul(sHigh, tLow)))
	s2 := e.Mul(s, s)
	r := e.product(s2, s2, e.poly(s2, 5.99999999999994648725e-01, 4.28571428578550184252e-01, 3.33333329818377432918e-01,
		2.72728123808534006489e-01, 2.30660745775561754067e-01, 2.06975017800338417784e-01))
	r = e.Add(r, e.Mul(sLow, e.Add(sHigh, s)))
	s2 = e.Mul(sHigh, sHigh)
	tHigh = e.high(e.sum(e.f(3), s2, r))
	tLow = e.Sub(r, e.Sub(e.Sub(tHigh, e.f(3)), s2))
	main := e.Mul(sHigh, tHigh)
	minor := e.Add(e.Mul(sLow, tHigh), e.Mul(tLow, s))
	pHigh := e.high(e.Add(main, minor))
	pLow := e.Sub(minor, e.Sub(pHigh, main))

	// Times 2/(3 ln 2), and plus log2(center) and n.
	zHigh := e.Mul(e.f(9.61796700954437255859e-01), pHigh)
	zLow := e.sum(e.Mul(e.f(-7.02846165095275826516e-09), pHigh), e.Mul(pLow, e.f(9.61796693925975554329e-01)),
		e.Select(mid, e.f(1.35003920212974897128e-08), e.f(0)))
	log2Center := e.Select(mid, e.f(5.84962487220764160156e-01), e.f(0))
	k := e.Convert(n, spirv.Float64)
	high = e.high(e.sum(zHigh, zLow, log2Center, k))
	low = e.Sub(zLow, e.Sub(e.Sub(e.Sub(high, k), log2Center), zHigh))
	return high, low
}

// exp2Sum is 2 to the power of main + minor, minor being small beside main or 1.
func (e emitter) exp2Sum(main, minor value) value {
	k := e.RoundEven(e.clamp(e.Add(main, minor), -1100, 1100))
	main = e.Sub(main, k)
	t := e.high(e.Add(minor, main))
	u := e.Mul(t, e.f(6.93147182464599609375e-01))
	v := e.Add(e.Mul(e.Sub(minor, e.Sub(t, main)), e.f(ln2)), e.Mul(t, e.f(-1.90465429995776804525e-09)))
	z := e.Add(u, v)
	w := e.Sub(v, e.Sub(z, u))
	t = e.Mul(z, z)
	t1 := e.Sub(z, e.Mul(t, e.poly(t, 1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
		-1.65339022054652515390e-06, 4.13813679705723846039e-08)))
	r := e.Sub(e.Div(e.Mul(z, t1), e.Sub(t1, e.f(2))), e.Add(w, e.Mul(z, w)))
	return e.scale(e.Sub(e.f(1), e.Sub(r, z)), e.toInt(k))
}

// powEdges gives v = |x|^y its sign and puts in what x^y is where v is not it.
func (e emitter) powEdges(x, y, v value) value {
	ax, ay := e.abs(x), e.abs(y)
	_, xWord := e.Words(x)
	_, yWord := e.Words(y)
	xNegative, yNegative := e.Ge(xWord, e.u(0x80000000)), e.Ge(yWord, e.u(0x80000000))
	integer := e.Eq(e.Trunc(y), y)
	half := e.Mul(y, e.f(0.5))
	odd := e.And(e.And(integer, e.Ne(e.Trunc(half), half)), e.Lt(ay, e.inf()))

	// 0 and infinity to a power, and a power that is infinite: 0 or Inf.
	xZero, xInf, yInf := e.Eq(ax, e.f(0)), e.Eq(ax, e.inf()), e.Eq(ay, e.inf())
	large := e.Gt(ax, e.f(1)) // grows with y
	extreme := e.Select(e.Ne(large, yNegative), e.inf(), e.f(0))
	v = e.Select(e.Or(e.Or(xZero, xInf), yInf), extreme, v)
	v = e.Select(e.And(xNegative, odd), e.Neg(v), v)
	finite := e.And(e.Lt(ax, e.inf()), e.Lt(ay, e.inf()))
	invalid := e.And(e.And(e.And(xNegative, e.Not(xZero)), finite), e.Not(integer))
	v = e.Select(e.Or(invalid, e.Or(e.IsNaN(x), e.IsNaN(y))), e.nan(), v)
	isOne := e.Or(e.Or(e.Eq(y, e.f(0)), e.Eq(x, e.f(1))), e.And(e.Eq(ax, e.f(1)), yInf))
	return e.Select(isOne, e.f(1), v)
}

// Exp2 returns 2 to the power of x.
func Exp2(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		x := e.clamp(x, -1080, 1025)
		k := e.RoundEven(x)
		r := e.Sub(x, k)
		return e.scale(e.expReduced(e.Mul(r, e.f(ln2Hi)), e.Mul(r, e.f(-ln2Lo))), e.toInt(k))
	})
}

// Log2 returns the logarithm to base 2, exact at powers of 2: -Inf at zeros, NaN below, Inf at Inf.
func Log2(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		k, m := e.split(x)
		y := e.logOf(e.f(0), e.Sub(m, e.f(1)), e.f(0))
		// Times 1/ln 2 in two parts, so that the product has no error of its own.
		y1 := e.high(y)
		p := e.sum(e.Mul(e.Sub(y, y1), e.f(log2e)), e.Mul(y1, e.f(1.67517131648865118353e-10)), e.Mul(y1, e.f(1.44269504072144627571e+00)))
		return e.logEdges(x, e.Add(k, p))
	})
}
