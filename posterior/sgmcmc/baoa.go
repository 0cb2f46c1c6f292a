package sgmcmc

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
)

// BAOAConfig are BAOA's hyperparameters.
type BAOAConfig struct {
	LR          posterior.Value // eps, a number or a schedule; must be given
	Temperature posterior.Value // T, a number or a schedule; nil means 1
	Alpha       posterior.Value // friction, a number; nil means 0.01
	Sigma       posterior.Value // standard deviation of the momenta's stationary distribution at T = 1, a number above 0; nil means 1
	Momenta     any             // the first ones: nil for draws from N(0, 1), a number, or a tree like params
}

// BAOAState is BAOA's state.
type BAOAState[P, A any] struct {
	State[P, A]
	Momenta P
}

// WithAux is the state with another aux: the tensors are the same.
func (s BAOAState[P, A]) WithAux(aux A) BAOAState[P, A] { s.Aux = &aux; return s }

// BAOA is the splitting BAOA of underdamped Langevin dynamics (Leimkuhler and Matthews, 2015): kick, half a drift, friction and noise solved
// exactly, half a drift,
//
//	m     += eps g
//	theta += eps/2 s m
//	m      = exp(-gamma eps) m + sqrt(T (1 - exp(-2 gamma eps))) sigma xi
//	theta += eps/2 s m
//
// with s = 1/sigma^2 and gamma = alpha s.
func BAOA[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), c BAOAConfig) *posterior.Transform[P, B, BAOAState[P, A]] {
	const op = "baoa"
	r := rates{c.LR, c.Temperature}
	numbers := func() (gamma, s float64) {
		s = inverseMass(op, c.Sigma)
		return posterior.Number(op, "Alpha", c.Alpha, 0.01, 0) * s, s
	}
	return posterior.NewTransform(
		func(params P, key random.Key) BAOAState[P, A] {
			numbers()
			return BAOAState[P, A]{newState[P, A](op, r, params, key), startMomenta(op, c.Momenta, params, key)}
		},
		func(s BAOAState[P, A], batch B) BAOAState[P, A] {
			gamma, inv := numbers()
			d := begin(op, r, logPosterior, s.State, batch)
			keep := d.lr.Scale(-gamma).Exp()
			sd := deviation(op, d.t.Mul(d.lr.Scale(-2*gamma).Expm1().Neg())).Scale(math.Sqrt(1 / inv))
			half := d.lr.Scale(inv / 2)
			drift := func(theta, m P) P {
				return posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return x[0].Add(x[1].Mul(like(x[0], half))) }, theta, m)
			}
			kicked := posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return x[0].Add(x[1].Mul(like(x[0], d.lr))) }, s.Momenta, d.grad)
			next := BAOAState[P, A]{State: d.next}
			next.Momenta = posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
				return x[0].Mul(like(x[0], keep)).Add(x[1].Mul(like(x[0], sd)))
			}, kicked, posterior.NormalLike(op, d.noise, d.count, s.Params))
			next.Params = drift(drift(s.Params, kicked), next.Momenta)
			return next
		},
		func(s BAOAState[P, A]) BAOAState[P, A] { s.Aux = nil; return s },
	)
}
