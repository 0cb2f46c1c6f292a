package graph

import (
	"fmt"
	"math"

	"github.com/lavagrad/lavagrad/internal/special"
	"github.com/lavagrad/lavagrad/shaders/emath"
	"github.com/lavagrad/lavagrad/shaders/emath64"
)

// Rows of the table of elementwise ops for special, hyperbolic and inverse functions, rounding and
// tests of floats.
var (
	erfRule, erfcRule, erfinvRule, lgammaRule, digammaRule, logAddExpRule, sinhRule, coshRule, asinRule, acosRule,
	atanRule, atan2Rule, tanRule, asinhRule, acoshRule, atanhRule, exp2Rule, log2Rule, centerRule, truncRule, isInfRule,
	isFiniteRule *rule
)

func specialRules() []*rule {
	return []*rule{
		erfRule, erfcRule, erfinvRule, lgammaRule, digammaRule, polygammaRule(1), polygammaRule(2), polygammaRule(3),
		logAddExpRule, sinhRule, coshRule, asinRule, acosRule, atanRule, atan2Rule, tanRule, asinhRule, acoshRule, atanhRule,
		exp2Rule, log2Rule, centerRule, truncRule, isInfRule, isFiniteRule,
	}
}

func init() {
	erfRule = &rule{name: "erf", types: sameFloat, cost: 50, cases: floats1(-3, 3),
		eval: eval1(math.Erf), emit: emit1(emath.Erf),
		part: d1(func(x, _ Tensor) Tensor { return x.Square().Neg().Exp().Scale(2 / math.SqrtPi) })}
	erfcRule = &rule{name: "erfc", types: sameFloat, cost: 80, cases: floats1(-3, 3),
		eval: eval1(math.Erfc), emit: emit1(emath.Erfc),
		part: d1(func(x, _ Tensor) Tensor { return x.Square().Neg().Exp().Scale(-2 / math.SqrtPi) })}
	erfinvRule = &rule{name: "erfinv", types: sameFloat, cost: 90, cases: floats1(-0.9, 0.9),
		eval: eval1(math.Erfinv), emit: emit1(emath.Erfinv),
		part: d1(func(_, y Tensor) Tensor { return y.Square().Exp().Scale(math.SqrtPi / 2) })}

	lgammaRule = &rule{name: "lgamma", types: sameFloat, cost: 200, cases: gammaCases,
		eval: eval1(special.Lgamma), emit: emit1(emath.Lgamma),
		part: d1(func(x, _ Tensor) Tensor { return x.Digamma() })}
	digammaRule = &rule{name: "digamma", types: sameFloat, cost: 170, cases: gammaCases,
		eval: eval1(special.Digamma), emit: emit1(emath.Digamma),
		part: d1(func(x, _ Tensor) Tensor { return x.Polygamma(1) })}

	logAddExpRule = &rule{name: "logaddexp", types: sameFloat, cost: 60, cases: floats2(-3, 3),
		eval: eval2(special.LogAddExp), emit: emit2(emath.LogAddExp),
		part: d2(
			func(a, b, _ Tensor) Tensor { return a.center(b).Sigmoid() },
			func(a, b, _ Tensor) Tensor { return b.center(a).Sigmoid() })}
	sinhRule = &rule{name: "sinh", types: sameFloat, cost: 50, cases: floats1(-2, 2),
		eval: eval1(math.Sinh), emit: emit1(emath.Sinh),
		part: d1(func(x, _ Tensor) Tensor { return x.Cosh() })}
	coshRule = &rule{name: "cosh", types: sameFloat, cost: 45, cases: floats1(-2, 2),
		eval: eval1(math.Cosh), emit: emit1(emath.Cosh),
		part: d1(func(x, _ Tensor) Tensor { return x.Sinh() })}

	asinRule = &rule{name: "asin", types: sameFloat, cost: 50, cases: floats1(-0.9, 0.9),
		eval: eval1(math.Asin), emit: emit1(emath.Asin),
		part: d1(func(x, _ Tensor) Tensor { return oneMinusSquare(x).Rsqrt() })}
	acosRule = &rule{name: "acos", types: sameFloat, cost: 50, cases: floats1(-0.9, 0.9),
		eval: eval1(math.Acos), emit: emit1(emath.Acos),
		part: d1(func(x, _ Tensor) Tensor { return oneMinusSquare(x).Rsqrt().Neg() })}
	atanRule = &rule{name: "atan", types: sameFloat, cost: 50, cases: floats1(-3, 3),
		eval: eval1(math.Atan), emit: emit1(emath.Atan),
		part: d1(func(x, _ Tensor) Tensor { return x.Square().AddScalar(1).Reciprocal() })}
	atan2Rule = &rule{name: "atan2", types: sameFloat, cost: 80, cases: floats2(0.2, 2),
		eval: eval2(math.Atan2), emit: emit2(emath.Atan2),
		part: d2(
			func(y, x, _ Tensor) Tensor { return x.Div(y.Square().Add(x.Square())) },
			func(y, x, _ Tensor) Tensor { return y.Neg().Div(y.Square().Add(x.Square())) })}

	tanRule = &rule{name: "tan", types: sameFloat, cost: 50, cases: floats1(-1.2, 1.2),
		eval: eval1(math.Tan), emit: emit1(emath.Tan),
		part: d1(func(_, y Tensor) Tensor { return y.Square().AddScalar(1) })}
	asinhRule = &rule{name: "asinh", types: sameFloat, cost: 60, cases: floats1(-3, 3),
		eval: eval1(math.Asinh), emit: emit1(emath.Asinh),
		part: d1(func(x, _ Tensor) Tensor { return x.Square().AddScalar(1).Rsqrt() })}
	acoshRule = &rule{name: "acosh", types: sameFloat, cost: 70, cases: floats1(1.2, 4),
		eval: eval1(math.Acosh), emit: emit1(emath.Acosh),
		part: d1(func(x, _ Tensor) Tensor { return oneMinusSquare(x).Neg().Rsqrt() })}
	atanhRule = &rule{name: "atanh", types: sameFloat, cost: 60, cases: floats1(-0.9, 0.9),
		eval: eval1(math.Atanh), emit: emit1(emath.Atanh),
		part: d1(func(x, _ Tensor) Tensor { return oneMinusSquare(x).Reciprocal() })}
	exp2Rule = &rule{name: "exp2", types: sameFloat, cost: 25, cases: floats1(-4, 4),
		eval: eval1(math.Exp2), emit: emit1(emath.Exp2),
		part: d1(func(_, y Tensor) Tensor { return y.Scale(math.Ln2) })}
	log2Rule = &rule{name: "log2", types: sameFloat, cost: 40, cases: floats1(0.1, 4),
		eval: eval1(math.Log2), emit: emit1(emath.Log2),
		part: d1(func(x, _ Tensor) Tensor { return x.Reciprocal().Scale(1 / math.Ln2) })}

	centerRule = &rule{name: "center", types: sameFloat, cost: 2, cases: floats2(-2, 2),
		eval: eval2(func(a, b float64) float64 {
			if a == b {
				return 0 // infinities too
			}
			return a - b
		}),
		emit: emit2(func(b *builder, x, y value) value { return b.Select(b.Eq(x, y), b.ConstF32(0), b.Sub(x, y)) }),
		part: d2(func(a, _, _ Tensor) Tensor { return a.Like(1) }, func(a, _, _ Tensor) Tensor { return a.Like(-1) })}

	truncRule = &rule{name: "trunc", types: sameFloat, cost: 1, cases: kinked(floats1(-3, 3)),
		eval: eval1(math.Trunc), emit: emit1((*builder).Trunc)}
	isInfRule = &rule{name: "isinf", types: floatTest, cost: 1, cases: kinked(floats1(-2, 2)),
		eval: test1(func(x float64) bool { return math.IsInf(x, 0) }), emit: emit1((*builder).IsInf)}
	isFiniteRule = &rule{name: "isfinite", types: floatTest, cost: 1, cases: kinked(floats1(-2, 2)),
		eval: test1(func(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) }), emit: emit1((*builder).IsFinite)}
}

