package variates

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/emath"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// NormalPair gives two independent standard normal draws from two words: a point whose squared distance from 0 is twice an exponential
// variable, that of the first word, in a direction of the second. Neither is 0 or beyond 6.77 in magnitude. It takes half the operations of
// two quantiles.
//
// The second word's lower 30 bits are an angle between -pi/4 and pi/4, bit 30 exchanges the coordinates and bit 31 negates them: together these
// turn the quarter circle into a whole one, and no angle needs a reduction.
//
// Source: G. Box, M. Muller, A note on the generation of random normal deviates, Annals of Mathematical Statistics 29 (1958), 610-611.
func NormalPair(w0, w1 uint32) (z0, z1 float64) {
	r := math.Sqrt(2 * Exponential(w0))
	if w1>>31 != 0 {
		r = -r
	}
	y, x := math.Sincos((float64(int32(w1<<2)) + 2) * pairAngle)
	if w1>>30&1 != 0 {
		x, y = y, x
	}
	return r * x, r * y
}

// pairAngle makes an angle of a word as a signed number: half of the right angle is 2^31.
const pairAngle = math.Pi / 2 * 0x1p-32

// EmitNormalPair is NormalPair in kernel code.
func EmitNormalPair(b *spirv.Builder, w0, w1 spirv.Value) (z0, z1 spirv.Value) {
	b.Precise(func() {
		r := b.Sqrt(b.Mul(b.ConstF32(2), EmitExponential(b, w0)))
		sign := b.And(w1, b.ConstU32(1<<31))
		r = b.Bitcast(b.Xor(b.Bitcast(r, spirv.Uint32), sign), spirv.Float32)
		angle := b.Convert(b.Bitcast(b.Mul(w1, b.ConstU32(4)), spirv.Int32), spirv.Float32)
		y, x := emath.SinCosReduced(b, b.Mul(b.Add(angle, b.ConstF32(2)), b.ConstF32(pairAngle)))
		upright := b.Ne(b.And(w1, b.ConstU32(1<<30)), b.ConstU32(0))
		z0, z1 = b.Mul(r, b.Select(upright, y, x)), b.Mul(r, b.Select(upright, x, y))
	})
	return z0, z1
}
