package privacy

import (
	"errors"
	"fmt"
	"math"
)

// ErrArgument: a parameter is out of its range. Errors of this package wrap it.
var ErrArgument = errors.New("bad argument")

// SampledGaussian is a step of DP-SGD as the accountant sees it.
type SampledGaussian struct {
	Noise float64 // standard deviation of the noise over the clipping norm: sigma > 0; 0 means no privacy
	Rate  float64 // probability of each record to be in the batch: 0 <= q <= 1
}

func (m SampledGaussian) check() error {
	if !(m.Noise >= 0) || math.IsInf(m.Noise, 1) {
		return fmt.Errorf("privacy: %w: noise multiplier %v, want a finite number that is not negative", ErrArgument, m.Noise)
	}
	if !(m.Rate >= 0 && m.Rate <= 1) {
		return fmt.Errorf("privacy: %w: sampling rate %v, want a probability: the expected batch size over the number of records", ErrArgument, m.Rate)
	}
	return nil
}

// RDP is the Rényi differential privacy of one step at an order above 1, or +Inf, by sections 3.2 and 3.3 of Mironov, Talwar
// and Zhang (2019): a finite sum for integer orders, two converging series for others. The error of log A is some 1e-12. An
// order that is not above 1, a negative noise or a rate that is no probability is ErrArgument.
func (m SampledGaussian) RDP(order float64) (float64, error) {
	if err := m.check(); err != nil {
		return 0, err
	}
	if !(order > 1) {
		return 0, fmt.Errorf("privacy: %w: Rényi order %v, want one above 1", ErrArgument, order)
	}
	return m.rdp(order), nil
}

func (m SampledGaussian) rdp(order float64) float64 {
	switch {
	case m.Rate == 0:
		return 0
	case m.Noise == 0 || math.IsInf(order, 1):
		return math.Inf(1)
	case m.Rate == 1:
		return order / (2 * m.Noise * m.Noise)
	}
	logA := 0.0
	if order == math.Floor(order) {
		logA = m.logMomentInteger(int(order))
	} else {
		logA = m.logMomentFractional(order)
	}
	// A >= 1 (Jensen); rounding may leave it below by a little.
	return max(logA, 0) / (order - 1)
}

// logMomentInteger is log A for integer orders (section 3.3): the binomial sum of
//
//	C(alpha, k) (1 - q)^(alpha - k) q^k exp((k^2 - k) / (2 sigma^2))
//
// As the weights are those of a distribution, A - 1 is summed instead, so that a tiny A - 1 keeps its digits.
func (m SampledGaussian) logMomentInteger(order int) float64 {
	sum := math.Inf(-1)
	logQ, logP := math.Log(m.Rate), math.Log1p(-m.Rate)
	for k := 2; k <= order; k++ {
		kf, a := float64(k), float64(order)
		// log(exp(x) - 1) of x = (k^2 - k) / (2 sigma^2) > 0
		x := kf * (kf - 1) / (2 * m.Noise * m.Noise)
		excess := x + math.Log(-math.Expm1(-x))
		sum = logAdd(sum, logBinomial(a, kf)+(a-kf)*logP+kf*logQ+excess)
	}
	return logOnePlusExp(sum)
}

// logMomentFractional is log A for any order (section 3.3): the expectation is cut at z0 = sigma^2 log(1/q - 1) + 1/2, where
// both terms of the sum under the power are equal, and each side is a binomial series that converges there.
func (m SampledGaussian) logMomentFractional(order float64) float64 {
	s2 := m.Noise * m.Noise
	logQ, logP := math.Log(m.Rate), math.Log1p(-m.Rate)
	z0 := s2*(logP-logQ) + 0.5
	var positive, negative = math.Inf(-1), math.Inf(-1)
	logCoefficient, sign := 0.0, 1.0 // of the generalised binomial coefficient C(order, k)
	for k := 0.0; ; k++ {
		j := order - k
		// 1/2 erfc(x / sqrt 2) is the upper tail of the normal distribution.
		below := logCoefficient + k*logQ + j*logP + (k*k-k)/(2*s2) + logNormalTail((k-z0)/m.Noise)
		above := logCoefficient + j*logQ + k*logP + (j*j-j)/(2*s2) + logNormalTail((z0-j)/m.Noise)
		term := logAdd(below, above)
		if sign > 0 {
			positive = logAdd(positive, term)
		} else {
			negative = logAdd(negative, term)
		}
		// Behind the order terms alternate and shrink as powers of k, so what is left is less than the last one, and A >= 1.
		if k > order && term < -30 {
			break
		}
		logCoefficient += math.Log(math.Abs(order-k)) - math.Log(k+1)
		if order-k < 0 {
			sign = -sign
		}
	}
	return positive + math.Log1p(-math.Exp(negative-positive))
}

// logNormalTail is log P(Z > x) for a standard normal Z.
func logNormalTail(x float64) float64 {
	if x < 30 {
		return math.Log(0.5 * math.Erfc(x/math.Sqrt2))
	}
	// Abramowitz and Stegun 7.1.23, four terms: the next is below 105 / 30^8, some 1e-10.
	r := 1 / (x * x)
	return -x*x/2 - math.Log(x*math.Sqrt(2*math.Pi)) + math.Log1p(-r*(1-3*r*(1-5*r)))
}

func logBinomial(n, k float64) float64 {
	a, _ := math.Lgamma(n + 1)
	b, _ := math.Lgamma(k + 1)
	c, _ := math.Lgamma(n - k + 1)
	return a - b - c
}

// logAdd is log(exp(a) + exp(b)).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// logOnePlusExp is log(1 + exp(x)).
func logOnePlusExp(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}
