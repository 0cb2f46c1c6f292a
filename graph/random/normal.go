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

// NormalStep is one of a sequence of draws from the standard normal distribution, those of the given step: an integer scalar from 0 to 2^30-1.
// It is for loops. NormalOf of FoldIn(key, step) makes a key for every step, and uses half of the generator's words; this takes each word that the key
// gives for counters (i, 2^30 + step). In float32 n numbers take m = n/2, rounded up, counters: number i < m is the first of NormalPair of counter i,
// number m + i the second, so a draw depends on the shape's size too. In float64 number i is NormalOf's of counter i.
//
// The key may be used for Split, FoldIn and, once, for draws without a step.
func NormalStep(d graph.DType, key Key, step graph.Tensor, shape ...int) graph.Tensor {
	const op = "normal of a step"
	switch {
	case !d.IsFloat():
		graph.Fail(op, graph.ErrDType, "give graph.Float32 or graph.Float64", "draws of %v", d)
	case !step.DType().IsInt() || step.Rank() > 0:
		graph.Fail(op, graph.ErrArgument, "give an int32 or uint32 scalar", "the step is %v", step.Spec())
	}
	k0, k1 := key.words(op)
	at := step.Convert(graph.Uint32).Add(stream(stepStream))
	i := counter(op, shape)
	if d == graph.Float64 {
		w0, w1 := graph.Threefry(k0, k1, i, at)
		return graph.NormalOfWords(w0, w1)
	}
	half := i.Like(float64((i.Size() + 1) / 2))
	second := i.Ge(half)
	w0, w1 := graph.Threefry(k0, k1, graph.Where(second, i.Sub(half), i), at)
	z0, z1 := graph.NormalPair(w0, w1)
	return graph.Where(second, z1, z0)
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
