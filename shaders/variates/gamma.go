package variates

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/emath"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// gammaRounds bounds the rejection loop. A round rejects with a probability below 0.05 for every
// concentration, so the bound is met once in 10^41 draws; the draw is NaN then.
const gammaRounds = 32

// Gamma is a draw from the gamma distribution with a concentration a > 0 and rate 1, or its logarithm: NaN for
// other a. Round r takes the words for counter (c0, r) under the key.
//
// Source: G. Marsaglia and W. Tsang, A simple method for generating gamma variables, ACM TOMS 26 (2000),
// 363-372, without the squeeze; for a < 1, the draw for a + 1 times U^(1/a) (section 6).
func Gamma(k0, k1, c0 uint32, a float64, logarithm bool) float64 {
	if !(a > 0) || math.IsInf(a, 0) {
		return math.NaN()
	}
	shape := a
	if a < 1 {
		shape = a + 1
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for r := range uint32(gammaRounds) {
		w0, w1 := Threefry(k0, k1, c0, r)
		z := Normal(w0)
		y := c * z
		if y <= -1 || !(Exponential(w1) > gammaBar(d, y)) {
			continue
		}
		boost := 0.0
		if a < 1 {
			w, _ := Threefry(k0, k1, c0, gammaRounds)
			boost = Exponential(w) / a
		}
		if logarithm {
			return math.Log(d) + 3*math.Log1p(y) - boost
		}
		return d * (1 + y) * (1 + y) * (1 + y) * math.Exp(-boost)
	}
	return math.NaN()
}

// gammaBar is -(z^2/2 + d (1 - v + log v)) for v = (1+y)^3 and y = z / sqrt(9d), with the terms that cancel
// taken out: d (y^3 - 3 (log(1+y) - y + y^2/2)).
func gammaBar(d, y float64) float64 {
	return d * (y*y*y - 3*(math.Log1p(y)-y+y*y/2))
}

// EmitGamma is Gamma in kernel code.
func EmitGamma(b *spirv.Builder, k0, k1, c0, a spirv.Value, logarithm bool) (x spirv.Value) {
	b.Precise(func() {
		f := b.ConstF32
		inf := b.Const(spirv.F32, 0x7f800000)
		nan := b.Const(spirv.F32, 0x7fc00000)
		valid := b.And(b.Gt(a, f(0)), b.Lt(a, inf))
		small := b.Lt(a, f(1))
		d := b.Sub(b.Select(small, b.Add(a, f(1)), a), f(1.0/3))
		c := b.Div(f(1), b.Sqrt(b.Mul(f(9), d)))
		const waiting = -2 // every accepted y is above -1
		start := b.Splat(b.Select(valid, f(waiting), f(0)), a.Type.Lanes)
		is := func(y spirv.Value) spirv.Value { return b.Lt(y, f(-1)) }
		out := b.While([]spirv.Value{b.ConstU32(0), start},
			func(v []spirv.Value) spirv.Value {
				return b.And(b.Lt(v[0], b.ConstU32(gammaRounds)), b.Any(is(v[1])))
			},
			func(v []spirv.Value) []spirv.Value {
				w0, w1 := EmitThreefry(b, k0, k1, c0, b.Splat(v[0], a.Type.Lanes))
				y := b.Mul(c, EmitNormal(b, w0))
				square := b.Mul(y, y)
				log := emath.Log1p(b, y)
				rest := b.Add(b.Sub(log, y), b.Mul(square, f(0.5)))
				bar := b.Mul(d, b.Sub(b.Mul(square, y), b.Mul(f(3), rest)))
				take := b.And(b.Gt(y, f(-1)), b.Gt(EmitExponential(b, w1), bar))
				return []spirv.Value{
					b.Add(v[0], b.ConstU32(1)),
					b.Select(b.And(is(v[1]), take), y, v[1]),
				}
			})
		y := out[1]
		w, _ := EmitThreefry(b, k0, k1, c0, b.Splat(b.ConstU32(gammaRounds), a.Type.Lanes))
		boost := b.Select(small, b.Div(EmitExponential(b, w), a), f(0))
		if logarithm {
			x = b.Sub(b.Add(emath.Log(b, d), b.Mul(f(3), emath.Log1p(b, y))), boost)
		} else {
			up := b.Add(f(1), y)
			x = b.Mul(b.Mul(d, b.Mul(b.Mul(up, up), up)), emath.Exp(b, b.Neg(boost)))
		}
		x = b.Select(b.Or(b.Not(valid), is(y)), nan, x)
	})
	return x
}
