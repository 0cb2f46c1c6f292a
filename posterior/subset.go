package posterior

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/tree"
)

// Subset turns a log posterior or forward function of all parameters into one of those for which choose is true, with the others held at their values in full: what
// any algorithm needs to be about a part of a model, such as its last layer.
//
//	lastForward, last, err := posterior.Subset(forward, params, func(path string, _ graph.Tensor) bool {
//		return strings.HasPrefix(path, ".Head")
//	})
//	transform := laplace.DenseGGN(lastForward, logLikelihood, laplace.Config{Precision: 1.0})
//	state, err := transform.Init(ctx, dev, last, key)
//
// choose may take tensors or larger parts, such as nn.Linear: the new parameters are a slice of what it takes.
// Errors are those of tree.Subset.
func Subset[L, P, B, A any](f func(P, B) (graph.Tensor, A), full P, choose func(path string, leaf L) bool) (onSubset func([]L, B) (graph.Tensor, A), subset []L, err error) {
	subset, rebuild, err := tree.Subset(full, choose)
	if err != nil {
		return nil, nil, err
	}
	return func(sub []L, batch B) (graph.Tensor, A) {
		p, err := rebuild(sub)
		if err != nil {
			graph.Fail("subset", graph.ErrArgument, "give as many as were chosen", "%v", err)
		}
		return f(p, batch)
	}, subset, nil
}

// Sampler is an approximation of a posterior from which parameters can be drawn: the states of Gaussian families are.
type Sampler[P any] interface {
	// Sample draws a tree like the parameters, with the shape in front of every leaf's own.
	Sample(key random.Key, shape ...int) P
}
