package variates

import (
	"math"
	"math/bits"

	"github.com/lavagrad/lavagrad/shaders/emath"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Uniform is a draw from [0, 1): the word's lower 24 bits as a fraction, exact in a float32.
func Uniform(word uint32) float64 { return float64(word&0xffffff) * 0x1p-24 }

// EmitUniform is Uniform in kernel code.
func EmitUniform(b *spirv.Builder, word spirv.Value) spirv.Value {
	n := b.Bitcast(b.And(word, b.ConstU32(0xffffff)), spirv.Int32)
	return b.Mul(b.Convert(n, spirv.Float32), b.ConstF32(0x1p-24))
}

// Probability is a draw from (0, 1], (word + 1/2) / 2^32 rounded to a float32: of at most 2^-33, and fine
// enough that a comparison with a small probability is true as often as it should be.
func Probability(word uint32) float64 { return float64(float32(float64(word)+0.5) * 0x1p-32) }

// EmitProbability is Probability in kernel code. It converts halves, as i32 and exactly, so that only their sum rounds.
func EmitProbability(b *spirv.Builder, word spirv.Value) (p spirv.Value) {
	b.Precise(func() {
		float := func(x spirv.Value) spirv.Value { return b.Convert(b.Bitcast(x, spirv.Int32), spirv.Float32) }
		high := b.Add(float(b.And(b.Xor(word, b.ConstU32(1<<31)), b.ConstU32(0xffff0000))), b.ConstF32(1<<31))
		low := b.Add(float(b.And(word, b.ConstU32(0xffff))), b.ConstF32(0.5))
		p = b.Mul(b.Add(high, low), b.ConstF32(0x1p-32))
	})
	return p
}

// Exponential is a draw of mean 1, -log((word + 1/2) / 2^32): from 2^-33 to 22.9, never 0.
func Exponential(word uint32) float64 {
	if word < 1<<31 {
		return -math.Log((float64(word) + 0.5) * 0x1p-32)
	}
	return -math.Log1p(-(float64(^word) + 0.5) * 0x1p-32)
}

// EmitExponential is Exponential in kernel code. Near 1 the probability rounds; what is lost comes back as a
// correction of the logarithm, so that small draws keep their digits.
func EmitExponential(b *spirv.Builder, word spirv.Value) (y spirv.Value) {
	b.Precise(func() {
		one := b.ConstF32(1)
		lower := b.Lt(word, b.ConstU32(1<<31))
		n := b.Bitcast(b.Select(lower, word, b.Not(word)), spirv.Int32)
		tail := emitOpen(b, n)
		p := b.Select(lower, tail, b.Sub(one, tail))
		lost := b.Sub(b.Sub(one, p), tail) // exact for p >= 1/2
		lost = b.Select(lower, b.ConstF32(0), lost)
		y = b.Neg(b.Add(emath.LogPositive(b, p), lost))
	})
	return y
}

// Below is an integer in [0, n): the upper 32 bits of n times the fraction with the words' 64 bits. An
// n of 0 gives 0. Each value's probability is off by less than 2^-64.
func Below(high, low, n uint32) uint32 {
	h, l := bits.Mul32(high, n)
	rest, _ := bits.Mul32(low, n)
	_, carry := bits.Add32(l, rest, 0)
	return h + carry
}

// EmitBelow is Below in kernel code.
func EmitBelow(b *spirv.Builder, high, low, n spirv.Value) spirv.Value {
	l, h := b.UMulExtended(high, n)
	_, rest := b.UMulExtended(low, n)
	carry := b.Select(b.Lt(b.Add(l, rest), rest), b.ConstU32(1), b.ConstU32(0))
	return b.Add(h, carry)
}
