package privacy

import (
	"fmt"
	"math"
)

// Epsilon converts Rényi differential privacy to (epsilon, delta): the least over the orders alpha of
//
//	rdp + log1p(-1/alpha) - (log(delta) + log(alpha)) / (alpha - 1)
//
// and not below 0, after theorem 21 of Balle, Barthe, Gaboardi, Hsu and Sato (2020, arXiv 1905.09982) as Canonne, Kamath and
// Steinke (2020, arXiv 2004.00010, proposition 12) restate it. Where even the total variation that RDP allows is at most delta,
// epsilon is 0. delta is between 0 and 1, both excluded; orders and rdp are of one length, orders above 1. Anything else is
// ErrArgument. Without noise epsilon is +Inf.
func Epsilon(orders, rdp []float64, delta float64) (Spent, error) {
	if err := checkDelta(delta); err != nil {
		return Spent{}, err
	}
	e, o, err := best(orders, rdp, func(a, r float64) float64 {
		if r == 0 || totalVariation(r) <= delta {
			return 0
		}
		if math.IsInf(a, 1) {
			return r // pure differential privacy
		}
		return max(0, r+math.Log1p(-1/a)-(math.Log(delta)+math.Log(a))/(a-1))
	})
	return Spent{e, delta, o}, err
}

// EpsilonClassic is Epsilon by the older and weaker bound, the least of
//
//	rdp - log(delta) / (alpha - 1)
//
// (Mironov 2017, arXiv 1702.07476, proposition 3), by which earlier publications state their figures.
func EpsilonClassic(orders, rdp []float64, delta float64) (Spent, error) {
	if err := checkDelta(delta); err != nil {
		return Spent{}, err
	}
	e, o, err := best(orders, rdp, func(a, r float64) float64 {
		if math.IsInf(a, 1) {
			return r
		}
		return r - math.Log(delta)/(a-1)
	})
	return Spent{e, delta, o}, err
}

// Delta is the inverse of Epsilon: the least delta over the orders, at most 1, at an epsilon of at least 0,
//
//	exp((alpha - 1) (rdp - epsilon)) (1 - 1/alpha)^alpha / (alpha - 1)
//
// or the total variation sqrt(1 - exp(-rdp)), which bounds delta at every epsilon, where that is less.
func Delta(orders, rdp []float64, epsilon float64) (Spent, error) {
	if !(epsilon >= 0) {
		return Spent{}, fmt.Errorf("privacy: %w: epsilon %v, want a number that is not negative", ErrArgument, epsilon)
	}
	d, o, err := best(orders, rdp, func(a, r float64) float64 {
		tv := totalVariation(r)
		if math.IsInf(a, 1) {
			if r <= epsilon {
				return 0
			}
			return tv
		}
		return min(tv, math.Exp((a-1)*(r-epsilon+math.Log1p(-1/a))-math.Log(a)))
	})
	return Spent{epsilon, min(d, 1), o}, err
}

// totalVariation bounds the distance of two outputs by their Rényi divergence of any order above 1, which is at least that of
// order 1: sqrt(1 - exp(-kl)) (Bretagnolle and Huber 1979).
func totalVariation(rdp float64) float64 { return math.Sqrt(-math.Expm1(-rdp)) }

func checkDelta(delta float64) error {
	if !(delta > 0 && delta < 1) {
		return fmt.Errorf("privacy: %w: delta %v, want a number between 0 and 1, below one over the number of records", ErrArgument, delta)
	}
	return nil
}
