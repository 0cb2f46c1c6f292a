package random

import "github.com/lavagrad/lavagrad/graph"

// Exponential draws float32 from the exponential distribution of mean 1; divide by a rate for others. Draws are between 2^-33
// and 22.9, with all their digits.
func Exponential(key Key, shape ...int) graph.Tensor {
	return ExponentialOf(graph.Float32, key, shape...)
}

// ExponentialOf is Exponential in a float type: float64 draws are between 2^-65 and 45.06.
func ExponentialOf(d graph.DType, key Key, shape ...int) graph.Tensor {
	return bitsFor("exponential", key, d, shape).exponential()
}

// Gumbel draws float32 from the standard Gumbel distribution, -log of an exponential draw: between -3.2 and 22.9.
func Gumbel(key Key, shape ...int) graph.Tensor { return GumbelOf(graph.Float32, key, shape...) }

// GumbelOf is Gumbel in a float type: float64 draws are between -3.9 and 45.06.
func GumbelOf(d graph.DType, key Key, shape ...int) graph.Tensor {
	return gumbel("gumbel", key, d, shape)
}

func gumbel(op string, key Key, d graph.DType, shape []int) graph.Tensor {
	return bitsFor(op, key, d, shape).exponential().Log().Neg()
}

// Laplace draws float32 from the Laplace distribution of mean 0 and scale 1, density exp(-|x|) / 2.
func Laplace(key Key, shape ...int) graph.Tensor { return LaplaceOf(graph.Float32, key, shape...) }

// LaplaceOf is Laplace in a float type.
func LaplaceOf(d graph.DType, key Key, shape ...int) graph.Tensor {
	w := bitsFor("laplace", key, d, shape)
	sign := w.low
	w.low = w.low.Add(w.low) // the bit of the sign is not used twice
	x := w.exponential()
	return graph.Where(sign.Lt(sign.Like(1<<31)), x, x.Neg())
}

// Logistic draws float32 from the standard logistic distribution, log(u / (1 - u)).
func Logistic(key Key, shape ...int) graph.Tensor { return LogisticOf(graph.Float32, key, shape...) }

// LogisticOf is Logistic in a float type.
func LogisticOf(d graph.DType, key Key, shape ...int) graph.Tensor {
	w := bitsFor("logistic", key, d, shape)
	return w.not().exponential().Sub(w.exponential())
}
