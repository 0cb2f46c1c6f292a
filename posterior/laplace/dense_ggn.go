package laplace

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
)

// DenseGGN adds the generalised Gauss-Newton matrix over all parameters:
//
//	precision += sum over samples of J' H J
//
// with J, H and the functions of DiagGGN. J, as many rows for each sample as it has outputs, is written; Chunk bounds it.
func DenseGGN[P, B, A any](forward func(P, B) (graph.Tensor, A), outerLogLikelihood func(outputs graph.Tensor, batch B) graph.Tensor,
	c Config) *posterior.Transform[P, B, DenseState[P, A]] {
	const op = "dense ggn laplace"
	f := total(op, c, likelihood(forward, outerLogLikelihood))
	return dense(op, c,
		func(State[P, A]) func(P, B) (graph.Tensor, A) { return f },
		func(s State[P, A], batch B) graph.Tensor {
			return curvature.GGN(outputs(op, forward), loss(op, outerLogLikelihood), c.options(op)...)(s.Params, batch)
		})
}
