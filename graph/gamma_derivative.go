package graph

import (
	"math"

	"github.com/lavagrad/lavagrad/internal/special"
)

// logGammaDerivative is d log x / d a at a fixed quantile for a draw x of the gamma distribution with concentration a
// and rate 1; log is log x. With F the distribution function and f its density it is -(dF/da) / (x f). Both
// of the integrals below are that, of terms of one sign, and so without cancellation:
//
//	log x < psi(a+1):   ((psi(a+1) - log x) + x J) / a,
//	    J = integral over s > 0 of exp(-(a+1) s + x (1 - e^-s)) (s + psi(a+1) - log x)
//	otherwise           integral over s > 0 of exp(a s - x (e^s - 1)) (s + log x - psi(a))
//
// They come from t = x e^∓s in the incomplete gamma functions; the first is taken for a+1 and brought to a by
// F's recurrence, because for small a the terms of its own integral cancel. The exponent is
// -(p s + x (e^∓s - 1 ± s)) with p = a+1-x or x-a, at least 1/2 either way; where it has come to -20, in float64 to -40, the
// integral is cut, and Gauss-Legendre quadrature does the rest.
func logGammaDerivative(a, x, log Tensor) Tensor {
	q := gammaQuadratureOf(a.DType())
	one := a.Like(1)
	up := a.Add(one)
	// delta = psi(a+1) - log x; near x = a+1 by the relative distance, which large concentrations need.
	far := x.Scale(2).Lt(up)
	near := Where(far, a.Like(-0.5), x.Sub(up).Div(up))
	delta := q.digammaLessLog(up).Sub(Where(far, log.Sub(up.Log()), near.Log1p()))
	lower := delta.Ge(a.Like(0))

	p := Where(lower, up.Sub(x), x.Sub(a)).Max(a.Like(0.5))
	sign := Where(lower, one.Neg(), one) // of the exponent's e^±s
	offset := Where(lower, delta, a.Reciprocal().Sub(delta))
	end := StopGradient(q.end(lower, p, x))

	nodes, weights := legendre(a.DType(), q.nodes)
	wide := func(t Tensor) Tensor { return t.ExpandDims(-1) }
	s := wide(end).Mul(nodes)
	y := wide(sign).Mul(s)
	exponent := wide(p).Mul(s).Add(wide(x).Mul(q.expm1LessArgument(y)))
	integral := exponent.Neg().Exp().Mul(s.Add(wide(offset))).Mul(weights).Sum(-1).Mul(end)
	return Where(lower, delta.Add(x.Mul(integral)).Div(a), integral)
}

// gammaQuadrature is how far the series and sums of logGammaDerivative go.
type gammaQuadrature struct {
	nodes int
	cut   float64 // the integral ends where the exponent is -cut
	terms int     // of the series of e^y - 1 - y
	steps int     // of digamma's recurrence
	tail  int     // terms of its asymptotic series
}

func gammaQuadratureOf(d DType) gammaQuadrature {
	if d == Float64 {
		return gammaQuadrature{nodes: 40, cut: 40, terms: 13, steps: 10, tail: 10}
	}
	return gammaQuadrature{nodes: 24, cut: 20, terms: 6, steps: 6, tail: 3}
}

// end bounds from above where the exponent p s + x g(s) reaches the cut, by g(s) = e^-s - 1 + s >= s^2/(2+s)
// or e^s - 1 - s >= s^2/2. The latter's own growth bounds it for small x, too.
func (g gammaQuadrature) end(lower, p, x Tensor) Tensor {
	q := p.Neg().AddScalar(g.cut / 2).Scale(2) // cut - 2p
	low := q.Add(q.Square().Add(p.Add(x).Scale(8 * g.cut)).Sqrt()).Div(p.Add(x).Scale(2))
	high := p.Add(p.Square().Add(x.Scale(2 * g.cut)).Sqrt()).Reciprocal().Scale(2 * g.cut)
	high = high.Min(x.Reciprocal().Scale(g.cut).Add(high).Log1p())
	return Where(lower, low, high)
}

// expm1LessArgument is e^y - 1 - y: by its series where the difference would cancel.
func (g gammaQuadrature) expm1LessArgument(y Tensor) Tensor {
	small := y.Abs().Lt(y.Like(0.25))
	c := 1.0 // 1/(terms+1)!, then 1/terms! and so on up to 1/2
	for k := 2; k <= g.terms+1; k++ {
		c /= float64(k)
	}
	series := y.Like(c)
	for k := g.terms + 1; k > 2; k-- {
		c *= float64(k)
		series = series.Mul(y).AddScalar(c)
	}
	return Where(small, y.Square().Mul(series), y.Expm1().Sub(y))
}

// digammaLessLog is psi(a) - log a for a >= 1: some steps of the recurrence, then the asymptotic series
// (Abramowitz and Stegun 6.3.5, 6.3.18). The digamma function itself would lose the difference for large a.
func (g gammaQuadrature) digammaLessLog(a Tensor) Tensor {
	z := a.AddScalar(float64(g.steps))
	r := z.Square().Reciprocal()
	sum := r.Like(0)
	for k := g.tail; k > 0; k-- {
		sum = sum.AddScalar(-special.Bernoulli(2*k) / float64(2*k)).Mul(r)
	}
	sum = sum.Sub(z.Reciprocal().Scale(0.5)).Add(a.Reciprocal().Scale(float64(g.steps)).Log1p())
	for k := range g.steps {
		sum = sum.Sub(a.AddScalar(float64(k)).Reciprocal())
	}
	return sum
}

// legendre gives the nodes and weights of n-point Gauss-Legendre quadrature on [0, 1], by Newton's method on
// the Legendre polynomial.
func legendre(d DType, n int) (nodes, weights Tensor) {
	x, w := make([]float64, n), make([]float64, n)
	for i := range n {
		t := math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5))
		slope := 0.0
		for range 10 {
			p, q := 1.0, 0.0
			for k := 1; k <= n; k++ {
				p, q = (float64(2*k-1)*t*p-float64(k-1)*q)/float64(k), p
			}
			slope = float64(n) * (t*p - q) / (t*t - 1)
			t -= p / slope
		}
		x[i], w[i] = (1-t)/2, 1/((1-t*t)*slope*slope)
	}
	s := Spec{d, Shape{n}}
	return constant(s, x...), constant(s, w...)
}
