package sgmcmc

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
)

// momentaStream tells the key of the first momenta from those of the steps, which are numbered from 0.
const momentaStream = 1<<32 - 1

// startMomenta gives the first momenta: drawn from N(0, 1) for nil, everywhere a number, or a tree like params.
func startMomenta[P any](op string, momenta any, params P, key random.Key) P {
	if momenta == nil {
		return posterior.NormalLike(op, key, graph.Full(graph.Uint32, momentaStream), params)
	}
	return posterior.Leaves(op, "Momenta", momenta, 0, unbounded, params)
}

// inverseMass is s = 1/sigma^2.
func inverseMass(op string, sigma posterior.Value) float64 {
	s := posterior.Number(op, "Sigma", sigma, 1, 0)
	if s == 0 {
		graph.Fail(op, graph.ErrArgument, "give a positive number", "Sigma, the standard deviation of the momenta, is 0")
	}
	return 1 / (s * s)
}
