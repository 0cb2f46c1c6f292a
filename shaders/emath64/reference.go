package emath64

import (
	"math"
	"math/big"
)

// References that are better than package math, which is not within 1 ULP everywhere, computed with big floats.

// prec is enough for arguments up to the largest float to be reduced by pi.
const prec = 1300

func bigFloat(x float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(x) }

func parse(s string) *big.Float {
	f, _, err := big.ParseFloat(s, 10, 220, big.ToNearestEven)
	if err != nil {
		panic("BUG: emath64: " + err.Error())
	}
	return f
}

var bigLn2 = parse("0.6931471805599453094172321214581765680755001343602552541206800094933936219696947")

// bigExp is e to the power of x.
func bigExp(x *big.Float) float64 {
	y, _ := bigExpOf(x).Float64()
	return y
}

// bigExpOf is e to the power of r k-fold doubled, r being x - k ln 2.
func bigExpOf(x *big.Float) *big.Float {
	approx, _ := x.Float64()
	k := int(math.Round(approx / math.Ln2))
	r := new(big.Float).SetPrec(220).Mul(bigLn2, new(big.Float).SetInt64(int64(k)))
	r.Sub(x, r).SetPrec(220)
	sum, term := bigFloat(1).SetPrec(220), bigFloat(1).SetPrec(220)
	for n := 1; n < 40; n++ {
		term.Mul(term, r)
		term.Quo(term, new(big.Float).SetInt64(int64(n)))
		sum.Add(sum, term)
	}
	return sum.SetMantExp(sum, k)
}

// bigLog is the logarithm of a positive, finite x.
func bigLog(x float64) *big.Float { return bigLogOf(bigFloat(x).SetPrec(220)) }

// bigLogOf is the logarithm of a positive x: k ln 2 + 2 artanh(s).
func bigLogOf(x *big.Float) *big.Float {
	m := new(big.Float)
	k := x.MantExp(m)
	if m.Cmp(bigFloat(math.Sqrt2/2)) < 0 {
		m.SetMantExp(m, 1)
		k--
	}
	one := bigFloat(1).SetPrec(220)
	num := new(big.Float).Sub(m, one)
	s := num.Quo(num, new(big.Float).Add(m, one))
	z := new(big.Float).Mul(s, s)
	sum, power := new(big.Float).SetPrec(220), new(big.Float).Set(s)
	for n := int64(1); n < 90; n += 2 {
		sum.Add(sum, new(big.Float).Quo(power, new(big.Float).SetInt64(n)))
		power.Mul(power, z)
	}
	sum.Mul(sum, bigFloat(2))
	return sum.Add(sum, new(big.Float).Mul(bigLn2, new(big.Float).SetInt64(int64(k))))
}

// exp is math.Exp, but right for results above 2^1022, where its assembler on amd64 gives Inf too early.
func exp(x float64) float64 {
	if !(x > 709 && x < 710) {
		return math.Exp(x)
	}
	return bigExp(bigFloat(x).SetPrec(220))
}

// log is math.Log, but right for denormal x, which its assembler on amd64 takes for normal ones.
func log(x float64) float64 {
	if x > 0 && x < 0x1p-1022 {
		y, _ := bigLog(x).Float64()
		return y
	}
	return math.Log(x)
}

// log2 is math.Log2 without its cancellation near 1.
func log2(x float64) float64 {
	if math.Abs(x-1) < 0.5 || x > 0 && x < 0x1p-1022 {
		y, _ := new(big.Float).Quo(bigLog(x), bigLn2).Float64()
		return y
	}
	return math.Log2(x)
}

// sinh and cosh are those of package math without their early overflow.
func sinh(x float64) float64 {
	if a := math.Abs(x); a > 700 && !math.IsInf(x, 0) {
		return math.Copysign(halfExp(a), x)
	}
	return math.Sinh(x)
}

func cosh(x float64) float64 {
	if a := math.Abs(x); a > 700 && !math.IsInf(x, 0) {
		return halfExp(a)
	}
	return math.Cosh(x)
}

func halfExp(a float64) float64 {
	if a > 720 {
		return math.Inf(1)
	}
	return bigExp(new(big.Float).Sub(bigFloat(a).SetPrec(220), bigLn2))
}

