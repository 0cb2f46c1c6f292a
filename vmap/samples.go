package vmap

import "github.com/lavagrad/lavagrad/graph"

// Samples are the value, gradient and auxiliary values of a function for each of many samples: every leaf has the
// sample axis in front.
type Samples[P, A any] struct {
	Value graph.Tensor // [B]
	Grad  P
	Aux   A
}

// PerSample turns f, which gives for one sample a float32 scalar and auxiliary values (any tree), into the function that
// gives value, gradient by the shared first argument, and auxiliary values for every sample of a batch. Options are
// those of Map2; the default is In(Shared, 0).
//
//	run := graph.Jit2(dev, vmap.PerSample(loss))
//
// In a compiled function only what the caller uses is computed: per-sample gradients of which only norms or sums are taken are never
// written.
func PerSample[P, S, A any](f func(P, S) (graph.Tensor, A), opts ...Option) func(P, S) Samples[P, A] {
	return Map2(func(p P, s S) Samples[P, A] {
		r := graph.ValueAndGradAux2(f)(p, s)
		return Samples[P, A]{r.Value, r.Grad, r.Aux}
	}, append([]Option{In(Shared, 0)}, opts...)...)
}
