package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/graph"
)

// config is what the flags say.
type config struct {
	steps, width int
	rate         float64
	seed         uint64
	device, out  string
}

func main() {
	var c config
	flag.IntVar(&c.steps, "steps", 400, "steps of Adam for each task")
	flag.IntVar(&c.width, "width", 200, "units of each hidden layer")
	flag.Float64Var(&c.rate, "rate", 0.02, "Adam's learning rate in the first step; it falls to 0")
	flag.Uint64Var(&c.seed, "seed", 1, "seed of the first weights")
	cli.DeviceFlag(&c.device)
	flag.StringVar(&c.out, "out", "continual.png", "file for the picture of the fits")
	cli.Main("continual", func(ctx context.Context) error {
		_, err := run(ctx, c, os.Stdout)
		return err
	})
}

// named is a method with what came out.
type named struct {
	name string
	outcome
}

// run is the whole program.
func run(ctx context.Context, c config, log io.Writer) (results []named, err error) {
	if c.steps < looks || c.width < 1 || c.rate <= 0 {
		return nil, fmt.Errorf("continual: %d steps at rate %v of a network of width %d: give at least %d steps, a rate above 0 and a width of at least 1", c.steps, c.rate, c.width, looks)
	}
	c.steps -= c.steps % looks
	tasks, err := load()
	if err != nil {
		return nil, err
	}
	dev, err := cli.Open(ctx, c.device)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	fmt.Fprintf(log, "device      %s (%s)\n", dev.Name(), dev.Info().DriverVersion)
	for i, t := range tasks {
		fmt.Fprintf(log, "task %d      from %2.0f ms: %d measurements, %d held out\n", i+1, starts[i], len(t.Train.Time), len(t.Test.Time))
	}
	first, err := newNet(dev, c.width, rand.New(rand.NewPCG(c.seed, 0)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, graph.Close(first)) }()

	l := &learner{dev: dev, first: first, steps: c.steps, rate: c.rate, tests: tasks}
	for t := 0.0; t <= 60; t += 0.25 {
		l.curve = append(l.curve, t)
	}
	begin := time.Now()
	for _, m := range []struct {
		name  string
		tasks []task
		learn func([]task) (outcome, error)
	}{
		{"no memory", tasks, func(t []task) (outcome, error) { return learn(ctx, l, t, diagonal, false) }},
		{"diagonal", tasks, func(t []task) (outcome, error) { return learn(ctx, l, t, diagonal, true) }},
		{"kfac", tasks, func(t []task) (outcome, error) { return learn(ctx, l, t, kfac, true) }},
		{"all at once", []task{together(tasks)}, func(t []task) (outcome, error) { return learn(ctx, l, t, diagonal, false) }},
	} {
		bar := cli.Bar(c.steps*len(m.tasks), m.name, cli.Terminal())
		l.tick = func(n int) { _ = bar.Add(n) } // a terminal that went away is no reason to stop
		out, err := m.learn(m.tasks)
		if err != nil {
			return nil, err
		}
		results = append(results, named{m.name, out})
	}
	fmt.Fprintf(log, "training    a 1-%d-%d-1 perceptron, %d steps a task, %.1f s in all\n\n", c.width, c.width, c.steps, time.Since(begin).Seconds())
	table(log, results)
	if err := picture(c.out, tasks, l.curve, results); err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "\npicture     %s\n", c.out)
	return results, nil
}

// table prints the errors after the last task, and for each task when it had just been learnt.
func table(w io.Writer, results []named) {
	row := func(name string, v []float64) {
		mean := 0.0
		for _, x := range v {
			mean += x / float64(len(v))
		}
		fmt.Fprintf(w, "%-26s", name)
		for _, x := range append(v[:len(v):len(v)], mean) {
			fmt.Fprintf(w, "%9.1f", x)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%-26s%9s%9s%9s%9s%9s\n", "error in g", "task 1", "task 2", "task 3", "task 4", "mean")
	for _, r := range results {
		if len(r.errors) > 1 {
			fresh := make([]float64, len(r.errors))
			for i := range fresh {
				fresh[i] = r.errors[i][i]
			}
			row(r.name+", just learnt", fresh)
		}
		row(r.name+strings.Repeat(" ", 12-len(r.name))+"in the end", r.errors[len(r.errors)-1])
	}
}
