package main

import (
	"context"
	"errors"

	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/vmap"
)

// products gives for every sample of a batch the product of its gradient with a vector, a tree like the parameters: J v, [B].
// It is the derivative of all losses along v, one forward-mode pass; no gradient of any sample is computed.
func products[P, S any](loss func(P, S) graph.Tensor, p P, batch S, v P) graph.Tensor {
	_, jv := graph.JVP(func(p P) graph.Tensor {
		return vmap.Map2(loss, vmap.In(vmap.Shared, 0))(p, batch)
	}, p, v)
	return jv
}

// influence is, for T test digits, how much each of B training digits lowered their losses in the steps that were taken on it
// around a checkpoint: rate g_test . g_train (TracIn: Pruthi, Liu, Sundararajan and Kale 2020, arXiv 2002.08484, equation 1), [T B].
func influence(m MLP, test, training digits.Digit) graph.Tensor {
	gradients := vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))(m, test) // a model for each test digit: there are few
	return vmap.Map(func(g MLP) graph.Tensor { return products(loss, m, training, g) })(gradients).Scale(rate)
}

// selfInfluence is how much each digit lowers its own loss: rate |g|^2, [B], without the gradients. It is large for digits
// that the others say nothing about, such as those with a wrong label.
func selfInfluence(m MLP, training digits.Digit) graph.Tensor {
	return vmap.SquaredNorms(vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))(m, training)).Scale(rate)
}

// sums adds up f over checkpoints.
func sums[A any](ctx context.Context, dev *gpu.Device, checkpoints []MLP, args A, f func(MLP, A) graph.Tensor) ([]float32, error) {
	run := graph.Jit2(dev, f)
	var sum []float32
	for _, m := range checkpoints {
		x, err := run(ctx, m, args)
		if err != nil {
			return nil, err
		}
		v, err := x.Floats(ctx)
		if err := errors.Join(err, x.Close()); err != nil {
			return nil, err
		}
		if sum == nil {
			sum = v
			continue
		}
		for i := range v {
			sum[i] += v[i]
		}
	}
	return sum, nil
}
