package special

import "math"

// Lgamma is the logarithm of the absolute value of the gamma function. It is
// math.Lgamma but for -Inf, where it is +Inf as in C (C17, F.10.5.3).
func Lgamma(x float64) float64 {
	if math.IsInf(x, -1) {
		return math.Inf(1)
	}
	y, _ := math.Lgamma(x)
	return y
}

// Digamma is the derivative of Lgamma. Digamma(±0) is ∓Inf, Digamma(+Inf) is
// +Inf; at negative integers and -Inf, where the one-sided limits differ, it is NaN.
//
// Source: Abramowitz and Stegun, Handbook of mathematical functions, 6.3.5,
// 6.3.7 and 6.3.18.
func Digamma(x float64) float64 {
	switch {
	case x == 0:
		return math.Copysign(math.Inf(1), -x)
	case math.IsInf(x, 1):
		return x
	case x < 0:
		r := x - math.Round(x)
		if math.IsInf(x, -1) || r == 0 {
			return math.NaN()
		}
		return Digamma(1-x) - math.Pi*cotPi(r)
	}
	const root, rootLow = 1.4616321449683622, 9.549995429965697e-17
	if math.Abs(x-root) < 1e-3 { // the recurrence would cancel: Taylor's series
		d, sum, factor := (x-root)-rootLow, 0.0, 1.0
		for n := 1; n <= 5; n++ {
			factor *= d / float64(n)
			sum += factor * Polygamma(n, root)
		}
		return sum
	}
	sum := 0.0
	for ; x < 15; x++ {
		sum -= 1 / x
	}
	z, tail := 1/(x*x), 0.0
	for k := len(bernoulli) - 1; k >= 0; k-- {
		tail = z * (tail + bernoulli[k]/float64(2*k+2))
	}
	return sum + (math.Log(x) - 0.5/x - tail)
}

// bernoulli[k] is the Bernoulli number B(2k+2).
var bernoulli = [...]float64{
	1. / 6, -1. / 30, 1. / 42, -1. / 30, 5. / 66, -691. / 2730, 7. / 6, -3617. / 510, 43867. / 798, -174611. / 330,
}

// Bernoulli is the Bernoulli number B(n), for even n from 2 to 20.
func Bernoulli(n int) float64 { return bernoulli[n/2-1] }

// Polygamma is the n-th derivative of Digamma, n >= 0:
//
//	(-1)^(n+1) n! (1/x^(n+1) + 1/(x+1)^(n+1) + 1/(x+2)^(n+1) + ...)
//
// For n >= 1 it is +Inf at 0, -1, -2, ... where n is odd; where n is even the
// one-sided limits at these differ, and it is NaN, but ∓Inf at ±0. At +Inf it
// is 0, at -Inf NaN.
//
// Source: Abramowitz and Stegun, 6.4.6, 6.4.7, 6.4.10; the sum by the formula
// of Euler and Maclaurin.
func Polygamma(n int, x float64) float64 {
	sign := 1.0 // of the result for positive x
	if n%2 == 0 {
		sign = -1
	}
	switch {
	case n == 0:
		return Digamma(x)
	case x == 0:
		if n%2 == 1 {
			return math.Inf(1)
		}
		return math.Copysign(math.Inf(1), -x)
	case math.IsInf(x, 1):
		return math.Copysign(0, sign)
	case math.IsInf(x, -1):
		return math.NaN()
	case x < 0:
		r := x - math.Round(x)
		if r == 0 && n%2 == 0 {
			return math.NaN()
		} else if r == 0 {
			return math.Inf(1)
		}
		c, p := cotPi(r), 0.0
		for k, a := range CotDerivative(n) {
			p += a * math.Pow(c, float64(k))
		}
		return -math.Pow(math.Pi, float64(n+1))*p - hurwitz(n, 1-x)
	}
	return sign * hurwitz(n, x)
}

// hurwitz is n! times the sum over k >= 0 of (x+k)^-(n+1), for x > 0.
func hurwitz(n int, x float64) float64 {
	term := func(x float64) float64 { // n! x^-(n+1), without overflow on the way
		t := 1 / x
		for j := 1; j <= n; j++ {
			t *= float64(j) / x
		}
		return t
	}
	sum := 0.0
	for ; x < float64(15+n); x++ {
		sum += term(x)
	}
	tail, factor := 1+float64(n)/(2*x), 1.0
	for k, b := range bernoulli { // b (n)(n+1)...(n+2k+1) / (2k+2)! / x^(2k+2)
		for j := 2 * k; j < 2*k+2; j++ {
			factor *= float64(n+j) / (float64(j+1) * x)
		}
		tail += b * factor
	}
	return sum + term(x)*x/float64(n)*tail
}

// cotPi is the cotangent of pi r for |r| <= 1/2.
func cotPi(r float64) float64 {
	if math.Abs(r) > 0.25 {
		return math.Tan(math.Pi * (math.Copysign(0.5, r) - r))
	}
	return 1 / math.Tan(math.Pi*r)
}

// CotDerivative gives the coefficients, constant first, of the polynomial p
// with (d/dx)^n pi cot(pi x) = pi^(n+1) p(cot(pi x)): p is c for n = 0, and each
// further derivative is -(1+c^2) p'(c). Its terms have the same sign and parity.
func CotDerivative(n int) []float64 {
	p := []float64{0, 1}
	for range n {
		next := make([]float64, len(p)+1)
		for k := 1; k < len(p); k++ {
			d := -float64(k) * p[k]
			next[k-1] += d
			next[k+1] += d
		}
		p = next
	}
	return p
}
