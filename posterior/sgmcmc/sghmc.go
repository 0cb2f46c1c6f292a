package sgmcmc

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
)

// SGHMCConfig are SGHMC's hyperparameters.
type SGHMCConfig struct {
	LR          posterior.Value // eps, a number or a schedule; must be given
	Temperature posterior.Value // T, a number or a schedule; nil means 1
	Alpha       posterior.Value // friction, a number; nil means 0.01
	Beta        posterior.Value // estimate of the gradient noise's variance, a number; nil means 0
	Sigma       posterior.Value // standard deviation of the momenta's stationary distribution at T = 1, a number above 0; nil means 1
	Momenta     any             // the first ones: nil for draws from N(0, 1), a number, or a tree like params
}

// SGHMCState is SGHMC's state.
type SGHMCState[P, A any] struct {
	State[P, A]
	Momenta P
}

// WithAux is the state with another aux: the tensors are the same.
func (s SGHMCState[P, A]) WithAux(aux A) SGHMCState[P, A] { s.Aux = &aux; return s }

// SGHMC is stochastic gradient Hamiltonian Monte Carlo (Chen, Fox and Guestrin, 2014):
//
//	theta += eps s m
//	m     += eps g - eps s alpha m + sqrt(T eps (2 alpha - T eps beta)) xi
//
// with s = 1/sigma^2 and the momenta m from before the step in both lines.
func SGHMC[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), c SGHMCConfig) *posterior.Transform[P, B, SGHMCState[P, A]] {
	const op = "sghmc"
	r := rates{c.LR, c.Temperature}
	numbers := func() (alpha, beta, s float64) {
		return posterior.Number(op, "Alpha", c.Alpha, 0.01, 0), posterior.Number(op, "Beta", c.Beta, 0, unbounded), inverseMass(op, c.Sigma)
	}
	return posterior.NewTransform(
		func(params P, key random.Key) SGHMCState[P, A] {
			numbers()
			return SGHMCState[P, A]{newState[P, A](op, r, params, key), startMomenta(op, c.Momenta, params, key)}
		},
		func(s SGHMCState[P, A], batch B) SGHMCState[P, A] {
			alpha, beta, inv := numbers()
			d := begin(op, r, logPosterior, s.State, batch)
			te := d.t.Mul(d.lr)
			sd := deviation(op, te.Mul(te.Scale(-beta).AddScalar(2*alpha)))
			next := SGHMCState[P, A]{State: d.next}
			next.Params = posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
				theta, m := x[0], x[1]
				return theta.Add(m.Mul(like(m, d.lr.Scale(inv))))
			}, s.Params, s.Momenta)
			next.Momenta = posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
				m, g, xi := x[0], x[1], x[2]
				return m.Add(g.Mul(like(m, d.lr))).Sub(m.Mul(like(m, d.lr.Scale(inv*alpha)))).Add(xi.Mul(like(m, sd)))
			}, s.Momenta, d.grad, posterior.NormalLike(op, d.noise, d.count, s.Params))
			return next
		},
		func(s SGHMCState[P, A]) SGHMCState[P, A] { s.Aux = nil; return s },
	)
}
