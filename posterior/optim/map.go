package optim

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
)

// MAPState is the state of MAP: a tree of tensors. A learning rate that was given as a number may be changed by
// state.Optimizer = state.Optimizer.WithRate(1e-4): nothing is compiled again. Chains may differ in it.
type MAPState[P, A any] struct {
	Params       P
	Optimizer    State        // as Init makes it
	LogPosterior graph.Tensor // of the last batch at the params before the step, a float32 scalar; NaN before the first
	Count        graph.Tensor // steps done, int32 scalar
	Aux          *A           // of the last step's log posterior; nil before the first, and where A has no tensors
}

// WithAux is the state with another aux: the tensors are the same.
func (s MAPState[P, A]) WithAux(aux A) MAPState[P, A] { s.Aux = &aux; return s }

// MAP is training: an optimizer steps up the log posterior, to its maximum. With the log-likelihood alone that is the maximum
// likelihood. It is a posterior.Transform like the samplers and approximations, which one line puts in its place:
//
//	transform := optim.MAP(logPosterior, optim.Adam(1e-3))
//
// Params are a tree of float tensors. The key that Init takes is not used. A transformation of per-sample gradients, such as DPSGD,
// is graph.ErrArgument: give those to Step.
func MAP[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), t Transformation) *posterior.Transform[P, B, MAPState[P, A]] {
	const op = "map"
	return posterior.NewTransform(
		func(params P, _ random.Key) MAPState[P, A] {
			posterior.CheckParams(op, params)
			if len(t.stages) > 0 && t.stages[0].perSample {
				graph.Fail(op, graph.ErrArgument, "take per-sample gradients by vmap.PerSample, and steps by optim.Step",
					"%s works on per-sample gradients, and a log posterior of a batch has none", t.stages[0].name)
			}
			return MAPState[P, A]{Params: params, Optimizer: Init(t, params), LogPosterior: graph.Scalar(math.NaN()), Count: graph.Int(0)}
		},
		func(s MAPState[P, A], batch B) MAPState[P, A] {
			g := posterior.Evaluate(logPosterior, s.Params, batch)
			next := s
			descent := posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return x[0].Neg() }, g.Grad)
			next.Params, next.Optimizer = Step(t, descent, s.Optimizer, s.Params)
			next.LogPosterior, next.Aux = g.LogPosterior.Convert(graph.Float32), g.Aux
			next.Count = s.Count.AddScalar(1)
			return next
		},
		func(s MAPState[P, A]) MAPState[P, A] { s.Aux = nil; return s },
	)
}
