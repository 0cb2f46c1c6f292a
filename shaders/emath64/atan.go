package emath64

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

const halfPiLow = 6.123233995736765886130e-17 // pi/2 less its nearest double

// atanOf is the arctangent of a, which is not negative (Cephes, atan.c).
func (e emitter) atanOf(a value) value {
	large, mid := e.Gt(a, e.f(2.41421356237309504880)), e.Gt(a, e.f(0.66))
	x := e.Select(mid, e.Div(e.Sub(a, e.f(1)), e.Add(a, e.f(1))), a)
	x = e.Select(large, e.Neg(e.Div(e.f(1), a)), x)
	z := e.Mul(x, x)
	p := e.poly(z, -6.485021904942025371773e+01, -1.228866684490136173410e+02, -7.500855792314704667340e+01, -1.615753718733365076637e+01,
		-8.750608600031904122785e-01)
	q := e.poly(z, 1.945506571482613964425e+02, 4.853903996359136964868e+02, 4.328810604912902668951e+02, 1.650270098316988542046e+02,
		2.485846490142306297962e+01, 1)
	y := e.Add(e.Mul(x, e.Div(e.Mul(z, p), q)), x)
	base := e.Select(large, e.f(math.Pi/2), e.Select(mid, e.f(math.Pi/4), e.f(0)))
	low := e.Select(large, e.f(halfPiLow), e.Select(mid, e.f(halfPiLow/2), e.f(0)))
	return e.Add(base, e.Add(y, low))
}

// Atan returns the arctangent in radians: x at zeros, pi/2 at Inf.
func Atan(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		return e.Select(e.IsNaN(x), x, e.copySign(e.atanOf(e.abs(x)), x))
	})
}

// Atan2 returns the angle of the point (x, y), in [-pi, pi], with the special cases of package math.
func Atan2(b *spirv.Builder, y, x value) value {
	return precise(b, x, func(e emitter) value {
		ax, ay := e.abs(x), e.abs(y)
		q := e.Div(ay, ax)
		q = e.Select(e.And(e.Eq(ax, e.inf()), e.Eq(ay, e.inf())), e.f(1), q)
		q = e.Select(e.Eq(ay, e.f(0)), e.f(0), q)
		t := e.atanOf(q)
		_, word := e.Words(x)
		left := e.Ge(word, e.u(0x80000000))
		t = e.Select(left, e.Sub(e.f(math.Pi), e.Sub(t, e.f(2*halfPiLow))), t)
		return e.Select(e.Or(e.IsNaN(x), e.IsNaN(y)), e.nan(), e.copySign(e.abs(t), y))
	})
}

// Asin returns the arcsine in radians: x at zeros, NaN beyond [-1, 1].
func Asin(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		root := Sqrt(b, e.Mul(e.Sub(e.f(1), a), e.Add(e.f(1), a))) // NaN beyond 1
		y := e.copySign(e.abs(e.atanOf(e.Div(a, root))), x)
		return e.Select(e.Le(a, e.f(1)), y, e.nan())
	})
}

// Acos returns the arccosine in radians, in [0, pi]; NaN beyond [-1, 1].
func Acos(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		y := e.Mul(e.f(2), e.atanOf(Sqrt(b, e.Div(e.Sub(e.f(1), x), e.Add(e.f(1), x)))))
		return e.Select(e.Le(e.abs(x), e.f(1)), y, e.nan())
	})
}
