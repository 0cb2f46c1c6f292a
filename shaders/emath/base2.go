package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// 1/ln 2 and ln 2 in two parts, the first of 12 bits.
const (
	log2EHigh = 1.4423828125
	log2ELow  = 0.000312228389
	ln2Upper  = 0.693115234375
	ln2Lower  = 3.1946184e-05
)

// Exp2 returns 2^x, exactly where x is an integer.
//
// Exp2(-Inf) = 0, Exp2(+Inf) = +Inf, Exp2(NaN) = NaN. From 128 on it is +Inf;
// below -126 the result is denormal and may be flushed to 0.
func Exp2(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		x := e.clampAbove(e.clampBelow(x, 130), -152)
		nf, n := e.nearest(x)
		r, c := e.timesLn2(e.Sub(x, nf), e.f(0))
		return e.scale(e.Add(e.f(1), e.Add(r, e.expTail(r, c))), e.power(nf, n))
	})
}

// timesLn2 is (t + tail) ln 2 as a sum of two floats, for a tail below the rounding error of t.
func (e emitter) timesLn2(t, tail value) (r, c value) {
	const ln2 = 0.693147182
	h := e.high(t)
	lead := e.Mul(h, e.f(ln2Upper)) // exact
	rest := e.sum(e.Mul(e.Sub(t, h), e.f(ln2)), e.Mul(h, e.f(ln2Lower)), e.Mul(tail, e.f(ln2)))
	return e.twoSum(lead, rest)
}

// Log2 returns the binary logarithm, exactly where x is a power of two.
//
// Log2(±0) = -Inf, Log2(+Inf) = +Inf, Log2(x < 0) = NaN, Log2(NaN) = NaN.
// Denormal x are exact: they are taken apart as integers.
func Log2(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		bits := e.bits(x)
		kf, m := e.splitPositive(bits)
		h, l := e.logPair(e.bits(m))
		upper := e.high(h)
		lead := e.Mul(upper, e.f(log2EHigh)) // exact
		rest := e.Add(e.Mul(e.Sub(h, upper), e.f(log2EHigh)), e.Add(e.Mul(h, e.f(log2ELow)), e.Mul(l, e.f(log2E))))
		s, lost := e.twoSum(kf, lead)
		return e.logEdges(bits, x, e.Add(s, e.Add(lost, rest)))
	})
}
