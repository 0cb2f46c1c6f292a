package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

var (
	// Minimax fit of erf(x)/x - 1 in x^2 on [0, 1], error 2^-29.6.
	erfSmallPoly = []float32{0.128379166, -0.376126289, 0.112836182, -0.026855126, 0.00519073335, -0.000803075032, 7.92030332e-05}
	// Minimax fit of -log(erfc(t))/t - 1 on [0.9, 4], error of erf 2^-29.1.
	erfLargePoly = []float32{0.128637075, 0.635198057, 0.106158979, -0.0236944836, 0.00361028989, -0.000314840494, 1.04322216e-05}
	// Minimax fit of (1+2a) exp(a^2) erfc(a) - 1 in (a-2)/(a+2) for a in
	// [0.45, 10.1], error 2^-26.6 relative to 1 + p after rounding.
	erfcPoly = []float32{
		0.276978374, -0.0927638113, -0.166030377, 0.164050549, -0.0542205721, -0.00802401081,
		0.00872666296, 0.00121485721, -0.001467166, -0.000309925992, 0.000212720304,
	}
)

// Erf returns the error function, 2/sqrt(pi) times the integral of exp(-t^2)
// from 0 to x.
//
// Erf(±0) = ±0, Erf(±Inf) = ±1, Erf(NaN) = NaN. A denormal x may be flushed to 0.
//
// An odd polynomial serves below 0.921875; above, 1 - exp(-t (1 + p(t))).
func Erf(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		t := e.abs(x)
		tc := e.clampBelow(t, 4) // erf(4) rounds to 1
		w := e.Add(e.Mul(tc, e.poly(tc, erfLargePoly...)), tc)
		large := e.Sub(e.f(1), e.exp(e.Neg(w)))
		return e.copySign(e.Select(e.Lt(t, e.f(0.921875)), e.erfSmall(t), large), x)
	})
}

// erfSmall is erf(x) for |x| <= 1. Tiny x get one product: the other form's
// second term may be denormal where the sum is not.
func (e emitter) erfSmall(x value) value {
	y := e.Add(x, e.Mul(x, e.poly(e.Mul(x, x), erfSmallPoly...)))
	const twoOverSqrtPi = 1.12837917
	return e.Select(e.Lt(e.abs(x), e.f(0x1p-13)), e.Mul(x, e.f(twoOverSqrtPi)), y)
}

// Erfc returns 1 - Erf(x), with full relative accuracy for large x.
//
// Erfc(-Inf) = 2, Erfc(+Inf) = 0, Erfc(NaN) = NaN. Above 9.194548 the result
// is denormal and may be flushed to 0.
//
// Source of the form for x >= 0.45: M. Shepherd and J. Laframboise, Chebyshev
// approximation of (1+2x) exp(x^2) erfc x, Math. Comp. 36 (1981), 249-253.
func Erfc(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		one := e.f(1)
		t := e.clampBelow(e.abs(x), 10.1) // erfc(10.1) rounds to 0
		// (1 + p) / (1 + 2t), with what both sums round away.
		p := e.poly(e.Div(e.Sub(t, e.f(2)), e.Add(t, e.f(2))), erfcPoly...)
		top, topLow := e.fastTwoSum(one, p)
		den, denLow := e.twoSum(e.Add(t, t), one)
		q := e.Div(top, den)
		left := e.Add(e.remainder(top, q, den), e.Sub(topLow, e.Mul(q, denLow)))
		qLow := e.Div(left, den)

		// exp(-t^2), the square split so that its main part is exact.
		h := e.high(t)
		square := e.Mul(h, h)
		rest := e.Mul(e.Sub(t, h), e.Add(t, h))
		nf, n := e.nearest(e.Mul(e.Add(square, rest), e.f(-log2E)))
		r0 := e.Sub(e.Neg(square), e.Mul(nf, e.f(ln2High)))
		r1 := e.Add(rest, e.Mul(nf, e.f(ln2Low)))
		r, c := e.twoDiff(r0, r1)
		m, l := e.expPair(r, c)
		y := e.Add(e.Mul(q, m), e.Add(e.Mul(q, l), e.Mul(qLow, m)))
		y = e.scale(y, e.power(nf, n))

		y = e.Select(e.Lt(x, e.f(0)), e.Sub(e.f(2), y), y)
		return e.Select(e.Lt(e.abs(x), e.f(0.45)), e.Sub(one, e.erfSmall(x)), y)
	})
}
