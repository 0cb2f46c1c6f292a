package random

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// bits are what one float is made of: a word, in float64 two.
type bits struct {
	dtype     graph.DType
	high, low graph.Tensor
}

// bitsFor gives bits for every element of a shape.
func bitsFor(op string, key Key, d graph.DType, shape []int) bits {
	if !d.IsFloat() {
		graph.Fail(op, graph.ErrDType, "give graph.Float32 or graph.Float64", "draws of %v", d)
	}
	w0, w1 := draw(op, key, shape)
	return bits{d, w0, w1}
}

// not are the bits of 1 - p, where these are those of a probability p.
func (b bits) not() bits {
	flip := func(w graph.Tensor) graph.Tensor { return w.Like(math.MaxUint32).Sub(w) }
	return bits{b.dtype, flip(b.high), flip(b.low)}
}

func (b bits) uniform() graph.Tensor {
	if b.dtype == graph.Float64 {
		return graph.UniformOfWords(b.high, b.low)
	}
	return graph.UniformOfWord(b.high)
}

func (b bits) probability() graph.Tensor {
	if b.dtype == graph.Float64 {
		return graph.ProbabilityOfWords(b.high, b.low)
	}
	return graph.ProbabilityOfWord(b.high)
}

func (b bits) exponential() graph.Tensor {
	if b.dtype == graph.Float64 {
		return graph.ExponentialOfWords(b.high, b.low)
	}
	return graph.ExponentialOfWord(b.high)
}

func (b bits) normal() graph.Tensor {
	if b.dtype == graph.Float64 {
		return graph.NormalOfWords(b.high, b.low)
	}
	return graph.NormalOfWord(b.high)
}
