package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// twoOverPi is a word of zeros and the first 224 bits of 2/pi.
var twoOverPi = [8]uint32{
	0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab,
}

// reducePayneHanek is reduceHalfPi for finite a >= 2^9.
//
// a is M * 2^p with an integer M of 24 bits and p >= -14, and a * 2/pi is
// wanted modulo 4. Bits of 2/pi above weight 2^(1-p) contribute multiples of
// 4, so a window of 96 bits from there, times M modulo 2^96, is the answer:
// two bits of quadrant and 94 of fraction, of which those lost past the window
// are below 2^-70. The nearest a float comes to a multiple of pi/2 is about
// 2^-30, so 64 bits of the product do.
//
// Source: M. Payne and R. Hanek, Radian reduction for trigonometric functions,
// SIGNUM Newsletter 18(1), 1983.
func (e emitter) reducePayneHanek(a value) (q, r, l value) {
	bits := e.bits(a)
	mantissa := e.Or(e.And(bits, e.u(0x007fffff)), e.u(0x00800000))
	// With the exponent field E = p + 150 the window starts at bit E - 120 of
	// twoOverPi, in word (E-120)/32, at most 4 for a float, bit (E-120)%32.
	pick := func(offset int) value {
		w := e.u(twoOverPi[offset])
		for i := 1; i <= 4; i++ {
			reached := e.Ge(bits, e.u(uint32(120+32*i)<<23))
			w = e.Select(reached, e.u(twoOverPi[offset+i]), w)
		}
		return w
	}
	shift := e.And(e.Sub(e.Shr(bits, e.u(23)), e.u(120)), e.u(31))
	words := [4]value{pick(0), pick(1), pick(2), pick(3)}
	var window [3]value
	for i := range window {
		// Two shifts, since a shift by 32 is undefined.
		next := e.Shr(e.Shr(words[i+1], e.u(1)), e.Sub(e.u(31), shift))
		window[i] = e.Or(e.Shl(words[i], shift), next)
	}
	_, h2 := e.UMulExtended(mantissa, window[2])
	l1, h1 := e.UMulExtended(mantissa, window[1])
	low := e.Add(h2, l1)
	carry := e.Convert(e.Lt(low, h2), spirv.Uint32)
	high := e.sum(e.Mul(mantissa, window[0]), h1, carry)

	// Two bits of quadrant, 62 of fraction. A fraction of a half or more
	// belongs to the next quarter turn; its complement is its distance.
	frac := e.Or(e.Shl(high, e.u(2)), e.Shr(low, e.u(30)))
	low = e.Shl(low, e.u(2))
	negative := e.Ge(frac, e.u(signBit))
	q = e.Add(e.Shr(high, e.u(30)), e.Convert(negative, spirv.Uint32))
	flip := e.Select(negative, e.u(0xffffffff), e.u(0))
	frac, low = e.Xor(frac, flip), e.Xor(low, flip)

	// The 64 bits as three exact floats, and those as an unevaluated sum.
	part := func(v value, scale float32) value {
		return e.Mul(e.Convert(e.Bitcast(v, spirv.Int32), spirv.Float32), e.f(scale))
	}
	first := part(e.And(frac, e.u(0xffffff80)), 0x1p-32)
	second := e.Add(part(e.And(frac, e.u(0x7f)), 0x1p-32), part(e.Shr(low, e.u(15)), 0x1p-49))
	third := part(e.And(low, e.u(0x7fff)), 0x1p-64)
	f, rest := e.fastTwoSum(first, second)
	rest = e.Add(rest, third)

	// (f + rest) * pi/2, the leading product of 12 and 11 bits exact.
	const (
		halfPi     = 1.57079633
		halfPiHigh = 1.5703125
		halfPiLow  = 0.00048382679489661926
	)
	fh := e.high(f)
	tail := e.Add(e.Mul(fh, e.f(halfPiLow)), e.Mul(e.Add(e.Sub(f, fh), rest), e.f(halfPi)))
	r, l = e.fastTwoSum(e.Mul(fh, e.f(halfPiHigh)), tail)
	sign := e.And(flip, e.u(signBit))
	return q, e.float(e.Xor(e.bits(r), sign)), e.float(e.Xor(e.bits(l), sign))
}
