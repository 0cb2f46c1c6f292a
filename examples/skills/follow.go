package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/schollz/progressbar/v3"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/optim"
)

// chunk is how many rounds are filtered in one call of the device: one length, one program.
const chunk = 32

// steps says how far a run is, on a bar.
func steps(bar *progressbar.ProgressBar) func(done, total int) error {
	return func(done, _ int) error { return bar.Set(done) }
}

// search filters a history once for every speed of drift, all at once, and gives each one's sum of log probabilities of what came, as foretold from the
// rounds before.
func search(ctx context.Context, dev *gpu.Device, h history, teams int, perYear []float64, bars bool) (scores []float64, err error) {
	n := len(perYear)
	chains := filter(teams, 0).Chains() // as many filters as there are speeds: this line
	one := start(teams)
	first, err := chains.Init(ctx, dev, params{one.Skill.BroadcastTo(n, teams), one.Home.BroadcastTo(n), one.Draw.BroadcastTo(n)}, random.Split(noKey(), n))
	if err != nil {
		return nil, err
	}
	defer graph.Close(first)
	speeds := make([]graph.Tensor, n)
	for i, v := range perYear {
		speeds[i] = drift(teams, v)
	}
	with := first
	with.TransitionCov = graph.Stack(0, speeds...)
	if err := graph.EvalOn(ctx, dev, with.TransitionCov); err != nil {
		return nil, err
	}
	defer with.TransitionCov.Close()
	run := posterior.NewRunner(chains, history.at, func(s state) graph.Tensor { return s.LogLikelihood })
	bar := cli.Bar(h.length(), "choosing the drift", bars)
	last, kept, err := run.Run(ctx, with, h, posterior.RunConfig{Steps: h.length(), Chunk: chunk, Progress: steps(bar)})
	if err != nil {
		return nil, err
	}
	defer graph.Close(last)
	defer kept.Close()
	v, err := kept.Floats(ctx)
	if err != nil {
		return nil, err
	}
	scores = make([]float64, n)
	for i, x := range v {
		scores[i%n] += roundSize * float64(x) // a round's mean is over its places, the empty ones included
	}
	return scores, bar.Finish()
}

// track is what the filter believed after each round, and what it foretold before: rows of teams, or of results.
type track struct {
	teams        int
	skill, sd    []float32 // [rounds teams]
	home, homeSD []float32 // [rounds]
	forecast     []float32 // [rounds roundSize results]
}

// follow filters a history with one speed of drift.
func follow(ctx context.Context, dev *gpu.Device, h history, teams int, perYear float64, bars bool) (t track, err error) {
	f := filter(teams, perYear)
	first, err := f.Init(ctx, dev, start(teams), noKey())
	if err != nil {
		return t, err
	}
	defer graph.Close(first)
	type kept struct{ Skill, SD, Home, HomeSD, Forecast graph.Tensor }
	run := posterior.NewRunner(f, history.at, func(s state) kept {
		_, unravel := graph.Ravel(s.Params)
		sd := unravel(s.Covariance.Diagonal(0).Sqrt())
		return kept{s.Params.Skill, sd.Skill, s.Params.Home, sd.Home, s.Aux.P}
	})
	bar := cli.Bar(h.length(), "filtering", bars)
	last, k, err := run.Run(ctx, first, h, posterior.RunConfig{Steps: h.length(), Chunk: chunk, Progress: steps(bar)})
	if err != nil {
		return t, err
	}
	defer graph.Close(last)
	defer graph.Close(k)
	t.teams = teams
	var errs []error
	read := func(x graph.Tensor) []float32 {
		v, err := x.Floats(ctx)
		errs = append(errs, err)
		return v
	}
	t.skill, t.sd, t.home, t.homeSD, t.forecast = read(k.Skill), read(k.SD), read(k.Home), read(k.HomeSD), read(k.Forecast)
	return t, errors.Join(append(errs, bar.Finish())...)
}

// at is a forecast for one place of a round.
func (t track) at(round, place int) []float64 {
	p := make([]float64, results)
	for i := range p {
		p[i] = float64(t.forecast[(round*roundSize+place)*results+i])
	}
	return p
}

// fit finds the skills that explain a history best if they never change, and gives their forecasts for other rounds.
func fit(ctx context.Context, dev *gpu.Device, past, future history, teams int, bars bool) (forecasts []float32, err error) {
	const n, part = 400, 50
	t := optim.MAP(constant, optim.Adam(0.03))
	first, err := t.Init(ctx, dev, start(teams), noKey())
	if err != nil {
		return nil, err
	}
	defer graph.Close(first)
	run := posterior.NewRunner(t, func(g games, _ graph.Tensor) games { return g }, func(s optim.MAPState[params, posterior.None]) graph.Tensor { return s.LogPosterior })
	bar := cli.Bar(n, "fitting constant skills", bars)
	last, kept, err := run.Run(ctx, first, past.Games, posterior.RunConfig{Steps: n, Thin: part, Chunk: 1, Progress: steps(bar)})
	if err != nil {
		return nil, err
	}
	defer graph.Close(last)
	defer kept.Close()
	score, err := kept.Floats(ctx)
	if err != nil {
		return nil, err
	}
	if gain := score[len(score)-1] - score[len(score)-2]; gain > 1e-4 {
		return nil, fmt.Errorf("skills: the constant skills' log posterior still rises by %.2g in %d steps", gain, part)
	}
	p, err := graph.Jit2(dev, func(p params, g games) graph.Tensor {
		_, f := logLikelihood(p, g)
		return f.P
	})(ctx, last.Params, future.Games)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if forecasts, err = p.Floats(ctx); err != nil {
		return nil, err
	}
	return forecasts, bar.Finish()
}
