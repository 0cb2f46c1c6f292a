package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/diagnostics"
	"github.com/lavagrad/lavagrad/posterior/laplace"
	"github.com/lavagrad/lavagrad/posterior/mcmc"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
)

// summary is what a method says of the coefficients, each [9].
type summary[T any] struct {
	Mean, SD      T
	ESS, Bulk     T // effective sample sizes for the mean and of the normal scores
	RHat          T
	StandardError T // of the mean
}

// result is what a method found.
type result struct {
	Name    string
	Seconds float64
	summary[[]float64]
	draws [][]float64 // for each coefficient
}

// plan says how many chains of how many steps a sampler runs.
type plan struct{ chains, warmup, draws, thin int }

func sghmc(ctx context.Context, dev *gpu.Device, d data, p plan, seed uint64, bar bool) (result, error) {
	transform := sgmcmc.SGHMC(logPosterior, sgmcmc.SGHMCConfig{LR: 0.004, Alpha: 15})
	return sampled(ctx, dev, "SGHMC", transform, func(s sgmcmc.SGHMCState[graph.Tensor, posterior.None]) graph.Tensor { return s.Params }, d, p, seed, bar)
}

func hmc(ctx context.Context, dev *gpu.Device, d data, p plan, seed uint64, bar bool) (result, error) {
	transform := mcmc.HMC(logPosterior, mcmc.HMCConfig{StepSize: 0.05, Steps: 8, Jitter: 0.2, Warmup: p.warmup, AdaptMass: true})
	return sampled(ctx, dev, "HMC", transform, func(s mcmc.HMCState[graph.Tensor, posterior.None]) graph.Tensor { return s.Params }, d, p, seed, bar)
}

// sampled runs many chains at once: all of their steps are loops on the device.
func sampled[S any](ctx context.Context, dev *gpu.Device, name string, transform *posterior.Transform[graph.Tensor, data, S], params func(S) graph.Tensor,
	d data, p plan, seed uint64, visible bool) (r result, err error) {
	begin := time.Now()
	chains := transform.Chains()
	run := posterior.NewRunner(chains, func(d data, _ graph.Tensor) data { return d }, params)

	starts, keys := random.Split2(random.NewKey(seed))
	state, err := chains.Init(ctx, dev, random.Normal(starts, p.chains, d.X.Dim(1)), random.Split(keys, p.chains))
	if err != nil {
		return r, err
	}
	steps := p.warmup + p.draws*p.thin
	bar := cli.Bar(steps, name, visible)
	progress := func(before int) func(done, total int) error {
		return func(done, _ int) error { return errors.Join(bar.Set(before+done), ctx.Err()) }
	}
	warm, first, err := run.Run(ctx, state, d, posterior.RunConfig{Steps: p.warmup, Thin: p.warmup, Progress: progress(0)})
	if err != nil {
		return r, err
	}
	last, kept, err := run.Run(ctx, warm, d, posterior.RunConfig{Steps: p.draws * p.thin, Thin: p.thin, Chunk: (p.draws + 7) / 8, Progress: progress(p.warmup)})
	if err != nil {
		return r, err
	}
	y, err := graph.Jit(dev, summarize)(ctx, kept)
	if err != nil {
		return r, err
	}
	r.Name = name
	if r.summary, err = read(ctx, y); err != nil {
		return r, err
	}
	r.Seconds = time.Since(begin).Seconds()
	if r.draws, err = columns(ctx, kept); err != nil {
		return r, err
	}
	return r, errors.Join(bar.Finish(), graph.Close([]S{state, warm, last}), graph.Close([]graph.Tensor{first, kept}), graph.Close(y))
}

// summarize is the summary of draws [T chains 9].
func summarize(x graph.Tensor) summary[graph.Tensor] {
	return summary[graph.Tensor]{
		Mean: x.Mean(0, 1), SD: x.Std(graph.VarianceOptions{Axes: []int{0, 1}, Correction: 1}),
		ESS: diagnostics.ESS(x), Bulk: diagnostics.BulkESS(x), RHat: diagnostics.RankRHat(x), StandardError: diagnostics.StandardError(x),
	}
}

// laplaced finds the posterior's maximum by Adam and takes the Hessian there for the precision of a normal distribution.
func laplaced(ctx context.Context, dev *gpu.Device, d data, steps int, seed uint64) (r result, err error) {
	begin := time.Now()
	train := optim.MAP(logPosterior, optim.Adam(schedule.Linear(0.1, 0, steps)))
	key := random.NewKey(seed)
	start, err := train.Init(ctx, dev, graph.Zeros(d.X.Dim(1)), key)
	if err != nil {
		return r, err
	}
	run := posterior.NewRunner(train, func(d data, _ graph.Tensor) data { return d },
		func(s optim.MAPState[graph.Tensor, posterior.None]) graph.Tensor { return s.Params })
	best, mode, err := run.Run(ctx, start, d, posterior.RunConfig{Steps: steps, Thin: steps})
	if err != nil {
		return r, err
	}
	approximate := laplace.DenseHessian(logPosterior, laplace.HessianConfig{})
	prior, err := approximate.Init(ctx, dev, best.Params, key)
	if err != nil {
		return r, err
	}
	state, err := approximate.Update(ctx, prior, d)
	if err != nil {
		return r, err
	}
	type normal struct{ Mean, SD graph.Tensor }
	y, err := graph.Jit(dev, func(s laplace.DenseState[graph.Tensor, posterior.None]) normal {
		return normal{s.Params, linalg.CholeskyInverse(linalg.Cholesky(s.Precision)).Diagonal(0).Sqrt()}
	})(ctx, state)
	if err != nil {
		return r, err
	}
	r.Name = "Laplace"
	if r.Mean, err = floats(ctx, y.Mean); err != nil {
		return r, err
	}
	if r.SD, err = floats(ctx, y.SD); err != nil {
		return r, err
	}
	r.Seconds = time.Since(begin).Seconds()
	return r, errors.Join(graph.Close(start), graph.Close(best), graph.Close(prior), graph.Close(state), graph.Close(y), mode.Close())
}

// read brings a summary to the host.
func read(ctx context.Context, s summary[graph.Tensor]) (out summary[[]float64], err error) {
	for _, p := range []struct {
		to   *[]float64
		from graph.Tensor
	}{{&out.Mean, s.Mean}, {&out.SD, s.SD}, {&out.ESS, s.ESS}, {&out.Bulk, s.Bulk}, {&out.RHat, s.RHat}, {&out.StandardError, s.StandardError}} {
		if *p.to, err = floats(ctx, p.from); err != nil {
			return out, err
		}
	}
	return out, nil
}

func floats(ctx context.Context, x graph.Tensor) ([]float64, error) {
	v, err := x.Floats(ctx)
	if err != nil {
		return nil, fmt.Errorf("pima: reading results: %w", err)
	}
	out := make([]float64, len(v))
	for i := range v {
		out[i] = float64(v[i])
	}
	return out, nil
}

// columns are the draws [T chains n] of each of the n coefficients.
func columns(ctx context.Context, draws graph.Tensor) ([][]float64, error) {
	v, err := floats(ctx, draws)
	if err != nil {
		return nil, err
	}
	out := make([][]float64, draws.Dim(-1))
	for i, x := range v {
		out[i%len(out)] = append(out[i%len(out)], x)
	}
	return out, nil
}
