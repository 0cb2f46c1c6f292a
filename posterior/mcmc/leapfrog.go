package mcmc

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior"
)

// point is a place in phase space.
type point[P, A any] struct {
	Params, Momenta P
	Grad            P            // of log p at Params
	LogPosterior    graph.Tensor // where the last step went to, be it this point or not
	Alive           graph.Tensor // bool scalar: log p was finite all the way
	Aux             *A           // of where the last step went to
}

// trajectory makes leapfrog steps of one size. It stops before the first point whose log density is not finite, in which the way back stops as
// well: a rejection there leaves the chain reversible.
func trajectory[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), from point[P, A], batch B, steps int, eps, t graph.Tensor, inverseMass P) point[P, A] {
	const op = "hmc"
	kick := eps.Scale(0.5).Div(t)
	kicked := func(m, g P) P {
		return posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return x[0].Add(x[1].Mul(kick.Convert(x[0].DType()))) }, m, g)
	}
	step := func(_ graph.Tensor, at point[P, A]) point[P, A] {
		m := kicked(at.Momenta, at.Grad)
		theta := posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
			return x[0].Add(x[1].Mul(x[2]).Mul(eps.Convert(x[0].DType())))
		}, at.Params, inverseMass, m)
		v := graph.ValueAndGradAux2(logPosterior)(theta, batch)
		alive := at.Alive.And(v.Value.IsFinite())
		next := point[P, A]{
			Params:       choose(op, alive, theta, at.Params),
			Momenta:      choose(op, alive, kicked(m, v.Grad), at.Momenta),
			Grad:         choose(op, alive, v.Grad, at.Grad),
			LogPosterior: v.Value,
			Alive:        alive,
		}
		if at.Aux != nil {
			next.Aux = &v.Aux
		}
		return next
	}
	return graph.Fori(0, steps, step, from)
}

// energy is H = -log p / T + sum of s m^2 / 2.
func (p point[P, A]) energy(op string, t graph.Tensor, inverseMass P) graph.Tensor {
	h := p.LogPosterior.Div(t.Convert(p.LogPosterior.DType())).Neg()
	posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
		h = h.Add(x[0].Square().Mul(x[1]).Sum().Scale(0.5).Convert(h.DType()))
		return x[0]
	}, p.Momenta, inverseMass)
	return h
}

// choose is one of two trees.
func choose[P any](op string, which graph.Tensor, yes, no P) P {
	return posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return graph.Where(which, x[0], x[1]) }, yes, no)
}
