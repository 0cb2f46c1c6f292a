package laplace

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
)

// DiagGGN adds the diagonal of the generalised Gauss-Newton matrix:
//
//	precision += sum over samples of diag(J' H J)
//
// J is the Jacobian of forward's outputs by the parameters, H the Hessian of -outerLogLikelihood by the outputs. forward gives outputs with
// the samples in front, outerLogLikelihood(outputs, batch) their log likelihood: one number, or one for each sample (PerSample). It holds no
// prior: that is Config.Precision. Jacobians of linear layers are never written.
func DiagGGN[P, B, A any](forward func(P, B) (graph.Tensor, A), outerLogLikelihood func(outputs graph.Tensor, batch B) graph.Tensor,
	c Config) *posterior.Transform[P, B, DiagState[P, A]] {
	const op = "diagonal ggn laplace"
	f := total(op, c, likelihood(forward, outerLogLikelihood))
	return diagonal(op, c,
		func(State[P, A]) func(P, B) (graph.Tensor, A) { return f },
		func(s State[P, A], batch B) P {
			return curvature.DiagGGN(outputs(op, forward), loss(op, outerLogLikelihood), c.options(op)...)(s.Params, batch)
		})
}
