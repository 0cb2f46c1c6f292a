package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/examples/internal/digits"
)

// config is what the flags say.
type config struct {
	epochs, batch int
	believing     int // epochs for the posterior
	seed          uint64
	device        string
	data, out     string
	digits        int // of each set; 0 means all
	json          bool
}

// report is what a run found, as -json prints it.
type report struct {
	Device             string  `json:"device"`
	TrainSeconds       float64 `json:"train_seconds"`
	TestAccuracy       float64 `json:"test_accuracy"`
	PerSampleGradsPerS float64 `json:"per_sample_grads_per_s"`
	PeakDeviceBytes    int64   `json:"peak_device_bytes"`
	Sheet              string  `json:"sheet"`
	PosteriorSeconds   float64 `json:"posterior_seconds"`
	PosteriorAccuracy  float64 `json:"posterior_accuracy"`
	PosteriorECE       float64 `json:"posterior_calibration_error"`
}

func main() {
	var c config
	flag.IntVar(&c.epochs, "epochs", 5, "passes over the training digits")
	flag.IntVar(&c.batch, "batch", 128, "digits per training step")
	flag.IntVar(&c.believing, "posterior-epochs", 3, "passes over the training digits for the posterior, from the trained model on")
	flag.Uint64Var(&c.seed, "seed", 1, "seed of the first weights, of the digits' order and of draws")
	cli.DeviceFlag(&c.device)
	flag.StringVar(&c.data, "data", "", "folder with MNIST's four .gz files (default: where the go command has the GoMNIST module)")
	flag.StringVar(&c.out, "out", "mnist-hardest.png", "file for the picture of the hardest digits")
	flag.IntVar(&c.digits, "digits", 0, "use only so many training and test digits, for a quick look (default all)")
	flag.BoolVar(&c.json, "json", false, "print one JSON line on stdout; the rest goes to stderr")
	cli.Main("mnist", func(ctx context.Context) error { return runMain(ctx, c) })
}

func runMain(ctx context.Context, c config) error {
	log := io.Writer(os.Stdout)
	if c.json {
		log = os.Stderr
	}
	r, _, err := run(ctx, c, log)
	if err != nil || !c.json {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// run is the whole program; it returns the epochs' losses beside the report.
func run(ctx context.Context, c config, log io.Writer) (r report, losses []float64, err error) {
	if c.believing < 1 {
		return r, nil, fmt.Errorf("mnist: -posterior-epochs is %d: give 1 or more", c.believing)
	}
	if err := cli.Writable(c.out); err != nil {
		return r, nil, err
	}
	trainSet, testSet, err := digits.Load(c.data, c.digits)
	if err != nil {
		return r, nil, err
	}
	dev, err := cli.Open(ctx, c.device)
	if err != nil {
		return r, nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	r.Device = dev.Name()
	fmt.Fprintf(log, "device      %s (%s)\n", dev.Name(), dev.Info().DriverVersion)
	fmt.Fprintf(log, "digits      %d to train on, %d to test\n", trainSet.Count(), testSet.Count())

	begin := time.Now()
	random := rand.New(rand.NewPCG(c.seed, 0))
	fmt.Fprintf(log, "training    a %d-%d-%d perceptron, Adam, batches of %d\n", digits.Pixels, digits.Hidden, digits.Classes, c.batch)
	model, losses, err := train(ctx, dev, trainSet, training{epochs: c.epochs, batch: c.batch, random: random,
		bar: !c.json && cli.Terminal(), log: log})
	if err != nil {
		return r, losses, err
	}
	r.TrainSeconds = time.Since(begin).Seconds()

	all, norms, err := judgeAll(ctx, dev, model, testSet, 1000)
	if err != nil {
		return r, losses, err
	}
	r.TestAccuracy = accuracy(all)
	fmt.Fprintf(log, "accuracy    %.4f on the test digits, after %.1f s of training\n", r.TestAccuracy, r.TrainSeconds)
	n, err := parameterCount(model)
	if err != nil {
		return r, losses, err
	}
	if r.PerSampleGradsPerS, err = gradientsPerSecond(ctx, dev, model, testSet, 500); err != nil {
		return r, losses, err
	}
	fmt.Fprintf(log, "gradients   %.0f per-sample gradients/s of %d parameters each; %.0f/s where only their norms are wanted\n", r.PerSampleGradsPerS, n, norms)
	begin = time.Now()
	fmt.Fprintf(log, "posterior   by variational inference, from the trained model on\n")
	beliefs, ece, err := believe(ctx, dev, model, trainSet, testSet, inference{epochs: c.believing, batch: c.batch, draws: 32, seed: c.seed,
		bar: !c.json && cli.Terminal(), log: log})
	if err != nil {
		return r, losses, err
	}
	right := 0
	for i, b := range beliefs {
		if b.class == int(testSet.Labels[i]) {
			right++
		}
	}
	r.PosteriorSeconds, r.PosteriorAccuracy, r.PosteriorECE = time.Since(begin).Seconds(), float64(right)/float64(len(beliefs)), ece
	fmt.Fprintf(log, "belief      accuracy %.4f, expected calibration error %.4f, with 32 models drawn from the posterior, after %.1f s\n",
		r.PosteriorAccuracy, r.PosteriorECE, r.PosteriorSeconds)

	r.PeakDeviceBytes = dev.Stats().PeakBytes
	fmt.Fprintf(log, "memory      %.1f MiB of the device's at the peak\n", float64(r.PeakDeviceBytes)/(1<<20))
	r.Sheet = c.out
	subtitle := fmt.Sprintf("accuracy %.2f %% on %d test digits, by %s. Bars: how sure the posterior is of its own answer", 100*r.TestAccuracy, testSet.Count(), dev.Name())
	if err := contactSheet(subtitle, testSet, hardest(all, columns*rows), beliefs).Save(c.out); err != nil {
		return r, losses, err
	}
	fmt.Fprintf(log, "hardest     %s\n", c.out)
	return r, losses, nil
}
