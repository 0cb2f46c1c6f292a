package sgmcmc

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
)

// State is what all samplers keep: a tree of tensors. LR and Temperature may be changed by setting the field, for example
// state.LR = graph.Scalar(1e-3): nothing is compiled again. Chains may differ in them. A schedule sets its field at every step.
type State[P, A any] struct {
	Params       P
	LogPosterior graph.Tensor // of the last batch at the params before the step, a scalar; NaN before the first
	LR           graph.Tensor // of the next step, float32 scalar
	Temperature  graph.Tensor // of the next step, float32 scalar
	Count        graph.Tensor // steps done, int32 scalar
	Key          random.Key   // of all the chain's draws: those of a step come from it and Count
	Aux          *A           // of the last step's log posterior; nil before the first, and where A has no tensors
}

// rates are the hyperparameters that all samplers have.
type rates struct{ lr, temperature posterior.Value }

// unbounded is the least number of a hyperparameter that may be any.
var unbounded = math.Inf(-1)

func (r rates) lrAt(op string, step graph.Tensor) graph.Tensor {
	return posterior.At(op, "LR", r.lr, math.NaN(), 0, step)
}

func (r rates) temperatureAt(op string, step graph.Tensor) graph.Tensor {
	return posterior.At(op, "Temperature", r.temperature, 1, 0, step)
}

// newState is the state before the first step.
func newState[P, A any](op string, r rates, params P, key random.Key) State[P, A] {
	posterior.CheckParams(op, params)
	count := graph.Int(0)
	return State[P, A]{Params: params, LogPosterior: graph.Scalar(math.NaN()), LR: r.lrAt(op, count), Temperature: r.temperatureAt(op, count),
		Count: count, Key: key}
}

// step is what an algorithm's update works with.
type step[P, A any] struct {
	grad  P
	lr, t graph.Tensor
	noise random.Key // with the number of the step before it
	count graph.Tensor
	next  State[P, A] // all set but Params
}

// begin evaluates the log posterior and checks the rates.
func begin[P, B, A any](op string, r rates, logPosterior func(P, B) (graph.Tensor, A), s State[P, A], batch B) step[P, A] {
	g := posterior.Evaluate(logPosterior, s.Params, batch)
	zero := graph.Scalar(0)
	next := s
	next.LogPosterior, next.Aux = g.LogPosterior.Convert(graph.Float32), g.Aux
	next.Count = s.Count.AddScalar(1)
	if _, ok := posterior.Schedule(r.lr); ok {
		next.LR = r.lrAt(op, next.Count)
	}
	if _, ok := posterior.Schedule(r.temperature); ok {
		next.Temperature = r.temperatureAt(op, next.Count)
	}
	return step[P, A]{
		grad:  g.Grad,
		lr:    s.LR.Check(s.LR.Ge(zero), op+": learning rate >= 0"),
		t:     s.Temperature.Check(s.Temperature.Ge(zero), op+": temperature >= 0"),
		noise: s.Key,
		count: s.Count,
		next:  next,
	}
}

// deviation is the square root of a noise variance, checked to be one. Its gradient at 0, no noise, is 0.
func deviation(op string, v graph.Tensor) graph.Tensor {
	zero := graph.Scalar(0)
	v = v.Check(v.Ge(zero), op+": noise variance >= 0 (lower LR or Beta)")
	some := v.Ne(zero)
	return graph.Where(some, graph.Where(some, v, graph.Scalar(1)).Sqrt(), zero)
}

// like is a float32 scalar in x's type.
func like(x, scalar graph.Tensor) graph.Tensor { return scalar.Convert(x.DType()) }
