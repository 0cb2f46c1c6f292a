package graph

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/emath"
)

// Special functions and the like, elementwise on float32. Package shaders/emath states for each what it
// is at NaN, infinities and zeros, and how accurate.

// Erf is the error function, 2/sqrt(pi) times the integral of exp(-s^2) from 0 to t.
func (t Tensor) Erf() Tensor { return pointwise(erfRule, t) }

// Erfc is 1 - erf(t), with full relative accuracy for large t.
func (t Tensor) Erfc() Tensor { return pointwise(erfcRule, t) }

// Erfinv is the inverse of Erf: ±Inf at ±1, as is its gradient, and NaN beyond.
func (t Tensor) Erfinv() Tensor { return pointwise(erfinvRule, t) }

// Lgamma is log|gamma(t)|: +Inf at 0, -1, -2, ... and at both infinities. Its gradient is Digamma.
func (t Tensor) Lgamma() Tensor { return pointwise(lgammaRule, t) }

// Digamma is the derivative of Lgamma: NaN at -1, -2, ... and -Inf, ∓Inf at ±0. Its gradient is Polygamma(1).
func (t Tensor) Digamma() Tensor { return pointwise(digammaRule, t) }

// Polygamma is the n-th derivative of Digamma, 0 <= n <= 24; n = 1 is the trigamma function. Its gradient is
// Polygamma(n+1). The error of single precision grows with n: see emath.Polygamma.
func (t Tensor) Polygamma(n int) Tensor {
	switch {
	case n < 0 || n > emath.MaxPolygamma:
		fail("polygamma", ErrArgument, "differentiate less often", "order %d is not in [0, %d]", n, emath.MaxPolygamma)
	case n == 0:
		return t.Digamma()
	}
	return pointwise(polygammaRule(n), t)
}

// LogAddExp is log(exp(t) + exp(u)) without overflow. Infinities are limits: one +Inf gives +Inf, two -Inf
// give -Inf; the gradient of two equal infinities is one half each.
func (t Tensor) LogAddExp(u Tensor) Tensor { return pointwise(logAddExpRule, t, u) }

// Log1mExp is log(1 - exp(-t)) for t >= 0, accurate for small and for large t: -Inf at 0, NaN below.
//
// Source: M. Maechler, Accurately computing log(1 - exp(-|a|)), 2012: two forms, from either side of log 2.
func (t Tensor) Log1mExp() Tensor {
	small := t.Le(t.Like(math.Ln2))
	// Each form gets arguments that do it no harm where it is not taken, so that no Inf*0 spoils gradients.
	near, far := Where(small, t, t.Like(math.Ln2)), Where(small, t.Like(math.Ln2), t)
	return Where(small, near.Neg().Expm1().Neg().Log(), far.Neg().Exp().Neg().Log1p())
}

// Sinh is the hyperbolic sine.
func (t Tensor) Sinh() Tensor { return pointwise(sinhRule, t) }

// Cosh is the hyperbolic cosine.
func (t Tensor) Cosh() Tensor { return pointwise(coshRule, t) }

// Tan is the tangent of t in radians.
func (t Tensor) Tan() Tensor { return pointwise(tanRule, t) }

// Asinh is the inverse hyperbolic sine.
func (t Tensor) Asinh() Tensor { return pointwise(asinhRule, t) }

// Acosh is the inverse hyperbolic cosine, at least 0; below 1 it is NaN. Its gradient at 1 is +Inf.
func (t Tensor) Acosh() Tensor { return pointwise(acoshRule, t) }

// Atanh is the inverse hyperbolic tangent: ±Inf at ±1, NaN beyond.
func (t Tensor) Atanh() Tensor { return pointwise(atanhRule, t) }

// Exp2 is 2 to the power of t, exactly where t is an integer.
func (t Tensor) Exp2() Tensor { return pointwise(exp2Rule, t) }

// Log2 is the binary logarithm, exactly where t is a power of two: -Inf at zero, NaN below.
func (t Tensor) Log2() Tensor { return pointwise(log2Rule, t) }

// Asin is the inverse sine, in [-pi/2, pi/2]; beyond ±1 it is NaN. Its gradient at ±1 is +Inf.
func (t Tensor) Asin() Tensor { return pointwise(asinRule, t) }

// Acos is the inverse cosine, in [0, pi]; beyond ±1 it is NaN. Its gradient at ±1 is -Inf.
func (t Tensor) Acos() Tensor { return pointwise(acosRule, t) }

// Atan is the inverse tangent, in [-pi/2, pi/2].
func (t Tensor) Atan() Tensor { return pointwise(atanRule, t) }

// Atan2 is the angle of the point (x, t), in [-pi, pi], by the signs of both. Its gradient at (0, 0) is NaN.
func (t Tensor) Atan2(x Tensor) Tensor { return pointwise(atan2Rule, t, x) }

// Trunc drops the fraction. Its gradient is 0.
func (t Tensor) Trunc() Tensor { return pointwise(truncRule, t) }

// Clamp is min(max(t, lo), hi), for floats and integers; NaN stays NaN. The gradient is 1 between the bounds, 0
// beyond, and one half on them, as for Max and Min. Bounds may be infinite, and for integers fractions or out of
// range: x stays where lo <= x <= hi.
func (t Tensor) Clamp(lo, hi float64) Tensor {
	low, high := lo, hi
	switch d := t.must("clamp").spec.DType; {
	case d == Int32:
		low, high = max(math.Ceil(lo), math.MinInt32), min(math.Floor(hi), math.MaxInt32)
	case d == Uint32:
		low, high = max(math.Ceil(lo), 0), min(math.Floor(hi), math.MaxUint32)
	}
	if !(low <= high) {
		fail("clamp", ErrArgument, "give the lower bound first", "no %v lies between %v and %v", t.DType(), lo, hi)
	}
	return t.Max(t.Like(low)).Min(t.Like(high))
}

// IsInf is true where t is +Inf or -Inf.
func (t Tensor) IsInf() Tensor { return pointwise(isInfRule, t) }

// IsFinite is true where t is neither infinite nor NaN.
func (t Tensor) IsFinite() Tensor { return pointwise(isFiniteRule, t) }

// center is t - u, and 0 where they are equal, infinities included: how far t is from a maximum u.
func (t Tensor) center(u Tensor) Tensor { return pointwise(centerRule, t, u) }
