package emath64

import (
	"math"
	"math/big"
	"sync"

	"github.com/lavagrad/lavagrad/internal/special"
)

// References for lgamma, its derivatives and the normal distribution in big floats, by other formulas than the kernels':
// asymptotic series far out, and the error function's own series.

func bigOf(x float64) *big.Float { return bigFloat(x).SetPrec(220) }

func rounded(x *big.Float) float64 {
	y, _ := x.Float64()
	return y
}

// Short forms of arithmetic with 220 bits.
func plus(x, y *big.Float) *big.Float  { return new(big.Float).SetPrec(220).Add(x, y) }
func minus(x, y *big.Float) *big.Float { return new(big.Float).SetPrec(220).Sub(x, y) }
func times(x, y *big.Float) *big.Float { return new(big.Float).SetPrec(220).Mul(x, y) }
func over(x, y *big.Float) *big.Float  { return new(big.Float).SetPrec(220).Quo(x, y) }

// bernoulliPairs is how many Bernoulli numbers the series take: from 40 on they are exact to 150 bits.
const bernoulliPairs = 30

// bigBernoulli are B(2), B(4), ..., by their recurrence.
var bigBernoulli = sync.OnceValue(func() []*big.Float {
	all := []*big.Rat{big.NewRat(1, 1)}
	var even []*big.Float
	for n := int64(1); n <= 2*bernoulliPairs; n++ {
		sum := new(big.Rat)
		for k, b := range all {
			c := new(big.Rat).SetInt(new(big.Int).Binomial(n+1, int64(k)))
			sum.Add(sum, c.Mul(c, b))
		}
		all = append(all, sum.Mul(sum, big.NewRat(-1, n+1)))
		if n%2 == 0 {
			even = append(even, new(big.Float).SetPrec(220).SetRat(sum))
		}
	}
	return even
})

// bigPi220 is pi with as many digits as the other numbers here have.
var bigPi220 = sync.OnceValue(func() *big.Float { return new(big.Float).SetPrec(220).Set(bigPi) })

// lgammaOf is lgamma of x > 0: Stirling's series from 40 on, and the logarithm of what lies between.
func lgammaOf(x *big.Float) *big.Float {
	product := bigOf(1)
	for x.Cmp(bigOf(40)) < 0 {
		product = times(product, x)
		x = plus(x, bigOf(1))
	}
	i := over(bigOf(1), x)
	z, power, series := times(i, i), i, bigOf(0)
	for k, b := range bigBernoulli() {
		n := float64(2*k + 2)
		series = plus(series, over(times(b, power), bigOf(n*(n-1))))
		power = times(power, z)
	}
	half := over(bigLogOf(times(bigOf(2), bigPi220())), bigOf(2))
	v := plus(plus(times(minus(x, bigOf(0.5)), bigLogOf(x)), minus(half, x)), series)
	return minus(v, bigLogOf(product))
}

func lgamma(x float64) float64 {
	switch r := x - math.RoundToEven(x); {
	case math.IsNaN(x):
		return x
	case math.IsInf(x, 0), x <= 0 && r == 0:
		return math.Inf(1)
	case x > 0:
		return rounded(lgammaOf(bigOf(x)))
	default:
		s, _ := bigSinCosPi(math.Abs(r))
		a := bigOf(-x)
		return rounded(minus(bigLogOf(over(bigPi220(), times(a, s))), lgammaOf(a)))
	}
}

// bigSinCosPi are sine and cosine of pi r, by their series.
func bigSinCosPi(r float64) (sin, cos *big.Float) {
	t := times(bigPi220(), bigOf(r))
	sin, cos = bigOf(0), bigOf(0)
	term := bigOf(1)
	for n := range 80 {
		at := &cos
		if n%2 == 1 {
			at = &sin
		}
		if n%4 < 2 {
			*at = plus(*at, term)
		} else {
			*at = minus(*at, term)
		}
		term = over(times(term, t), bigOf(float64(n+1)))
	}
	return sin, cos
}

// polygammaOf is the n-th derivative of digamma for x > 0, in absolute value where n > 0.
func polygammaOf(n int, x *big.Float) *big.Float {
	sum := bigOf(0)
	power := func(x *big.Float) *big.Float { // n! / x^(n+1)
		i := over(bigOf(1), x)
		t := i
		for j := 1; j <= n; j++ {
			t = times(times(t, i), bigOf(float64(j)))
		}
		return t
	}
	for x.Cmp(bigOf(40+2*float64(n))) < 0 {
		sum = plus(sum, power(x))
		x = plus(x, bigOf(1))
	}
	i := over(bigOf(1), x)
	z := times(i, i)
	// (2k+n-1)! / (2k)! / x^(2k+n), from that for 2k = 0: (n-1)! / x^n, or the logarithm's part for n = 0.
	next := power(x)
	sum = plus(sum, over(next, bigOf(2)))
	factor := over(next, x) // n! / x^(n+2)
	if n == 0 {
		sum = minus(sum, bigLogOf(x)) // sign turned below
	} else {
		sum = plus(sum, over(times(next, x), bigOf(float64(n))))
	}
	factor = over(times(factor, bigOf(float64(n+1))), bigOf(2)) // (n+1)!/2! / x^(n+2)
	if n == 0 {
		factor = over(z, bigOf(2)) // 1!/2! / x^2
	}
	for k, b := range bigBernoulli() {
		sum = plus(sum, times(b, factor))
		m := float64(2*k + 2)
		factor = times(factor, times(z, over(bigOf((m+float64(n))*(m+float64(n)+1)), bigOf((m+1)*(m+2)))))
	}
	if n == 0 {
		return sum.Neg(sum)
	}
	return sum
}

