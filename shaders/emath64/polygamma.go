package emath64

import (
	"math"

	"github.com/lavagrad/lavagrad/internal/special"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Polygamma returns the n-th derivative of Digamma, n >= 0, within 2n+4 ULP (tested for n up to 5), where x < 0 of the larger of
// |result| and |Polygamma(1-x)|.
//
// For n >= 1, Polygamma(Inf) = ±0, positive for odd n; Polygamma(-Inf) = Polygamma(NaN) = NaN. At 0, -1, -2, ... it is Inf for
// odd n; for even n it is NaN at the negative integers, where the one-sided limits differ, and ∓Inf at ±0.
//
// It is (-1)^(n+1) n! times the sum of (x+k)^-(n+1) over k >= 0, of which the first terms are added one by one and the rest by the
// formula of Euler and Maclaurin; and the reflection formula for x < 0.
//
// Source: Abramowitz and Stegun, 6.4.7, 6.4.10, 23.1.30.
func Polygamma(b *spirv.Builder, n int, x value) value {
	switch {
	case n == 0:
		return Digamma(b, x)
	case n < 0:
		panic("BUG: emath64: no polygamma of this order")
	}
	return precise(b, x, func(e emitter) value {
		zero := e.f(0)
		_, word := e.Words(x)
		a, negative := e.abs(x), e.Ge(word, e.u(0x80000000)) // of -0 too
		sum := e.hurwitz(n, a, negative)
		r := e.fraction(a)
		pole := e.And(negative, e.Eq(r, zero))

		// -pi^(n+1) p(cot(-pi r)) by powers of pi cot(pi r); the terms of p have one sign and parity.
		p := special.CotDerivative(n)
		parity := (n + 1) % 2
		sign := float64(2*parity - 1)
		var c []float64
		for k := parity; k < len(p); k += 2 {
			c = append(c, sign*p[k]*math.Pow(math.Pi, float64(n+1-k)))
		}
		cot := e.cotPi(r)
		mirror := e.poly(e.Mul(cot, cot), c...)
		bad := e.Or(e.IsNaN(x), e.Eq(x, e.f(math.Inf(-1))))
		var v value
		if parity == 1 { // even n
			mirror = e.Mul(mirror, cot)
			bad = e.Or(bad, e.And(pole, e.Ne(a, zero)))
			v = e.Select(negative, e.Sub(mirror, sum), e.Neg(sum))
		} else {
			v = e.Select(negative, e.Select(pole, e.inf(), e.Sub(mirror, sum)), sum)
		}
		return e.Select(bad, e.nan(), v)
	})
}

// hurwitz is n! times the sum of (a+k)^-(n+1) over k >= 0, from k = 1 where tail is true, for a >= 0.
func (e emitter) hurwitz(n int, a, tail value) value {
	const bits = 56
	terms, corrections := special.HurwitzPlan(n, bits)
	one := e.f(1)
	few := e.Lt(a, e.f(float64(terms))) // else the formula does from the start

	y := e.Select(few, e.Add(a, e.f(float64(terms))), e.Select(tail, e.Add(a, one), a))
	i := e.Div(one, y)
	factor := e.Add(e.poly(e.Mul(i, i), special.HurwitzTail(n, corrections)...), e.Mul(i, e.f(float64(n)/2)))
	sum := e.Mul(e.powers(n, i, n-1), factor)

	for k := terms - 1; k > 0; k-- {
		t := e.powers(n, e.Div(one, e.Add(a, e.f(float64(k)))), n)
		sum = e.Add(sum, e.Select(few, t, e.f(0)))
	}
	first := e.powers(n, e.Div(one, a), n)
	return e.Add(sum, e.Select(e.And(few, e.Not(tail)), first, e.f(0)))
}

// powers is (n-1)! i^n or n! i^(n+1), for m = n-1 and n, without overflow on the way.
func (e emitter) powers(n int, i value, m int) value {
	t := i
	for j := 1; j <= m; j++ {
		f := i
		if j > 1 {
			f = e.Mul(i, e.f(float64(j)))
		}
		t = e.Mul(t, f)
	}
	return t
}
