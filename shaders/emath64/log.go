package emath64

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// split writes a positive, finite x as 2^k m with m in [sqrt(1/2), sqrt(2)), k as a float.
func (e emitter) split(x value) (k, m value) {
	tiny := e.Lt(x, e.f(0x1p-1022))
	x = e.Select(tiny, e.Mul(x, e.f(0x1p54)), x)
	lo, hi := e.Words(x)
	// Adding the distance from sqrt(1/2) to 1 carries into the exponent where m would be below sqrt(2).
	hi = e.Add(hi, e.u(0x3ff00000-0x3fe6a09e))
	exponent := e.Sub(e.Bitcast(e.Shr(hi, e.u(20)), spirv.Int32), e.ConstI32(1023))
	m = e.FromWords(lo, e.Add(e.And(hi, e.u(0x000fffff)), e.u(0x3fe6a09e)))
	k = e.Convert(exponent, spirv.Float64)
	return e.Sub(k, e.Select(tiny, e.f(54), e.f(0))), m
}

// logOf is log(2^k (1 + f)) + c for 1 + f in [sqrt(1/2), sqrt(2)] and a small correction c.
func (e emitter) logOf(k, f, c value) value {
	s := e.Div(f, e.Add(e.f(2), f))
	z := e.Mul(s, s)
	r := e.Mul(z, e.poly(z, 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
		1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01))
	hfsq := e.product(e.f(0.5), f, f)
	low := e.Add(e.Mul(k, e.f(ln2Lo)), c)
	return e.Sub(e.Mul(k, e.f(ln2Hi)), e.Sub(e.Sub(hfsq, e.Add(e.Mul(s, e.Add(hfsq, r)), low)), f))
}

// Log returns the natural logarithm: -Inf at zeros, NaN below, Inf at Inf.
func Log(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		k, m := e.split(x)
		return e.logEdges(x, e.logOf(k, e.Sub(m, e.f(1)), e.f(0)))
	})
}

// logEdges is y, or the logarithm of an x that is not positive or not finite.
func (e emitter) logEdges(x, y value) value {
	y = e.Select(e.Eq(x, e.inf()), x, y)
	y = e.Select(e.Eq(x, e.f(0)), e.f(math.Inf(-1)), y)
	y = e.Select(e.Lt(x, e.f(0)), e.nan(), y)
	return e.Select(e.IsNaN(x), x, y)
}

// Log1p returns log(1 + x), accurate near 0: x at zeros, -Inf at -1, NaN below, Inf at Inf.
func Log1p(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		u := e.Add(e.f(1), x)
		k, m := e.split(u)
		// What rounding took from u: the smaller of 1 and x less what u has of it.
		lost := e.Select(e.Ge(u, e.f(2)), e.Sub(e.f(1), e.Sub(u, x)), e.Sub(x, e.Sub(u, e.f(1))))
		y := e.logEdges(u, e.logOf(k, e.Sub(m, e.f(1)), e.Div(lost, u)))
		return e.Select(e.Lt(e.abs(x), e.f(0x1p-54)), x, y)
	})
}

// Sqrt returns the square root, which devices with IEEE 754 arithmetic round correctly: x at zeros and Inf, NaN below 0. Where a driver takes a
// subnormal for 0, as lavapipe 26.2 does, x is returned.
func Sqrt(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		positive := e.Gt(x, e.f(0)) // asked once: the other comparisons of a subnormal may come out otherwise
		root := e.Builder.Sqrt(e.Select(positive, x, e.f(1)))
		y := e.Select(e.And(positive, e.Lt(x, e.inf())), root, x)
		return e.Select(e.Lt(x, e.f(0)), e.nan(), y)
	})
}

// Rsqrt returns 1 / Sqrt(x): Inf at 0, 0 at Inf, NaN below 0.
func Rsqrt(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value { return e.Div(e.f(1), Sqrt(b, x)) })
}

// LogAddExp returns log(exp(x) + exp(y)) without overflow.
func LogAddExp(b *spirv.Builder, x, y value) value {
	return precise(b, x, func(e emitter) value {
		top := e.Max(x, y)
		low := e.Min(x, y)
		d := e.Sub(low, top)
		// Equal infinities have no difference.
		z := e.Add(top, Log1p(b, Exp(b, d)))
		return e.Select(e.Eq(e.abs(top), e.inf()), top, e.Select(e.IsNaN(top), top, z))
	})
}
