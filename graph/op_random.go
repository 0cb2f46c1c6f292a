package graph

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/variates"
)

// The elementwise ops of package random: the generator's two words, what turns words into draws, and the
// normal distribution function with its inverse.
var (
	threefry0Rule, threefry1Rule, belowRule, uniformRule, probabilityRule, exponentialRule, normalRule,
	uniform64Rule, probability64Rule, exponential64Rule, normal64Rule,
	normalPair0Rule, normalPair1Rule,
	normalCDFRule, normalQuantileRule, gammaRule, logGammaRule, poissonRule *rule
)

func init() {
	threefryRow := func(name string, which int) *rule {
		return &rule{name: name, types: sameWord, cost: 120, cases: ofWords(4),
			eval: func(x []float64) float64 {
				x0, x1 := variates.Threefry(uint32(x[0]), uint32(x[1]), uint32(x[2]), uint32(x[3]))
				return float64([2]uint32{x0, x1}[which])
			},
			emit: func(b *builder, x []value) value {
				x0, x1 := variates.EmitThreefry(b, x[0], x[1], x[2], x[3])
				return [2]value{x0, x1}[which]
			}}
	}
	threefry0Rule, threefry1Rule = threefryRow("threefry word 0", 0), threefryRow("threefry word 1", 1)
	belowRule = &rule{name: "integer below", types: sameWord, cost: 20, cases: ofWords(3),
		eval: func(x []float64) float64 { return float64(variates.Below(uint32(x[0]), uint32(x[1]), uint32(x[2]))) },
		emit: func(b *builder, x []value) value { return variates.EmitBelow(b, x[0], x[1], x[2]) }}

	uniformRule = wordRow("uniform of word", 4, variates.Uniform, variates.EmitUniform)
	probabilityRule = wordRow("probability of word", 10, variates.Probability, variates.EmitProbability)
	exponentialRule = wordRow("exponential of word", 40, variates.Exponential, variates.EmitExponential)
	normalRule = wordRow("normal of word", 70, variates.Normal, variates.EmitNormal)

	pairRow := func(name string, which int) *rule {
		return &rule{name: name, cost: 45, cases: loose(2e-6, ofWords(2)),
			types: wordsToFloat,
			eval: func(x []float64) float64 {
				z0, z1 := variates.NormalPair(uint32(x[0]), uint32(x[1]))
				return [2]float64{z0, z1}[which]
			},
			emit: func(b *builder, x []value) value {
				z0, z1 := variates.EmitNormalPair(b, x[0], x[1])
				return [2]value{z0, z1}[which]
			}}
	}
	normalPair0Rule, normalPair1Rule = pairRow("first normal of words", 0), pairRow("second normal of words", 1)

	uniform64Rule = wordsRow("uniform of words", 10, variates.Uniform64, variates.EmitUniform64)
	probability64Rule = wordsRow("probability of words", 10, variates.Probability64, variates.EmitProbability64)
	exponential64Rule = wordsRow("exponential of words", 80, variates.Exponential64, variates.EmitExponential64)
	normal64Rule = wordsRow("normal of words", 120, variates.Normal64, variates.EmitNormal64)

	normalCDFRule = &rule{name: "normal cdf", types: sameFloat, cost: 100, cases: loose(2e-6, floats1(-5, 5)),
		eval: eval1(func(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }),
		emit: emit1(variates.EmitNormalCDF),
		part: d1(func(x, _ Tensor) Tensor { return x.Square().Scale(-0.5).Exp().Scale(1 / math.Sqrt(2*math.Pi)) })}
	normalQuantileRule = &rule{name: "normal quantile", types: sameFloat, cost: 90, cases: loose(2e-6, floats1(0.02, 0.98)),
		eval: eval1(variates.NormalQuantile),
		emit: emit1(variates.EmitNormalQuantile),
		part: d1(func(_, y Tensor) Tensor { return y.Square().Scale(0.5).Exp().Scale(math.Sqrt(2 * math.Pi)) })}

	poissonRule = &rule{name: "poisson draw", cost: 1000,
		types: func(in []Spec) (DType, error) {
			_, err := wordsAndFloat("rate")(in)
			return Int32, err
		},
		eval: func(x []float64) float64 { return variates.Poisson(uint32(x[0]), uint32(x[1]), uint32(x[2]), x[3]) },
		eval64: func(x []float64) float64 {
			return variates.Poisson64(uint32(x[0]), uint32(x[1]), uint32(x[2]), x[3])
		},
		emit:  func(b *builder, x []value) value { return variates.EmitPoisson(b, x[0], x[1], x[2], x[3]) },
		cases: ofWordsAndFloat(0, [2]float64{0, 9}, [2]float64{10, 40})}
	gammaRule, logGammaRule = gammaRow("gamma draw", false), gammaRow("log gamma draw", true)
}