// oneMinusSquare is 1 - x^2 without cancellation near 1.
func oneMinusSquare(x Tensor) Tensor {
	one := x.Like(1)
	return one.Sub(x).Mul(one.Add(x))
}

// gammaCases: both sides of the zeros of lgamma and digamma, large arguments, and negative ones between
// poles.
func gammaCases(o Op) []Case {
	return []Case{
		{Op: o, In: []Sample{sampleIn(0.2, 4, 9)}},
		{Op: o, In: []Sample{sampleIn(3, 50, 2, 8)}},
		{Op: o, In: []Sample{sampleIn(-1.8, -1.2, 5)}},
	}
}

func test1(f func(float64) bool) func([]float64) float64 {
	return func(x []float64) float64 {
		if f(x[0]) {
			return 1
		}
		return 0
	}
}

// polygammaRule is the row of the n-th derivative of digamma, n >= 1.
func polygammaRule(n int) *rule {
	return &rule{
		name: fmt.Sprintf("polygamma(%d)", n), types: sameFloat, cost: 150 + 60*n, cases: loose(float64(n)*2e-6, gammaCases),
		eval:   eval1(func(x float64) float64 { return special.Polygamma(n, x) }),
		emit:   emit1(func(b *builder, x value) value { return emath.Polygamma(b, n, x) }),
		emit64: emit1(func(b *builder, x value) value { return emath64.Polygamma(b, n, x) }),
		part:   d1(func(x, _ Tensor) Tensor { return x.Polygamma(n + 1) }),
	}
}
