package nn

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
)

// Dropout sets each element of x to 0 with probability rate, independently, and divides the others by 1 - rate, so that the mean stays
// (Srivastava et al. 2014). The rate is at least 0 and below 1. What is dropped depends on the key and the element's position only: use a new key
// for each step and layer (random.Split), and under vmap a mapped key for each sample. It is for training; leave it out elsewhere.
func Dropout(key random.Key, rate float64, x graph.Tensor) graph.Tensor {
	if !(rate >= 0 && rate < 1) {
		graph.Fail("dropout", graph.ErrArgument, "the rate is a probability below 1", "rate %v", rate)
	}
	if rate == 0 {
		return x
	}
	kept := random.Bernoulli(key, 1-rate, x.Shape()...)
	if x.Rank() == 0 {
		kept = random.Bernoulli(key, 1-rate)
	}
	return graph.Where(kept, x.Scale(1/(1-rate)), x.Like(0))
}
