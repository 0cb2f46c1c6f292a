package laplace

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/distribution"
)

// DenseFisher adds the empirical Fisher matrix over all parameters:
//
//	precision += J'J, J [n N] the gradients of the samples' log posteriors
//
// J is written; Chunk bounds it.
func DenseFisher[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), c Config) *posterior.Transform[P, B, DenseState[P, A]] {
	const op = "dense fisher laplace"
	f := total(op, c, logPosterior)
	return dense(op, c,
		func(State[P, A]) func(P, B) (graph.Tensor, A) { return f },
		func(s State[P, A], batch B) graph.Tensor {
			return curvature.Fisher(perSample(logPosterior), c.options(op)...)(s.Params, batch)
		})
}

// DenseTrueFisher is DenseFisher for labels that are drawn from predictive(forward(params, batch)), see DiagTrueFisher.
func DenseTrueFisher[P, B, A any, D distribution.Distribution](forward func(P, B) (graph.Tensor, A), predictive func(outputs graph.Tensor) D,
	c Config) *posterior.Transform[P, B, DenseState[P, A]] {
	const op = "dense true fisher laplace"
	return dense(op, c, drawn[P, B, A](forward, predictive), func(s State[P, A], batch B) graph.Tensor {
		return curvature.TrueFisher(outputs(op, forward), predictive, c.options(op)...)(s.Params, batch, s.drawKey())
	})
}

// drawKey is the key of a batch's labels.
func (s State[P, A]) drawKey() random.Key { return random.FoldIn(s.Key, s.Count) }

// drawn is the log likelihood of labels drawn for a batch.
func drawn[P, B, A any, D distribution.Distribution](forward func(P, B) (graph.Tensor, A), predictive func(graph.Tensor) D) func(State[P, A]) func(P, B) (graph.Tensor, A) {
	return func(s State[P, A]) func(P, B) (graph.Tensor, A) {
		return func(p P, b B) (graph.Tensor, A) {
			z, aux := forward(p, b)
			d := predictive(z)
			return d.LogProb(graph.StopGradient(d.Sample(s.drawKey()))).Sum(), aux
		}
	}
}
