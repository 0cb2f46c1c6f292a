package emath64

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Sin returns the sine of x radians: x at zeros, NaN at infinities and NaN.
func Sin(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		q, r, l := e.reduceHalfPi(e.abs(x))
		s, c := e.kernelSin(r, l), e.kernelCos(r, l)
		y := e.Select(e.Ne(e.And(q, e.u(1)), e.u(0)), c, s)
		y = e.Select(e.Ne(e.And(q, e.u(2)), e.u(0)), e.Neg(y), y)
		_, hi := e.Words(x)
		y = e.Select(e.Ge(hi, e.u(0x80000000)), e.Neg(y), y)
		return e.trigEdges(x, e.Select(e.Eq(x, e.f(0)), x, y))
	})
}

// Cos returns the cosine of x radians: NaN at infinities and NaN.
func Cos(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		q, r, l := e.reduceHalfPi(e.abs(x))
		s, c := e.kernelSin(r, l), e.kernelCos(r, l)
		y := e.Select(e.Ne(e.And(q, e.u(1)), e.u(0)), s, c)
		q = e.Add(q, e.u(1)) // negative in the second and third quadrant
		return e.trigEdges(x, e.Select(e.Ne(e.And(q, e.u(2)), e.u(0)), e.Neg(y), y))
	})
}

// Tan returns the tangent of x radians: x at zeros, NaN at infinities and NaN.
func Tan(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		y := e.Div(Sin(b, x), Cos(b, x))
		return e.Select(e.Eq(x, e.f(0)), x, y)
	})
}

func (e emitter) trigEdges(x, y value) value {
	return e.Select(e.Lt(e.abs(x), e.inf()), y, e.nan()) // false for NaN
}

// kernelSin and kernelCos are sine and cosine of r + l for r in about [-pi/4, pi/4] and a tail l.
func (e emitter) kernelSin(r, l value) value {
	z := e.Mul(r, r)
	v := e.Mul(z, r)
	p := e.poly(z, 8.33333333332248946124e-03, -1.98412698298579493134e-04, 2.75573137070700676789e-06, -2.50507602534068634195e-08,
		1.58969099521155010221e-10)
	inner := e.Sub(e.Mul(z, e.Sub(e.Mul(l, e.f(0.5)), e.Mul(v, p))), l)
	return e.Sub(r, e.Sub(inner, e.Mul(v, e.f(-1.66666666666666324348e-01))))
}

func (e emitter) kernelCos(r, l value) value {
	z := e.Mul(r, r)
	p := e.Mul(z, e.poly(z, 4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05, -2.75573143513906633035e-07,
		2.08757232129817482790e-09, -1.13596475577881948265e-11))
	half := e.Mul(z, e.f(0.5))
	w := e.Sub(e.f(1), half)
	return e.Add(w, e.Add(e.Sub(e.Sub(e.f(1), w), half), e.Sub(e.Mul(z, p), e.Mul(r, l))))
}

// largeAngle is where three parts of pi/2 no longer do: the quotient needs more than 20 bits.
const largeAngle = 0x1p20

// reduceHalfPi writes a, which is not negative, as q pi/2 + r + l with q an integer, of which the last two bits are
// given, r in about [-pi/4, pi/4] and l what r lacks.
func (e emitter) reduceHalfPi(a value) (q, r, l value) {
	large := e.And(e.Ge(a, e.f(largeAngle)), e.Lt(a, e.inf()))
	small := e.Select(e.Lt(a, e.f(largeAngle)), a, e.f(0))
	q, r, l = e.reduceCodyWaite(small)
	out := e.IfElse(e.Any(large), func() []value {
		q2, r2, l2 := e.reducePayneHanek(e.Select(large, a, e.f(largeAngle)))
		return []value{e.Select(large, q2, q), e.Select(large, r2, r), e.Select(large, l2, l)}
	}, func() []value { return []value{q, r, l} })
	return out[0], out[1], out[2]
}

// reduceCodyWaite subtracts parts of pi/2 of 33 bits, whose products with q are exact (fdlibm, e_rem_pio2.c).
func (e emitter) reduceCodyWaite(a value) (q, r, l value) {
	n := e.RoundEven(e.Mul(a, e.f(2/math.Pi)))
	r = e.Sub(a, e.Mul(n, e.f(1.57079632673412561417e+00)))
	next := func(part, tail float64) (w value) {
		t := r
		w = e.Mul(n, e.f(part))
		r = e.Sub(t, w)
		return e.Sub(e.Mul(n, e.f(tail)), e.Sub(e.Sub(t, r), w))
	}
	next(6.07710050630396597660e-11, 2.02226624879595063154e-21)
	// What the first step lost is exact: 33 + 20 bits.
	w := next(2.02226624871116645580e-21, 8.47842766036889956997e-32)
	y := e.Sub(r, w)
	return e.Convert(n, spirv.Uint32), y, e.Sub(e.Sub(r, y), w)
}

