package laplace

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
)

// HessianConfig are DenseHessian's options.
type HessianConfig struct {
	Precision   any             // what the precision begins with: a number, a tree like params, or a matrix; nil means 0
	Temperature posterior.Value // multiplies the covariance; a number, nil means 1
	Rescale     posterior.Value // times the Hessian: the number of data where the log posterior is a mean; a number, nil means 1
	Epsilon     posterior.Value // times the identity is added with each batch, against negative curvature; a number, nil means 0
}

// DenseHessian adds the Hessian of the negative log posterior over all parameters:
//
//	precision += rescale * Hessian(-log p(params, batch)) + epsilon I
//
// The log posterior is that of the whole batch, with its prior if it has one. Away from a maximum the precision need not be positive definite,
// which draws report.
func DenseHessian[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), c HessianConfig) *posterior.Transform[P, B, DenseState[P, A]] {
	const op = "dense hessian laplace"
	numbers := func() (rescale, epsilon float64) {
		return posterior.Number(op, "Rescale", c.Rescale, 1, 0), posterior.Number(op, "Epsilon", c.Epsilon, 0, math.Inf(-1))
	}
	return dense(op, Config{Precision: c.Precision, Temperature: c.Temperature},
		func(State[P, A]) func(P, B) (graph.Tensor, A) {
			numbers()
			return logPosterior
		},
		func(s State[P, A], batch B) graph.Tensor {
			rescale, epsilon := numbers()
			h := curvature.Hessian(func(p P, b B) graph.Tensor {
				y, _ := logPosterior(p, b)
				return y
			})(s.Params, batch)
			return h.Scale(-rescale).Add(graph.Eye(h.Dim(0)).Convert(h.DType()).Scale(epsilon))
		})
}
