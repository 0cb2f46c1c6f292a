package shaders

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Rounding says what becomes of the float32 operands of a product before they are multiplied. Products of rounded operands are exact in float32, and
// are added in float32.
type Rounding uint8

// The roundings, all to nearest, ties to even. NaN stays NaN, and so do infinities and signs.
const (
	Unrounded     Rounding = iota
	RoundBFloat16          // to bfloat16: 8 bits of precision and float32's range, but that the largest, from 3.396e38 on, become infinite
	RoundFloat16           // to float16: 11 bits; from 65520 on infinite, below 2^-14 multiples of 2^-24
	SplitBFloat16          // to sums of three bfloat16: all 24 bits
	SplitFloat16           // to sums of three float16: all bits of numbers of middling size, of others what RoundFloat16 leaves
)

// String names the rounding.
func (r Rounding) String() string {
	return [...]string{"unrounded", "bf16", "f16", "bf16x3", "f16x3"}[r]
}

// Nearest is the number that x is rounded to; r is RoundBFloat16 or RoundFloat16.
func (r Rounding) Nearest(x float32) float32 {
	bits, least, greatest := 11, -14, 65504.0
	if r == RoundBFloat16 {
		bits, least, greatest = 8, -126, math.Ldexp(255, 120)
	}
	v := float64(x)
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return x
	}
	_, exp := math.Frexp(v) // v is below 2^exp
	unit := math.Ldexp(1, max(exp-1, least)-(bits-1))
	if v = math.RoundToEven(v/unit) * unit; math.Abs(v) > greatest {
		v = math.Copysign(math.Inf(1), v)
	}
	return float32(v)
}

// brain reports bfloat16 rather than float16.
func (r Rounding) brain() bool { return r == RoundBFloat16 || r == SplitBFloat16 }

// parts is how many 16-bit numbers an operand becomes.
func (r Rounding) parts() int {
	if r == SplitBFloat16 || r == SplitFloat16 {
		return 3
	}
	return 1
}

const (
	signBit   = 0x80000000
	infinity  = 0x7f800000
	quiet     = 0x00400000 // of a NaN, and above the bits that rounding drops
	leastHalf = 0x38800000 // 2^-14, the least normal float16
	overHalf  = 0x47800000 // 2^16, what numbers from 65520 on are rounded to
)

// Round emits the nearest number of r's type, as a float32; r is RoundBFloat16 or RoundFloat16. Integer operations do it, for drivers
// may convert to 16 bits in any direction.
func Round(b *spirv.Builder, x spirv.Value, r Rounding) spirv.Value {
	u := b.Bitcast(x, spirv.Uint32)
	c := func(v uint32) spirv.Value { return b.ConstU32(v) }
	magnitude := b.And(u, c(signBit-1))
	drop := uint32(16)
	if r == RoundFloat16 {
		drop = 13
	}
	keep := ^(uint32(1)<<drop - 1)
	odd := b.And(b.Shr(magnitude, c(drop)), c(1))
	nearest := b.And(b.Add(magnitude, b.Add(odd, c(uint32(1)<<(drop-1)-1))), c(keep))
	if r == RoundFloat16 {
		nearest = b.Select(b.Ge(nearest, c(overHalf)), c(infinity), nearest)
		// Multiples of 2^-24, by exact factors.
		var small spirv.Value
		b.Precise(func() {
			scaled := b.Mul(b.Bitcast(magnitude, spirv.Float32), b.ConstF32(1<<24))
			small = b.Mul(b.RoundEven(scaled), b.ConstF32(1.0/(1<<24)))
		})
		nearest = b.Select(b.Lt(magnitude, c(leastHalf)), b.Bitcast(small, spirv.Uint32), nearest)
	}
	nan := b.And(b.Or(magnitude, c(quiet)), c(keep))
	nearest = b.Select(b.Gt(magnitude, c(infinity)), nan, nearest)
	return b.Bitcast(b.Or(nearest, b.And(u, c(signBit))), spirv.Float32)
}

// bits16 emits the 16 bits of numbers that Round leaves as they are.
func bits16(b *spirv.Builder, x spirv.Value, r Rounding) spirv.Value {
	u := b.Bitcast(x, spirv.Uint32)
	c := func(v uint32) spirv.Value { return b.ConstU32(v) }
	if r.brain() {
		return b.Shr(u, c(16))
	}
	magnitude := b.And(u, c(signBit-1))
	normal := b.Shr(b.Sub(magnitude, c(112<<23)), c(13)) // the exponents' offsets are 127 and 15
	special := b.And(b.Or(b.Shr(magnitude, c(13)), c(0x7c00)), c(0x7fff))
	// A multiple of 2^-24 is its factor, which stands in the last bits once 2^23 is added.
	var shifted spirv.Value
	b.Precise(func() {
		shifted = b.Add(b.Mul(b.Bitcast(magnitude, spirv.Float32), b.ConstF32(1<<24)), b.ConstF32(1<<23))
	})
	small := b.And(b.Bitcast(shifted, spirv.Uint32), c(0x7ff))
	v := b.Select(b.Lt(magnitude, c(leastHalf)), small, normal)
	v = b.Select(b.Ge(magnitude, c(infinity)), special, v)
	return b.Or(v, b.And(b.Shr(u, c(16)), c(0x8000)))
}

// split emits the numbers of r's type whose sum stands for x, the largest first. Of an infinity or a NaN the others are 0, so that the first alone
// says what a product is. A number that would be rounded to infinity is cut off instead.
func split(b *spirv.Builder, x spirv.Value, r Rounding) []spirv.Value {
	plain := RoundFloat16
	if r.brain() {
		plain = RoundBFloat16
	}
	high := Round(b, x, plain)
	if r.parts() == 1 {
		return []spirv.Value{high}
	}
	finite := b.IsFinite(x)
	if r.brain() {
		cut := b.Bitcast(b.And(b.Bitcast(x, spirv.Uint32), b.ConstU32(0xffff0000)), spirv.Float32)
		high = b.Select(b.And(finite, b.IsInf(high)), cut, high)
	} else {
		finite = b.And(finite, b.IsFinite(high))
	}
	zero := b.Splat(b.ConstF32(0), x.Type.Lanes)
	var middle, low spirv.Value
	b.Precise(func() {
		rest := b.Select(finite, b.Sub(x, high), zero)
		middle = Round(b, rest, plain)
		low = Round(b, b.Sub(rest, middle), plain)
	})
	return []spirv.Value{high, middle, low}
}
