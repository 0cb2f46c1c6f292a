package sgmcmc_test

import (
	"context"
	"fmt"
	"math"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
)

// A thousand chains sample from N(3, 1); another sampler is another first line.
func Example() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		panic(err)
	}
	defer dev.Close()
	logPosterior := func(x graph.Tensor, _ posterior.None) (graph.Tensor, posterior.None) {
		return x.AddScalar(-3).Square().Scale(-0.5), posterior.None{}
	}
	transform := sgmcmc.BAOA(logPosterior, sgmcmc.BAOAConfig{LR: 0.2, Alpha: 1}).Chains()

	state, err := transform.Init(ctx, dev, graph.Zeros(1000), random.Split(random.NewKey(1), 1000))
	if err != nil {
		panic(err)
	}
	for range 100 {
		if state, err = transform.Update(ctx, state, posterior.None{}, posterior.InPlace); err != nil {
			panic(err)
		}
	}
	x, err := state.Params.Floats(ctx)
	if err != nil {
		panic(err)
	}
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += float64(v) / 1000
		variance += (float64(v) - 3) * (float64(v) - 3) / 1000
	}
	fmt.Println("mean within 0.1 of 3:", math.Abs(mean-3) < 0.1, "variance within 0.15 of 1:", math.Abs(variance-1) < 0.15)
	// Output: mean within 0.1 of 3: true variance within 0.15 of 1: true
}
