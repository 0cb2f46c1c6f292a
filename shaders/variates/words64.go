package variates

import (
	"math"

	"github.com/lavagrad/lavagrad/internal/special"
	"github.com/lavagrad/lavagrad/shaders/emath64"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Draws in float64 take 64 bits: the word that the draw in float32 takes, and below it another.

// Uniform64 is a draw from [0, 1): the lower 24 bits of the high word and the upper 29 of the low one as a fraction, exact in a
// float64.
func Uniform64(high, low uint32) float64 {
	return float64(high&0xffffff)*0x1p-24 + float64(low>>3)*0x1p-53
}

// EmitUniform64 is Uniform64 in kernel code.
func EmitUniform64(b *spirv.Builder, high, low spirv.Value) (u spirv.Value) {
	b.Precise(func() {
		float := func(x spirv.Value) spirv.Value { return b.Convert(b.Bitcast(x, spirv.Int32), spirv.Float64) }
		u = b.Add(b.Mul(float(b.And(high, b.ConstU32(0xffffff))), b.ConstF64(0x1p-24)),
			b.Mul(float(b.Shr(low, b.ConstU32(3))), b.ConstF64(0x1p-53)))
	})
	return u
}

// Probability64 is a draw from (0, 1], (word + 1/2) / 2^64 rounded once, for the word of 64 bits: at least 2^-65.
func Probability64(high, low uint32) float64 {
	return float64(high)*0x1p-32 + (float64(low)+0.5)*0x1p-64 // products are exact
}

// EmitProbability64 is Probability64 in kernel code.
func EmitProbability64(b *spirv.Builder, high, low spirv.Value) (p spirv.Value) {
	b.Precise(func() {
		p = b.Add(b.Mul(b.Convert(high, spirv.Float64), b.ConstF64(0x1p-32)),
			b.Mul(b.Add(b.Convert(low, spirv.Float64), b.ConstF64(0.5)), b.ConstF64(0x1p-64)))
	})
	return p
}

// Exponential64 is a draw of mean 1, -log((word + 1/2) / 2^64): from 2^-65 to 45.06, never 0.
func Exponential64(high, low uint32) float64 {
	if high < 1<<31 {
		return -math.Log(Probability64(high, low))
	}
	return -math.Log1p(-Probability64(^high, ^low))
}

// EmitExponential64 is Exponential64 in kernel code.
func EmitExponential64(b *spirv.Builder, high, low spirv.Value) (y spirv.Value) {
	b.Precise(func() {
		lower := b.Lt(high, b.ConstU32(1<<31))
		tail := EmitProbability64(b, b.Select(lower, high, b.Not(high)), b.Select(lower, low, b.Not(low)))
		y = b.Neg(b.Select(lower, emath64.Log(b, tail), emath64.Log1p(b, b.Neg(tail))))
	})
	return y
}

// Normal64 is a standard normal draw from a word of 64 bits, the quantile of (word + 1/2) / 2^64: symmetric, and never beyond 9.2.
func Normal64(high, low uint32) float64 {
	below, q, tail := centred64(high, low)
	if below {
		q = -q
	}
	return special.NormalQuantile(q, tail)
}

// centred64 gives, of p = (word + 1/2) / 2^64, whether it is below 1/2, |p - 1/2|, and the smaller of p and 1 - p.
func centred64(high, low uint32) (below bool, q, tail float64) {
	h := high ^ 1<<31 // (p - 1/2) 2^64 - 1/2
	if below = h >= 1<<31; below {
		h, low = ^h, ^low
	}
	return below, Probability64(h, low), Probability64(math.MaxInt32-h, ^low)
}

// EmitNormal64 is Normal64 in kernel code.
func EmitNormal64(b *spirv.Builder, high, low spirv.Value) (z spirv.Value) {
	b.Precise(func() {
		below, q, tail := emitCentred64(b, high, low)
		z = emath64.NormalQuantileParts(b, q, tail)
		z = b.Select(below, b.Neg(z), z)
	})
	return z
}

// emitCentred64 is centred64 in kernel code.
func emitCentred64(b *spirv.Builder, high, low spirv.Value) (below, q, tail spirv.Value) {
	h := b.Xor(high, b.ConstU32(1<<31))
	below = b.Ge(h, b.ConstU32(1<<31))
	h, l := b.Select(below, b.Not(h), h), b.Select(below, b.Not(low), low)
	return below, EmitProbability64(b, h, l), EmitProbability64(b, b.Sub(b.ConstU32(math.MaxInt32), h), b.Not(l))
}
