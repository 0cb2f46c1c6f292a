package emath64

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// gammaRoot is where lgamma has its minimum on the positive side, less 1: the zero of digamma.
const gammaRoot = 4.6163214496836224576e-01

// Lgamma returns the logarithm of the absolute value of the gamma function: Inf at infinities, at zeros and
// at -1, -2, ..., as in C. For x < 0 the error is relative to the larger of |result| and lgamma(1-x): next to a zero two numbers
// of that size cancel.
//
// Source: fdlibm, e_lgamma_r.c, with the reflection formula's sine of pi times the distance to the nearest whole number.
func Lgamma(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		one := e.f(1)
		a, negative := e.abs(x), e.Lt(x, e.f(0))
		below, middle, large := e.Le(a, e.f(0.9)), e.Ge(a, e.f(2)), e.Ge(a, e.f(8))

		// From 2 to 8, lgamma(a) = lgamma(2+y) + log of the product of whole steps.
		n := e.Floor(e.clamp(a, 2, 7))
		y := e.Sub(e.clamp(a, 2, 8), n)
		steps := one
		for k := 2; k <= 6; k++ {
			steps = e.Mul(steps, e.Select(e.Gt(n, e.f(float64(k))), e.Add(y, e.f(float64(k))), one))
		}
		shifted := e.Add(e.Mul(y, e.f(0.5)), e.Div(e.Mul(y, e.poly(y, -7.72156649015328655494e-02, 2.14982415960608852501e-01, 3.25778796408930981787e-01,
			1.46350472652464452805e-01, 2.66422703033638609560e-02, 1.84028451407337715652e-03, 3.19475326584100867617e-05)),
			e.poly(y, 1, 1.39200533467621045958e+00, 7.21935547567138069525e-01, 1.71933865632803078993e-01, 1.86459191715652901344e-02,
				7.77942496381893596434e-04, 7.32668430744625636189e-06)))

		log := Log(b, e.Select(large, a, e.Select(middle, steps, a)))

		// From 8 on, Stirling's formula.
		far := e.Select(large, a, e.f(8))
		i := e.Div(one, far)
		tail := e.Add(e.f(4.18938533204672725052e-01), e.Mul(i, e.poly(e.Mul(i, i), 8.33333333333329678849e-02, -2.77777777728775536470e-03,
			7.93650558643019558500e-04, -5.95187557450339963135e-04, 8.36339918996282139126e-04, -1.63092934096575273989e-03)))
		stirling := e.Add(e.Mul(e.Sub(far, e.f(0.5)), e.Sub(log, one)), tail)

		v := e.lgammaNear(e.clamp(e.Select(below, a, e.Sub(a, one)), -0.1, 1))
		v = e.Select(below, e.Sub(v, log), v)
		v = e.Select(middle, e.Add(shifted, log), v)
		v = e.Select(large, stirling, v)

		// Gamma(-a) is -pi / (a sin(pi a) Gamma(a)). The least a are 0 as the argument's factor.
		r := e.abs(e.fraction(a))
		tiny := e.Lt(a, e.f(0x1p-70))
		sine := e.Mul(e.sinPi(r), e.Select(e.Lt(a, e.inf()), a, one))
		mirror := e.Sub(Log(b, e.Div(e.f(math.Pi), e.Select(tiny, one, sine))), v)
		v = e.Select(e.And(negative, e.Not(tiny)), mirror, v)
		pole := e.Or(e.And(e.Eq(r, e.f(0)), e.Or(negative, e.Eq(a, e.f(0)))), e.Eq(a, e.inf()))
		v = e.Select(pole, e.inf(), v)
		return e.Select(e.IsNaN(x), x, v)
	})
}

// lgammaNear is lgamma(1+u) for u in [-0.1, 1]: about u = 1, about the minimum, and about u = 0.
func (e emitter) lgammaNear(u value) value {
	y := e.Sub(e.f(1), u)
	z := e.Mul(y, y)
	odd := e.poly(z, 7.72156649015328655494e-02, 6.73523010531292681824e-02, 7.38555086081402883957e-03, 1.19270763183362067845e-03,
		2.20862790713908385557e-04, 2.52144565451257326939e-05)
	even := e.Mul(z, e.poly(z, 3.22467033424113591611e-01, 2.05808084325167332806e-02, 2.89051383673415629091e-03, 5.10069792153511336608e-04,
		1.08011567247583939954e-04, 4.48640949618915160150e-05))
	high := e.Sub(e.Add(e.Mul(y, odd), even), e.Mul(e.f(0.5), y))

	y = e.Sub(u, e.f(gammaRoot))
	z = e.Mul(y, y)
	w := e.Mul(z, y)
	p1 := e.poly(w, 4.83836122723810047042e-01, -3.27885410759859649565e-02, 6.10053870246291332635e-03, -1.40346469989232843813e-03,
		3.15632070903625950361e-04)
	p2 := e.poly(w, -1.47587722994593911752e-01, 1.79706750811820387126e-02, -3.68452016781138256760e-03, 8.81081882437654011382e-04,
		-3.12754168375120860518e-04)
	p3 := e.poly(w, 6.46249402391333854778e-02, -1.03142241298341437450e-02, 2.25964780900612472250e-03, -5.38595305356740546715e-04,
		3.35529192635519073543e-04)
	const least, leastLow = -1.21486290535849611461e-01, 3.63867699703950536541e-18
	mid := e.Add(e.f(least), e.Add(e.Mul(z, p1), e.Add(e.f(leastLow), e.Mul(w, e.Add(p2, e.Mul(y, p3))))))

	p := e.Mul(u, e.poly(u, -7.72156649015328655494e-02, 6.32827064025093366517e-01, 1.45492250137234768737e+00, 9.77717527963372745603e-01,
		2.28963728064692451092e-01, 1.33810918536787660377e-02))
	q := e.poly(u, 1, 2.45597793713041134822e+00, 2.12848976379893395361e+00, 7.69285150456672783825e-01, 1.04222645593369134254e-01,
		3.21709242282423911810e-03)
	low := e.Select(e.Eq(u, e.f(0)), e.f(0), e.Add(e.Mul(e.f(-0.5), u), e.Div(p, q))) // 0, not -0, at 1
	return e.Select(e.Ge(u, e.f(0.7316)), high, e.Select(e.Ge(u, e.f(0.2316)), mid, low))
}
