package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

var (
	// Minimax fit of erfinv(x)/x in w - 2.5, w = -log(1 - x^2) in [0, 5]; error
	// 2^-27.2. The first two coefficients
	// are 1.50140941 and erfinvNearLinear more.
	erfinvNearPoly = []float32{
		-5.21481952e-08, 5.824875e-05, -0.00417738687, -0.00125273224, 0.000218344518,
		-4.96797838e-06, -3.46272464e-06, 4.67049063e-07, 2.32342039e-08, -8.84855655e-09,
	}
	// The same in sqrt(w) - 3 for w in [5, 16]; error 2^-27.3. The first two
	// coefficients are 2.83297682 and erfinvFarLinear more.
	erfinvFarPoly = []float32{
		-2.25887629e-08, 0.00021028625, 0.00944572687, -0.0076399236, 0.00568279065,
		-0.00358500145, 0.00149684772, -7.97342364e-05, -0.000319501734, 0.000130705681,
	}
)

const (
	erfinvNearLinear = 0.24658203125
	erfinvFarLinear  = 1.00146484375
)

// Erfinv returns the inverse of Erf.
//
// Erfinv(±0) = ±0, Erfinv(±1) = ±Inf, Erfinv(|x| > 1) = NaN, Erfinv(NaN) = NaN.
// A denormal x may be flushed to 0.
//
// Source of the variables: M. Giles, Approximating the erfinv function, GPU
// Computing Gems Jade Edition (2011), chapter 10.
func Erfinv(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		one := e.f(1)
		a := e.abs(x)
		// 1 - a is exact where it matters. At 1 the logarithm is not -Inf but
		// finite, and the edge is put in below.
		k23, m := e.split(e.bits(e.Mul(e.Sub(one, a), e.Add(one, a))))
		w := e.Neg(e.logSum(e.exponent(k23), e.Sub(m, one), e.f(0)))
		near := e.Lt(w, e.f(5))
		s := e.Sub(e.Builder.Sqrt(e.clampAbove(w, 0)), e.f(3))
		t := e.Select(near, e.Sub(w, e.f(2.5)), s)

		// c0 + c1 t + ..., with what the first sum and product round away.
		th := e.high(t)
		linear := e.Select(near, e.f(erfinvNearLinear), e.f(erfinvFarLinear)) // 12 bits: the product is exact
		p, lost := e.fastTwoSum(e.Select(near, e.f(1.50140941), e.f(2.83297682)), e.Mul(th, linear))
		rest := e.Select(near, e.poly(t, erfinvNearPoly...), e.poly(t, erfinvFarPoly...))
		p, lost = e.fastTwoSum(p, e.Add(lost, e.Add(e.Mul(e.Sub(t, th), linear), rest)))
		y := e.Add(e.Mul(x, p), e.Mul(x, lost))
		y = e.Select(e.Eq(a, one), e.copySign(e.floatBits(infBits), x), y)
		return e.Select(e.Gt(a, one), e.floatBits(nanBits), y)
	})
}
