package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// ln 2 in two parts (Cephes): multiples of the first, of 9 bits, by integers
// below 2^15 are exact.
const (
	ln2High = 0.693359375
	ln2Low  = -2.12194440e-4
	log2E   = 1.44269504
)

// Minimax fit of (exp(r) - 1 - r) / r^2 on |r| <= 1.003 ln(2)/2, weighted by
// r^2; error of exp 2^-29.8 after rounding the coefficients.
var expPoly = []float32{0.5, 0.166666657, 0.0416662917, 0.00833349861, 0.00139449781, 0.000197900357}

// reduceExp returns n (as a float and an i32) and r + c = x - n ln 2, |r| <= 0.347, for |x| < 2^15.
func (e emitter) reduceExp(x value) (nf, n, r, c value) {
	nf, n = e.nearest(e.Mul(x, e.f(log2E)))
	hi := e.Sub(x, e.Mul(nf, e.f(ln2High)))
	lo := e.Mul(nf, e.f(ln2Low))
	r = e.Sub(hi, lo)
	return nf, n, r, e.Sub(e.Sub(hi, r), lo)
}

// expTail is exp(r + c) - 1 - r to about 2^-27, for a c below the rounding
// error of r.
func (e emitter) expTail(r, c value) value {
	return e.Add(e.product(r, r, e.poly(r, expPoly...)), c)
}

// expPair returns m + l = exp(r + c), m the nearest float to the sum, to about
// 2^-29. c may be some ULP of r: it counts e^r times.
func (e emitter) expPair(r, c value) (m, l value) {
	q := e.product(r, r, e.poly(r, expPoly...))
	tail := e.Add(q, e.Add(c, e.Mul(c, e.Add(r, q))))
	s, st := e.fastTwoSum(r, tail)
	m, l = e.fastTwoSum(e.f(1), s)
	return m, e.Add(l, st)
}

// Exp returns e^x.
//
// Exp(-Inf) = 0, Exp(+Inf) = +Inf, Exp(NaN) = NaN. Above 88.72284 it is +Inf;
// below -87.33655 the result is denormal and may be flushed to 0.
//
// Source: Cephes expf's reduction; polynomial fitted for this package.
func Exp(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value { return e.exp(x) })
}

func (e emitter) exp(x value) value {
	// Past the clamps the result is +Inf and 0 all the same.
	x = e.clampAbove(e.clampBelow(x, 90), -105)
	nf, n, r, c := e.reduceExp(x)
	return e.scale(e.Add(e.f(1), e.Add(r, e.expTail(r, c))), e.power(nf, n))
}

// Expm1 returns e^x - 1, accurate near 0.
//
// Expm1(±0) = ±0, Expm1(-Inf) = -1, Expm1(+Inf) = +Inf, Expm1(NaN) = NaN. A
// denormal x may be flushed to 0.
//
// With x = n ln 2 + r and e^r - 1 = r + q it is 2^n r + (2^n - 1) + 2^n q,
// summed in that order; everything is halved until the end, since 2^128 is
// no float.
func Expm1(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		// Below -30 the result is -1; the clamps keep 2^(n-1) a normal float.
		xc := e.clampAbove(e.clampBelow(x, 89), -30)
		_, n, r, c := e.reduceExp(xc)
		half := e.pow2(e.Sub(n, e.i(1)))
		q := e.expTail(r, c)
		y := e.sum(e.Mul(half, r), e.Sub(half, e.f(0.5)), e.Mul(half, q))
		y = e.Add(y, y)
		return e.Select(e.Lt(e.abs(x), e.f(0x1p-25)), x, y)
	})
}

// Sigmoid returns 1 / (1 + e^-x), with full relative accuracy for x < 0 too.
//
// Sigmoid(-Inf) = 0, Sigmoid(+Inf) = 1, Sigmoid(NaN) = NaN. Below -87.33655
// the result is denormal and may be flushed to 0.
func Sigmoid(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		// With t = e^-|x| it is 1/(1+t) for x >= 0 and t/(1+t) below.
		t, d := e.expNegative(e.abs(x), e.f(0))
		one := e.f(1)
		den, lost := e.fastTwoSum(one, t)
		positive := e.Ge(x, e.f(0))
		q := e.Div(e.Select(positive, one, t), den)
		// First order in what t and its sum with 1 left out; 1/(1+t) is q or 1-q.
		fix := e.Sub(e.Select(positive, e.f(0), d), e.Mul(q, e.Add(lost, d)))
		return e.Add(q, e.Mul(fix, e.Select(positive, q, e.Sub(one, q))))
	})
}

// Minimax fit of (tanh(x) - x) / x^3 in x^2 on [0, 0.625]; relative error of
// tanh 2^-27.8.
var tanhPoly = []float32{-0.333332837, 0.133314833, -0.0537427738, 0.0206480622, -0.00571406353}

// Tanh returns the hyperbolic tangent.
//
// Tanh(±0) = ±0, Tanh(±Inf) = ±1, Tanh(NaN) = NaN. A denormal x may be flushed
// to 0.
//
// Source: Cephes tanhf: an odd polynomial below 0.625, 1 - 2/(e^2x + 1) above.
func Tanh(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		z := e.Mul(a, a)
		small := e.Add(a, e.product(z, a, e.poly(z, tanhPoly...)))
		t := e.exp(e.Mul(e.f(2), e.clampBelow(a, 10))) // tanh(10) rounds to 1
		large := e.Sub(e.f(1), e.Div(e.f(2), e.Add(t, e.f(1))))
		return e.copySign(e.Select(e.Lt(a, e.f(0.625)), small, large), x)
	})
}
