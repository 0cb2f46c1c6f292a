package sgmcmc

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
)

// SGLDConfig are SGLD's hyperparameters.
type SGLDConfig struct {
	LR          posterior.Value // eps, a number or a schedule; must be given
	Temperature posterior.Value // T, a number or a schedule; nil means 1
	Beta        posterior.Value // estimate of the gradient noise's variance, a number; nil means 0
}

// SGLDState is SGLD's state.
type SGLDState[P, A any] struct{ State[P, A] }

// WithAux is the state with another aux: the tensors are the same.
func (s SGLDState[P, A]) WithAux(aux A) SGLDState[P, A] { s.Aux = &aux; return s }

// SGLD is stochastic gradient Langevin dynamics (Welling and Teh, 2011):
//
//	theta += eps g + sqrt(T eps (2 - T eps beta)) xi
//
// g is the gradient of log p, xi standard normal. The temperature multiplies beta, too.
func SGLD[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), c SGLDConfig) *posterior.Transform[P, B, SGLDState[P, A]] {
	const op = "sgld"
	r := rates{c.LR, c.Temperature}
	beta := func() float64 { return posterior.Number(op, "Beta", c.Beta, 0, unbounded) }
	return posterior.NewTransform(
		func(params P, key random.Key) SGLDState[P, A] {
			beta()
			return SGLDState[P, A]{newState[P, A](op, r, params, key)}
		},
		func(s SGLDState[P, A], batch B) SGLDState[P, A] {
			d := begin(op, r, logPosterior, s.State, batch)
			te := d.t.Mul(d.lr)
			sd := deviation(op, te.Mul(te.Scale(-beta()).AddScalar(2)))
			next := d.next
			next.Params = posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
				theta, g, xi := x[0], x[1], x[2]
				return theta.Add(g.Mul(like(theta, d.lr))).Add(xi.Mul(like(theta, sd)))
			}, s.Params, d.grad, posterior.NormalLike(op, d.noise, d.count, s.Params))
			return SGLDState[P, A]{next}
		},
		func(s SGLDState[P, A]) SGLDState[P, A] { s.Aux = nil; return s },
	)
}
