package posterior

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/vmap"
)

// Predictive is the mean over draws of parameters of link(forward(parameters, batch)): with forward's logits and nn.Softmax as link the
// posterior predictive probabilities. All draws are computed at once; it is a pure function, to be compiled with what surrounds it.
//
//	predict := graph.Jit3(dev, func(s laplace.DiagState[net, none], b batch, key random.Key) graph.Tensor {
//		return posterior.Predictive(forward, s, b, key, 32, nn.Softmax)
//	})
func Predictive[P, B, A any](forward func(P, B) (graph.Tensor, A), s Sampler[P], batch B, key random.Key, draws int, link func(graph.Tensor) graph.Tensor) graph.Tensor {
	if draws < 1 {
		graph.Fail("predictive", graph.ErrArgument, "give a number of draws", "%d draws of parameters", draws)
	}
	return vmap.Map2(func(p P, b B) graph.Tensor {
		z, _ := forward(p, b)
		return link(z)
	}, vmap.In(0, vmap.Shared))(s.Sample(key, draws), batch).Mean(0)
}
