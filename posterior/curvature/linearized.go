package curvature

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
)

// Linearized is the Gaussian distribution of the outputs for n inputs, of k elements each.
type Linearized struct {
	Mean     graph.Tensor // [n ...]: forward at the mean parameters
	Cholesky graph.Tensor // [n k k]: lower triangular factors of the covariances
}

// Variance is the variance of each output, [n ...] like Mean.
func (l Linearized) Variance() graph.Tensor {
	return l.Cholesky.Square().Sum(-1).Reshape(l.Mean.Shape()...)
}

// Sample draws outputs [shape... n ...] with a key. For classes, the mean over draws of their softmax is the predictive probability.
func (l Linearized) Sample(key random.Key, shape ...int) graph.Tensor {
	n, k := l.Cholesky.Dim(0), l.Cholesky.Dim(1)
	count := graph.Shape(shape).Size()
	// As columns, so that each factor serves all draws.
	xi := random.NormalOf(l.Mean.DType(), key, n, k, count)
	x := l.Cholesky.MatMul(xi).MoveAxis(2, 0)
	return x.Reshape(slices.Concat(graph.Shape(shape), l.Mean.Shape())...).Add(l.Mean)
}

// ProbitSoftmax are probabilities of classes, [n classes], for logits with this distribution, without draws: softmax of the mean over
// sqrt(1 + pi/8 variance), each logit by its own (MacKay 1992, for two classes; as is usual for more, covariances are left out). For one logit
// use ProbitSigmoid.
func (l Linearized) ProbitSoftmax() graph.Tensor {
	if l.Mean.Rank() != 2 {
		graph.Fail("probit softmax", graph.ErrShape, "linearize a function that gives a vector of logits for each input", "the outputs are %v", l.Mean.Spec())
	}
	z := l.moderated()
	return z.Sub(z.LogSumExp(-1).ExpandDims(-1)).Exp()
}

// ProbitSigmoid are the probabilities, [n ...], of a yes for logits with this distribution: sigmoid of the mean over sqrt(1 + pi/8 variance).
func (l Linearized) ProbitSigmoid() graph.Tensor { return l.moderated().Sigmoid() }

func (l Linearized) moderated() graph.Tensor {
	return l.Mean.Div(l.Variance().Scale(math.Pi / 8).AddScalar(1).Sqrt())
}
