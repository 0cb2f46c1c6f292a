package mcmc_test

import (
	"context"
	"fmt"
	"math"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/mcmc"
)

// 500 chains sample from N(3, 0.1^2) in one call: 100 steps of warm-up find each chain's step size, 20 more are made with it.
func Example() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		panic(err)
	}
	defer dev.Close()
	logPosterior := func(x graph.Tensor, _ posterior.None) (graph.Tensor, posterior.None) {
		return x.AddScalar(-3).Scale(10).Square().Scale(-0.5), posterior.None{}
	}
	type state = mcmc.HMCState[graph.Tensor, posterior.None]
	transform := mcmc.HMC(logPosterior, mcmc.HMCConfig{StepSize: 1, Steps: 5, Warmup: 100}).Chains()
	run := posterior.NewRunner(transform, func(none posterior.None, _ graph.Tensor) posterior.None { return none },
		func(s state) graph.Tensor { return s.Params })

	first, err := transform.Init(ctx, dev, graph.Zeros(500), random.Split(random.NewKey(1), 500))
	if err != nil {
		panic(err)
	}
	last, _, err := run.Run(ctx, first, posterior.None{}, posterior.RunConfig{Steps: 120, Thin: 120})
	if err != nil {
		panic(err)
	}
	x, err := last.Params.Floats(ctx)
	if err != nil {
		panic(err)
	}
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += float64(v) / 500
		variance += (float64(v) - 3) * (float64(v) - 3) / 500
	}
	fmt.Println("mean within 0.02 of 3:", math.Abs(mean-3) < 0.02, "sd within 0.015 of 0.1:", math.Abs(math.Sqrt(variance)-0.1) < 0.015)
	// Output: mean within 0.02 of 3: true sd within 0.015 of 0.1: true
}
