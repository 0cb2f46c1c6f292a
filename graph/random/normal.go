package random

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// Normal draws float32 from the standard normal distribution, by its quantile function: one word a draw, symmetric, between -6.34
// and 6.34. For others scale and shift: mean.Add(sd.Mul(random.Normal(key, n))).
func Normal(key Key, shape ...int) graph.Tensor { return NormalOf(graph.Float32, key, shape...) }

// NormalOf is Normal in a float type: float64 draws take two words and lie between -9.2 and 9.2.
func NormalOf(d graph.DType, key Key, shape ...int) graph.Tensor {
	return bitsFor("normal", key, d, shape).normal()
}

// TruncatedNormal draws from the standard normal distribution restricted to [lo, hi]; a bound may be infinite. Where lo >= hi the result is
// NaN. Both tails are drawn without loss of digits, as far as their probability is a float32 or float64: from an interval
// beyond 12.9, or 37.5, it is the bound nearer to 0. Draws are differentiable by both bounds.
func TruncatedNormal[L, H Param](key Key, lo L, hi H, shape ...int) graph.Tensor {
	const op = "truncated normal"
	p := tensors(op, of("lo", lo), of("hi", hi))
	a, b := p[0], p[1]
	shape = resultShape(op, shape, a.Shape(), b.Shape())
	u := bitsFor(op, key, a.DType(), shape)
	below, above := a.NormalCDF(), b.Neg().NormalCDF()
	// The probability of the interval, by the tail that it is in.
	mass := graph.Where(a.Gt(a.Like(0)), a.Neg().NormalCDF().Sub(above), b.NormalCDF().Sub(below))
	lower := below.Add(u.probability().Mul(mass))
	upper := above.Add(u.not().probability().Mul(mass))
	least := 0x1p-126
	if u.dtype == graph.Float64 {
		least = 0x1p-1022
	}
	z := lower.Min(upper)
	z = z.Max(z.Like(least)).NormalQuantile()
	z = graph.Where(lower.Le(upper), z, z.Neg())
	return nanUnless(a.Lt(b), z.Max(a).Min(b))
}

// Cauchy draws float32 from the standard Cauchy distribution, cot(pi u).
func Cauchy(key Key, shape ...int) graph.Tensor { return CauchyOf(graph.Float32, key, shape...) }

// CauchyOf is Cauchy in a float type.
func CauchyOf(d graph.DType, key Key, shape ...int) graph.Tensor {
	w := bitsFor("cauchy", key, d, shape)
	u, v := w.probability(), w.not().probability()
	angle := u.Min(v).Scale(math.Pi)
	x := angle.Cos().Div(angle.Sin())
	return graph.Where(u.Le(v), x, x.Neg())
}
