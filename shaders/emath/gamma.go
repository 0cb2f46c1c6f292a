package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

var (
	// Minimax fit of lgamma(2+y) / (y (1+y)) on [-1, 1]; error 2^-28.8. The
	// constant is 0.422784328 more.
	lgammaPoly = []float32{
		7.19852692e-09, -0.100317307, 0.0329649448, -0.012384057, 0.00499950396, -0.00210931408, 0.000910411647,
		-0.000400880817, 0.000195972971, -9.33848205e-05, 2.01015882e-05, -6.06454751e-06, 1.93563083e-05, -1.00290681e-05,
	}
	// Minimax fit of x times what Stirling's formula lacks, in 1/x^2, for x >= 2; error of lgamma 2^-33.
	stirlingPoly = []float32{0.0833333209, -0.0027771024, 0.000780935574, -0.000480551476, 0.000267991796}
	// Minimax fit of sin(pi r) / (pi r) in r^2 for |r| <= 1/2; error 2^-33.
	sinPiPoly = []float32{1, -1.64493406, 0.811742067, -0.190746516, 0.0261114277, -0.00222796993}
)

// Lgamma returns the logarithm of the absolute value of the gamma function.
//
// Lgamma(±Inf) = +Inf, Lgamma(NaN) = NaN; at ±0, -1, -2, ... it is +Inf. At
// -Inf this is C's answer, where package math has -Inf. A denormal x may be
// taken for 0. Above 4.0850034e36 the result is +Inf.
//
// The error is at most 2 ULP for x > 0. For x < 0 it is at most 4 ULP of the
// larger of |result| and lgamma(1-x): next to a zero of the result two numbers
// of that size cancel.
//
// Stirling's formula serves from 3 (for x < 0, from 1-x = 3), polynomials with
// the zeros at 1 and 2 taken out below, and the reflection formula for x < 0.
// Source: Abramowitz and Stegun, 6.1.17, 6.1.41.
func Lgamma(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		one := e.f(1)
		a, negative := e.abs(x), e.Lt(x, e.f(0))
		logHigh, logLow := e.logPair(e.bits(a))

		// lgamma(1+u) for 0 <= u < 2 by polynomials.
		below := e.Lt(a, one)
		u := e.Select(e.Or(negative, below), a, e.Sub(a, one))
		y := e.Sub(u, one)
		q, qLow := e.fastTwoSum(e.f(0.422784328), e.poly(y, lgammaPoly...))
		p := e.Mul(u, y)
		lost := e.Add(e.Mul(p, qLow), e.Mul(e.Neg(e.remainder(p, u, y)), q))
		small := e.Add(e.Mul(p, q), lost)

		// (a-1/2)(log a - 1) + log(2 pi)/2 - 1/2 + ..., for x < 0 with log a more.
		const stirling, stirlingLow = 0.418938533, 1.41681453e-08
		t, tLow := e.twoSum(logHigh, e.f(-1))
		tLow = e.Add(tLow, logLow)
		i := e.Div(one, a)
		lead := e.Mul(a, t)
		half := e.Mul(t, e.Select(negative, e.f(0.5), e.f(-0.5)))
		sum, lost1 := e.twoSum(lead, half)
		sum, lost2 := e.twoSum(sum, e.Select(negative, e.f(1+stirling), e.f(stirling)))
		tail := e.Add(e.Mul(i, e.poly(e.Mul(i, i), stirlingPoly...)), e.f(stirlingLow))
		tail = e.Add(tail, e.Add(e.Mul(a, tLow), e.Add(lost1, lost2)))
		large := e.Ge(a, e.Select(negative, e.f(2), e.f(3)))
		base := e.Select(large, sum, small)
		rest := e.Select(large, tail, e.f(0))

		// Gamma(x) is Gamma(1+x)/x, and -pi/sin(pi a)/Gamma(1+a) for x = -a.
		positive := e.Add(e.Add(base, rest), e.Select(below, e.Neg(logHigh), e.f(0)))
		positive = e.Sub(positive, e.Select(below, logLow, e.f(0)))
		r := e.abs(e.Sub(a, e.RoundEven(a)))
		z := e.Mul(r, r)
		sinHigh, sinLow := e.logPair(e.bits(e.Mul(r, e.poly(z, sinPiPoly...))))
		sum, lost = e.twoSum(base, sinHigh)
		reflected := e.Neg(e.Add(sum, e.Add(lost, e.Add(rest, sinLow))))

		v := e.Select(negative, reflected, positive)
		pole := e.And(e.Eq(r, e.f(0)), e.Or(negative, below))
		pole = e.Or(pole, e.IsInf(lead)) // and where a is infinite, or lgamma(a) is
		v = e.Select(pole, e.floatBits(infBits), v)
		return e.Select(e.IsNaN(x), e.floatBits(nanBits), v)
	})
}
