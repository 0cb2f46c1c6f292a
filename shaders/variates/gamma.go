package variates

import (
	"math"

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
	return source{k0, k1, c0, false}.gamma(a, logarithm)
}

// Gamma64 is Gamma in float64: round r takes the words for counters (c0, 2r) and (c0, 2r+1).
func Gamma64(k0, k1, c0 uint32, a float64, logarithm bool) float64 {
	return source{k0, k1, c0, true}.gamma(a, logarithm)
}

func (s source) gamma(a float64, logarithm bool) float64 {
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
		first, second := s.round(r)
		y := c * first.normal()
		if y <= -1 || !(second.exponential() > gammaBar(d, y)) {
			continue
		}
		boost := 0.0
		if a < 1 {
			w, _ := s.round(gammaRounds)
			boost = w.exponential() / a
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

// EmitGamma is Gamma in kernel code for a float32 a, Gamma64 for a float64.
func EmitGamma(b *spirv.Builder, k0, k1, c0, a spirv.Value, logarithm bool) (x spirv.Value) {
	b.Precise(func() {
		k := kit{b, a.Type.Kind, k0, k1, c0}
		f := k.f
		valid := b.And(b.Gt(a, f(0)), b.Lt(a, f(math.Inf(1))))
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
				first, second := k.round(v[0])
				y := b.Mul(c, first.normal())
				square := b.Mul(y, y)
				log := k.log1p(y)
				rest := b.Add(b.Sub(log, y), b.Mul(square, f(0.5)))
				bar := b.Mul(d, b.Sub(b.Mul(square, y), b.Mul(f(3), rest)))
				take := b.And(b.Gt(y, f(-1)), b.Gt(second.exponential(), bar))
				return []spirv.Value{
					b.Add(v[0], b.ConstU32(1)),
					b.Select(b.And(is(v[1]), take), y, v[1]),
				}
			})
		y := out[1]
		boost := b.Select(small, b.Div(k.first(gammaRounds).exponential(), a), f(0))
		if logarithm {
			x = b.Sub(b.Add(k.log(d), b.Mul(f(3), k.log1p(y))), boost)
		} else {
			up := b.Add(f(1), y)
			x = b.Mul(b.Mul(d, b.Mul(b.Mul(up, up), up)), k.exp(b.Neg(boost)))
		}
		x = b.Select(b.Or(b.Not(valid), is(y)), f(math.NaN()), x)
	})
	return x
}
