package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/graph"
)

// config is what the flags say.
type config struct {
	training
	device    string
	data, out string
	digits    int // of each set; 0 means all
	json      bool
}

// report is what a run found, as -json prints it.
type report struct {
	Device   string  `json:"device"`
	Seconds  float64 `json:"train_seconds"`
	Epsilon  float64 `json:"epsilon"`
	Delta    float64 `json:"delta"`
	Noise    float64 `json:"noise_multiplier"`
	Accuracy float64 `json:"test_accuracy"`
	Epochs   []point `json:"epochs"`
	Chart    string  `json:"chart"`
}

func main() {
	var c config
	flag.Float64Var(&c.epsilon, "epsilon", 2.9, "privacy budget: epsilon after the last epoch")
	flag.Float64Var(&c.delta, "delta", 1e-5, "probability that the guarantee does not hold, below 1/60000")
	flag.IntVar(&c.epochs, "epochs", 20, "passes over the training digits, on the average")
	flag.Float64Var(&c.lot, "lot", 2048, "expected number of digits in a step")
	flag.Float64Var(&c.clip, "clip", 1, "largest norm of a digit's gradient")
	flag.Float64Var(&c.rate, "rate", 1, "learning rate")
	flag.Float64Var(&c.momentum, "momentum", 0.9, "momentum")
	flag.IntVar(&c.hidden, "hidden", 64, "hidden units")
	flag.Uint64Var(&c.seed, "seed", 1, "seed of the first weights, the lots and the noise; keep it secret where it matters")
	cli.DeviceFlag(&c.device)
	flag.StringVar(&c.data, "data", "", "folder with MNIST's four .gz files (default: where the go command has the GoMNIST module)")
	flag.StringVar(&c.out, "out", "dpsgd.png", "file for the chart of accuracy against epsilon")
	flag.IntVar(&c.digits, "digits", 0, "use only so many training and test digits, for a quick look (default all)")
	flag.BoolVar(&c.json, "json", false, "print one JSON line on stdout; the rest goes to stderr")
	cli.Main("dpsgd", func(ctx context.Context) error { return runMain(ctx, c) })
}

func runMain(ctx context.Context, c config) error {
	log := io.Writer(os.Stdout)
	if c.json {
		log = os.Stderr
	}
	c.bar = !c.json && cli.Terminal()
	r, err := run(ctx, c, log)
	if err != nil || !c.json {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// run is the whole program.
func run(ctx context.Context, c config, log io.Writer) (r report, err error) {
	trainSet, testSet, err := digits.Load(c.data, c.digits)
	if err != nil {
		return r, err
	}
	dev, err := cli.Open(ctx, c.device)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	r.Device, r.Delta, r.Chart = dev.Name(), c.delta, c.out
	fmt.Fprintf(log, "device      %s (%s)\n", dev.Name(), dev.Info().DriverVersion)
	fmt.Fprintf(log, "digits      %d to train on, %d to test\n", trainSet.Count(), testSet.Count())
	// All digits stay on the device: lots are drawn and gathered there.
	data, err := digits.NewBatcher(dev, trainSet).Range(0, trainSet.Count())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, graph.Close(data)) }()
	test, err := digits.NewBatcher(dev, testSet).Range(0, testSet.Count())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, graph.Close(test)) }()

	begin := time.Now()
	c.log = log
	if r.Noise, r.Epochs, err = train(ctx, dev, data, test, c.training); err != nil {
		return r, err
	}
	r.Seconds = time.Since(begin).Seconds()
	last := r.Epochs[len(r.Epochs)-1]
	r.Epsilon, r.Accuracy = last.Epsilon, last.Accuracy
	if err := draw(c.out, r); err != nil {
		return r, err
	}
	fmt.Fprintf(log, "accuracy    %.4f on the test digits at epsilon %.3f, delta %v, after %.1f s\n", r.Accuracy, r.Epsilon, r.Delta, r.Seconds)
	fmt.Fprintf(log, "memory      %.1f MiB of the device's at the peak\n", float64(dev.Stats().PeakBytes)/(1<<20))
	fmt.Fprintf(log, "chart       %s\n", c.out)
	return r, nil
}
