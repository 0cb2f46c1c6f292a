package emath64

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// value is a SPIR-V value; the name is short for the formulas' sake.
type value = spirv.Value

// emitter adds what formulas need to a builder. Its arithmetic is not contracted.
type emitter struct {
	*spirv.Builder
	lanes int
}

// precise runs f with NoContraction set: error-free steps such as x - (x - y) are lost when reassociated or fused.
func precise(b *spirv.Builder, x value, f func(e emitter) value) (out value) {
	if x.Type.Kind != spirv.Float64 {
		panic("BUG: emath64: function of " + x.Type.String() + ", want f64")
	}
	b.Precise(func() { out = f(emitter{b, x.Type.Lanes}) })
	return out
}

func (e emitter) f(c float64) value { return e.Splat(e.ConstF64(c), e.lanes) }
func (e emitter) u(c uint32) value  { return e.ConstU32(c) }

func (e emitter) nan() value { return e.f(math.NaN()) }
func (e emitter) inf() value { return e.f(math.Inf(1)) }

// sum adds, product multiplies, from left to right.
func (e emitter) sum(x value, more ...value) value {
	for _, y := range more {
		x = e.Add(x, y)
	}
	return x
}

func (e emitter) product(x value, more ...value) value {
	for _, y := range more {
		x = e.Mul(x, y)
	}
	return x
}

// poly is c[0] + x*c[1] + x*x*c[2] + ... by Horner's rule.
func (e emitter) poly(x value, c ...float64) value {
	y := e.f(c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		y = e.Add(e.Mul(y, x), e.f(c[i]))
	}
	return y
}

// clamp holds x within [lo, hi]; NaN stays NaN.
func (e emitter) clamp(x value, lo, hi float64) value {
	x = e.Select(e.Lt(x, e.f(lo)), e.f(lo), x)
	return e.Select(e.Gt(x, e.f(hi)), e.f(hi), x)
}

// toInt is a whole number as int32.
func (e emitter) toInt(x value) value { return e.Convert(x, spirv.Int32) }

// pow2 is 2^k for an int32 k in [-1022, 1023].
func (e emitter) pow2(k value) value {
	biased := e.Bitcast(e.Add(k, e.ConstI32(1023)), spirv.Uint32)
	return e.FromWords(e.Splat(e.u(0), e.lanes), e.Shl(biased, e.u(20)))
}

// scale is x 2^k for k in [-2044, 2046], rounded once where the result is denormal and x is in [0.5, 2].
func (e emitter) scale(x, k value) value {
	half := e.Shr(k, e.u(1))
	return e.product(x, e.pow2(half), e.pow2(e.Sub(k, half)))
}

// high clears the low word: 21 significant bits are left, whose products are exact.
func (e emitter) high(x value) value {
	_, hi := e.Words(x)
	return e.FromWords(e.Splat(e.u(0), e.lanes), hi)
}

// abs clears the sign bit, of NaN too.
func (e emitter) abs(x value) value {
	lo, hi := e.Words(x)
	return e.FromWords(lo, e.And(hi, e.u(0x7fffffff)))
}

// copySign gives x, which is not negative, the sign of s.
func (e emitter) copySign(x, s value) value {
	lo, hi := e.Words(x)
	_, sign := e.Words(s)
	return e.FromWords(lo, e.Or(hi, e.And(sign, e.u(0x80000000))))
}
