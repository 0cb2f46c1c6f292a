package laplace

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/vmap"
)

// Approximation is a normal distribution of parameters: DiagState, DenseState and KFACState are.
type Approximation[P any] interface {
	posterior.Sampler[P]
	Mean() P
	// OutputCovariance is J Sigma J', [n k k], for a tree of Jacobians of k outputs at n inputs, leaves [n k ...].
	OutputCovariance(j P) graph.Tensor
}

// Linearized is the predictive distribution of outputs under an approximation with forward replaced by its linearisation at Params: for each
// input of a batch the outputs there, and the Cholesky factor of the covariance J Sigma J', with Sigma = Temperature * Precision^-1 through
// the precision's Cholesky factor. It is a pure function, to be compiled with what surrounds it:
//
//	predict := graph.Jit2(dev, func(s laplace.DenseState[net, none], b batch) graph.Tensor {
//		return laplace.Linearized(forward, s, b).ProbitSoftmax()
//	})
//
// J, as many rows for each input as it has outputs, is written: give batches that it fits for. Where the covariance is singular, as with more
// outputs than parameters, the run fails with input and column.
func Linearized[P, B, A any](forward func(P, B) (graph.Tensor, A), state Approximation[P], batch B) curvature.Linearized {
	const op = "laplace predictive"
	f := outputs(op, forward)
	mean := state.Mean()
	type row struct {
		Z graph.Tensor
		J P
	}
	r := vmap.Map(func(sample B) row {
		z := f(mean, sample)
		return row{z.Reshape(z.Shape()[1:]...), graph.JacRev(func(p P) graph.Tensor { return f(p, sample).Flatten() })(mean)}
	})(batch)
	return curvature.Linearized{Mean: r.Z, Cholesky: linalg.CheckedCholesky(state.OutputCovariance(r.J))}
}
