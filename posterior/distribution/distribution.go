package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Distribution is a probability distribution, or, where its parameters have axes, one for each element of the batch shape.
type Distribution interface {
	// LogProb is the logarithm of density or probability at x [..., event]: [...], with the batch shape broadcast. x may be of
	// integers or booleans. A value that is NaN or outside the support fails the check; without checks the result is NaN or -Inf.
	LogProb(x graph.Tensor) graph.Tensor
	// Sample draws [shape..., batch..., event...] with a key.
	Sample(key random.Key, shape ...int) graph.Tensor
	// Support is the set of possible values.
	Support() constraint.Constraint
	// BatchShape is the common shape of the parameters, without the axes of one event.
	BatchShape() graph.Shape
	// EventShape is the shape of one value: [] for numbers, [n] for vectors.
	EventShape() graph.Shape
}

// Moments is a distribution with known mean and variance, [batch..., event...]; for vectors the variance is that of each element.
type Moments interface {
	Distribution
	Mean() graph.Tensor
	Variance() graph.Tensor
}

// KL is the Kullback-Leibler divergence of q from p, E_p[log p(x) - log q(x)], in closed form, for each element of the batch shapes
// broadcast; families without a closed form do not compile. It is the method KL of p.
func KL[D interface{ KL(q D) graph.Tensor }](p, q D) graph.Tensor { return p.KL(q) }
