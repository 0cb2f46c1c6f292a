package emath64

import (
	"math"

	"github.com/lavagrad/lavagrad/internal/special"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// NormalQuantileParts is |z| for the z with P(Z <= z) = p for a standard normal Z, from |p - 1/2| and the smaller of p and 1 - p,
// which must be above 0. Callers who know both without rounding lose no digits in the centre nor in the tails.
//
// Source: M. Wichura, Algorithm AS 241, Applied Statistics 37 (1988), 477-484, PPND16.
func NormalQuantileParts(b *spirv.Builder, centre, tail value) value {
	return precise(b, centre, func(e emitter) value {
		c := special.PPND16
		near := e.Le(centre, e.f(special.PPNDCentre))
		mid := e.Mul(centre, e.ratio(c[0], e.Sub(e.f(special.PPNDCentre*special.PPNDCentre), e.Mul(centre, centre))))
		r := Sqrt(b, e.Neg(Log(b, e.clamp(tail, 0, 0.5))))
		z := e.ratio(c[1], e.Sub(r, e.f(special.PPNDTail)))
		z = e.Select(e.Le(r, e.f(special.PPNDFar)), z, e.ratio(c[2], e.Sub(r, e.f(special.PPNDFar))))
		return e.Select(near, mid, z)
	})
}

func (e emitter) ratio(c [2][]float64, x value) value {
	return e.Div(e.poly(x, c[0]...), e.poly(x, c[1]...))
}

// NormalQuantile returns the inverse of NormalCDF: -Inf at 0, Inf at 1, NaN outside.
func NormalQuantile(b *spirv.Builder, p value) value {
	return precise(b, p, func(e emitter) value {
		half := e.f(0.5)
		q := e.Sub(p, half)
		z := NormalQuantileParts(b, e.abs(q), e.Select(e.Lt(p, half), p, e.Sub(e.f(1), p)))
		return e.quantileEdges(e.copySign(e.abs(z), q), p, e.Eq(p, e.f(0)), e.Eq(p, e.f(1)), e.And(e.Gt(p, e.f(0)), e.Lt(p, e.f(1))))
	})
}

// quantileEdges is z where inside holds, -Inf at low, Inf at high, else NaN.
func (e emitter) quantileEdges(z, p, low, high, inside value) value {
	z = e.Select(low, e.f(math.Inf(-1)), e.Select(high, e.inf(), z))
	return e.Select(e.Or(inside, e.Or(low, high)), z, e.nan())
}

// Erfinv returns the inverse of Erf: x at zeros, ±Inf at ±1, NaN beyond.
func Erfinv(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		one := e.f(1)
		a := e.abs(x)
		// Both are exact where they matter: erfinv(x) is the quantile of (1+x)/2, over the root of 2.
		half := e.f(0.5)
		z := NormalQuantileParts(b, e.Mul(a, half), e.Mul(e.Sub(one, a), half))
		y := e.copySign(e.abs(e.Mul(z, e.f(math.Sqrt2/2))), x)
		return e.quantileEdges(y, x, e.Eq(x, e.f(-1)), e.Eq(x, one), e.Lt(a, one))
	})
}

// NormalCDF returns the probability that a standard normal variable is at most x: 0 at -Inf, 1 at Inf.
func NormalCDF(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		// erfc(y + low) / 2 with y + low = -x / sqrt(2): far in the tail what y's rounding loses counts 2 y^2-fold.
		const root, rootLow = math.Sqrt2 / 2, -4.833646656726457e-17
		x := e.clamp(x, -40, 40)
		y := e.Mul(x, e.f(-root))
		a := e.high(x)
		c := e.Sub(x, a)
		d := e.high(e.f(-root))
		f := e.Sub(e.f(-root), d)
		low := e.sum(e.Sub(e.Mul(a, d), y), e.Mul(a, f), e.Mul(c, d), e.Mul(c, f))
		low = e.Add(low, e.Mul(x, e.f(-rootLow)))
		slope := e.Mul(e.f(1/math.SqrtPi), Exp(b, e.Neg(e.Mul(y, y))))
		return e.Sub(e.Mul(e.f(0.5), Erfc(b, y)), e.Mul(slope, low))
	})
}
