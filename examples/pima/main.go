package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/graph"
)

// config is what the flags say.
type config struct {
	sghmc, hmc plan
	mapSteps   int
	seed       uint64
	device     string
	out        string
	bar        bool
}

func defaults() config {
	return config{
		sghmc: plan{chains: 1024, warmup: 200, draws: 16, thin: 40},
		hmc:   plan{chains: 32, warmup: 200, draws: 200, thin: 1},
		// Adam's rate falls to 0 within so many steps.
		mapSteps: 500,
		seed:     1,
	}
}

func main() {
	c := defaults()
	flag.IntVar(&c.sghmc.chains, "chains", c.sghmc.chains, "chains of SGHMC")
	flag.Uint64Var(&c.seed, "seed", c.seed, "seed of all draws")
	cli.DeviceFlag(&c.device)
	flag.StringVar(&c.out, "out", "pima.png", "file for the picture of the marginals")
	cli.Main("pima", func(ctx context.Context) error {
		c.bar = cli.Terminal()
		_, err := run(ctx, c, os.Stdout)
		return err
	})
}

// report is what a run found.
type report struct {
	names               []string
	SGHMC, HMC, Laplace result
}

// run is the whole program.
func run(ctx context.Context, c config, log io.Writer) (r report, err error) {
	t, err := load()
	if err != nil {
		return r, err
	}
	r.names = t.names
	dev, err := cli.Open(ctx, c.device)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	d, err := t.upload(dev)
	if err != nil {
		return r, err
	}
	defer graph.Close(d)
	fmt.Fprintf(log, "device   %s (%s)\n", dev.Name(), dev.Info().DriverVersion)
	fmt.Fprintf(log, "data     %d persons, %d coefficients\n", len(t.y), len(t.names))
	if r.SGHMC, err = sghmc(ctx, dev, d, c.sghmc, c.seed, c.bar); err != nil {
		return r, err
	}
	fmt.Fprintf(log, "SGHMC    %5.1f s   %d chains, %d steps each, %d draws\n", r.SGHMC.Seconds, c.sghmc.chains, c.sghmc.warmup+c.sghmc.draws*c.sghmc.thin,
		c.sghmc.chains*c.sghmc.draws)
	if r.HMC, err = hmc(ctx, dev, d, c.hmc, c.seed+1, c.bar); err != nil {
		return r, err
	}
	fmt.Fprintf(log, "HMC      %5.1f s   %d chains, %d steps each, %d draws\n", r.HMC.Seconds, c.hmc.chains, c.hmc.warmup+c.hmc.draws*c.hmc.thin,
		c.hmc.chains*c.hmc.draws)
	if r.Laplace, err = laplaced(ctx, dev, d, c.mapSteps, c.seed); err != nil {
		return r, err
	}
	fmt.Fprintf(log, "Laplace  %5.1f s   %d steps of Adam, and the Hessian\n\n", r.Laplace.Seconds, c.mapSteps)
	r.table(log)
	if c.out == "" {
		return r, nil
	}
	fmt.Fprintf(log, "\nmarginals  %s\n", c.out)
	return r, r.plot(c.out)
}

// apart is by how many standard errors of both the means of SGHMC and HMC differ.
func (r report) apart(i int) float64 {
	return (r.SGHMC.Mean[i] - r.HMC.Mean[i]) / math.Hypot(r.SGHMC.StandardError[i], r.HMC.StandardError[i])
}

// table prints what the methods found.
func (r report) table(log io.Writer) {
	fmt.Fprintln(log, "             SGHMC                            HMC                              Laplace           means of SGHMC and HMC apart,")
	fmt.Fprintln(log, "               mean     sd    ESS  R-hat        mean     sd    ESS  R-hat        mean     sd     in standard errors")
	for i, name := range r.names {
		fmt.Fprintf(log, "%-10s", name)
		for _, m := range []result{r.SGHMC, r.HMC} {
			fmt.Fprintf(log, "  %8.4f %6.4f %6.0f %6.3f  ", m.Mean[i], m.SD[i], m.Bulk[i], m.RHat[i])
		}
		fmt.Fprintf(log, "  %8.4f %6.4f     %5.2f\n", r.Laplace.Mean[i], r.Laplace.SD[i], r.apart(i))
	}
}
