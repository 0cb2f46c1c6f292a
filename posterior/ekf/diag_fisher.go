package ekf

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/gaussian"
)

// DiagConfig are DiagFisher's hyperparameters.
type DiagConfig struct {
	LR           posterior.Value // eps, a number or a schedule; must be given
	TransitionSD any             // of what params move between two steps: nil for 0, a number, a schedule, or a tree like params
	InitSD       any             // the first standard deviations: nil for 1, a number, or a tree like params
	PerSample    bool            // the log likelihood gives one value for each sample [n] instead of one number
	Chunk        int             // samples worked on at a time, which bounds the memory; 0 means all
}

// DiagState is DiagFisher's state. TransitionSD may be changed by setting its leaves: chains may differ in it.
type DiagState[P, A any] struct {
	State[P, A]
	SD           P // standard deviations
	TransitionSD P // of the next step; leaves like those of Params, or scalars where the config has a number or a schedule
}

// WithAux is the state with another aux: the tensors are the same.
func (s DiagState[P, A]) WithAux(aux A) DiagState[P, A] { s.Aux = &aux; return s }

// Sample draws parameters: a tree like Params with the sample shape in front of every leaf's own. It works on states that are traced and on those
// in memory. Leaves are of one float type.
func (s DiagState[P, A]) Sample(key random.Key, shape ...int) P {
	return gaussian.Sample(key, s.Params, s.SD, shape...)
}

// DiagFisher is the extended Kalman filter with the diagonal of the empirical Fisher matrix:
//
//	sd^2 += transition_sd^2
//	sd    = (sd^-2 + eps mean(J^2))^-1/2
//	mu   += eps sd^2 mean(J)
//
// logLikelihood(params, batch) is, unless PerSample is set, called with batches of one sample; its aux is of the whole batch. The key that Init
// takes is not used. A standard deviation of 0 stays 0 where nothing moves the parameter. Per-sample gradients of linear layers are never written.
func DiagFisher[P, B, A any](logLikelihood func(P, B) (graph.Tensor, A), c DiagConfig) *posterior.Transform[P, B, DiagState[P, A]] {
	const op = "ekf diag fisher"
	set := settings{c.LR, c.PerSample, c.Chunk}
	return posterior.NewTransform(
		func(params P, _ random.Key) DiagState[P, A] {
			s := newState[P, A](op, set, params)
			return DiagState[P, A]{s, posterior.Leaves(op, "InitSD", c.InitSD, 1, 0, params), transition(op, c, params, s.Count)}
		},
		func(s DiagState[P, A], batch B) DiagState[P, A] {
			d := begin(op, set, logLikelihood, s.State, batch)
			fisher := curvature.DiagFisher(d.of, set.options(op)...)(s.Params, batch)
			next := DiagState[P, A]{State: d.next, TransitionSD: s.TransitionSD}
			if _, ok := posterior.Schedule(c.TransitionSD); ok {
				next.TransitionSD = transition(op, c, s.Params, d.next.Count)
			}
			variance := posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
				sd, move, f := x[0], x[1], x[2]
				sd = sd.Check(sd.Ge(sd.Like(0)), op+": standard deviation >= 0")
				move = move.Check(move.Ge(move.Like(0)), op+": transition sd >= 0")
				v := sd.Square().Add(move.Square())
				// v / (1 + eps v f) is (1/v + eps f)^-1 for a variance of 0, too.
				return v.Div(v.Mul(d.known(op, f)).Mul(d.lr.Convert(v.DType())).AddScalar(1))
			}, s.SD, s.TransitionSD, fisher)
			next.SD = posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return x[0].Sqrt() }, variance)
			next.Params = posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
				return x[0].Add(x[1].Mul(x[2]).Mul(d.lr.Convert(x[0].DType())))
			}, s.Params, variance, d.grad)
			return next
		},
		func(s DiagState[P, A]) DiagState[P, A] { s.Aux = nil; return s },
	)
}

// transition gives the transition's standard deviations at a step.
func transition[P any](op string, c DiagConfig, params P, step graph.Tensor) P {
	if given, ok := c.TransitionSD.(P); ok {
		return posterior.Leaves(op, "TransitionSD", given, 0, 0, params)
	}
	sd := posterior.At(op, "TransitionSD", c.TransitionSD, 0, 0, step)
	return posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return sd.Convert(x[0].DType()) }, params)
}