func polygamma(n int, x float64) float64 {
	switch r := x - math.RoundToEven(x); {
	case x == 0 || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 && r == 0:
		return special.Polygamma(n, x) // the edges
	case x > 0:
		v := polygammaOf(n, bigOf(x))
		if n > 0 && n%2 == 0 {
			v.Neg(v)
		}
		return rounded(v)
	default:
		// (-1)^n polygamma(n, 1-x) - polygamma(n, x) is the n-th derivative of pi cot(pi x).
		s, c := bigSinCosPi(r)
		cot, p, power := over(c, s), bigOf(0), bigOf(1)
		for _, a := range special.CotDerivative(n) {
			p = plus(p, times(bigOf(a), power))
			power = times(power, cot)
		}
		for range n + 1 {
			p = times(p, bigPi220())
		}
		v := polygammaOf(n, minus(bigOf(1), bigOf(x)))
		if n > 0 {
			v.Neg(v) // of (-1)^n times its sign
		}
		return rounded(minus(v, p))
	}
}

// bigErfc is erfc of y >= 0: by the series of erf below 3, by its continued fraction from there on.
func bigErfc(y *big.Float) *big.Float {
	square := times(y, y)
	scale := over(bigExpOf(new(big.Float).Neg(square)), new(big.Float).SetPrec(220).Sqrt(bigPi220()))
	if y.Cmp(bigOf(3)) < 0 {
		term, sum := times(y, bigOf(2)), bigOf(0)
		for n := 1; term.Sign() != 0 && (sum.Sign() == 0 || term.MantExp(nil) > sum.MantExp(nil)-200); n++ {
			sum = plus(sum, term)
			term = over(times(times(term, square), bigOf(2)), bigOf(float64(2*n+1)))
		}
		return minus(bigOf(1), times(scale, sum))
	}
	f := y
	for n := 150; n > 0; n-- {
		f = plus(y, over(bigOf(float64(n)/2), f))
	}
	return over(scale, f)
}

func normalCDF(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case math.Abs(x) > 40:
		return math.Max(0, math.Copysign(1, x))
	}
	return rounded(bigCDF(bigOf(x)))
}

func bigCDF(x *big.Float) *big.Float {
	y := over(new(big.Float).Abs(x), new(big.Float).SetPrec(220).Sqrt(bigOf(2)))
	v := over(bigErfc(y), bigOf(2))
	if x.Sign() > 0 {
		v = minus(bigOf(1), v)
	}
	return v
}

// normalQuantile corrects a root of the distribution function that is good to nearly all digits by a step of Newton's.
func normalQuantile(p float64) float64 {
	if !(p > 0 && p < 1) {
		return special.NormalQuantile(p-0.5, min(p, 1-p))
	}
	if p == 0.5 {
		return 0
	}
	return rounded(newton(special.NormalQuantile(p-0.5, min(p, 1-p)), bigOf(p)))
}

func newton(z float64, p *big.Float) *big.Float {
	density := over(bigExpOf(over(times(bigOf(z), bigOf(z)), bigOf(-2))), new(big.Float).SetPrec(220).Sqrt(times(bigOf(2), bigPi220())))
	return minus(bigOf(z), over(minus(bigCDF(bigOf(z)), p), density))
}

func erfinv(x float64) float64 {
	if !(math.Abs(x) < 1) || x == 0 {
		return math.Erfinv(x)
	}
	a := math.Abs(x)
	if a < 1e-9 { // erfinv(x) = sqrt(pi)/2 x (1 + pi/12 x^2 + ...)
		return math.Copysign(rounded(over(times(new(big.Float).SetPrec(220).Sqrt(bigPi220()), bigOf(x)), bigOf(2))), x)
	}
	p := over(minus(bigOf(1), bigOf(a)), bigOf(2)) // of the lower tail, exactly
	z := newton(special.NormalQuantile(-a/2, (1-a)/2), p)
	return math.Copysign(rounded(over(z, new(big.Float).SetPrec(220).Sqrt(bigOf(2)))), x)
}
