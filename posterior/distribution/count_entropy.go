package distribution

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// The entropies of counts have no closed form. Below a variance of entropyVariance they are sums over the counts from 0 to entropyTerms-1, of
// which those left out have less than 1e-14 of the probability; from there on, four orders of the expansion for a large variance. Its next term is 9/80
// over the fourth power of the variance (a Poisson variable's, the largest): 7e-7 at entropyVariance.
const (
	entropyVariance = 20
	entropyTerms    = 96
)

// entropyFar is log(2 pi e s)/2 - (1-4v)/(12 s) - (1-4v+2v^2)/(24 s^2) - (19-102v+120v^2-4v^3)/(360 s^3) for the variance s of Poisson (v = 0) or binomial
// variables (v = p (1-p)). For v = 0 these are the coefficients of Evans and Boersma, The Entropy of a Poisson Distribution, SIAM Review 1988; the
// orders 1 and 2 are Edgeworth's, from skewness and kurtosis. Order 3 in v was found from sums of 60 digits, extrapolated to infinite n at
// four v, and checked by the tests at others.
func entropyFar(s, v graph.Tensor) graph.Tensor {
	r := s.Reciprocal()
	one := v.Scale(-4).AddScalar(1).Scale(1. / 12)
	two := v.Scale(2).AddScalar(-4).Mul(v).AddScalar(1).Scale(1. / 24)
	three := v.Scale(-4).AddScalar(120).Mul(v).AddScalar(-102).Mul(v).AddScalar(19).Scale(1. / 360)
	return s.Log().AddScalar(math.Log(2 * math.Pi * math.E)).Scale(0.5).Sub(three.Mul(r).Add(two).Mul(r).Add(one).Mul(r))
}

// entropySum is -sum over counts of exp(logProb) logProb, for log probabilities of counts k [entropyTerms].
func entropySum(shape graph.Shape, logProb func(k graph.Tensor) graph.Tensor) graph.Tensor {
	k := graph.Iota(0, entropyTerms)
	for range shape {
		k = k.ExpandDims(-1)
	}
	log := logProb(k)
	return weighted(log.Exp(), log).Sum(0).Neg()
}

// Entropy is -sum of p log p over all counts, with an error below 3e-6: the sum itself up to a rate of 20, and an expansion from there on.
func (d Poisson) Entropy() graph.Tensor {
	large := d.Rate.Ge(d.Rate.Like(entropyVariance))
	far, near := graph.Where(large, d.Rate, d.Rate.Like(entropyVariance)), graph.Where(large, d.Rate.Like(1), d.Rate)
	sum := entropySum(near.Shape(), func(k graph.Tensor) graph.Tensor {
		return poissonLog(k.Convert(near.DType()), near, logOrNone(near))
	})
	return graph.Where(large, entropyFar(far, far.Like(0)), sum)
}

// Entropy is -sum of p log p over all counts, with an error below 3e-6: the sum itself up to a variance of 20, and an expansion from
// there on.
func (d Binomial) Entropy() graph.Tensor {
	s := d.Variance()
	v := d.Logits.Sigmoid().Mul(d.Logits.Neg().Sigmoid())
	large := s.Ge(s.Like(entropyVariance))
	// Of success and failure the less probable is counted: its mean is below 40 here.
	size := d.Logits.Abs()
	total := graph.Where(large, d.Total.Like(1), d.Total)
	sum := entropySum(s.Shape(), func(k graph.Tensor) graph.Tensor {
		k = k.Convert(s.DType())
		possible := k.Le(total)
		log := binomialLog(graph.Where(possible, k, k.Like(0)), graph.Where(possible, total.Sub(k), k.Like(0)), logSigmoid(size.Neg()), logSigmoid(size))
		return graph.Where(possible, log, log.Like(math.Inf(-1)))
	})
	return graph.Where(large, entropyFar(graph.Where(large, s, s.Like(entropyVariance)), v), sum)
}
