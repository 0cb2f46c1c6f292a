package variates

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/emath"
	"github.com/lavagrad/lavagrad/shaders/emath64"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// kit writes the kernel code of rejection samplers in float32 or float64: constants, functions, and the words of a counter.
// In float64 a number takes a block of the generator where it takes a word in float32.
type kit struct {
	*spirv.Builder
	kind       spirv.Kind
	k0, k1, c0 spirv.Value
}

func (k kit) double() bool { return k.kind == spirv.Float64 }

func (k kit) f(c float64) spirv.Value { return k.ConstFloat(k.kind, c) }

func (k kit) log(x spirv.Value) spirv.Value {
	if k.double() {
		return emath64.Log(k.Builder, x)
	}
	return emath.Log(k.Builder, x)
}

func (k kit) log1p(x spirv.Value) spirv.Value {
	if k.double() {
		return emath64.Log1p(k.Builder, x)
	}
	return emath.Log1p(k.Builder, x)
}

func (k kit) exp(x spirv.Value) spirv.Value {
	if k.double() {
		return emath64.Exp(k.Builder, x)
	}
	return emath.Exp(k.Builder, x)
}

// noise is what one random number is made of: a word, or two.
type noise struct {
	kit
	high, low spirv.Value
}

// block gives the two words for counter (c0, c1); c1 is one for all lanes.
func (k kit) block(c1 spirv.Value) (w0, w1 spirv.Value) {
	return EmitThreefry(k.Builder, k.k0, k.k1, k.c0, k.Splat(c1, k.c0.Type.Lanes))
}

// round gives the two random numbers of round r.
func (k kit) round(r spirv.Value) (first, second noise) {
	if !k.double() {
		w0, w1 := k.block(r)
		return noise{kit: k, high: w0}, noise{kit: k, high: w1}
	}
	c := k.Mul(r, k.ConstU32(2))
	h0, l0 := k.block(c)
	h1, l1 := k.block(k.Add(c, k.ConstU32(1)))
	return noise{k, h0, l0}, noise{k, h1, l1}
}

// first is the first number of a round.
func (k kit) first(r uint32) noise {
	if k.double() {
		r *= 2
	}
	w0, w1 := k.block(k.ConstU32(r))
	return noise{k, w0, w1}
}

func (n noise) normal() spirv.Value {
	if n.double() {
		return EmitNormal64(n.Builder, n.high, n.low)
	}
	return EmitNormal(n.Builder, n.high)
}

func (n noise) exponential() spirv.Value {
	if n.double() {
		return EmitExponential64(n.Builder, n.high, n.low)
	}
	return EmitExponential(n.Builder, n.high)
}

func (n noise) probability() spirv.Value {
	if n.double() {
		return EmitProbability64(n.Builder, n.high, n.low)
	}
	return EmitProbability(n.Builder, n.high)
}

func (n noise) centred() (below, q, tail spirv.Value) {
	if n.double() {
		return emitCentred64(n.Builder, n.high, n.low)
	}
	return emitCentred(n.Builder, n.high)
}

// source has the same numbers on the host.
type source struct {
	k0, k1, c0 uint32
	double     bool
}

// word is the number's 64 bits in float64, else 32 bits with nothing below.
type word struct {
	high, low uint32
	double    bool
}

func (s source) round(r uint32) (a, b word) {
	if !s.double {
		w0, w1 := Threefry(s.k0, s.k1, s.c0, r)
		return word{high: w0}, word{high: w1}
	}
	h0, l0 := Threefry(s.k0, s.k1, s.c0, 2*r)
	h1, l1 := Threefry(s.k0, s.k1, s.c0, 2*r+1)
	return word{h0, l0, true}, word{h1, l1, true}
}

func (w word) normal() float64 {
	if w.double {
		return Normal64(w.high, w.low)
	}
	return Normal(w.high)
}

func (w word) exponential() float64 {
	if w.double {
		return Exponential64(w.high, w.low)
	}
	return Exponential(w.high)
}

func (w word) probability() float64 {
	if w.double {
		return Probability64(w.high, w.low)
	}
	return Probability(w.high)
}

// centred is p - 1/2 and the smaller of p and 1 - p, for the p that normal draws are quantiles of.
func (w word) centred() (u, edge float64) {
	if !w.double {
		u = (float64(w.high)+0.5)*0x1p-32 - 0.5
		return u, 0.5 - math.Abs(u)
	}
	below, u, edge := centred64(w.high, w.low)
	if below {
		u = -u
	}
	return u, edge
}
