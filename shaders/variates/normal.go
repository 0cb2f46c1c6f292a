package variates

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/emath"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// The normal quantile function: M. Wichura, Algorithm AS 241, Applied Statistics 37 (1988), 477-484; PPND16
// for the definition, PPND7 for the kernels. Numerators and denominators, constant first, for the centre
// |p - 1/2| <= 0.425, for sqrt(-log(tail)) up to 5, and beyond.
var (
	ppnd16 = [3][2][]float64{
		{{3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
			4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3},
			{1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
				2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3}},
		{{1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
			1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
			{1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
				1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9}},
		{{6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
			2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
			{1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
				7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15}},
	}
	ppnd7 = [3][2][]float32{
		{{3.3871327179, 50.434271938, 159.29113202, 59.109374720}, {1, 17.895169469, 78.757757664, 67.187563600}},
		{{1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103}, {1, 0.73700164250, 0.12021132975}},
		{{6.6579051150, 3.0812263860, 0.42868294337, 0.017337203997}, {1, 0.24197894225, 0.012258202635}},
	}
)

const (
	centre       = 0.425
	centreSquare = 0.180625
	tailStart    = 1.6
	tailEnd      = 5
)

// NormalQuantile is the z with P(Z <= z) = p for a standard normal Z: -Inf at 0, +Inf at 1, NaN outside.
func NormalQuantile(p float64) float64 { return normalQuantile(p-0.5, min(p, 1-p)) }

// normalQuantile takes p - 1/2 and the probability of the nearer tail, each without loss.
func normalQuantile(q, tail float64) float64 {
	if math.Abs(q) <= centre {
		return q * ratio(ppnd16[0], centreSquare-q*q)
	}
	if !(tail > 0) {
		if tail == 0 {
			return math.Copysign(math.Inf(1), q)
		}
		return math.NaN()
	}
	r := math.Sqrt(-math.Log(tail))
	z := 0.0
	if r <= tailEnd {
		z = ratio(ppnd16[1], r-tailStart)
	} else {
		z = ratio(ppnd16[2], r-tailEnd)
	}
	return math.Copysign(z, q)
}

func ratio(c [2][]float64, x float64) float64 {
	var y [2]float64
	for k := range y {
		for i := len(c[k]) - 1; i >= 0; i-- {
			y[k] = y[k]*x + c[k][i]
		}
	}
	return y[0] / y[1]
}

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

// emitQuantile is |z| from |p - 1/2| and the nearer tail; far says whether the tail may be below exp(-25).
func emitQuantile(b *spirv.Builder, q, tail spirv.Value, far bool) spirv.Value {
	mid := b.Mul(q, emitRatio(b, ppnd7[0], b.Sub(b.ConstF32(centreSquare), b.Mul(q, q))))
	r := b.Sqrt(b.Neg(emath.Log(b, tail)))
	z := emitRatio(b, ppnd7[1], b.Sub(r, b.ConstF32(tailStart)))
	if far {
		z = b.Select(b.Le(r, b.ConstF32(tailEnd)), z, emitRatio(b, ppnd7[2], b.Sub(r, b.ConstF32(tailEnd))))
	}
	return b.Select(b.Le(q, b.ConstF32(centre)), mid, z)
}

func emitRatio(b *spirv.Builder, c [2][]float32, x spirv.Value) spirv.Value {
	var y [2]spirv.Value
	for k := range y {
		n := len(c[k]) - 1
		y[k] = b.ConstF32(c[k][n])
		for i := n - 1; i >= 0; i-- {
			y[k] = b.Add(b.Mul(y[k], x), b.ConstF32(c[k][i]))
		}
	}
	return b.Div(y[0], y[1])
}

// Normal is a standard normal draw from a word, the quantile of (word + 1/2) / 2^32: symmetric, and never
// beyond 6.34.
func Normal(word uint32) float64 {
	p := (float64(word) + 0.5) * 0x1p-32
	return normalQuantile(p-0.5, min(p, 1-p))
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
