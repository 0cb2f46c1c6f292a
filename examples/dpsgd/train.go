package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/privacy"
)

// State is all that a step changes.
type State struct {
	Model MLP
	Opt   optim.State
	Lots  random.Key // of the draws of lots; that of the noise is in Opt
}

// training is what a run of DP-SGD needs to know.
type training struct {
	epochs, hidden int
	lot            float64 // expected number of digits in a step
	epsilon, delta float64
	clip, rate     float64
	momentum       float64
	seed           uint64
	bar            bool
	log            io.Writer
}

// point is what is known after an epoch.
type point struct {
	Epsilon  float64 `json:"epsilon"`
	Accuracy float64 `json:"accuracy"`
}

// capacity is the room for a lot: its expected size and seven standard deviations, which are not exceeded in 10^10 draws.
func (c training) capacity() int { return int(math.Ceil(c.lot + 7*math.Sqrt(c.lot))) }

// step is one step of DP-SGD on n digits: draw a lot, clip the gradient of each of its digits, sum, add noise, divide by the
// expected size, descend.
func (c training) step(opt optim.Transformation, n int) func(State, digits.Digit) State {
	clipped := optim.ClippedGrad(loss, c.clip)
	return func(s State, data digits.Digit) State {
		lot := optim.PoissonBatch(random.FoldIn(s.Lots, s.Opt.Step), n, c.lot/float64(n), c.capacity())
		batch := digits.Digit{X: data.X.Take(0, lot.Index), Y: data.Y.Take(0, lot.Index)}
		g := clipped(s.Model, batch, lot.Keep)
		s.Model, s.Opt = optim.Step(opt, g.Sum, s.Opt, s.Model)
		return s
	}
}

// train fits a model to the digits of one set and tests it on another after every epoch. It returns the noise multiplier and
// the points; the model is left to whoever wants it.
//
// Training losses are not printed, although they are there: they are computed from single digits and the guarantee is about the
// model alone.
func train(ctx context.Context, dev *gpu.Device, data, test digits.Digit, c training) (noise float64, points []point, err error) {
	defer graph.Recover(&err) // a flag that an optimizer refuses
	n := data.Y.Dim(0)
	if !(c.lot >= 1 && c.lot <= float64(n)) || c.epochs < 1 {
		return 0, nil, fmt.Errorf("dpsgd: %d epochs in lots of %v of %d digits: give at least one epoch, and a lot from 1 to the number of digits", c.epochs, c.lot, n)
	}
	steps := int(math.Round(float64(n) / c.lot))
	q := c.lot / float64(n)
	if noise, err = privacy.NoiseFor(c.epsilon, c.delta, q, c.epochs*steps); err != nil {
		return 0, nil, err
	}
	fmt.Fprintf(c.log, "privacy     epsilon %v at delta %v: noise %.3f, digits drawn with probability %.4f, %d steps\n", c.epsilon, c.delta, noise, q, c.epochs*steps)
	key := random.Split(random.NewKey(c.seed), 3)
	opt := optim.Chain(
		optim.AddNoise(noise*c.clip, key.At(1)),
		optim.Scale(1/c.lot),
		optim.SGD(c.rate, func(s *optim.SGDConfig) { s.Momentum = c.momentum }),
	)
	start := graph.Jit(dev, func(key random.Key) State {
		m := newMLP(key.At(0), c.hidden)
		return State{m, optim.Init(opt, m), random.Key{Bits: key.At(2).Bits}}
	})
	step := graph.JitInPlace2(dev, c.step(opt, n))
	correct := graph.Jit2(dev, func(m MLP, d digits.Digit) graph.Tensor {
		return m.Logits(d.X).ArgMax(-1).Eq(d.Y).AsFloat().Mean()
	})
	s, err := start(ctx, key)
	if err != nil {
		return noise, nil, err
	}
	defer func() { err = errors.Join(err, graph.Close(s), graph.Close(key)) }()
	var spent privacy.Accountant
	for epoch := range c.epochs {
		bar := cli.Bar(steps, fmt.Sprintf("epoch %d of %d", epoch+1, c.epochs), c.bar)
		for range steps {
			if s, err = step(ctx, s, data); err != nil {
				return noise, points, err
			}
			_ = bar.Add(1) // a terminal that went away is no reason to stop
		}
		if err := spent.Steps(privacy.SampledGaussian{Noise: noise, Rate: q}, steps); err != nil {
			return noise, points, err
		}
		so, err := spent.Epsilon(c.delta)
		if err != nil {
			return noise, points, err
		}
		share, err := correct(ctx, s.Model, test)
		if err != nil {
			return noise, points, err
		}
		a, err := share.Float(ctx)
		if err := errors.Join(err, share.Close()); err != nil {
			return noise, points, err
		}
		points = append(points, point{so.Epsilon, float64(a)})
		fmt.Fprintf(c.log, "  epoch %2d of %d   epsilon %.3f   test accuracy %.4f\n", epoch+1, c.epochs, so.Epsilon, a)
	}
	return noise, points, nil
}
