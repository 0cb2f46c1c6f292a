package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Asinh returns the inverse hyperbolic sine.
//
// Asinh(±0) = ±0, Asinh(±Inf) = ±Inf, Asinh(NaN) = NaN. A denormal x may be
// flushed to 0.
//
// It is log1p(a + a^2/(1 + sqrt(a^2+1))), log 2a for large a.
func Asinh(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		a, one := e.abs(x), e.f(1)
		c := e.clampBelow(a, 0x1p14)
		z := e.Mul(c, c)
		w := e.Div(z, e.Add(one, e.Builder.Sqrt(e.Add(z, one))))
		s, lost := e.twoSum(c, w)
		y := e.Select(e.Gt(a, e.f(0x1p13)), e.logDouble(a), e.log1p(s, lost))
		return e.copySign(e.Select(e.Lt(a, e.f(0x1p-12)), a, y), x)
	})
}

// Acosh returns the inverse hyperbolic cosine, at least 0.
//
// Acosh(1) = 0, Acosh(+Inf) = +Inf, Acosh(x < 1) = NaN, Acosh(NaN) = NaN.
//
// With t = x - 1 it is log1p(t + sqrt(t (2+t))), log 2x for large x.
func Acosh(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		t := e.Sub(e.clampAbove(e.clampBelow(x, 0x1p14), 1), e.f(1))
		// The square root with a Newton step, since near 1 it is the result.
		u, uLow := e.fastTwoSum(e.f(2), t)
		u, uLow = e.Select(e.Gt(t, e.f(2)), e.Add(t, e.f(2)), u), e.Select(e.Gt(t, e.f(2)), e.f(0), uLow)
		p := e.Mul(t, u)
		pLow := e.Add(e.Neg(e.remainder(p, t, u)), e.Mul(t, uLow))
		root := e.Builder.Sqrt(p)
		fix := e.Div(e.Add(e.remainder(p, root, root), pLow), e.Add(root, root))
		fix = e.Select(e.Gt(t, e.f(0)), fix, e.f(0))
		s, lost := e.twoSum(root, t)
		y := e.Select(e.Gt(x, e.f(0x1p13)), e.logDouble(x), e.log1p(s, e.Add(lost, fix)))
		y = e.Select(e.Eq(t, e.f(0)), e.f(0), y)
		return e.Select(e.Ge(x, e.f(1)), y, e.floatBits(nanBits))
	})
}

// Atanh returns the inverse hyperbolic tangent.
//
// Atanh(±0) = ±0, Atanh(±1) = ±Inf, Atanh(|x| > 1) = NaN, Atanh(NaN) = NaN. A
// denormal x may be flushed to 0.
//
// It is log1p(2a/(1-a)) / 2.
func Atanh(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		a, one := e.abs(x), e.f(1)
		inside := e.Select(e.Lt(a, one), a, e.f(0))
		den, denLow := e.fastTwoSum(one, e.Neg(inside))
		top := e.Add(inside, inside)
		q := e.Div(top, den)
		lost := e.Div(e.Sub(e.remainder(top, q, den), e.Mul(q, denLow)), den)
		y := e.Mul(e.f(0.5), e.log1p(q, lost))
		y = e.Select(e.Lt(a, e.f(0x1p-12)), a, y)
		y = e.Select(e.Eq(a, one), e.floatBits(infBits), y)
		return e.Select(e.Le(a, one), e.copySign(y, x), e.floatBits(nanBits))
	})
}

// logDouble is log 2a for a > 1, +Inf for +Inf, NaN for NaN.
func (e emitter) logDouble(a value) value {
	kf, m := e.splitPositive(e.bits(a))
	y := e.logSum(e.Add(kf, e.f(1)), e.Sub(m, e.f(1)), e.f(0))
	return e.Select(e.Ge(e.bits(a), e.u(infBits)), a, y)
}
