package nn

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// Activations that are no methods of graph.Tensor (ReLU, Tanh, Sigmoid and Softplus are). All are elementwise on floats.

// GELU is the Gaussian error linear unit x Phi(x) with the normal distribution function Phi (Hendrycks and Gimpel, arXiv 1606.08415):
// x/2 erfc(-x/sqrt(2)), which keeps its digits for x far below 0, where 1 + erf would lose them.
func GELU(x graph.Tensor) graph.Tensor {
	return x.Mul(x.Scale(-math.Sqrt2 / 2).Erfc()).Scale(0.5)
}

// GELUTanh is the tanh approximation of GELU, x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), as GPT-2 has it.
func GELUTanh(x graph.Tensor) graph.Tensor {
	inner := x.Square().Scale(0.044715).AddScalar(1).Mul(x).Scale(math.Sqrt(2 / math.Pi))
	// (1 + tanh u) / 2 is sigmoid(2u), which keeps its digits where tanh is near -1.
	return x.Mul(inner.Scale(2).Sigmoid())
}

// SiLU is x sigmoid(x), also called swish.
func SiLU(x graph.Tensor) graph.Tensor { return x.Mul(x.Sigmoid()) }

// ELU is x above 0, alpha (exp(x) - 1) elsewhere; its derivative at 0 is alpha.
func ELU(x graph.Tensor, alpha float64) graph.Tensor {
	zero := x.Like(0)
	above := x.Gt(zero)
	// exp of a large positive x would be Inf, and 0 times it NaN in the gradient.
	return graph.Where(above, x, graph.Where(above, zero, x).Expm1().Scale(alpha))
}

// LeakyReLU is x above 0, slope times x elsewhere; its derivative at 0 is the slope.
func LeakyReLU(x graph.Tensor, slope float64) graph.Tensor {
	return graph.Where(x.Gt(x.Like(0)), x, x.Scale(slope))
}
