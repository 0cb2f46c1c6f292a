package emath64

import "github.com/lavagrad/lavagrad/shaders/spirv"

const (
	log2e = 1.44269504088896338700e+00
	ln2   = 6.93147180559945286227e-01
	ln2Hi = 6.93147180369123816490e-01 // 32 bits: exact times a whole number below 2^21
	ln2Lo = 1.90821492927058770002e-10
)

// reduce writes x as k ln 2 + (hi - lo) with hi - lo in about [-0.35, 0.35].
func (e emitter) reduce(x value) (k, hi, lo value) {
	k = e.RoundEven(e.Mul(x, e.f(log2e)))
	return k, e.Sub(x, e.Mul(k, e.f(ln2Hi))), e.Mul(k, e.f(ln2Lo))
}

// Exp returns e to the power of x: 0 at -Inf, Inf at Inf and above 709.78, NaN at NaN.
func Exp(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		x := e.clamp(x, -746, 710)
		k, hi, lo := e.reduce(x)
		return e.scale(e.expReduced(hi, lo), e.toInt(k))
	})
}

// expReduced is exp(hi - lo) for hi - lo in about [-0.35, 0.35].
func (e emitter) expReduced(hi, lo value) value {
	r := e.Sub(hi, lo)
	t := e.Mul(r, r)
	c := e.Sub(r, e.Mul(t, e.poly(t, 1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
		-1.65339022054652515390e-06, 4.13813679705723846039e-08)))
	return e.Sub(e.f(1), e.Sub(e.Sub(lo, e.Div(e.Mul(r, c), e.Sub(e.f(2), c))), hi))
}

// Expm1 returns exp(x) - 1, accurate near 0: -1 at -Inf, Inf at Inf, x at zeros and NaN.
func Expm1(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		whole := x
		x := e.clamp(x, -40, 710)
		k, hi, lo := e.reduce(x)
		x = e.Sub(hi, lo)
		c := e.Sub(e.Sub(hi, x), lo)
		half := e.Mul(x, e.f(0.5))
		hxs := e.Mul(x, half)
		r1 := e.Add(e.f(1), e.Mul(hxs, e.poly(hxs, -3.33333333333331316428e-02, 1.58730158725481460165e-03, -7.93650757867487942473e-05,
			4.00821782732936239552e-06, -2.01099218183624371326e-07)))
		t := e.Sub(e.f(3), e.Mul(r1, half))
		q := e.Mul(hxs, e.Div(e.Sub(r1, t), e.Sub(e.f(6), e.Mul(x, t))))
		q = e.Sub(e.Sub(e.Mul(x, e.Sub(q, c)), c), hxs) // exp(reduced) = 1 + x - q

		n := e.toInt(k)
		// 2^k overflows for the last binade only, where the 1 that is subtracted does not matter.
		inRange := e.Min(n, e.ConstI32(1023))
		up := e.pow2(inRange)
		down := e.pow2(e.Sub(e.ConstI32(0), inRange))
		d := e.Sub(x, q)
		small := e.Mul(up, e.Add(e.Sub(e.f(1), down), d)) // up to 2^20 the difference 1 - 2^-k is exact
		large := e.Mul(up, e.Add(e.f(1), e.Sub(x, e.Add(q, down))))
		y := e.Select(e.Lt(n, e.ConstI32(20)), small, large)
		y = e.Select(e.Eq(n, e.ConstI32(-1)), e.Sub(e.Mul(d, e.f(0.5)), e.f(0.5)), y)
		one := e.Select(e.Lt(x, e.f(-0.25)), e.Mul(e.f(-2), e.Sub(q, e.Add(x, e.f(0.5)))), e.Add(e.f(1), e.Mul(e.f(2), d)))
		y = e.Select(e.Eq(n, e.ConstI32(1)), one, y)
		y = e.Select(e.Eq(n, e.ConstI32(0)), e.Sub(x, q), y)
		top := e.Sub(e.scale(e.Add(e.f(1), d), n), e.f(1))
		y = e.Select(e.Or(e.Lt(n, e.ConstI32(-1)), e.Gt(n, e.ConstI32(56))), top, y)
		// Zeros and NaN are their own results.
		return e.Select(e.Or(e.Eq(whole, e.f(0)), e.IsNaN(whole)), whole, y)
	})
}

// Tanh returns the hyperbolic tangent: 1 at Inf, -1 at -Inf, x at zeros and NaN.
func Tanh(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		near := e.Lt(a, e.f(1))
		twice := e.clamp(e.Mul(a, e.f(2)), 0, 44) // 1 to the last bit from 22 on
		t := Expm1(b, e.Select(near, e.Neg(twice), twice))
		two := e.Add(t, e.f(2))
		y := e.Select(near, e.Div(e.Neg(t), two), e.Sub(e.f(1), e.Div(e.f(2), two)))
		y = e.Select(e.Or(e.Eq(x, e.f(0)), e.IsNaN(x)), x, e.copySign(e.abs(y), x))
		return y
	})
}

// Sigmoid returns 1 / (1 + exp(-x)): 0 at -Inf, 1 at Inf.
func Sigmoid(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		t := Exp(b, e.Neg(e.abs(x)))
		top := e.Select(e.Lt(x, e.f(0)), t, e.f(1))
		return e.Select(e.IsNaN(x), x, e.Div(top, e.Add(e.f(1), t)))
	})
}

// Softplus returns log(1 + exp(x)): 0 at -Inf, Inf at Inf.
func Softplus(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		y := e.Add(e.Select(e.Gt(x, e.f(0)), x, e.f(0)), Log1p(b, Exp(b, e.Neg(e.abs(x)))))
		return e.Select(e.IsNaN(x), x, y)
	})
}
