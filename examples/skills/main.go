package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/graph"
)

// config is what the flags say.
type config struct {
	from, test  int
	device, out string
}

// score is how good forecasts were.
type score struct{ logProb, hits float64 }

// report is what a run found.
type report struct {
	perYear              float64 // the drift that was chosen
	dynamic, fixed, base score   // of the test's matches
}

func main() {
	var c config
	flag.IntVar(&c.from, "from", 1963, "first season")
	flag.IntVar(&c.test, "test", 5, "so many seasons at the end are only foretold")
	cli.DeviceFlag(&c.device)
	flag.StringVar(&c.out, "out", "skills.png", "file for the picture")
	cli.Main("skills", func(ctx context.Context) error {
		_, err := run(ctx, c, os.Stdout)
		return err
	})
}

// perYear are the speeds of drift that are tried: standard deviations that a skill gains in a year.
var perYear = []float64{0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5}

// run is the whole program.
func run(ctx context.Context, c config, log io.Writer) (r report, err error) {
	matches, teams, err := load(c.from)
	if err != nil {
		return r, err
	}
	rounds := roundsOf(matches)
	past := 0 // rounds before the test
	for past < len(rounds) && rounds[past][0].season() <= matches[len(matches)-1].season()-c.test {
		past++
	}
	if c.test < 1 || past == 0 || past == len(rounds) {
		return r, fmt.Errorf("skills: %d test seasons of those since %d leave nothing to learn from or to foretell: the table ends in 2009", c.test, c.from)
	}
	dev, err := cli.Open(ctx, c.device)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	bars := cli.Terminal()
	fmt.Fprintf(log, "device      %s (%s)\n", dev.Name(), dev.Info().DriverVersion)
	fmt.Fprintf(log, "matches     %d of %d teams from %s to %s, in %d rounds\n", len(matches), len(teams),
		matches[0].day.Format(time.DateOnly), matches[len(matches)-1].day.Format(time.DateOnly), len(rounds))
	all, err := upload(dev, rounds)
	if err != nil {
		return r, err
	}
	defer graph.Close(all)
	before, err := upload(dev, rounds[:past])
	if err != nil {
		return r, err
	}
	defer graph.Close(before)
	after, err := upload(dev, rounds[past:])
	if err != nil {
		return r, err
	}
	defer graph.Close(after)

	begin := time.Now()
	scores, err := search(ctx, dev, before, len(teams), perYear, bars)
	if err != nil {
		return r, err
	}
	learnt := 0
	var counts [results]float64
	for _, round := range rounds[:past] {
		learnt += len(round)
		for _, m := range round {
			counts[m.result]++
		}
	}
	best := 0
	fmt.Fprintf(log, "drift       a skill's standard deviation per year, and what the rounds up to %s tell of it:\n", rounds[past][0].day.Format(time.DateOnly))
	for i, v := range perYear {
		if scores[i] > scores[best] {
			best = i
		}
		fmt.Fprintf(log, "  %.2f      %.4f log probability a match\n", v, scores[i]/float64(learnt))
	}
	r.perYear = perYear[best]
	fmt.Fprintf(log, "            %.2f is best; %d filters of %d rounds took %.1f s\n", r.perYear, len(perYear), past, time.Since(begin).Seconds())

	begin = time.Now()
	t, err := follow(ctx, dev, all, len(teams), r.perYear, bars)
	if err != nil {
		return r, err
	}
	fmt.Fprintf(log, "filter      %d rounds in %.1f s\n", len(rounds), time.Since(begin).Seconds())
	fixed, err := fit(ctx, dev, before, after, len(teams), bars)
	if err != nil {
		return r, err
	}

	var test []match
	var dynamic, static [][]float64
	for i, round := range rounds[past:] {
		for j, m := range round {
			test = append(test, m)
			dynamic = append(dynamic, t.at(past+i, j))
			static = append(static, track{forecast: fixed}.at(i, j))
		}
	}
	frequencies := make([]float64, results)
	for i, n := range counts {
		frequencies[i] = n / float64(learnt)
	}
	fmt.Fprintf(log, "forecasts   of %d matches since %s, each from the rounds before:\n", len(test), test[0].day.Format(time.DateOnly))
	for _, x := range []struct {
		name string
		p    func(i int) []float64
		s    *score
	}{
		{"frequencies of the past", func(int) []float64 { return frequencies }, &r.base},
		{"constant skills", func(i int) []float64 { return static[i] }, &r.fixed},
		{"filtered skills", func(i int) []float64 { return dynamic[i] }, &r.dynamic},
	} {
		x.s.logProb, x.s.hits = logScore(test, x.p)
		fmt.Fprintf(log, "  %-24s  %.4f log probability, %.1f %% right\n", x.name, x.s.logProb, 100*x.s.hits)
	}
	if err := draw(c.out, t, rounds, teams); err != nil {
		return r, err
	}
	fmt.Fprintf(log, "picture     %s\n", c.out)
	return r, nil
}
