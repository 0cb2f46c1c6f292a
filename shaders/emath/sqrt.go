package emath

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Sqrt returns the square root.
//
// Sqrt(±0) = ±0, Sqrt(+Inf) = +Inf, Sqrt(x < 0) = NaN, Sqrt(NaN) = NaN. It is
// the driver's instruction, correctly rounded on SwiftShader and lavapipe;
// Vulkan itself promises no more than the error of 1/inversesqrt(x). A
// denormal x may be flushed to 0.
func Sqrt(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value {
		// The instruction is undefined below 0 and may be x * inversesqrt(x),
		// which is NaN at 0 and +Inf.
		bits := e.bits(x)
		keep := e.Or(e.Eq(bits, e.u(infBits)), e.Eq(e.And(bits, e.u(absMask)), e.u(0)))
		y := e.Select(e.Lt(x, e.f(0)), e.floatBits(nanBits), e.Builder.Sqrt(x))
		return e.Select(keep, x, y)
	})
}

// Rsqrt returns 1 / Sqrt(x).
//
// Rsqrt(±0) = ±Inf, Rsqrt(+Inf) = 0, Rsqrt(x < 0) = NaN, Rsqrt(NaN) = NaN. A
// denormal x may be taken for 0.
func Rsqrt(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value { return e.Div(e.f(1), Sqrt(b, x)) })
}

// Recip returns 1 / x; Recip(±0) = ±Inf. It is the driver's division: see Div.
func Recip(b *spirv.Builder, x spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value { return e.Div(e.f(1), x) })
}

// Div returns x / y by the driver's instruction, not contracted. It is
// correctly rounded on SwiftShader and lavapipe; Vulkan allows 2.5 ULP for |y|
// in [2^-126, 2^126] and any error outside. Denormals may be flushed to 0.
func Div(b *spirv.Builder, x, y spirv.Value) spirv.Value {
	return precise(b, x, func(e emitter) value { return e.Builder.Div(x, y) })
}
