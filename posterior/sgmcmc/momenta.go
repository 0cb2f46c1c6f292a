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
	if m, ok := momenta.(P); ok {
		return mapped(op, func(x []graph.Tensor) graph.Tensor {
			if !x[0].Shape().Equal(x[1].Shape()) || x[0].DType() != x[1].DType() {
				graph.Fail(op, graph.ErrShape, "give momenta like params", "momenta %v of params %v", x[1].Spec(), x[0].Spec())
			}
			return x[1]
		}, params, m)
	}
	if momenta == nil {
		return draw(op, noise{key, graph.Full(graph.Uint32, momentaStream)}, params)
	}
	v := posterior.Number(op, "Momenta", momenta, 0, unbounded)
	return mapped(op, func(x []graph.Tensor) graph.Tensor { return graph.Full(x[0].DType(), v, x[0].Shape()...) }, params)
}

// inverseMass is s = 1/sigma^2.
func inverseMass(op string, sigma posterior.Value) float64 {
	s := posterior.Number(op, "Sigma", sigma, 1, 0)
	if s == 0 {
		graph.Fail(op, graph.ErrArgument, "give a positive number", "Sigma, the standard deviation of the momenta, is 0")
	}
	return 1 / (s * s)
}
