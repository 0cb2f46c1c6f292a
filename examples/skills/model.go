package main

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/ekf"
)

// params are what is inferred.
type params struct {
	Skill graph.Tensor // [teams]
	Home  graph.Tensor // scalar: what playing at home is worth
	Draw  graph.Tensor // scalar: softplus of it is half the width of the skills' gap in which matches are drawn
}

// start is the prior's mean: teams are equal.
func start(teams int) params {
	return params{graph.Zeros(teams), graph.Scalar(0.5), graph.Scalar(0)}
}

// The prior's standard deviations, and how fast the others drift, as a share of how fast skills do.
const (
	skillSD, otherSD = 0.5, 0.5
	otherDrift       = 0.1
)

// diagonal is a vector over the ravelled params.
func diagonal(teams int, skill, other float64) graph.Tensor {
	flat, _ := graph.Ravel(params{graph.Full(graph.Float32, skill, teams), graph.Scalar(other), graph.Scalar(other)})
	return flat
}

// forecast is the probability of each result [n 3].
type forecast struct{ P graph.Tensor }

// logLikelihood is that of each match's result [n], by ordered logits: with the gap g of the skills, home advantage included, and the draw's half width
// d, the home team wins with probability sigmoid(g - d) and loses with sigmoid(-g - d).
func logLikelihood(p params, m games) (graph.Tensor, forecast) {
	gap := p.Skill.Take(0, m.Home).Sub(p.Skill.Take(0, m.Away)).Add(p.Home)
	width := p.Draw.Softplus()
	high, low := gap.Add(width), gap.Sub(width)
	win, loss := low.Neg().Softplus().Neg(), high.Softplus().Neg()
	// sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))
	draw := high.Neg().Softplus().Add(low.Softplus()).Neg().Add(width.Scale(2).Log1mExp())
	each := graph.Stack(-1, win, draw, loss)
	return each.TakeAlong(-1, m.Result.ExpandDims(-1)).Squeeze(-1).Mul(m.Weight), forecast{each.Exp()}
}

type (
	state     = ekf.DenseState[params, forecast]
	transform = posterior.Transform[params, history, state]
)

// filter is the extended Kalman filter over rounds that lie some days apart. The state's TransitionCov is the variance that params gain in a day.
func filter(teams int, perYear float64) *transform {
	f := ekf.DenseFisher(logLikelihood, ekf.DenseConfig{
		LR:            roundSize, // log likelihoods are averaged over so many: each match counts whole
		TransitionCov: drift(teams, perYear),
		InitCov:       diagonal(teams, skillSD*skillSD, otherSD*otherSD),
		PerSample:     true,
	})
	return posterior.NewTransform(f.Start, func(s state, round history) state {
		perDay := s.TransitionCov
		s.TransitionCov = perDay.Mul(round.Days)
		s = f.Step(s, round.Games)
		s.TransitionCov = perDay
		return s
	}, f.Bare)
}

// drift is the variance per day that makes skills move by a standard deviation in a year.
func drift(teams int, perYear float64) graph.Tensor {
	perDay := perYear * perYear / 365.25
	return diagonal(teams, perDay, otherDrift*otherDrift*perDay)
}

// constant is the log posterior of skills that never change, over all matches at once [rounds n], divided by their number.
func constant(p params, m games) (graph.Tensor, posterior.None) {
	flat := func(x graph.Tensor) graph.Tensor { return x.Flatten() }
	y, _ := logLikelihood(p, games{flat(m.Home), flat(m.Away), flat(m.Result), flat(m.Weight)})
	prior := p.Skill.Square().Sum().Scale(1 / (skillSD * skillSD)).
		Add(p.Home.AddScalar(-0.5).Square().Add(p.Draw.Square()).Scale(1 / (otherSD * otherSD))).Scale(-0.5)
	return y.Sum().Add(prior).Div(m.Weight.Sum()), posterior.None{}
}

// noKey is for transforms that draw nothing.
func noKey() random.Key { return random.NewKey(0) }

// logScore is the mean log probability that forecasts gave to what came, and hits the share of matches whose likeliest result came.
func logScore(matches []match, p func(i int) []float64) (score, hits float64) {
	for i, m := range matches {
		q := p(i)
		score += math.Log(q[m.result]) / float64(len(matches))
		if q[m.result] >= max(q[won], q[drawn], q[lost]) {
			hits += 1 / float64(len(matches))
		}
	}
	return score, hits
}
