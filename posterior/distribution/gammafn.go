package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/internal/special"
)

// The densities of counts, of gamma and of beta variables have terms far larger than their sum, of which float32 would leave no
// digit: log C(10^6, 5*10^5) is 693140, the log probability it belongs to -7.1. So they are computed from the
// deviance and Stirling's remainder, as in C. Loader, Fast and Accurate Computation of Binomial Probabilities, 2000.

const halfLog2Pi = 0.91893853320467274178

// stirling is lgamma(x) - ((x - 1/2) log x - x + log(2 pi)/2) for x > 0, by its series from 8 on (Abramowitz and Stegun 6.1.41).
func stirling(x graph.Tensor) graph.Tensor {
	large := x.Ge(x.Like(8))
	far, near := graph.Where(large, x, x.Like(8)), graph.Where(large, x.Like(8), x)
	r := far.Reciprocal()
	s := r.Square()
	terms := 4
	if x.DType() == graph.Float64 {
		terms = 10
	}
	series := s.Like(0)
	for k := terms; k > 0; k-- {
		series = series.Mul(s).AddScalar(special.Bernoulli(2*k) / float64(2*k*(2*k-1)))
	}
	series = series.Mul(r)
	direct := near.Lgamma().Sub(near.AddScalar(-0.5).Mul(near.Log())).Add(near).AddScalar(-halfLog2Pi)
	return graph.Where(large, series, direct)
}

// poissonLog is k log(rate) - rate - lgamma(k+1) for real k >= 0, from the rate and its logarithm.
func poissonLog(k, rate, logRate graph.Tensor) graph.Tensor {
	none := k.Eq(k.Like(0))
	some := graph.Where(none, k.Like(1), k)
	at, logAt := graph.Where(none, rate.Like(1), rate), graph.Where(none, rate.Like(0), logRate)
	// The deviance k log(k/rate) + rate - k: near k by log1p, which keeps the digits of the difference.
	u := at.Sub(some).Div(some)
	close := u.Abs().Lt(u.Like(0.5))
	v := graph.Where(close, u, u.Like(0))
	near := some.Mul(v.Sub(v.Log1p()))
	far := at.Sub(some).Sub(some.Mul(logAt.Sub(some.Log())))
	deviance := graph.Where(close, near, far)
	y := deviance.Neg().Sub(some.Log().Scale(0.5)).AddScalar(-halfLog2Pi).Sub(stirling(some))
	return graph.Where(none, rate.Neg(), y)
}

// poissonPeak is poissonLog at k = rate = n, n >= 0.
func poissonPeak(n graph.Tensor) graph.Tensor {
	none := n.Eq(n.Like(0))
	some := graph.Where(none, n.Like(1), n)
	y := some.Log().Scale(-0.5).AddScalar(-halfLog2Pi).Sub(stirling(some))
	return graph.Where(none, y.Like(0), y)
}

// binomialLog is the logarithm of n! / (k! (n-k)!) p^k q^(n-k) for real k, l = n-k >= 0, from log p and log q.
func binomialLog(k, l, logP, logQ graph.Tensor) graph.Tensor {
	n := k.Add(l)
	some := aboveZero(n)
	log := some.Log()
	a := poissonLog(k, n.Mul(logP.Exp()), log.Add(logP))
	b := poissonLog(l, n.Mul(logQ.Exp()), log.Add(logQ))
	return a.Add(b).Sub(poissonPeak(n))
}

// logBeta is log(Gamma(a) Gamma(b) / Gamma(a+b)).
func logBeta(a, b graph.Tensor) graph.Tensor {
	n := a.Add(b)
	y := stirling(a).Add(stirling(b)).Sub(stirling(n)).AddScalar(halfLog2Pi)
	y = y.Sub(a.Log().Add(b.Log()).Sub(n.Log()).Scale(0.5))
	return y.Sub(a.Mul(b.Div(a).Log1p())).Sub(b.Mul(a.Div(b).Log1p()))
}
