package emath

import (
	"fmt"
	"math"

	"github.com/lavagrad/lavagrad/internal/special"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Function describes one function of this package: what its documentation
// claims and its test checks.
type Function struct {
	Name string
	Args int // 1 or 2
	// Emit emits the function of Args values.
	Emit func(b *spirv.Builder, args ...spirv.Value) spirv.Value
	// Reference is the function in float64, special cases included.
	Reference func(args ...float64) float64
	// MaxULP bounds the error over all arguments, in units in the last place
	// of a float32 as large as the exact result, or as Magnitude where given.
	MaxULP    float64
	Magnitude func(args ...float64) float64
	// AbsError is allowed besides, where a denormal intermediate result that
	// the device flushes to 0 is part of a sum.
	AbsError float64
	// Hard lists intervals of the first argument worth a dense look: zeros,
	// poles, borders of the approximations, edges of overflow and underflow.
	Hard [][2]float64
}

// Functions lists every function, by name.
var Functions = []Function{
	unary("acos", Acos, math.Acos, 2, [2]float64{-1, 1}, [2]float64{0.99, 1}, [2]float64{0.49, 0.51}),
	unary("acosh", Acosh, math.Acosh, 2, [2]float64{1, 3}, [2]float64{1, 1.01}, [2]float64{8000, 20000}),
	unary("asin", Asin, math.Asin, 2, [2]float64{-1, 1}, [2]float64{0.99, 1}, [2]float64{0.49, 0.51}),
	unary("asinh", Asinh, math.Asinh, 2, [2]float64{-2, 2}, [2]float64{8000, 20000}, [2]float64{0, 0.01}),
	unary("atan", Atan, math.Atan, 2, [2]float64{-2, 2}, [2]float64{0.99, 1.01}),
	binary("atan2", Atan2, math.Atan2, 2, [2]float64{-2, 2}),
	unary("atanh", Atanh, math.Atanh, 2, [2]float64{-1, 1}, [2]float64{0.99, 1}, [2]float64{0, 0.01}),
	unary("cos", Cos, math.Cos, 2, trigHard...),
	unary("cosh", Cosh, math.Cosh, 2, [2]float64{-2, 2}, [2]float64{88, 90}),
	nearZeros(unary("digamma", Digamma, special.Digamma, 4, gammaHard...), special.Digamma),
	binary("div", Div, func(x, y float64) float64 { return x / y }, 2.5),
	unary("erf", Erf, math.Erf, 2, [2]float64{0.8, 1}, [2]float64{3.5, 4.1}),
	unary("erfc", Erfc, math.Erfc, 2, [2]float64{0.4, 0.5}, [2]float64{-0.5, 0.5}, [2]float64{8, 10.2}),
	unary("erfinv", Erfinv, math.Erfinv, 2, [2]float64{-1, 1}, [2]float64{0.99, 1}, [2]float64{0.9999, 1}),
	unary("exp", Exp, math.Exp, 2, [2]float64{-1, 1}, [2]float64{-104.5, -86}, [2]float64{88, 90}),
	unary("exp2", Exp2, math.Exp2, 2, [2]float64{-1, 1}, [2]float64{-152, -124}, [2]float64{126, 129}),
	unary("expm1", Expm1, math.Expm1, 2, [2]float64{-0.8, 0.8}, [2]float64{-2, -0.3}, [2]float64{88, 89}),
	nearZeros(unary("lgamma", Lgamma, special.Lgamma, 4, gammaHard...), special.Lgamma),
	unary("log", Log, math.Log, 2, [2]float64{0.5, 2}, [2]float64{0, 0x1p-126}),
	unary("log1p", Log1p, math.Log1p, 2, [2]float64{-1, 1}, [2]float64{1e6, 1e9}),
	unary("log2", Log2, math.Log2, 2, [2]float64{0.5, 2}, [2]float64{0, 0x1p-126}, [2]float64{0.99, 1.01}),
	{
		Name: "logaddexp", Args: 2, MaxULP: 2, AbsError: 0x1p-126, Reference: both(special.LogAddExp),
		Emit: func(b *spirv.Builder, a ...spirv.Value) spirv.Value { return LogAddExp(b, a[0], a[1]) },
		Magnitude: both(func(x, y float64) float64 {
			return max(math.Abs(max(x, y)), math.Abs(special.LogAddExp(x, y)))
		}),
		Hard: [][2]float64{{-1, 1}, {-20, 20}},
	},
	polygamma(1), polygamma(2), polygamma(3), polygamma(5),
	binary("pow", Pow, math.Pow, 2, [2]float64{0.5, 2}, [2]float64{0.99, 1.01}),
	unary("recip", Recip, func(x float64) float64 { return 1 / x }, 2.5),
	unary("rsqrt", Rsqrt, func(x float64) float64 { return 1 / math.Sqrt(x) }, 2, [2]float64{0.25, 4}),
	unary("sigmoid", Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 2, [2]float64{-20, 20}, [2]float64{-104, -86}),
	unary("sin", Sin, math.Sin, 2, trigHard...),
	unary("sinh", Sinh, math.Sinh, 2, [2]float64{-2, 2}, [2]float64{88, 90}),
	unary("softplus", Softplus, softplus, 2, [2]float64{-20, 20}, [2]float64{-104, -86}),
	unary("sqrt", Sqrt, math.Sqrt, 2, [2]float64{0.25, 4}),
	unary("tan", Tan, math.Tan, 2, trigHard...),
	unary("tanh", Tanh, math.Tanh, 2, [2]float64{0.5, 0.75}, [2]float64{7, 10.5}),
}

// gammaHard: zeros and poles, and the borders of the formulas.
var gammaHard = [][2]float64{{-4, 4}, {0.9, 1.1}, {1.4, 1.6}, {1.9, 3.1}, {3, 40}, {-40, 0}, {4e36, 4.2e36}}

// polygamma describes Polygamma of one order.
func polygamma(n int) Function {
	ref := func(x float64) float64 { return special.Polygamma(n, x) }
	emit := func(b *spirv.Builder, x spirv.Value) spirv.Value { return Polygamma(b, n, x) }
	f := unary(fmt.Sprintf("polygamma%d", n), emit, ref, float64(2*n+2), gammaHard...)
	return nearZeros(f, ref)
}

// nearZeros allows f the error of f(1-x) where x < 0: its reflection formula
// cancels next to its zeros there.
func nearZeros(f Function, ref func(float64) float64) Function {
	f.Magnitude = func(a ...float64) float64 {
		m := math.Abs(ref(a[0]))
		if a[0] < 0 {
			m = max(m, math.Abs(ref(1-a[0])))
		}
		return m
	}
	return f
}

// trigHard: quadrant borders, where the reduction cancels, and the border of
// its branch.
var trigHard = [][2]float64{
	{-math.Pi, math.Pi}, {math.Pi - 1e-5, math.Pi + 1e-5}, {100*math.Pi - 1e-3, 100*math.Pi + 1e-3},
	{800, 805}, {22000, 22020}, {1e5, 1.01e5}, {1e22, 1.1e22},
}

func unary(name string, emit func(*spirv.Builder, spirv.Value) spirv.Value, ref func(float64) float64, ulp float64, hard ...[2]float64) Function {
	return Function{
		Name: name, Args: 1, MaxULP: ulp, Hard: hard,
		Emit:      func(b *spirv.Builder, a ...spirv.Value) spirv.Value { return emit(b, a[0]) },
		Reference: func(a ...float64) float64 { return ref(a[0]) },
	}
}

func binary(name string, emit func(*spirv.Builder, spirv.Value, spirv.Value) spirv.Value, ref func(x, y float64) float64, ulp float64, hard ...[2]float64) Function {
	return Function{
		Name: name, Args: 2, MaxULP: ulp, Hard: hard, Reference: both(ref),
		Emit: func(b *spirv.Builder, a ...spirv.Value) spirv.Value { return emit(b, a[0], a[1]) },
	}
}

func both(f func(x, y float64) float64) func(...float64) float64 {
	return func(a ...float64) float64 { return f(a[0], a[1]) }
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
