package random

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// Permutation draws an order of 0 to n-1, int32 [n]: every order equally likely. It sorts by random words, and again for larger n, so
// that the chance that equal words favour an order stays below 1/n.
func Permutation(key Key, n int) graph.Tensor {
	p := graph.Iota(0, counted("permutation", n, n))
	// The number of rounds is JAX's: n^3 fits into the words.
	rounds := int(math.Ceil(3 * math.Log(float64(max(n, 1))) / math.Log(math.MaxUint32)))
	keys := Split(key, rounds)
	for r := range rounds {
		p = p.Take(0, Bits(keys.At(r), n).ArgSort(0))
	}
	return p
}

// counted is k, which must be from 0 to n.
func counted(op string, n, k int) int {
	if n < 0 || n > math.MaxInt32 {
		graph.Fail(op, graph.ErrArgument, "n is 0 to 2^31-1", "n is %d", n)
	}
	if k < 0 || k > n {
		graph.Fail(op, graph.ErrArgument, "ask for 0 to n, or use Choice, which repeats", "%d of %d", k, n)
	}
	return k
}

// Shuffle puts the positions of an axis in a random order, the same for all other axes. Gradients follow the elements.
func Shuffle(key Key, x graph.Tensor, axis int) graph.Tensor {
	return x.Take(axis, Permutation(key, x.Dim(axis)))
}

// Choice draws int32 positions from 0 to n-1, each independently of the others: with replacement. x.Take(0, positions) has the chosen
// elements of x.
func Choice(key Key, n int, shape ...int) graph.Tensor {
	if n < 1 || n > math.MaxInt32 {
		graph.Fail("choice", graph.ErrArgument, "choose from 1 to 2^31-1", "n is %d", n)
	}
	return Integers(key, 0, n, shape...)
}

// WeightedChoice is Choice with probabilities proportional to weights [n], which are positive or 0, and not all 0: it is Categorical of
// their logarithms. A negative or NaN weight is an always drawn one.
func WeightedChoice(key Key, weights graph.Tensor, shape ...int) graph.Tensor {
	return Categorical(key, logWeights("weighted choice", weights), shape...)
}

// Sample draws k different int32 positions of 0 to n-1, in random order: without replacement.
func Sample(key Key, n, k int) graph.Tensor {
	counted("sample", n, k)
	return Permutation(key, n).Slice(0, 0, k)
}

// WeightedSample draws k different int32 positions of weights [n], one after the other, each with a probability proportional to its weight
// among those that are left (by the largest of log weights plus Gumbel noise: Efraimidis and Spirakis 2006). Weights are
// positive or 0; those of 0 come when no others are left, NaN and negative ones last.
func WeightedSample(key Key, weights graph.Tensor, k int) graph.Tensor {
	const op = "weighted sample"
	logs := logWeights(op, weights)
	n := logs.Dim(0)
	counted(op, n, k)
	return logs.Add(gumbel(op, key, logs.DType(), []int{n})).TopK(0, k).Indices
}

func logWeights(op string, weights graph.Tensor) graph.Tensor {
	w := tensors(op, of("weights", weights))[0]
	if w.Rank() != 1 || w.Dim(0) == 0 {
		graph.Fail(op, graph.ErrShape, "give one weight for each position; map over more with vmap", "weights are %v, want floats [n]", w.Spec())
	}
	return w.Log()
}
