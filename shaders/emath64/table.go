package emath64

import (
	"fmt"
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Function describes one function of this package: what its documentation claims and its test checks.
type Function struct {
	Name string
	Args int // 1 or 2
	Emit func(b *spirv.Builder, args ...spirv.Value) spirv.Value
	// Reference is the function of package math, or made from such.
	Reference func(args ...float64) float64
	// MaxULP bounds the difference from Reference in units in the last place of its value, or of Magnitude where given.
	MaxULP    float64
	Magnitude func(args ...float64) float64
	// Hard lists intervals of the first argument worth a dense look.
	Hard [][2]float64
	// Costly says that Reference takes long: fewer arguments are tested.
	Costly bool
}

// Functions lists every function, by name.
var Functions = []Function{
	unary("acos", Acos, acos, 3, [2]float64{-1, 1}, [2]float64{0.999, 1}),
	unary("acosh", Acosh, math.Acosh, 3, [2]float64{1, 2}, [2]float64{1, 100}),
	unary("asin", Asin, asin, 4, [2]float64{-1, 1}),
	unary("asinh", Asinh, math.Asinh, 3, [2]float64{-3, 3}, [2]float64{-1e9, 1e9}),
	unary("atan", Atan, math.Atan, 2, [2]float64{-3, 3}),
	{Name: "atan2", Args: 2, MaxULP: 3, Reference: func(a ...float64) float64 { return atan2(a[0], a[1]) },
		Emit: func(b *spirv.Builder, a ...spirv.Value) spirv.Value { return Atan2(b, a[0], a[1]) },
		Hard: [][2]float64{{-2, 2}}},
	unary("atanh", Atanh, math.Atanh, 3, [2]float64{-1, 1}),
	unary("cos", Cos, cos, 2, trigHard...),
	unary("cosh", Cosh, cosh, 3, [2]float64{-1, 1}, [2]float64{-30, 30}, [2]float64{700, 711}),
	nearZeros(costly(unary("digamma", Digamma, func(x float64) float64 { return polygamma(0, x) }, 4, gammaHard...))),
	unary("exp2", Exp2, math.Exp2, 2, [2]float64{-1, 1}, [2]float64{-1080, -1000}, [2]float64{1000, 1025}),
	unary("log2", Log2, log2, 2, [2]float64{0.5, 2}, [2]float64{0, 0x1p-1022}),
	{Name: "pow", Args: 2, MaxULP: 2, Reference: func(a ...float64) float64 { return pow(a[0], a[1]) },
		Emit: func(b *spirv.Builder, a ...spirv.Value) spirv.Value { return Pow(b, a[0], a[1]) },
		Hard: [][2]float64{{0.5, 2}, {0.99, 1.01}, {-20, 20}}},
	unary("sin", Sin, sin, 2, trigHard...),
	unary("sinh", Sinh, sinh, 3, [2]float64{-1.5, 1.5}, [2]float64{-30, 30}, [2]float64{700, 711}),
	unary("tan", Tan, tan, 4, trigHard...),
	unary("erf", Erf, math.Erf, 2, [2]float64{-3, 3}, [2]float64{-7, 7}),
	unary("erfc", Erfc, math.Erfc, 4, [2]float64{-3, 3}, [2]float64{-7, 29}),
	costly(unary("erfinv", Erfinv, erfinv, 5, [2]float64{-1, 1}, [2]float64{0.84, 0.86}, [2]float64{1 - 1e-9, 1}, [2]float64{-1e-8, 1e-8})),
	unary("exp", Exp, exp, 2, [2]float64{-1, 1}, [2]float64{-746, -700}, [2]float64{700, 711}),
	unary("expm1", Expm1, math.Expm1, 2, [2]float64{-1, 1}, [2]float64{-40, 40}, [2]float64{700, 711}),
	nearZeros(costly(unary("lgamma", Lgamma, lgamma, 4, gammaHard...))),
	unary("log", Log, log, 2, [2]float64{0.5, 2}, [2]float64{0, 0x1p-1022}),
	unary("log1p", Log1p, math.Log1p, 2, [2]float64{-1, 1}, [2]float64{-1e-8, 1e-8}, [2]float64{1e15, 1e17}),
	{Name: "logaddexp", Args: 2, MaxULP: 3, Reference: func(a ...float64) float64 { return logAddExp(a[0], a[1]) },
		Emit: func(b *spirv.Builder, a ...spirv.Value) spirv.Value { return LogAddExp(b, a[0], a[1]) },
		Magnitude: func(a ...float64) float64 { // the terms of its sum cancel
			top, y := max(a[0], a[1]), logAddExp(a[0], a[1])
			if math.IsInf(top, 0) {
				return math.Abs(y)
			}
			return max(math.Abs(top), math.Abs(y), math.Abs(y-top))
		},
		Hard: [][2]float64{{-1, 1}, {-30, 30}}},
	costly(unary("normal cdf", NormalCDF, normalCDF, 4, [2]float64{-3, 3}, [2]float64{-39, 9})),
	costly(unary("normal quantile", NormalQuantile, normalQuantile, 5, [2]float64{0, 1}, [2]float64{0, 1e-9}, [2]float64{0, 1e-305}, [2]float64{1 - 1e-9, 1})),
	polygammaRow(1), polygammaRow(2), polygammaRow(5),
	unary("rsqrt", Rsqrt, func(x float64) float64 { return 1 / math.Sqrt(x) }, 0, [2]float64{0.25, 4}),
	unary("sigmoid", Sigmoid, sigmoid, 2, [2]float64{-40, 40}, [2]float64{-746, -700}),
	unary("softplus", Softplus, softplus, 3, [2]float64{-40, 40}, [2]float64{-746, -700}),
	unary("sqrt", Sqrt, math.Sqrt, 0, [2]float64{0.25, 4}),
	unary("tanh", Tanh, math.Tanh, 3, [2]float64{-1.5, 1.5}, [2]float64{-23, 23}),
}

// gammaHard: zeros and poles, the borders of the formulas, and the edge of overflow.
var gammaHard = [][2]float64{{-4, 4}, {0.9, 1.1}, {1.4, 1.6}, {1.9, 3.1}, {3, 40}, {-40, 0}, {2.55e305, 2.57e305}}

func costly(f Function) Function {
	f.Costly = true
	return f
}

// polygammaRow describes Polygamma of one order.
func polygammaRow(n int) Function {
	return nearZeros(costly(unary(fmt.Sprintf("polygamma%d", n), func(b *spirv.Builder, x spirv.Value) spirv.Value { return Polygamma(b, n, x) },
		func(x float64) float64 { return polygamma(n, x) }, float64(2*n+4), gammaHard...)))
}

// nearZeros allows f the error of f(1-x) where x < 0: its reflection formula cancels next to its zeros there.
func nearZeros(f Function) Function {
	f.Magnitude = func(a ...float64) float64 {
		m := math.Abs(f.Reference(a[0]))
		if a[0] < 0 {
			m = max(m, math.Abs(f.Reference(1-a[0])))
		}
		return m
	}
	return f
}

func unary(name string, emit func(b *spirv.Builder, x spirv.Value) spirv.Value, ref func(float64) float64, ulp float64, hard ...[2]float64) Function {
	return Function{Name: name, Args: 1, MaxULP: ulp, Hard: hard,
		Emit:      func(b *spirv.Builder, a ...spirv.Value) spirv.Value { return emit(b, a[0]) },
		Reference: func(a ...float64) float64 { return ref(a[0]) }}
}

func sigmoid(x float64) float64 {
	if x < 0 {
		return math.Exp(x) / (1 + math.Exp(x))
	}
	return 1 / (1 + math.Exp(-x))
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func logAddExp(x, y float64) float64 {
	top := max(x, y)
	if math.IsInf(top, 0) || math.IsNaN(top) {
		return top
	}
	return top + math.Log1p(math.Exp(min(x, y)-top))
}
