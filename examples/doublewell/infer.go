package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
	"github.com/lavagrad/lavagrad/posterior/vi"
)

type none = posterior.None

// doubleWell is the log density of a number, but for a constant: both methods are given this one.
func doubleWell(x graph.Tensor, _ none) (graph.Tensor, none) {
	s := x.Square()
	return s.Sub(s.Square().Scale(0.1)), none{}
}

func noBatch(b none, _ graph.Tensor) none { return b }

// sghmc gives the draws of all chains.
func sghmc(ctx context.Context, dev *gpu.Device, c config) (draws []float64, seconds float64, err error) {
	begin := time.Now()
	chains := sgmcmc.SGHMC(doubleWell, sgmcmc.SGHMCConfig{LR: 0.02, Alpha: 1.5}).Chains()
	run := posterior.NewRunner(chains, noBatch, func(s sgmcmc.SGHMCState[graph.Tensor, none]) graph.Tensor { return s.Params })
	starts, keys := random.Split2(random.NewKey(c.seed))
	state, err := chains.Init(ctx, dev, random.Normal(starts, c.chains), random.Split(keys, c.chains))
	if err != nil {
		return nil, 0, err
	}
	steps := c.warmup + c.draws*c.thin
	bar := cli.Bar(steps, "SGHMC", c.bar)
	progress := func(before int) func(done, total int) error {
		return func(done, _ int) error { return errors.Join(bar.Set(before+done), ctx.Err()) }
	}
	warm, first, err := run.Run(ctx, state, none{}, posterior.RunConfig{Steps: c.warmup, Thin: c.warmup, Progress: progress(0)})
	if err != nil {
		return nil, 0, err
	}
	last, kept, err := run.Run(ctx, warm, none{}, posterior.RunConfig{Steps: c.draws * c.thin, Thin: c.thin, Chunk: (c.draws + 3) / 4, Progress: progress(c.warmup)})
	if err != nil {
		return nil, 0, err
	}
	v, err := kept.Floats(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("doublewell: reading draws: %w", err)
	}
	seconds = time.Since(begin).Seconds()
	for _, x := range v {
		draws = append(draws, float64(x))
	}
	return draws, seconds, errors.Join(bar.Finish(), graph.Close([]sgmcmc.SGHMCState[graph.Tensor, none]{state, warm, last}), graph.Close([]graph.Tensor{first, kept}))
}

// variational gives mean and standard deviation of the nearest normal distribution q, in the sense of KL(q || p), from a start in the right-hand
// well: a wide start in the middle leads to a wide q, which is a minimum as well, but a worse one.
func variational(ctx context.Context, dev *gpu.Device, c config) (mean, sd, seconds float64, err error) {
	begin := time.Now()
	transform := vi.Diag(doubleWell, vi.DiagConfig{Optimizer: optim.Adam(schedule.Linear(0.1, 0, c.viSteps)), Samples: 32, InitLogSD: -1})
	state, err := transform.Init(ctx, dev, graph.Scalar(1.5), random.NewKey(c.seed))
	if err != nil {
		return 0, 0, 0, err
	}
	type normal struct{ Mean, LogSD graph.Tensor }
	run := posterior.NewRunner(transform, noBatch, func(s vi.DiagState[graph.Tensor, none]) normal { return normal{s.Params, s.LogSD} })
	last, kept, err := run.Run(ctx, state, none{}, posterior.RunConfig{Steps: c.viSteps, Thin: c.viSteps})
	if err != nil {
		return 0, 0, 0, err
	}
	m, err := kept.Mean.Floats(ctx)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("doublewell: reading the mean: %w", err)
	}
	s, err := kept.LogSD.Floats(ctx)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("doublewell: reading the standard deviation: %w", err)
	}
	return float64(m[0]), math.Exp(float64(s[0])), time.Since(begin).Seconds(), errors.Join(graph.Close(state), graph.Close(last), graph.Close(kept))
}
