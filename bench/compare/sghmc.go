package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
	"github.com/lavagrad/lavagrad/tree"
)

type sghmcState = sgmcmc.SGHMCState[graph.Tensor, posterior.None]

// gaussian is the target: mean and precision.
type gaussian struct{ Mean, Precision graph.Tensor }

func (g gaussian) logDensity(x graph.Tensor) graph.Tensor {
	d := x.Sub(g.Mean)
	return d.Mul(g.Precision.MatMul(d)).Sum().Scale(-0.5)
}

// sghmcWorkload is SGHMC on a Gaussian of two dimensions, all positions kept, in one call. Each side draws numbers of its own,
// so results are compared at temperature 0, a leaf of the state: the program is the one that is timed.
func sghmcWorkload(chains, steps int) workload {
	const lr, alpha = 0.05, 1.0
	shape := []int{chains, 2}
	if chains == 1 {
		shape = []int{2}
	}
	return workload{
		name: fmt.Sprintf("sghmc_2d_%dx%d", chains, steps),
		spec: spec{Model: "sghmc", Params: 1, Chains: chains, Steps: steps, LR: lr, Alpha: alpha},
		inputs: func(g generator) []array {
			return []array{g.normal(2, shape...), g.normal(1, shape...),
				{shape: []int{2}, floats: []float32{1, -2}}, {shape: []int{2, 2}, floats: []float32{1.5, 0.5, 0.5, 1}}}
		},
		start: func(ctx context.Context, dev *gpu.Device, in []graph.Tensor) (p program, err error) {
			t := sgmcmc.SGHMC(func(x graph.Tensor, g gaussian) (graph.Tensor, posterior.None) {
				return g.logDensity(x), posterior.None{}
			}, sgmcmc.SGHMCConfig{LR: lr, Alpha: alpha})
			key := random.NewKey(1)
			if chains > 1 {
				t, key = t.Chains(), random.Split(key, chains)
			}
			state, err := t.Init(ctx, dev, in[0], key)
			if err = errors.Join(err, graph.Close(key)); err != nil {
				return p, err
			}
			held, err := tree.Leaves[graph.Tensor](state)
			if err != nil {
				return p, err
			}
			state.Momenta = in[1]
			still := state
			if still.Temperature, err = graph.FromSlice(dev, make([]float32, chains), shape[:len(shape)-1]...); err != nil {
				return p, err
			}
			run := posterior.NewRunner(t, func(g gaussian, _ graph.Tensor) gaussian { return g }, func(s sghmcState) graph.Tensor { return s.Params })
			from := func(s sghmcState) func(context.Context) ([]graph.Tensor, error) {
				return func(ctx context.Context) ([]graph.Tensor, error) {
					last, kept, err := run.Run(ctx, s, gaussian{in[2], in[3]}, posterior.RunConfig{Steps: steps})
					return []graph.Tensor{kept}, errors.Join(err, graph.Close(last))
				}
			}
			return program{run: from(state), check: from(still), held: append(held, still.Temperature)}, nil
		},
	}
}
