package emath64

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Sinh returns the hyperbolic sine: x at zeros and infinities.
func Sinh(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		t := Expm1(b, e.clamp(a, 0, 30))
		near := e.Sub(e.Mul(e.f(2), t), e.Div(e.Mul(t, t), e.Add(t, e.f(1))))
		mid := e.Add(t, e.Div(t, e.Add(t, e.f(1))))
		y := e.Mul(e.f(0.5), e.Select(e.Lt(a, e.f(1)), near, mid))
		y = e.Select(e.Lt(a, e.f(22)), y, e.halfExp(a))
		return e.Select(e.Or(e.Eq(x, e.f(0)), e.IsNaN(x)), x, e.copySign(y, x))
	})
}

// Cosh returns the hyperbolic cosine: 1 at zeros, Inf at infinities.
func Cosh(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		t := Expm1(b, e.clamp(a, 0, 30))
		w := e.Add(t, e.f(1))
		near := e.Add(e.f(1), e.Div(e.Mul(t, t), e.Add(w, w)))
		mid := e.Add(e.Mul(e.f(0.5), w), e.Div(e.f(0.5), w))
		y := e.Select(e.Lt(a, e.f(math.Ln2/2)), near, mid)
		y = e.Select(e.Lt(a, e.f(22)), y, e.halfExp(a))
		return e.Select(e.IsNaN(x), x, y)
	})
}

// halfExp is exp(a)/2 without early overflow.
func (e emitter) halfExp(a value) value {
	k, hi, lo := e.reduce(e.clamp(a, 0, 712))
	return e.scale(e.expReduced(hi, lo), e.Sub(e.toInt(k), e.ConstI32(1)))
}

// Asinh returns the inverse hyperbolic sine: x at zeros and infinities.
func Asinh(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		s := e.Mul(a, a)
		near := Log1p(b, e.Add(a, e.Div(s, e.Add(e.f(1), Sqrt(b, e.Add(e.f(1), s))))))
		y := e.Select(e.Gt(a, e.f(0x1p28)), e.Add(Log(b, a), e.f(math.Ln2)), near)
		return e.Select(e.Or(e.Eq(x, e.f(0)), e.IsNaN(x)), x, e.copySign(e.abs(y), x))
	})
}

// Acosh returns the inverse hyperbolic cosine: NaN below 1, Inf at Inf.
func Acosh(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		t := e.Sub(x, e.f(1))
		near := Log1p(b, e.Add(t, Sqrt(b, e.Add(e.Mul(e.f(2), t), e.Mul(t, t)))))
		y := e.Select(e.Gt(x, e.f(0x1p28)), e.Add(Log(b, x), e.f(math.Ln2)), near)
		return e.Select(e.Ge(x, e.f(1)), y, e.nan())
	})
}

// Atanh returns the inverse hyperbolic tangent: x at zeros, infinite at 1 and -1, NaN beyond.
func Atanh(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		t := e.Add(a, a)
		rest := e.Sub(e.f(1), a)
		z := e.Select(e.Lt(a, e.f(0.5)), e.Add(t, e.Div(e.Mul(t, a), rest)), e.Div(t, rest))
		y := e.Mul(e.f(0.5), Log1p(b, z))
		y = e.Select(e.Le(a, e.f(1)), e.copySign(e.abs(y), x), e.nan())
		return e.Select(e.Eq(x, e.f(0)), x, y)
	})
}
