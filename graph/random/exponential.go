package random

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// Exponential draws from the exponential distribution of mean 1; divide by a rate for others. Draws are between 2^-33
// and 22.9, with all their digits.
func Exponential(key Key, shape ...int) graph.Tensor {
	w, _ := draw("exponential", key, shape)
	return graph.ExponentialOfWord(w)
}

// Gumbel draws from the standard Gumbel distribution, -log of an exponential draw: between -3.2 and 22.9.
func Gumbel(key Key, shape ...int) graph.Tensor { return gumbel("gumbel", key, shape) }

func gumbel(op string, key Key, shape []int) graph.Tensor {
	w, _ := draw(op, key, shape)
	return graph.ExponentialOfWord(w).Log().Neg()
}

// Laplace draws from the Laplace distribution of mean 0 and scale 1, density exp(-|x|) / 2.
func Laplace(key Key, shape ...int) graph.Tensor {
	w, sign := draw("laplace", key, shape)
	x := graph.ExponentialOfWord(w)
	return graph.Where(sign.Lt(sign.Like(1<<31)), x, x.Neg())
}

// Logistic draws from the standard logistic distribution, log(u / (1 - u)).
func Logistic(key Key, shape ...int) graph.Tensor {
	w, _ := draw("logistic", key, shape)
	rest := w.Like(math.MaxUint32).Sub(w)
	return graph.ExponentialOfWord(rest).Sub(graph.ExponentialOfWord(w))
}
