package emath64

import "github.com/lavagrad/lavagrad/shaders/spirv"

// erx is erf(1) to 24 bits: the middle interval adds to it.
const erx = 8.45062911510467529297e-01

// erfParts are, for a = |x|: y with erf(a) = a + a y below 0.84375, m with erf(a) = erx + m up to 1.25, and t = erfc(a) above.
func (e emitter) erfParts(b *spirv.Builder, a value) (y, m, t value) {
	small := e.clamp(a, 0, 1)
	z := e.Mul(small, small)
	y = e.Div(e.poly(z, 1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02,
		-5.77027029648944159157e-03, -2.37630166566501626084e-05),
		e.poly(z, 1, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03,
			1.32494738004321644526e-04, -3.96022827877536812320e-06))
	s := e.Sub(e.clamp(a, 0.75, 1.25), e.f(1))
	m = e.Div(e.poly(s, -2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01,
		3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02,
		-2.16637559486879084300e-03),
		e.poly(s, 1, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02,
			1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02))
	c := e.clamp(a, 1.25, 30)
	s = e.Div(e.f(1), e.Mul(c, c))
	near := e.Div(e.poly(s, -9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e+01,
		-6.23753324503260060396e+01, -1.62396669462573470355e+02, -1.84605092906711035994e+02,
		-8.12874355063065934246e+01, -9.81432934416914548592e+00),
		e.poly(s, 1, 1.96512716674392571292e+01, 1.37657754143519042600e+02, 4.34565877475229228821e+02,
			6.45387271733267880336e+02, 4.29008140027567833386e+02, 1.08635005541779435134e+02, 6.57024977031928170135e+00,
			-6.04244152148580987438e-02))
	far := e.Div(e.poly(s, -9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e+01,
		-1.60636384855821916062e+02, -6.37566443368389627722e+02, -1.02509513161107724954e+03,
		-4.83519191608651397019e+02),
		e.poly(s, 1, 3.03380607434824582924e+01, 3.25792512996573918826e+02, 1.53672958608443695994e+03,
			3.19985821950859553908e+03, 2.55305040643316442583e+03, 4.74528541206955367215e+02,
			-2.24409524465858183362e+01))
	q := e.Select(e.Lt(c, e.f(1/0.35)), near, far)
	h := e.high(c)
	t = e.Mul(Exp(b, e.Sub(e.Neg(e.Mul(h, h)), e.f(0.5625))), Exp(b, e.Add(e.Mul(e.Sub(h, c), e.Add(h, c)), q)))
	return y, m, e.Div(t, c)
}

// Erf returns the error function: x at zeros, 1 at Inf, -1 at -Inf (fdlibm, s_erf.c).
func Erf(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		y, m, t := e.erfParts(b, a)
		v := e.Select(e.Lt(a, e.f(1.25)), e.Add(e.f(erx), m), e.Sub(e.f(1), t))
		v = e.Select(e.Lt(a, e.f(0.84375)), e.Add(a, e.Mul(a, y)), v)
		return e.Select(e.Or(e.IsNaN(x), e.Eq(x, e.f(0))), x, e.copySign(v, x))
	})
}

// Erfc returns 1 - erf(x), accurate where that is small: 0 at Inf, 2 at -Inf.
func Erfc(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		a := e.abs(x)
		negative := e.Lt(x, e.f(0))
		y, m, t := e.erfParts(b, a)
		t = e.Select(e.Gt(a, e.f(28)), e.f(0), t)
		v := e.Select(negative, e.Sub(e.f(2), t), t)
		mid := e.Select(negative, e.Add(e.f(1+erx), m), e.Sub(e.f(1-erx), m))
		v = e.Select(e.Lt(a, e.f(1.25)), mid, v)
		xy := e.Mul(x, y)
		small := e.Select(e.Lt(x, e.f(0.25)), e.Sub(e.f(1), e.Add(x, xy)), e.Sub(e.f(0.5), e.Add(xy, e.Sub(x, e.f(0.5)))))
		v = e.Select(e.Lt(a, e.f(0.84375)), small, v)
		return e.Select(e.IsNaN(x), x, v)
	})
}
