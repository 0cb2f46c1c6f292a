package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Minimax fits on |r| <= 1.002 pi/4, z = r^2: (sin(r) - r) / r^3 with relative
// error of sin 2^-28, and (cos(r) - 1 + z/2) / z^2 with error of cos 2^-33.
var (
	sinPoly = []float32{-0.166666552, 0.00833218824, -0.00019518008}
	cosPoly = []float32{0.0416666456, -0.00138873013, 2.44306702e-05}
)

// Sin returns the sine of x in radians, for every finite x.
//
// Sin(±0) = ±0; of infinities and NaN it is NaN. A denormal x may be flushed
// to 0. Above 802 in magnitude the reduction takes a slower branch.
func Sin(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value { s, _ := e.sinCos(x, true, false, false); return s })
}

// Cos returns the cosine of x in radians, for every finite x; of infinities
// and NaN it is NaN. Above 802 in magnitude the reduction takes a slower branch.
func Cos(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value { _, c := e.sinCos(x, false, true, false); return c })
}

// SinCos returns Sin(x) and Cos(x) for little more than the price of one.
func SinCos(b *spirv.Builder, x spirv.Value) (sin, cos spirv.Value) {
	precise(b, x, func(e emitter) value { sin, cos = e.sinCos(x, true, true, false); return sin })
	return sin, cos
}

// SinCosBounded is SinCos for |x| <= 802 only, without the reduction of larger
// arguments, which on CPU drivers takes time even when no argument is large: on
// SwiftShader, which shifts lane by lane, nine tenths of it, on lavapipe two
// fifths. Beyond, finite arguments give finite but wrong results.
func SinCosBounded(b *spirv.Builder, x spirv.Value) (sin, cos spirv.Value) {
	precise(b, x, func(e emitter) value { sin, cos = e.sinCos(x, true, true, true); return sin })
	return sin, cos
}

// SinCosReduced is SinCos for |r| <= pi/4 only, within 1.5 ULP.
func SinCosReduced(b *spirv.Builder, r spirv.Value) (sin, cos spirv.Value) {
	precise(b, r, func(e emitter) value {
		z := e.Mul(r, r)
		sin = e.Add(r, e.product(z, r, e.poly(z, sinPoly...)))
		cos = e.Add(e.Sub(e.f(1), e.Mul(e.f(0.5), z)), e.product(z, z, e.poly(z, cosPoly...)))
		return sin
	})
	return sin, cos
}

func (e emitter) sinCos(x value, wantSin, wantCos, bounded bool) (sin, cos value) {
	a := e.abs(x)
	q, r, l := e.reduceHalfPi(a)
	if !bounded {
		q, r, l = e.reduceFar(a, q, r, l)
	}
	z := e.Mul(r, r)
	s := e.Add(r, e.Add(l, e.product(z, r, e.poly(z, sinPoly...))))
	// 1 - z/2 with what its rounding lost.
	half := e.Mul(e.f(0.5), z)
	w := e.Sub(e.f(1), half)
	lost := e.Sub(e.Sub(e.f(1), w), half)
	c := e.Add(w, e.Add(lost, e.Sub(e.product(z, z, e.poly(z, cosPoly...)), e.Mul(r, l))))

	odd := e.Ne(e.And(q, e.u(1)), e.u(0))
	notFinite := e.Ge(e.bits(a), e.u(infBits))
	finish := func(v, sign value) value {
		v = e.float(e.Xor(e.bits(v), sign))
		return e.Select(notFinite, e.floatBits(nanBits), v)
	}
	if wantSin {
		// Quadrants 2 and 3 are negative, and the function is odd.
		sign := e.Mul(e.And(q, e.u(2)), e.u(1<<30))
		sign = e.Xor(sign, e.And(e.bits(x), e.u(signBit)))
		sin = finish(e.Select(odd, c, s), sign)
		sin = e.Select(e.Lt(a, e.f(0x1p-13)), x, sin) // sin x = x, and keeps the sign of 0
	}
	if wantCos { // quadrants 1 and 2 are negative
		sign := e.Mul(e.And(e.Add(q, e.u(1)), e.u(2)), e.u(1<<30))
		cos = finish(e.Select(odd, s, c), sign)
	}
	return sin, cos
}

// cheapLimit bounds the arguments of the Cody-Waite reduction: 511 quarter turns.
const cheapLimit = 802

// pi/2 in parts for n < 2^9: three of 15 bits, whose multiples are exact, and
// the rest; error 2^-73.
const (
	halfPi1 = 1.57073974609375
	halfPi2 = 5.6579709053039551e-05
	halfPi3 = 9.9208818937768228e-10
	halfPi4 = 5.3903029534742384e-15
)

// reduceHalfPi returns q (u32) and r + l = a - q pi/2, |r| <= pi/4 and a
// little, for 0 <= a <= cheapLimit. The sum is accurate to about 2^-30 relative
// even next to multiples of pi/2.
func (e emitter) reduceHalfPi(a value) (q, r, l value) {
	near := e.clampBelow(a, cheapLimit)
	nf, n := e.nearest(e.Mul(near, e.f(0.636619772)))
	t := e.Sub(near, e.Mul(nf, e.f(halfPi1))) // exact
	t, t1 := e.twoDiff(t, e.Mul(nf, e.f(halfPi2)))
	t, t2 := e.twoDiff(t, e.Mul(nf, e.f(halfPi3)))
	low := e.Sub(e.Add(t1, t2), e.Mul(nf, e.f(halfPi4)))
	r, l = e.fastTwoSum(t, low)
	return e.Bitcast(n, spirv.Uint32), r, l
}

// reduceFar replaces the results of reduceHalfPi in lanes with a large
// argument. On CPU drivers a branch costs the same whether lanes take it or not.
func (e emitter) reduceFar(a, q, r, l value) (qFar, rFar, lFar value) {
	far := e.Gt(a, e.f(cheapLimit))
	out := e.IfElse(e.Any(far), func() []value {
		qf, rf, lf := e.reducePayneHanek(a)
		return []value{e.Select(far, qf, q), e.Select(far, rf, r), e.Select(far, lf, l)}
	}, func() []value { return []value{q, r, l} })
	return out[0], out[1], out[2]
}
