package random

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// Normal draws from the standard normal distribution, by its quantile function: one word a draw, symmetric, between -6.34
// and 6.34. For others scale and shift: mean.Add(sd.Mul(random.Normal(key, n))).
func Normal(key Key, shape ...int) graph.Tensor {
	w, _ := draw("normal", key, shape)
	return graph.NormalOfWord(w)
}

// TruncatedNormal draws from the standard normal distribution restricted to [lo, hi]; a bound may be infinite. Where lo >= hi the result is
// NaN. Both tails are drawn without loss of digits, as far as their probability is a float32: from an interval
// beyond 12.9 it is the bound nearer to 0. Draws are differentiable by both bounds.
func TruncatedNormal[L, H Param](key Key, lo L, hi H, shape ...int) graph.Tensor {
	const op = "truncated normal"
	a, b := tensor(op, "lo", lo), tensor(op, "hi", hi)
	shape = resultShape(op, shape, a.Shape(), b.Shape())
	w, _ := draw(op, key, shape)
	below, above := a.NormalCDF(), b.Neg().NormalCDF()
	// The probability of the interval, by the tail that it is in.
	mass := graph.Where(a.Gt(graph.Scalar(0)), a.Neg().NormalCDF().Sub(above), b.NormalCDF().Sub(below))
	lower := below.Add(graph.ProbabilityOfWord(w).Mul(mass))
	upper := above.Add(graph.ProbabilityOfWord(w.Like(math.MaxUint32).Sub(w)).Mul(mass))
	z := lower.Min(upper).Max(graph.Scalar(0x1p-126)).NormalQuantile()
	z = graph.Where(lower.Le(upper), z, z.Neg())
	return nanUnless(a.Lt(b), z.Max(a).Min(b))
}

// Cauchy draws from the standard Cauchy distribution, cot(pi u).
func Cauchy(key Key, shape ...int) graph.Tensor {
	w, _ := draw("cauchy", key, shape)
	u, v := graph.ProbabilityOfWord(w), graph.ProbabilityOfWord(w.Like(math.MaxUint32).Sub(w))
	angle := u.Min(v).Scale(math.Pi)
	x := angle.Cos().Div(angle.Sin())
	return graph.Where(u.Le(v), x, x.Neg())
}