// twoOverPi is two words of zeros and the first 1,184 bits of 2/pi.
var twoOverPi = [39]uint32{
	0, 0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0, 0x06492eea,
	0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b,
	0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b, 0x3d0739f7,
	0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046,
}

// windowWords is the length of the part of 2/pi that is multiplied, in words: two bits of quadrant, 62 that may cancel
// (the nearest that a float comes to a multiple of pi/2), 53 of result, and 53 that the bits left out reach into.
const windowWords = 6

// reducePayneHanek is reduceHalfPi for finite a >= 2^20 (M. Payne and R. Hanek, Radian reduction for trigonometric
// functions, SIGNUM Newsletter 18(1), 1983).
//
// a is M 2^p with an integer M of 53 bits. Bits of 2/pi above weight 2^(1-p) contribute multiples of 4, so a window from
// there, times M modulo the window's size, is a 2/pi modulo 4.
func (e emitter) reducePayneHanek(a value) (q, r, l value) {
	u := e.u
	low, high := e.Words(a)
	// The exponent field is p + 1075, and bit 62 of the table has weight 2.
	first := e.Sub(e.Shr(high, u(20)), u(1013))
	word, shift := e.Shr(first, u(5)), e.And(first, u(31))
	high = e.Or(e.And(high, u(0x000fffff)), u(0x00100000))

	words := make([]value, len(twoOverPi))
	for i, w := range twoOverPi {
		words[i] = e.Splat(u(w), e.lanes)
	}
	for bit := uint32(32); bit > 0; bit /= 2 {
		on := e.Ne(e.And(word, u(bit)), u(0))
		keep := min(len(words), windowWords+int(bit))
		for i := range keep {
			if at := i + int(bit); at < len(words) {
				words[i] = e.Select(on, words[at], words[i])
			}
		}
		words = words[:keep]
	}
	var product [windowWords]value // most significant word first
	for i := range product {
		product[i] = e.Splat(u(0), e.lanes)
	}
	add := func(i int, v value) {
		for ; i >= 0; i-- {
			product[i] = e.Add(product[i], v)
			v = e.Convert(e.Lt(product[i], v), spirv.Uint32) // the carry
		}
	}
	for i := range windowWords {
		// Two shifts, since a shift by 32 is undefined.
		w := e.Or(e.Shl(words[i], shift), e.Shr(e.Shr(words[i+1], u(1)), e.Sub(u(31), shift)))
		lo, hi := e.UMulExtended(w, low)
		add(i, lo)
		add(i-1, hi)
		lo, hi = e.UMulExtended(w, high)
		add(i-1, lo)
		add(i-2, hi)
	}
	q = e.Shr(product[0], u(30))
	up := e.Ne(e.And(product[0], u(1<<29)), u(0)) // a fraction of a half or more counts from the next quadrant
	q = e.Add(q, e.Convert(up, spirv.Uint32))
	var d [4]value
	for i := range d {
		w := e.Or(e.Shl(product[i], u(2)), e.Shr(product[i+1], u(30)))
		w = e.Select(up, e.Not(w), w)
		d[i] = e.Mul(e.Convert(w, spirv.Float64), e.f(math.Ldexp(1, -32*(i+1))))
	}
	// The fraction as hi + lo.
	t := e.Add(d[2], d[3])
	s := e.Add(d[0], d[1])
	lost := e.Sub(d[1], e.Sub(s, d[0]))
	hi := e.Add(s, t)
	lo := e.Add(lost, e.Sub(t, e.Sub(hi, s)))
	hi, lo = e.Add(hi, lo), e.Sub(lo, e.Sub(e.Add(hi, lo), hi))
	// Times pi/2, exactly but for the last bits of the tail.
	const half, halfLow = math.Pi / 2, 6.123233995736766035868820147292e-17
	p := e.Mul(hi, e.f(half))
	a1 := e.high(hi)
	a2 := e.Sub(hi, a1)
	b1 := e.high(e.f(half))
	b2 := e.Sub(e.f(half), b1)
	tail := e.sum(e.Sub(e.Mul(a1, b1), p), e.Mul(a1, b2), e.Mul(a2, b1), e.Mul(a2, b2))
	tail = e.sum(tail, e.Mul(hi, e.f(halfLow)), e.Mul(lo, e.f(half)))
	r = e.Add(p, tail)
	l = e.Sub(tail, e.Sub(r, p))
	return q, e.Select(up, e.Neg(r), r), e.Select(up, e.Neg(l), l)
}
