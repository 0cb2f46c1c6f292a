package emath

import (
	"math"

	"github.com/lavagrad/lavagrad/internal/special"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// MaxPolygamma is the highest order that Polygamma takes: the coefficients of
// higher ones are no floats.
const MaxPolygamma = 24

// Polygamma returns the n-th derivative of Digamma, 0 <= n <= MaxPolygamma.
//
// For n >= 1, Polygamma(+Inf) = ±0, positive for odd n; Polygamma(-Inf) =
// Polygamma(NaN) = NaN. At 0, -1, -2, ... it is +Inf for odd n; for even n it
// is NaN at the negative integers, where the one-sided limits differ, and ∓Inf
// at ±0. A denormal x may be taken for 0.
//
// It is a sum of powers: (-1)^(n+1) n! times that of (x+k)^-(n+1) over k >= 0,
// of which the first are added one by one and the rest by the formula of Euler
// and Maclaurin; and the reflection formula for x < 0. Code and time grow with
// n squared. The error is at most 2n+2 ULP (tested for n up to 24), where x < 0 of
// the larger of |result| and |Polygamma(1-x)|.
//
// Source: Abramowitz and Stegun, 6.4.7, 6.4.10, 23.1.30.
func Polygamma(b *spirv.Builder, n int, x spirv.Value) spirv.Value {
	switch {
	case n == 0:
		return Digamma(b, x)
	case n < 0 || n > MaxPolygamma:
		panic("BUG: emath: no polygamma of this order")
	}
	return precise(b, x, func(e emitter) value {
		zero := e.f(0)
		a, negative := e.abs(x), e.Ge(e.bits(x), e.u(signBit)) // of -0 too
		sum := e.hurwitz(n, a, negative)
		whole := e.RoundEven(a)
		r := e.Sub(a, whole)
		bad := e.Or(e.IsNaN(x), e.Eq(e.bits(x), e.u(infBits|signBit)))

		// -pi^(n+1) p(cot(-pi r)) by powers of pi cot(pi r); the terms of p have
		// one sign and parity.
		p := special.CotDerivative(n)
		parity := (n + 1) % 2
		sign := float64(2*parity - 1)
		var c []float32
		for k := parity; k < len(p); k += 2 {
			c = append(c, float32(sign*p[k]*math.Pow(math.Pi, float64(n+1-k))))
		}
		cot := e.cotPi(r)
		mirror := e.poly(e.Mul(cot, cot), c...)
		if parity == 1 {
			mirror = e.Mul(mirror, cot)
		}
		v := e.Sub(mirror, sum)
		if n%2 == 0 {
			bad = e.Or(bad, e.And(negative, e.And(e.Eq(r, zero), e.Ne(a, zero))))
			v = e.Select(negative, v, e.Neg(sum))
		} else {
			v = e.Select(e.And(negative, e.Eq(r, zero)), e.floatBits(infBits), v)
			v = e.Select(negative, v, sum)
		}
		return e.Select(bad, e.floatBits(nanBits), v)
	})
}

// hurwitz is n! times the sum of (a+k)^-(n+1) over k >= 0, from k = 1 where
// tail is true, for a >= 0.
func (e emitter) hurwitz(n int, a, tail value) value {
	const bits = 27
	terms, corrections := special.HurwitzPlan(n, bits)
	one := e.f(1)
	few := e.Lt(a, e.f(float32(terms))) // else the formula does from the start

	y := e.Select(few, e.Add(a, e.f(float32(terms))), e.Select(tail, e.Add(a, one), a))
	i := e.Div(one, y)
	var c []float32 // of 1/y^2
	for _, v := range special.HurwitzTail(n, corrections) {
		c = append(c, float32(v))
	}
	z := e.Mul(i, i)
	factor := e.Add(e.poly(z, c...), e.Mul(i, e.f(float32(n)/2)))
	sum := e.Mul(e.powers(n, i, n-1), factor)

	for k := terms - 1; k > 0; k-- {
		t := e.powers(n, e.Div(one, e.Add(a, e.f(float32(k)))), n)
		sum = e.Add(sum, e.Select(few, t, e.f(0)))
	}
	// The first term counts most: 1/a with what its rounding lost.
	i = e.Div(one, a)
	first := e.powers(n, i, n)
	lost := e.product(first, e.remainder(one, i, a), e.f(float32(n+1)))
	sure := e.And(e.IsFinite(lost), e.Lt(i, e.f(0x1p60))) // the remainder of larger ones underflows
	use := e.And(few, e.Not(tail))
	sum = e.Add(sum, e.Select(e.And(use, sure), lost, e.f(0)))
	return e.Add(sum, e.Select(use, first, e.f(0)))
}

// powers is (n-1)! i^n or n! i^(n+1), for m = n-1 and n, without overflow on the way.
func (e emitter) powers(n int, i value, m int) value {
	t := i
	for j := 1; j <= m; j++ {
		f := i
		if j > 1 {
			f = e.Mul(i, e.f(float32(j)))
		}
		t = e.Mul(t, f)
	}
	return t
}
