package vi

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/vmap"
)

// State is what both families keep: a tree of tensors. Temperature may be changed by setting the field, and a learning rate that was given as a
// number by state.Optimizer = state.Optimizer.WithRate(1e-4): nothing is compiled again. Chains may differ in both.
type State[P, A any] struct {
	Params      P            // the mean of q
	Optimizer   optim.State  // of mean and scale together
	NELBO       graph.Tensor // of the last batch at the q before the step, a float32 scalar; NaN before the first
	Temperature graph.Tensor // of the next step, float32 scalar
	Count       graph.Tensor // steps done, int32 scalar
	Key         random.Key   // of all draws: those of a step come from it and Count
	Aux         *A           // of the last step's log posterior, see Samples; nil before the first, and where A has no tensors
}

// settings are what both configs have.
type settings struct {
	optimizer   optim.Transformation
	temperature posterior.Value
	samples     int
	noSTL       bool
}

// family is a kind of distribution over P; Q is the tree of its parameters.
type family[Q, P any] struct {
	name    string
	sample  func(q Q, key random.Key, shape ...int) P
	logProb func(q Q, x P) graph.Tensor
}

// begin is the state before the first step.
func begin[P, A, Q any](f family[Q, P], c settings, params P, q Q, key random.Key) State[P, A] {
	if c.samples < 0 {
		graph.Fail(f.name, graph.ErrArgument, "give the number of draws, or 0 for one", "Samples is %d", c.samples)
	}
	count := graph.Int(0)
	s := State[P, A]{
		Params: params, Optimizer: optim.Init(c.optimizer, q), NELBO: graph.Scalar(math.NaN()),
		Temperature: temperatureAt(f.name, c, count), Count: count, Key: key,
	}
	if len(s.Optimizer.Parts) == 0 {
		graph.Fail(f.name, graph.ErrArgument, "set Optimizer in the config, for example optim.Adam(1e-3)", "Optimizer is not given, and has no default")
	}
	return s
}

func temperatureAt(op string, c settings, step graph.Tensor) graph.Tensor {
	return posterior.At(op, "Temperature", c.temperature, 1, 0, step)
}

// advance makes one step of the optimizer on q. The state's Params are for the caller to set.
func advance[P, B, A, Q any](f family[Q, P], c settings, logPosterior func(P, B) (graph.Tensor, A), s State[P, A], q Q, batch B) (Q, State[P, A]) {
	t := s.Temperature.Check(s.Temperature.Ge(graph.Scalar(0)), f.name+": temperature >= 0")
	key := random.FoldIn(s.Key, s.Count)
	type value struct {
		ELBO graph.Tensor
		Aux  A
	}
	elbo := func(v Q, b B) (graph.Tensor, A) {
		// v is what is differentiated by. The density's own parameters stick to q, which is as great but constant here, and not to a
		// gradient that is stopped: so derivatives through the step are whole.
		density := q
		if c.noSTL {
			density = v
		}
		at := func(theta P, b B) value {
			y, aux := logPosterior(theta, b)
			posterior.CheckValue(y)
			return value{y.Sub(f.logProb(density, theta).Convert(y.DType()).Mul(t.Convert(y.DType()))), aux}
		}
		if c.samples == 0 {
			one := at(f.sample(v, key), b)
			return one.ELBO, one.Aux
		}
		all := vmap.Map2(at, vmap.In(0, vmap.Shared))(f.sample(v, key, c.samples), b)
		return all.ELBO.Mean(), all.Aux
	}
	g := posterior.Evaluate(elbo, q, batch)
	descent := posterior.Map(f.name, func(x []graph.Tensor) graph.Tensor { return x[0].Neg() }, g.Grad)
	next := s
	q, next.Optimizer = optim.Step(c.optimizer, descent, s.Optimizer, q)
	next.NELBO, next.Aux = g.LogPosterior.Neg().Convert(graph.Float32), g.Aux
	next.Count = s.Count.AddScalar(1)
	if _, ok := posterior.Schedule(c.temperature); ok {
		next.Temperature = temperatureAt(f.name, c, next.Count)
	}
	return q, next
}
