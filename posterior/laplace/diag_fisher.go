package laplace

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/distribution"
)

// DiagFisher adds the diagonal of the empirical Fisher matrix: for every sample the squares of the gradient of its log posterior.
//
//	precision += sum over samples of (grad log p(params, sample))^2
//
// Per-sample gradients of linear layers are never written.
func DiagFisher[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), c Config) *posterior.Transform[P, B, DiagState[P, A]] {
	const op = "diagonal fisher laplace"
	f := total(op, c, logPosterior)
	return diagonal(op, c,
		func(State[P, A]) func(P, B) (graph.Tensor, A) { return f },
		func(s State[P, A], batch B) P {
			return curvature.DiagFisher(perSample(logPosterior), c.options(op)...)(s.Params, batch)
		})
}

// perSample is a log posterior of one sample.
func perSample[P, B, A any](f func(P, B) (graph.Tensor, A)) func(P, B) graph.Tensor {
	g := curvature.PerSamplify(f)
	return func(p P, sample B) graph.Tensor {
		y, _ := g(p, sample)
		return y
	}
}

// DiagTrueFisher is DiagFisher for labels that are drawn from predictive(forward(params, batch)), Config.Draws for each sample, instead of those
// of the batch; see curvature.TrueFisher. forward gives outputs with the samples in front; predictive is a function such as
// distribution.NewCategoricalLogits.
func DiagTrueFisher[P, B, A any, D distribution.Distribution](forward func(P, B) (graph.Tensor, A), predictive func(outputs graph.Tensor) D,
	c Config) *posterior.Transform[P, B, DiagState[P, A]] {
	const op = "diagonal true fisher laplace"
	return diagonal(op, c, drawn[P, B, A](forward, predictive), func(s State[P, A], batch B) P {
		return curvature.DiagTrueFisher(outputs(op, forward), predictive, c.options(op)...)(s.Params, batch, s.drawKey())
	})
}
