package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Minimax fit of (sinh(x) - x) / x^3 in x^2 on [0, 1]; error of sinh 2^-31.
var sinhPoly = []float32{0.166666672, 0.00833331607, 0.0001984142, 2.79153824e-06}

// Sinh returns the hyperbolic sine.
//
// Sinh(±0) = ±0, Sinh(±Inf) = ±Inf, Sinh(NaN) = NaN. Above 89.41599 in
// magnitude it is infinite. A denormal x may be flushed to 0.
func Sinh(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		z := e.Mul(a, a)
		small := e.Add(a, e.product(z, a, e.poly(z, sinhPoly...)))
		t, low := e.halfExp(a)
		large := e.Add(t, e.Sub(low, e.Div(e.f(0.25), t)))
		return e.copySign(e.Select(e.Lt(a, e.f(1)), small, large), x)
	})
}

// Cosh returns the hyperbolic cosine.
//
// Cosh(±0) = 1, Cosh(±Inf) = +Inf, Cosh(NaN) = NaN. Above 89.41599 in magnitude
// it is +Inf.
func Cosh(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		t, low := e.halfExp(e.abs(x))
		return e.Add(t, e.Add(low, e.Div(e.f(0.25), t)))
	})
}

// halfExp is t + low = e^a / 2 for a >= 0; t is the nearest float.
func (e emitter) halfExp(a value) (t, low value) {
	nf, n, r, c := e.reduceExp(e.clampBelow(a, 90))
	m, l := e.expPair(r, c)
	p := e.power(e.Sub(nf, e.f(1)), e.Sub(n, e.i(1)))
	return e.scale(m, p), e.scale(l, p)
}