// randomRules lists the rows for Ops.
func randomRules() []*rule {
	return []*rule{
		threefry0Rule, threefry1Rule, belowRule, uniformRule, probabilityRule, exponentialRule, normalRule,
		uniform64Rule, probability64Rule, exponential64Rule, normal64Rule,
		normalPair0Rule, normalPair1Rule,
		normalCDFRule, normalQuantileRule, gammaRule, logGammaRule, poissonRule,
	}
}

// wordRow is a row that turns a word into a float.
func wordRow(name string, cost int, host func(uint32) float64, emit func(*builder, value) value) *rule {
	return &rule{name: name, types: wordsToFloat, cost: cost, cases: ofWords(1),
		eval: eval1(func(x float64) float64 { return host(uint32(x)) }),
		emit: emit1(emit)}
}

// wordsRow is a row that turns two words, the higher one first, into a float64.
func wordsRow(name string, cost int, host func(high, low uint32) float64, emit func(b *builder, high, low value) value) *rule {
	return &rule{name: name, cost: cost, cases: loose(1e-13, ofWords(2)),
		types: func(in []Spec) (DType, error) {
			_, err := sameWord(in)
			return Float64, err
		},
		eval: eval2(func(high, low float64) float64 { return host(uint32(high), uint32(low)) }),
		emit: emit2(emit)}
}

// gammaRow draws by rejection, so the draw jumps where the concentration makes a candidate acceptable:
// central differences are not its derivative. part is the derivative at a fixed quantile.
func gammaRow(name string, logarithm bool) *rule {
	return &rule{name: name, cost: 800,
		types: wordsAndFloat("concentration"),
		eval: func(x []float64) float64 {
			return variates.Gamma(uint32(x[0]), uint32(x[1]), uint32(x[2]), x[3], logarithm)
		},
		eval64: func(x []float64) float64 {
			return variates.Gamma64(uint32(x[0]), uint32(x[1]), uint32(x[2]), x[3], logarithm)
		},
		emit: func(b *builder, x []value) value { return variates.EmitGamma(b, x[0], x[1], x[2], x[3], logarithm) },
		part: []func(Call) Tensor{nil, nil, nil, func(c Call) Tensor {
			if logarithm {
				return logGammaDerivative(c.In[3], c.Out.Exp(), c.Out)
			}
			// A draw that has become 0 has derivative 0.
			x := c.Out.Max(c.Out.Like(leastNormal(c.Out.DType())))
			return c.Out.Mul(logGammaDerivative(c.In[3], x, x.Log()))
		}},
		cases: ofWordsAndFloat(5e-6, [2]float64{0.2, 1}, [2]float64{1, 30})}
}

// wordsAndFloat: the key's words, a counter, and a parameter.
func wordsAndFloat(parameter string) typeRule {
	return func(in []Spec) (DType, error) {
		if !in[3].DType.IsFloat() {
			return 0, dtypeError("convert with AsFloat", "the %s is %v, want float32 or float64", parameter, in[3])
		}
		_, err := sameWord(in[:3])
		return in[3].DType, err
	}
}

// ofWordsAndFloat draws the parameter from each of the ranges.
func ofWordsAndFloat(tolerance float64, ranges ...[2]float64) func(Op) []Case {
	return func(o Op) []Case {
		var cs []Case
		for _, r := range ranges {
			for _, shape := range []Shape{{3, 5}, {8}, {0}} {
				word := sampleOf(Uint32, 0, 1<<32, shape...)
				cs = append(cs, Case{Op: o, In: []Sample{word, word, word, sampleIn(r[0], r[1], shape...)}, Kinked: true, Tolerance: tolerance})
			}
		}
		return cs
	}
}

// sameWord: random words, all uint32.
func sameWord(in []Spec) (DType, error) {
	for i, s := range in {
		if s.DType != Uint32 {
			return 0, dtypeError("convert with Convert(graph.Uint32)", "operand %d is %v, want uint32", i, s)
		}
	}
	return Uint32, nil
}

func wordsToFloat(in []Spec) (DType, error) {
	_, err := sameWord(in)
	return Float32, err
}

func ofWords(n int) func(Op) []Case {
	return func(o Op) []Case {
		var cs []Case
		for _, shape := range []Shape{{9}, {2, 8}, {1}, {0}} {
			c := Case{Op: o}
			for range n {
				c.In = append(c.In, sampleOf(Uint32, 0, 1<<32, shape...))
			}
			cs = append(cs, c)
		}
		return cs
	}
}

// Threefry is the counter-based generator Threefry-2x32-20 on uint32 tensors, broadcast: two words for each counter
// (c0, c1) under each key (k0, k1). Package random builds keys and distributions on it.
//
// Source: Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3, SC11 (2011).
func Threefry(k0, k1, c0, c1 Tensor) (w0, w1 Tensor) {
	return pointwise(threefry0Rule, k0, k1, c0, c1), pointwise(threefry1Rule, k0, k1, c0, c1)
}

