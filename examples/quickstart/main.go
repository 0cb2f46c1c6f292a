package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
)

// config is what the flags say.
type config struct {
	algorithm      string
	epochs, batch  int
	draws          int
	seed           uint64
	device         string
	data, ood, out string
	digits         int // of each set; 0 means all
	bar            bool
}

func main() {
	c := config{bar: cli.Terminal()}
	flag.StringVar(&c.algorithm, "algorithm", "vi-diag", "one of "+strings.Join(slices.Sorted(maps.Keys(algorithms(1, 1))), ", "))
	flag.IntVar(&c.epochs, "epochs", 8, "passes over the training digits")
	flag.IntVar(&c.batch, "batch", 128, "digits per step")
	flag.IntVar(&c.draws, "draws", 32, "models drawn from the posterior to predict with")
	flag.Uint64Var(&c.seed, "seed", 1, "seed of the first weights, of the digits' order and of all draws")
	cli.DeviceFlag(&c.device)
	flag.StringVar(&c.data, "data", "", "folder with MNIST's four .gz files (default: where the go command has the GoMNIST module)")
	flag.StringVar(&c.ood, "ood", "", "folder with Fashion-MNIST's files (default: where tools/fashion-mnist.sh puts them)")
	flag.StringVar(&c.out, "out", "quickstart.png", "file for the picture")
	flag.IntVar(&c.digits, "digits", 0, "use only so many pictures of each set, for a quick look (default all)")
	cli.Main("quickstart", func(ctx context.Context) error {
		_, err := run(ctx, c, os.Stdout)
		return err
	})
}

// run is the whole program.
func run(ctx context.Context, c config, log io.Writer) (r result, err error) {
	if err := cli.Writable(c.out); err != nil {
		return r, err
	}
	trainSet, testSet, err := digits.Load(c.data, c.digits)
	if err != nil {
		return r, err
	}
	fashion, err := digits.Fashion(c.ood, c.digits)
	if err != nil {
		return r, err
	}
	if c.epochs < 1 || c.batch < 1 || c.draws < 1 || c.batch > trainSet.Count() {
		return r, fmt.Errorf("quickstart: %d epochs of %d digits in batches of %d, %d draws: give at least 1 of each, and batches no larger than the set",
			c.epochs, trainSet.Count(), c.batch, c.draws)
	}
	steps := c.epochs * (trainSet.Count() / c.batch)
	infer, ok := algorithms(trainSet.Count(), steps)[c.algorithm]
	if !ok {
		return r, fmt.Errorf("quickstart: no algorithm %q; -help lists them", c.algorithm)
	}
	dev, err := cli.Open(ctx, c.device)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	fmt.Fprintf(log, "device       %s (%s)\n", dev.Name(), dev.Info().DriverVersion)
	fmt.Fprintf(log, "inference    %s, a %d-%d-%d perceptron, %d digits, %d epochs in batches of %d\n",
		c.algorithm, digits.Pixels, digits.Hidden, digits.Classes, trainSet.Count(), c.epochs, c.batch)

	begin := time.Now()
	start, err := digits.NewMLP(dev, rand.New(rand.NewPCG(c.seed, 0)))
	if err != nil {
		return r, err
	}
	defer graph.Close(start)
	key := random.NewKey(c.seed)
	defer graph.Close(key)
	models, err := infer(ctx, training{
		Fitting: digits.Fitting{Dev: dev, Set: trainSet, Epochs: c.epochs, Batch: c.batch, Key: key,
			Order: rand.New(rand.NewPCG(c.seed, 1)), Bar: c.bar, Log: log},
		start: start, draws: c.draws,
	})
	if err != nil {
		return r, err
	}
	defer graph.Close(models)
	fmt.Fprintf(log, "posterior    after %.1f s; predictions are means over %d models drawn from it\n", time.Since(begin).Seconds(), models.Out.B.Dim(0))

	if r, err = judge(ctx, dev, models, testSet, fashion); err != nil {
		return r, err
	}
	fmt.Fprintf(log, "accuracy     %.4f on %d test digits\n", r.Accuracy, testSet.Count())
	fmt.Fprintf(log, "calibration  expected calibration error %.4f, negative log likelihood %.4f\n", r.ECE, r.NLL)
	fmt.Fprintf(log, "unknown      AUROC %.4f of predictive entropy, telling %d clothes from digits; mean entropy %.3f against %.3f nats\n",
		r.AUROC, fashion.Count(), mean(r.Out), mean(r.In))
	if err := r.draw(c.out, c.algorithm); err != nil {
		return r, err
	}
	fmt.Fprintf(log, "picture      %s\n", c.out)
	return r, nil
}

func mean(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	return sum / float64(max(len(x), 1))
}
