package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

var (
	// Minimax fit of digamma(x) / (x - root) in x - 1.5 on [1, 2]; error 2^-28.
	// The constant is 0.951055884 more.
	digammaPoly = []float32{
		-8.71481003e-09, -0.423627496, 0.240542606, -0.148398906, 0.0949824154, -0.0620556287,
		0.0408756882, -0.02578789, 0.0169967376, -0.0163728222, 0.0110930083,
	}
	// Minimax fit of x^2 (log x - 1/(2x) - digamma(x)) in 1/x^2 for x >= 2; error of digamma 2^-31.
	digammaTail = []float32{0.0833332017, -0.00832665898, 0.00384680438, -0.00307663577, 0.00191813021}
	// Minimax fits of (1 - pi r cot(pi r)) / r^2 in r^2 for |r| <= 1/4, error of
	// the cotangent 2^-32, and of (pi tan(pi d) - pi^2 d) / d^3 in d^2 for the
	// same d, error 2^-29.
	cotPiPoly = []float32{3.28986812, 2.16464281, 2.0352416, 1.98508358, 2.3782742}
	tanPiPoly = []float32{32.4697113, 128.179214, 512.910339, 1994.71497, 9977.59668, 1237.74744, 392142.594}
)

// Digamma returns the derivative of Lgamma.
//
// Digamma(±0) = ∓Inf, Digamma(+Inf) = +Inf, Digamma(NaN) = NaN; at -1, -2, ...
// and -Inf, where the one-sided limits differ, it is NaN. A denormal x may be
// taken for 0.
//
// The error is at most 2 ULP for x > 0, at the zero, 1.46163214, too. For x < 0
// it is at most 4 ULP of the larger of |result| and digamma(1-x): next to a zero
// of the result two numbers of that size cancel.
//
// Source: Abramowitz and Stegun, 6.3.5, 6.3.7, 6.3.18.
func Digamma(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		zero, one := e.f(0), e.f(1)
		a, negative := e.abs(x), e.Ge(e.bits(x), e.u(signBit)) // of -0 too
		below, large := e.Lt(a, one), e.Ge(a, e.f(2))

		// digamma(1+w) on [0, 1] by a polynomial with the root taken out.
		const root, rootLow = 0.461632133, 1.24381501e-08
		w := e.Select(below, a, e.Sub(a, one))
		d := e.Sub(e.Sub(w, e.f(root)), e.f(rootLow))
		q, qLow := e.fastTwoSum(e.f(0.951055884), e.poly(e.Sub(w, e.f(0.5)), digammaPoly...))
		near := e.Add(e.Mul(d, q), e.Mul(d, qLow))

		// log a - 1/(2a) - ..., of which the second goes into c.
		i := e.Div(one, a)
		iLow := e.Mul(i, e.remainder(one, i, e.Select(e.Lt(i, e.floatBits(infBits)), a, one)))
		iLow = e.Select(e.And(e.Gt(i, e.f(0x1p-60)), e.Lt(i, e.f(0x1p60))), iLow, zero)
		z := e.Mul(i, i)
		logHigh, logLow := e.logPair(e.bits(a))
		base := e.Select(large, logHigh, near)
		rest := e.Select(large, e.Sub(logLow, e.Mul(z, e.poly(z, digammaTail...))), zero)

		// Times 1/a: digamma(x) = digamma(1+x) - 1/x, and for x < 0 the
		// reflection starts from digamma(1+a).
		c := e.Select(large, e.f(-0.5), e.Select(below, e.f(-1), zero))
		c = e.Select(negative, e.Add(c, one), c)
		rest = e.Add(rest, e.Mul(c, iLow))
		ci := e.Select(e.Eq(c, zero), zero, e.Mul(c, i))

		cot := e.Select(negative, e.cotPi(e.Sub(a, e.RoundEven(a))), zero)
		v, lost1 := e.twoSum(base, ci)
		v, lost2 := e.twoSum(v, cot)
		rest = e.Add(rest, e.Add(lost1, lost2))
		v = e.Add(v, e.Select(e.IsFinite(rest), rest, zero)) // infinite next to poles
		whole := e.And(e.Eq(a, e.RoundEven(a)), e.Ne(a, zero))
		bad := e.Or(e.And(negative, whole), e.IsNaN(x))
		v = e.Select(e.Eq(e.bits(x), e.u(infBits)), x, v)
		return e.Select(bad, e.floatBits(nanBits), v)
	})
}

// cotPi is pi cot(pi r) for |r| <= 1/2, accurate to about an ULP at its zero too.
func (e emitter) cotPi(r value) value {
	q := e.abs(r)
	z := e.Mul(q, q)
	near := e.Div(e.Sub(e.f(1), e.Mul(z, e.poly(z, cotPiPoly...))), q)
	const piSquare, piSquareLow = 9.8696044, 2.90371585e-07
	d := e.Sub(e.f(0.5), q)
	z = e.Mul(d, d)
	far := e.Mul(d, e.Add(e.f(piSquare), e.Add(e.f(piSquareLow), e.Mul(z, e.poly(z, tanPiPoly...)))))
	return e.copySign(e.Select(e.Le(q, e.f(0.25)), near, far), r)
}
