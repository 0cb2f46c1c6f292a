package variates

import (
	"math"

	"github.com/lavagrad/lavagrad/internal/special"
	"github.com/lavagrad/lavagrad/shaders/emath"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// The coefficients of the normal quantile function for the kernels in float32: PPND7 of M. Wichura, Algorithm AS 241, Applied
// Statistics 37 (1988), 477-484, in the variables of special.PPND16, which is the definition.
var ppnd7 = [3][2][]float32{
	{{3.3871327179, 50.434271938, 159.29113202, 59.109374720}, {1, 17.895169469, 78.757757664, 67.187563600}},
	{{1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103}, {1, 0.73700164250, 0.12021132975}},
	{{6.6579051150, 3.0812263860, 0.42868294337, 0.017337203997}, {1, 0.24197894225, 0.012258202635}},
}

// NormalQuantile is the z with P(Z <= z) = p for a standard normal Z: -Inf at 0, +Inf at 1, NaN outside.
func NormalQuantile(p float64) float64 { return special.NormalQuantile(p-0.5, min(p, 1-p)) }

// EmitNormalQuantile is NormalQuantile on floats, within 5e-7 relative to max(|z|, 1e-7) where 1 - p is
// exact or small p matter; a denormal p may count as 0.
func EmitNormalQuantile(b *spirv.Builder, p spirv.Value) (z spirv.Value) {
	b.Precise(func() {
		half := b.ConstF32(0.5)
		q := b.Sub(p, half)
		tail := b.Select(b.Lt(p, half), p, b.Sub(b.ConstF32(1), p))
		z = emitQuantile(b, b.Abs(q), tail, true)
		z = b.Select(b.Lt(q, b.ConstF32(0)), b.Neg(z), z)
		// What the logarithm says of 0 and of negative numbers, without relying on Inf/Inf.
		inf := b.Const(spirv.F32, 0x7f800000)
		z = b.Select(b.Eq(p, b.ConstF32(0)), b.Neg(inf), z)
		z = b.Select(b.Eq(p, b.ConstF32(1)), inf, z)
	})
	return z
}

// emitQuantile is |z| from |p - 1/2| and the nearer tail; far says whether the tail may be below exp(-25), or no probability at all. All
// regions share one division.
func emitQuantile(b *spirv.Builder, q, tail spirv.Value, far bool) spirv.Value {
	log := emath.LogPositive
	if far {
		log = emath.Log
	}
	r := b.Sqrt(b.Neg(log(b, tail)))
	above, below := emitRatio(b, ppnd7[1], b.Sub(r, b.ConstF32(special.PPNDTail)))
	if far {
		x, y := emitRatio(b, ppnd7[2], b.Sub(r, b.ConstF32(special.PPNDFar)))
		near := b.Le(r, b.ConstF32(special.PPNDFar))
		above, below = b.Select(near, above, x), b.Select(near, below, y)
	}
	x, y := emitRatio(b, ppnd7[0], b.Sub(b.ConstF32(special.PPNDCentre*special.PPNDCentre), b.Mul(q, q)))
	centre := b.Le(q, b.ConstF32(special.PPNDCentre))
	z := b.Div(b.Select(centre, x, above), b.Select(centre, y, below))
	return b.Select(centre, b.Mul(q, z), z)
}

// emitRatio gives the numerator and the denominator of a rational function of x.
func emitRatio(b *spirv.Builder, c [2][]float32, x spirv.Value) (above, below spirv.Value) {
	var y [2]spirv.Value
	for k := range y {
		n := len(c[k]) - 1
		y[k] = b.ConstF32(c[k][n])
		for i := n - 1; i >= 0; i-- {
			y[k] = b.Add(b.Mul(y[k], x), b.ConstF32(c[k][i]))
		}
	}
	return y[0], y[1]
}

// Normal is a standard normal draw from a word, the quantile of (word + 1/2) / 2^32: symmetric, and never
// beyond 6.34.
func Normal(word uint32) float64 {
	p := (float64(word) + 0.5) * 0x1p-32
	return special.NormalQuantile(p-0.5, min(p, 1-p))
}

// EmitNormal is Normal in kernel code. Both p - 1/2 and the nearer tail come from the word's integer
// bits, so that neither the centre nor the tails lose digits.
func EmitNormal(b *spirv.Builder, word spirv.Value) (z spirv.Value) {
	b.Precise(func() {
		below, q, tail := emitCentred(b, word)
		z = emitQuantile(b, q, tail, false)
		z = b.Select(below, b.Neg(z), z)
	})
	return z
}

// emitCentred gives, of p = (word + 1/2) / 2^32, whether it is below 1/2, |p - 1/2|, and the smaller of p and 1 - p.
func emitCentred(b *spirv.Builder, word spirv.Value) (below, q, tail spirv.Value) {
	t := b.Bitcast(b.Xor(word, b.ConstU32(1<<31)), spirv.Int32) // (p - 1/2) 2^32 - 1/2
	below = b.Lt(t, b.ConstI32(0))
	w := b.Select(below, b.Not(t), t)
	return below, emitOpen(b, w), emitOpen(b, b.Sub(b.ConstI32(math.MaxInt32), w))
}

// emitOpen is (n + 1/2) / 2^32 for an i32 n >= 0.
func emitOpen(b *spirv.Builder, n spirv.Value) spirv.Value {
	return b.Mul(b.Add(b.Convert(n, spirv.Float32), b.ConstF32(0.5)), b.ConstF32(0x1p-32))
}

// EmitNormalCDF is the standard normal distribution function on floats.
func EmitNormalCDF(b *spirv.Builder, x spirv.Value) spirv.Value {
	return b.Mul(b.ConstF32(0.5), emath.Erfc(b, b.Mul(x, b.ConstF32(-math.Sqrt2/2))))
}
