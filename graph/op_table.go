package graph

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/emath"
)

// The elementwise ops.
var (
	addRule, subRule, mulRule, divRule, remRule, powRule, maxRule, minRule, negRule, absRule, signRule,
	floorRule, ceilRule, roundRule, recipRule, sqrtRule, rsqrtRule, expRule, expm1Rule, logRule, log1pRule,
	tanhRule, sigmoidRule, softplusRule, sinRule, cosRule, reluRule, eqRule, neRule, ltRule, leRule, isNaNRule,
	andRule, orRule, notRule *rule
)

// The table, a row each. Derivatives at kinks: ReLU and abs have 0 at 0; min and max of equal operands
// share the gradient equally, as JAX does. It is filled by init because derivatives are written in ops.
func init() {
	addRule = &rule{name: "add", types: sameNumber, cost: 1, cases: numbers2(-2, 2),
		eval: eval2(func(a, b float64) float64 { return a + b }),
		emit: emit2((*builder).Add),
		part: d2(func(a, _, _ Tensor) Tensor { return a.Like(1) }, func(a, _, _ Tensor) Tensor { return a.Like(1) })}
	subRule = &rule{name: "sub", types: sameNumber, cost: 1, cases: numbers2(-2, 2),
		eval: eval2(func(a, b float64) float64 { return a - b }),
		emit: emit2((*builder).Sub),
		part: d2(func(a, _, _ Tensor) Tensor { return a.Like(1) }, func(a, _, _ Tensor) Tensor { return a.Like(-1) })}
	mulRule = &rule{name: "mul", types: sameNumber, cost: 1, cases: numbers2(-2, 2),
		eval: eval2(func(a, b float64) float64 { return a * b }),
		ints: func(x []int64) int64 { return x[0] * x[1] },
		emit: emit2((*builder).Mul),
		part: d2(func(_, b, _ Tensor) Tensor { return b }, func(a, _, _ Tensor) Tensor { return a })}
	divRule = &rule{name: "div", types: sameNumber, cost: 4, cases: numbers2(0.5, 2),
		eval: eval2(func(a, b float64) float64 { return a / b }),
		emit: emit2((*builder).Div),
		part: d2(func(_, b, _ Tensor) Tensor { return b.Reciprocal() }, func(_, b, y Tensor) Tensor { return y.Div(b).Neg() })}
	remRule = &rule{name: "rem", types: sameInt, cost: 8, cases: ints2,
		eval: eval2(math.Mod),
		emit: emit2((*builder).Rem)}
	powRule = &rule{name: "pow", types: sameFloat, cost: 60, cases: loose(5e-6, floats2(0.3, 2)),
		eval: eval2(math.Pow),
		emit: emit2(emath.Pow),
		part: d2(
			// At 0^0 the derivative by the base is 0, not 0 times 0^-1; another base there keeps higher ones finite.
			func(a, b, _ Tensor) Tensor {
				zeros := a.Eq(a.Like(0)).And(b.Eq(b.Like(0)))
				return b.Mul(Where(zeros, a.Like(1), a).Pow(b.AddScalar(-1)))
			},
			// At base 0 the derivative by the exponent is 0, not 0 times -Inf.
			func(a, _, y Tensor) Tensor {
				zero := a.Eq(a.Like(0))
				return Where(zero, a.Like(0), y.Mul(Where(zero, a.Like(1), a).Log()))
			})}

	maxRule = &rule{name: "max", types: sameNumber, cost: 2, cases: numbers2(-2, 2),
		eval: eval2(maxNaN), emit: emit2((*builder).Max),
		part: d2(func(a, b, _ Tensor) Tensor { return share(a, b) }, func(a, b, _ Tensor) Tensor { return share(b, a) })}
	minRule = &rule{name: "min", types: sameNumber, cost: 2, cases: numbers2(-2, 2),
		eval: eval2(func(a, b float64) float64 { return -maxNaN(-a, -b) }), emit: emit2((*builder).Min),
		part: d2(func(a, b, _ Tensor) Tensor { return share(b, a) }, func(a, b, _ Tensor) Tensor { return share(a, b) })}

	negRule = &rule{name: "neg", types: sameNumber, cost: 1, cases: floats1(-2, 2),
		eval: eval1(func(x float64) float64 { return -x }), emit: emit1((*builder).Neg),
		part: d1(func(x, _ Tensor) Tensor { return x.Like(-1) })}
	absRule = &rule{name: "abs", types: sameNumber, cost: 1, cases: floats1(-2, 2),
		eval: eval1(math.Abs), emit: emit1((*builder).Abs),
		part: d1(func(x, _ Tensor) Tensor { return x.Sign() })}
	signRule = &rule{name: "sign", types: sameNumber, cost: 2, cases: floats1(-2, 2),
		eval: eval1(func(x float64) float64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return x // 0, -0 and NaN stay
		}), emit: emit1((*builder).Sign)}
	floorRule = &rule{name: "floor", types: sameFloat, cost: 1, cases: kinked(floats1(-2, 2)),
		eval: eval1(math.Floor), emit: emit1((*builder).Floor)}
	ceilRule = &rule{name: "ceil", types: sameFloat, cost: 1, cases: kinked(floats1(-2, 2)),
		eval: eval1(math.Ceil), emit: emit1((*builder).Ceil)}
	roundRule = &rule{name: "round", types: sameFloat, cost: 1, cases: kinked(floats1(-2, 2)),
		eval: eval1(math.RoundToEven), emit: emit1((*builder).RoundEven)}

	recipRule = &rule{name: "reciprocal", types: sameFloat, cost: 4, cases: floats1(0.5, 3),
		eval: eval1(func(x float64) float64 { return 1 / x }),
		emit: emit1(func(b *builder, x value) value { return b.Div(b.Splat(b.ConstF32(1), x.Type.Lanes), x) }),
		part: d1(func(_, y Tensor) Tensor { return y.Mul(y).Neg() })}
	sqrtRule = &rule{name: "sqrt", types: sameFloat, cost: 6, cases: floats1(0.1, 4),
		eval: eval1(math.Sqrt), emit: emit1(emath.Sqrt),
		part: d1(func(_, y Tensor) Tensor { return y.Reciprocal().Scale(0.5) })}
	rsqrtRule = &rule{name: "rsqrt", types: sameFloat, cost: 8, cases: floats1(0.1, 4),
		eval: eval1(func(x float64) float64 { return 1 / math.Sqrt(x) }), emit: emit1(emath.Rsqrt),
		part: d1(func(x, y Tensor) Tensor { return y.Div(x).Scale(-0.5) })}
	expRule = &rule{name: "exp", types: sameFloat, cost: 20, cases: floats1(-3, 3),
		eval: eval1(math.Exp), emit: emit1(emath.Exp),
		part: d1(func(_, y Tensor) Tensor { return y })}
	expm1Rule = &rule{name: "expm1", types: sameFloat, cost: 25, cases: floats1(-2, 2),
		eval: eval1(math.Expm1), emit: emit1(emath.Expm1),
		part: d1(func(_, y Tensor) Tensor { return y.AddScalar(1) })}
	logRule = &rule{name: "log", types: sameFloat, cost: 25, cases: floats1(0.1, 4),
		eval: eval1(math.Log), emit: emit1(emath.Log),
		part: d1(func(x, _ Tensor) Tensor { return x.Reciprocal() })}
	log1pRule = &rule{name: "log1p", types: sameFloat, cost: 30, cases: floats1(-0.5, 3),
		eval: eval1(math.Log1p), emit: emit1(emath.Log1p),
		part: d1(func(x, _ Tensor) Tensor { return x.AddScalar(1).Reciprocal() })}
	tanhRule = &rule{name: "tanh", types: sameFloat, cost: 30, cases: floats1(-2, 2),
		eval: eval1(math.Tanh), emit: emit1(emath.Tanh),
		part: d1(func(_, y Tensor) Tensor { return y.Mul(y).Neg().AddScalar(1) })}
	sigmoidRule = &rule{name: "sigmoid", types: sameFloat, cost: 30, cases: floats1(-4, 4),
		eval: eval1(sigmoid), emit: emit1(emath.Sigmoid),
		// y(1-y) loses every digit of 1-y for large x; sigmoid(-x) does not.
		part: d1(func(x, y Tensor) Tensor { return y.Mul(x.Neg().Sigmoid()) })}
	softplusRule = &rule{name: "softplus", types: sameFloat, cost: 50, cases: floats1(-4, 4),
		eval: eval1(softplus), emit: emit1(emath.Softplus),
		part: d1(func(x, _ Tensor) Tensor { return x.Sigmoid() })}
	sinRule = &rule{name: "sin", types: sameFloat, cost: 80, cases: floats1(-4, 4),
		eval: eval1(math.Sin), emit: emit1(emath.Sin),
		part: d1(func(x, _ Tensor) Tensor { return x.Cos() })}
	cosRule = &rule{name: "cos", types: sameFloat, cost: 80, cases: floats1(-4, 4),
		eval: eval1(math.Cos), emit: emit1(emath.Cos),
		part: d1(func(x, _ Tensor) Tensor { return x.Sin().Neg() })}
	reluRule = &rule{name: "relu", types: sameFloat, cost: 1, cases: floats1(-2, 2),
		eval: eval1(func(x float64) float64 { return maxNaN(x, 0) }),
		emit: emit1(func(b *builder, x value) value { return b.Max(x, b.ConstF32(0)) }),
		part: d1(func(x, _ Tensor) Tensor { return Where(x.Gt(x.Like(0)), x.Like(1), x.Like(0)) })}

	eqRule = &rule{name: "eq", types: comparison, cost: 1, cases: kinked(numbers2(-2, 2)),
		eval: test2(func(a, b float64) bool { return a == b }), emit: emit2((*builder).Eq)}
	neRule = &rule{name: "ne", types: comparison, cost: 1, cases: kinked(numbers2(-2, 2)),
		eval: test2(func(a, b float64) bool { return a != b }), emit: emit2((*builder).Ne)}
	ltRule = &rule{name: "lt", types: ordering, cost: 1, cases: kinked(numbers2(-2, 2)),
		eval: test2(func(a, b float64) bool { return a < b }), emit: emit2((*builder).Lt)}
	leRule = &rule{name: "le", types: ordering, cost: 1, cases: kinked(numbers2(-2, 2)),
		eval: test2(func(a, b float64) bool { return a <= b }), emit: emit2((*builder).Le)}
	isNaNRule = &rule{name: "isnan", types: floatTest, cost: 1, cases: kinked(floats1(-2, 2)),
		eval: eval1(func(x float64) float64 {
			if math.IsNaN(x) {
				return 1
			}
			return 0
		}), emit: emit1((*builder).IsNaN)}
	andRule = &rule{name: "and", types: bits, cost: 1, cases: bitCases,
		eval: eval2(func(a, b float64) float64 { return a * b }), // of booleans
		ints: func(x []int64) int64 { return x[0] & x[1] },
		emit: emit2((*builder).And)}
	orRule = &rule{name: "or", types: bits, cost: 1, cases: bitCases,
		eval: eval2(math.Max), // of booleans
		ints: func(x []int64) int64 { return x[0] | x[1] },
		emit: emit2((*builder).Or)}
	notRule = &rule{name: "not", types: logical, cost: 1, cases: bools(1),
		eval: eval1(func(x float64) float64 { return 1 - x }), emit: emit1((*builder).Not)}
}

// maxNaN is the larger operand, NaN when either is.
func maxNaN(a, b float64) float64 {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.NaN()
	}
	return math.Max(a, b)
}

// share is the derivative of max(a, b) by a: 1, 0, or one half where both are equal.
func share(a, b Tensor) Tensor {
	return Where(b.Lt(a), a.Like(1), Where(a.Eq(b), a.Like(0.5), a.Like(0)))
}
