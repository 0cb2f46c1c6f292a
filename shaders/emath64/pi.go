package emath64

import "math"

const piLow = 2 * halfPiLow // pi less its nearest double

// timesPi is pi r for |r| <= 1/2 and what its rounding loses.
func (e emitter) timesPi(r value) (high, low value) {
	p := e.Mul(r, e.f(math.Pi))
	a := e.high(r)
	b := e.Sub(r, a)
	c := e.high(e.f(math.Pi))
	d := e.Sub(e.f(math.Pi), c)
	low = e.sum(e.Sub(e.Mul(a, c), p), e.Mul(a, d), e.Mul(b, c), e.Mul(b, d))
	return p, e.Add(low, e.Mul(r, e.f(piLow)))
}

// trigPi gives sine and cosine of pi v for v the smaller of q and 1/2 - q, where 0 <= q <= 1/2: those of pi q where
// near holds, else the other way round.
func (e emitter) trigPi(q value) (sin, cos, near value) {
	near = e.Le(q, e.f(0.25))
	h, l := e.timesPi(e.Select(near, q, e.Sub(e.f(0.5), q)))
	return e.kernelSin(h, l), e.kernelCos(h, l), near
}

// sinPi is sin(pi q) for 0 <= q <= 1/2.
func (e emitter) sinPi(q value) value {
	s, c, near := e.trigPi(q)
	return e.Select(near, s, c)
}

// cotPi is pi cot(pi r) for |r| <= 1/2, infinite at zeros.
func (e emitter) cotPi(r value) value {
	s, c, near := e.trigPi(e.abs(r))
	q := e.Div(e.Select(near, c, s), e.Select(near, s, c))
	return e.copySign(e.Mul(e.f(math.Pi), q), r)
}

// fraction is a, which is not negative, less the nearest whole number: the even one of two.
func (e emitter) fraction(a value) value {
	whole := e.RoundEven(a)
	return e.Select(e.Eq(a, e.inf()), e.f(0), e.Sub(a, whole))
}