// pow is math.Pow, whose error grows with the power, wherever that matters.
func pow(x, y float64) float64 {
	v := math.Pow(x, y)
	a := math.Abs(v)
	total := y * math.Log2(math.Abs(x))
	if y == 0 || x == 0 || math.IsNaN(v) || math.IsInf(x, 0) || math.IsInf(y, 0) || math.Abs(total) > 1200 || a == 1 && math.Abs(x) == 1 {
		return v
	}
	return math.Copysign(bigExp(new(big.Float).SetPrec(220).Mul(bigFloat(y).SetPrec(220), bigLog(math.Abs(x)))), v)
}

// bigPi has as many digits as the reduction of the largest float needs.
var bigPi = func() *big.Float {
	inverseTangent := func(n int64) *big.Float { // of 1/n
		sum, power := new(big.Float).SetPrec(prec), new(big.Float).SetPrec(prec).Quo(bigFloat(1), new(big.Float).SetInt64(n))
		square := new(big.Float).SetPrec(prec).SetInt64(n * n)
		for k := int64(1); power.Sign() != 0 && power.MantExp(nil) > -prec; k += 2 {
			term := new(big.Float).SetPrec(prec).Quo(power, new(big.Float).SetInt64(k))
			if k%4 == 3 {
				term.Neg(term)
			}
			sum.Add(sum, term)
			power.Quo(power, square)
		}
		return sum
	}
	a, b := inverseTangent(5), inverseTangent(239) // Machin
	return a.Sub(a.Mul(a, bigFloat(16)), b.Mul(b, bigFloat(4)))
}()

// reduced writes x as q pi/2 + r.
func reduced(x float64) (q int, r float64) {
	half := new(big.Float).SetPrec(prec).Quo(bigPi, bigFloat(2))
	n, _ := new(big.Float).SetPrec(prec).Add(new(big.Float).SetPrec(prec).Quo(bigFloat(math.Abs(x)), half), bigFloat(0.5)).Int(nil)
	rest := new(big.Float).SetPrec(prec).Mul(half, new(big.Float).SetPrec(prec).SetInt(n))
	r, _ = rest.Sub(bigFloat(math.Abs(x)), rest).Float64()
	return int(new(big.Int).And(n, big.NewInt(3)).Int64()), r
}

func sin(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) || math.Abs(x) < 0.7 {
		return math.Sin(x)
	}
	q, r := reduced(x)
	y := [...]float64{math.Sin(r), math.Cos(r), -math.Sin(r), -math.Cos(r)}[q]
	return math.Copysign(1, x) * y
}

func cos(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) || math.Abs(x) < 0.7 {
		return math.Cos(x)
	}
	q, r := reduced(x)
	return [...]float64{math.Cos(r), -math.Sin(r), -math.Cos(r), math.Sin(r)}[q]
}

func tan(x float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return math.Tan(x)
	case math.Abs(x) < 1e-6: // where math.Tan drops the second term
		return x + x*x*x/3
	case math.Abs(x) < 0.7:
		return math.Tan(x)
	}
	q, r := reduced(x)
	y := math.Tan(r)
	if q%2 == 1 {
		y = -1 / y
	}
	return math.Copysign(1, x) * y
}

// trigHard: quadrant borders, where the reduction cancels, the border of its branch, and large arguments.
var trigHard = [][2]float64{{-4, 4}, {math.Pi/2 - 1e-8, math.Pi/2 + 1e-8}, {math.Pi - 1e-9, math.Pi + 1e-9}, {-100, 100}, {0x1p20 - 10, 0x1p20 + 10}, {1e5, 1e12}}

// atan2 is math.Atan2 with the sign of y also where the quotient underflows.
func atan2(y, x float64) float64 { return math.Copysign(math.Atan2(y, x), y) }

// asin and acos are those of package math without their cancellation near 1.
func asin(x float64) float64 { return math.Atan2(x, math.Sqrt((1-x)*(1+x))) }

func acos(x float64) float64 { return math.Atan2(math.Sqrt((1-x)*(1+x)), x) }
