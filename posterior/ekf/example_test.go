package ekf_test

import (
	"context"
	"fmt"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/ekf"
)

// Three players' skills from matches, one after the other. Player 0 beats both others, who have not met: their skills are correlated now.
func Example() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		panic(err)
	}
	defer dev.Close()
	type match struct{ Winner, Loser graph.Tensor } // int32 [n]
	logLikelihood := func(skills graph.Tensor, m match) (graph.Tensor, posterior.None) {
		gap := skills.Take(0, m.Winner).Sub(skills.Take(0, m.Loser))
		return gap.Neg().Softplus().Neg().Mean(), posterior.None{}
	}
	transform := ekf.DenseFisher(logLikelihood, ekf.DenseConfig{LR: 1, TransitionCov: 0.01})
	state, err := transform.Init(ctx, dev, graph.Zeros(3), random.NewKey(0))
	if err != nil {
		panic(err)
	}
	player := func(i int32) graph.Tensor {
		x, err := graph.FromSlice(dev, []int32{i})
		if err != nil {
			panic(err)
		}
		return x
	}
	for _, m := range []match{{player(0), player(1)}, {player(0), player(2)}} {
		if state, err = transform.Update(ctx, state, m, posterior.InPlace); err != nil {
			panic(err)
		}
	}
	mean, err := state.Params.Floats(ctx)
	if err != nil {
		panic(err)
	}
	cov, err := state.Covariance.Floats(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Printf("skills %.2f, covariance of players 1 and 2 %.2f\n", mean, cov[1*3+2])
	// Output: skills [0.60 -0.28 -0.32], covariance of players 1 and 2 0.02
}
