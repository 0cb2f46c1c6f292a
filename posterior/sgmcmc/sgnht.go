package sgmcmc

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
)

// SGNHTConfig are SGNHT's hyperparameters.
type SGNHTConfig struct {
	LR          posterior.Value // eps, a number or a schedule; must be given
	Temperature posterior.Value // T, a number or a schedule; nil means 1
	Alpha       posterior.Value // strength of the noise, a number; nil means 0.01
	Beta        posterior.Value // estimate of the gradient noise's variance, a number; nil means 0
	Sigma       posterior.Value // standard deviation of the momenta's stationary distribution at T = 1, a number above 0; nil means 1
	Momenta     any             // the first ones: nil for draws from N(0, 1), a number, or a tree like params
	Thermostat  posterior.Value // the first thermostat, a number, 0 included; nil means Alpha
}

// SGNHTState is SGNHT's state.
type SGNHTState[P, A any] struct {
	State[P, A]
	Momenta    P
	Thermostat graph.Tensor // float32 scalar, one for all parameters
}

// WithAux is the state with another aux: the tensors are the same.
func (s SGNHTState[P, A]) WithAux(aux A) SGNHTState[P, A] { s.Aux = &aux; return s }

// SGNHT is the stochastic gradient Nose-Hoover thermostat (Ding et al., 2014): SGHMC whose friction x adapts to gradient noise of unknown size,
//
//	theta += eps s m
//	m     += eps g - eps s x m + sqrt(T eps (2 alpha - T eps beta)) xi
//	x     += eps (s mean(m^2) - T)
//
// with s = 1/sigma^2, the momenta m from before the step in all lines, and the mean over all elements of all leaves.
func SGNHT[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), c SGNHTConfig) *posterior.Transform[P, B, SGNHTState[P, A]] {
	const op = "sgnht"
	r := rates{c.LR, c.Temperature}
	numbers := func() (alpha, beta, s float64) {
		return posterior.Number(op, "Alpha", c.Alpha, 0.01, 0), posterior.Number(op, "Beta", c.Beta, 0, unbounded), inverseMass(op, c.Sigma)
	}
	return posterior.NewTransform(
		func(params P, key random.Key) SGNHTState[P, A] {
			alpha, _, _ := numbers()
			return SGNHTState[P, A]{newState[P, A](op, r, params, key), startMomenta(op, c.Momenta, params, key),
				graph.Scalar(posterior.Number(op, "Thermostat", c.Thermostat, alpha, unbounded))}
		},
		func(s SGNHTState[P, A], batch B) SGNHTState[P, A] {
			alpha, beta, inv := numbers()
			d := begin(op, r, logPosterior, s.State, batch)
			te := d.t.Mul(d.lr)
			sd := deviation(op, te.Mul(te.Scale(-beta).AddScalar(2*alpha)))
			next := SGNHTState[P, A]{State: d.next}
			next.Params = posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
				theta, m := x[0], x[1]
				return theta.Add(m.Mul(like(m, d.lr.Scale(inv))))
			}, s.Params, s.Momenta)
			friction := d.lr.Scale(inv).Mul(s.Thermostat)
			squares, elements := graph.Scalar(0), 0
			next.Momenta = posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
				m, g, xi := x[0], x[1], x[2]
				squares, elements = squares.Add(m.Square().Sum().Convert(graph.Float32)), elements+m.Size()
				return m.Add(g.Mul(like(m, d.lr))).Sub(m.Mul(like(m, friction))).Add(xi.Mul(like(m, sd)))
			}, s.Momenta, d.grad, posterior.NormalLike(op, d.noise, d.count, s.Params))
			next.Thermostat = s.Thermostat.Add(d.lr.Mul(squares.Scale(inv / float64(max(elements, 1))).Sub(d.t)))
			return next
		},
		func(s SGNHTState[P, A]) SGNHTState[P, A] { s.Aux = nil; return s },
	)
}