// UniformOfWord turns random words (uint32) into float32 draws from [0, 1) on a grid of 2^-24.
func UniformOfWord(word Tensor) Tensor { return pointwise(uniformRule, word) }

// ProbabilityOfWord turns random words (uint32) into float32 draws from (0, 1], (word + 1/2) / 2^32 rounded:
// comparing p with one by Ge is true with probability p to 2^-32, also for tiny p.
func ProbabilityOfWord(word Tensor) Tensor { return pointwise(probabilityRule, word) }

// ExponentialOfWord turns random words (uint32) into float32 draws of the exponential distribution of mean
// 1, from 2^-33 to 22.9.
func ExponentialOfWord(word Tensor) Tensor { return pointwise(exponentialRule, word) }

// NormalOfWord turns random words (uint32) into float32 draws of the standard normal distribution, by its quantile
// function: symmetric, between -6.34 and 6.34.
func NormalOfWord(word Tensor) Tensor { return pointwise(normalRule, word) }

// NormalPair turns two random words (uint32) into two independent float32 draws of the standard normal distribution, between -6.77 and 6.77,
// by the method of Box and Muller: it takes half the work of NormalOfWord for each.
func NormalPair(w0, w1 Tensor) (z0, z1 Tensor) {
	return pointwise(normalPair0Rule, w0, w1), pointwise(normalPair1Rule, w0, w1)
}

// The same in float64, from 64 random bits: those of high (uint32) and below them those of low. On a device without float64 they fail.

// UniformOfWords draws from [0, 1) on a grid of 2^-53, UniformOfWord(high) and 29 bits more.
func UniformOfWords(high, low Tensor) Tensor { return pointwise(uniform64Rule, high, low) }

// ProbabilityOfWords draws from (0, 1], (word + 1/2) / 2^64 rounded.
func ProbabilityOfWords(high, low Tensor) Tensor { return pointwise(probability64Rule, high, low) }

// ExponentialOfWords draws from the exponential distribution of mean 1, from 2^-65 to 45.06.
func ExponentialOfWords(high, low Tensor) Tensor { return pointwise(exponential64Rule, high, low) }

// NormalOfWords draws from the standard normal distribution by its quantile function: symmetric, between -9.2 and 9.2.
func NormalOfWords(high, low Tensor) Tensor { return pointwise(normal64Rule, high, low) }

// IntegerBelow turns two random words (uint32) into a draw from 0 to n-1 (n uint32, broadcast); n = 0 gives 0.
func IntegerBelow(w0, w1, n Tensor) Tensor { return pointwise(belowRule, w0, w1, n) }

// NormalCDF is the probability that a standard normal variable is at most t, with small relative
// error in the lower tail: for float32 to 2e-7 max(1, t^2), below t = -13 denormal or 0; for float64 to 1e-15, below t = -37.5
// denormal or 0.
func (t Tensor) NormalCDF() Tensor { return pointwise(normalCDFRule, t) }

// NormalQuantile is the inverse of NormalCDF: -Inf at 0, +Inf at 1, NaN outside. Its relative error is
// below 8e-7 for float32, 1.2e-15 for float64 (AS 241).
func (t Tensor) NormalQuantile() Tensor { return pointwise(normalQuantileRule, t) }

// GammaOfCounter draws from the gamma distribution of the given concentration and rate 1, in its float type, under the key (k0, k1)
// and for the counter c0 (uint32), all broadcast. It takes the words for counters (c0, 0) to (c0, 32), in float64 to (c0, 64). Concentrations
// that are not positive and finite give NaN. By the concentration it is differentiated at a fixed quantile (implicit
// reparameterisation: Figurnov, Mohamed, Mnih, NeurIPS 2018), to any order, with a relative error below 1e-5 in float32 and 1e-12 in
// float64 for concentrations from 1e-3 to 1e4.
func GammaOfCounter(k0, k1, c0, concentration Tensor) Tensor {
	return pointwise(gammaRule, k0, k1, c0, concentration)
}

// LogGammaOfCounter is the logarithm of GammaOfCounter; for small concentrations the draws themselves underflow.
func LogGammaOfCounter(k0, k1, c0, concentration Tensor) Tensor {
	return pointwise(logGammaRule, k0, k1, c0, concentration)
}

// PoissonOfCounter draws int32 counts from the Poisson distribution of the given rate, a float, under the key (k0, k1)
// and for the counter c0 (uint32), all broadcast. It takes the words for counters (c0, 0) to (c0, 31), for a rate of float64 to (c0, 63). Rates outside of 0 to 2^24
// give -1. It has no gradient.
func PoissonOfCounter(k0, k1, c0, rate Tensor) Tensor {
	return pointwise(poissonRule, k0, k1, c0, rate)
}
