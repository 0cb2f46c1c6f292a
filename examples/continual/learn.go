package main

import (
	"context"
	"errors"
	"math"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/gaussian"
	"github.com/lavagrad/lavagrad/posterior/laplace"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
)

// prior is the log density, but for a constant, of what is known before a task. The states of all Laplace approximations have it.
type prior interface {
	Mean() net
	LogProbUnnormalized(net) graph.Tensor
}

// approximation is a Laplace approximation, and how its state moves to other parameters.
type approximation[S prior] struct {
	transform *posterior.Transform[net, batch, S]
	around    func(S, net) S
}

// The two approximations differ in their constructor.
var (
	diagonal = approximation[laplace.DiagState[net, posterior.None]]{
		laplace.DiagGGN(apply, logLikelihood, laplace.Config{}),
		func(s laplace.DiagState[net, posterior.None], p net) laplace.DiagState[net, posterior.None] {
			s.Params = p
			return s
		},
	}
	kfac = approximation[laplace.KFACState[net, posterior.None]]{
		laplace.KFAC(forward, logLikelihood, laplace.Config{}),
		func(s laplace.KFACState[net, posterior.None], p net) laplace.KFACState[net, posterior.None] {
			s.Params = p
			return s
		},
	}
)

// learner is what all methods share.
type learner struct {
	dev   *gpu.Device
	first net     // where every method begins
	steps int     // of Adam for each task, a multiple of looks
	rate  float64 // Adam's, in the first step; it falls to 0
	tests []task  // judged after every task
	curve []float64
	tick  func(steps int) // called as steps are done
}

// looks is how many times a task's training comes back from the device, to show its progress.
const looks = 20

// outcome is what a method has learnt.
type outcome struct {
	errors [][]float64 // after each task, for each of the tests, the root of the mean squared error on held-out measurements, in g
	fits   [][]float64 // after each task, the fit at the learner's curve, in g
}

// known is a task with what is known before it: the batch of the log posterior.
type known[S prior] struct {
	Batch batch
	Prior S
}

// learn learns tasks one after the other. Each time it finds the maximum of the posterior under the prior that the tasks before have left; the
// approximation of that posterior is the prior of the next task. Where remember is false the prior stays what it was before any task, and all
// that is left of a task are the parameters, from which the next begins.
func learn[S prior](ctx context.Context, l *learner, tasks []task, a approximation[S], remember bool) (out outcome, err error) {
	logPosterior := func(p net, k known[S]) (graph.Tensor, posterior.None) {
		z, none := apply(p, k.Batch)
		// Before any task every weight is N(its first value, 1). Kept apart, this part of the precision stays exact for KFAC too.
		weights := gaussian.LogProbUnnormalized(p, k.Prior.Mean(), 1)
		return logLikelihood(z, k.Batch).Add(k.Prior.LogProbUnnormalized(p)).Add(weights), none
	}
	fit := optim.MAP(logPosterior, optim.Adam(schedule.Cosine(l.rate, 0, l.steps)))
	run := posterior.NewRunner(fit, func(k known[S], _ graph.Tensor) known[S] { return k },
		func(s optim.MAPState[net, posterior.None]) graph.Tensor { return s.LogPosterior })
	key := random.NewKey(0)
	defer func() { err = errors.Join(err, graph.Close(key)) }()

	before, err := a.transform.Init(ctx, l.dev, l.first, key)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, graph.Close(before)) }()
	now, err := fit.Init(ctx, l.dev, l.first, key)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, graph.Close(now)) }()

	for _, t := range tasks {
		data, err := upload(l.dev, t.Train)
		if err != nil {
			return out, err
		}
		err = func() error {
			done := 0
			fitted, trace, err := run.Run(ctx, now, known[S]{data, before}, posterior.RunConfig{Steps: l.steps, Thin: l.steps / looks, Chunk: 1,
				Progress: func(n, _ int) error { l.tick(n - done); done = n; return nil }})
			if err != nil {
				return err
			}
			err = trace.Close()
			if remember {
				after, e := a.transform.Update(ctx, a.around(before, fitted.Params), data)
				if e != nil {
					return errors.Join(err, e, graph.Close(fitted))
				}
				err = errors.Join(err, graph.Close(before))
				before = after
			}
			// The optimizer starts anew.
			next, e := fit.Init(ctx, l.dev, fitted.Params, key)
			if e != nil {
				return errors.Join(err, e, graph.Close(fitted))
			}
			err = errors.Join(err, graph.Close(now), graph.Close(fitted))
			now = next
			return err
		}()
		if err := errors.Join(err, graph.Close(data)); err != nil {
			return out, err
		}
		if err := l.judge(ctx, now.Params, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// judge adds errors and fit of a network.
func (l *learner) judge(ctx context.Context, p net, out *outcome) error {
	var errs []float64
	for _, t := range l.tests {
		z, err := l.predict(ctx, p, t.Test.Time)
		if err != nil {
			return err
		}
		errs = append(errs, rmse(z, t.Test.Accel))
	}
	fit, err := l.predict(ctx, p, l.curve)
	if err != nil {
		return err
	}
	out.errors, out.fits = append(out.errors, errs), append(out.fits, fit)
	return nil
}

// predict gives accelerations in g.
func (l *learner) predict(ctx context.Context, p net, times []float64) (accel []float64, err error) {
	b, err := upload(l.dev, measurements{times, make([]float64, len(times))})
	if err != nil {
		return nil, err
	}
	z, _ := apply(p, b)
	v, err := z.Floats(ctx)
	if err := errors.Join(err, graph.Close(b), z.Close()); err != nil {
		return nil, err
	}
	for _, x := range v {
		accel = append(accel, float64(x)*unit)
	}
	return accel, nil
}

func rmse(got, want []float64) float64 {
	sum := 0.0
	for i := range got {
		sum += (got[i] - want[i]) * (got[i] - want[i])
	}
	return math.Sqrt(sum / float64(len(got)))
}
