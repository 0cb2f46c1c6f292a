package main

import (
	"context"
	"errors"

	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/tree"
)

// training is what all algorithms are given.
type training struct {
	digits.Fitting
	start digits.MLP // the first parameters
	draws int
}

// inference goes from a training to models drawn from the posterior, stacked along a leading axis.
type inference func(ctx context.Context, c training) (models digits.MLP, err error)

// transform is an algorithm bound to this model and data; S is its state.
type transform[S any] = *posterior.Transform[digits.MLP, digits.Digit, S]

// family draws models from the distribution that the last state holds.
func family[S posterior.Sampler[digits.MLP]](t transform[S]) inference {
	return func(ctx context.Context, c training) (models digits.MLP, err error) {
		last, err := digits.Fit(ctx, t, c.start, c.Fitting, nil)
		if err != nil {
			return models, err
		}
		sample := graph.Jit2(c.Dev, func(s S, key random.Key) digits.MLP { return s.Sample(random.FoldIn(key, c.Steps()), c.draws) })
		models, err = sample(ctx, last, c.Key)
		return models, errors.Join(err, graph.Close(last))
	}
}

// around trains by one transform and then passes once over the digits by another, which looks at the surroundings of the trained model.
func around[M any, S posterior.Sampler[digits.MLP]](first transform[M], t transform[S]) inference {
	return func(ctx context.Context, c training) (models digits.MLP, err error) {
		trained, err := digits.Fit(ctx, first, c.start, c.Fitting, nil)
		if err != nil {
			return models, err
		}
		c.start, c.Epochs = first.Params(trained), 1
		models, err = family(t)(ctx, c)
		return models, errors.Join(err, graph.Close(trained))
	}
}

// chain takes states of the second half of the steps, evenly spaced, for draws: those of a Markov chain are.
func chain[S any](t transform[S]) inference {
	return func(ctx context.Context, c training) (models digits.MLP, err error) {
		copied := graph.Jit(c.Dev, t.Params)
		burnIn := c.Steps() / 2
		draws := min(c.draws, c.Steps()-burnIn)
		var kept []digits.MLP
		last, err := digits.Fit(ctx, t, c.start, c.Fitting, func(done int, s S) error {
			// The last of the states is the last draw.
			if (done-burnIn)*draws/(c.Steps()-burnIn) <= len(kept) {
				return nil
			}
			m, err := copied(ctx, s)
			kept = append(kept, m)
			return err
		})
		if err != nil {
			return models, err
		}
		models, err = graph.Jit(c.Dev, stacked)(ctx, kept)
		return models, errors.Join(err, graph.Close(last), graph.Close(kept))
	}
}

// point takes the last parameters for the only draw: no inference, for comparison.
func point[S any](t transform[S]) inference {
	return func(ctx context.Context, c training) (models digits.MLP, err error) {
		last, err := digits.Fit(ctx, t, c.start, c.Fitting, nil)
		if err != nil {
			return models, err
		}
		models, err = graph.Jit(c.Dev, stacked)(ctx, []digits.MLP{t.Params(last)})
		return models, errors.Join(err, graph.Close(last))
	}
}

// stacked makes one tree of many, with a leading axis.
func stacked(all []digits.MLP) digits.MLP {
	models, err := tree.MapN(func(x []graph.Tensor) (graph.Tensor, error) { return graph.Stack(0, x...), nil }, all...)
	if err != nil {
		panic("BUG: quickstart: models differ: " + err.Error())
	}
	return models
}
