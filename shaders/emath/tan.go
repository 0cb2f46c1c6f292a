package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Minimax fit of (tan(r) - r) / r^3 in r^2 for |r| <= 1.002 pi/4; error of tan 2^-32.8.
var tanPoly = []float32{
	0.333333313, 0.133334279, 0.0539524518, 0.0219981615, 0.00828568172, 0.00507915067, -0.000681411417, 0.0020757392,
}

// Tan returns the tangent of x in radians, for every finite x.
//
// Tan(±0) = ±0; of infinities and NaN it is NaN. A denormal x may be flushed
// to 0. Above 802 in magnitude the reduction takes a slower branch.
func Tan(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		q, r, l := e.reduceHalfPi(a)
		q, r, l = e.reduceFar(a, q, r, l)
		z := e.Mul(r, r)
		t := e.product(z, r, e.poly(z, tanPoly...))
		slope := e.Add(e.f(1), z) // of the tangent, well enough for l
		t, low := e.fastTwoSum(r, e.Add(t, e.Mul(l, slope)))
		// -1/(t + low) in odd quadrants.
		i := e.Div(e.f(1), t)
		lost := e.Mul(i, e.Sub(e.remainder(e.f(1), i, t), e.Mul(i, low)))
		odd := e.Ne(e.And(q, e.u(1)), e.u(0))
		y := e.Select(odd, e.Neg(e.Add(i, lost)), e.Add(t, low))
		y = e.float(e.Xor(e.bits(y), e.And(e.bits(x), e.u(signBit))))
		y = e.Select(e.Lt(a, e.f(0x1p-13)), x, y)
		return e.Select(e.Ge(e.bits(a), e.u(infBits)), e.floatBits(nanBits), y)
	})
}
