package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/lavagrad/lavagrad/examples/internal/chart"
	"github.com/lavagrad/lavagrad/examples/internal/cli"
)

// config is what the flags say.
type config struct {
	chains, warmup, draws, thin int // of SGHMC; a draw is kept every thin steps
	viSteps                     int
	seed                        uint64
	device, out                 string
	bar                         bool
}

func defaults() config {
	return config{chains: 4096, warmup: 800, draws: 8, thin: 100, viSteps: 500, seed: 1}
}

func main() {
	c := defaults()
	flag.IntVar(&c.chains, "chains", c.chains, "chains of SGHMC")
	flag.Uint64Var(&c.seed, "seed", c.seed, "seed of all draws")
	cli.DeviceFlag(&c.device)
	flag.StringVar(&c.out, "out", "doublewell.png", "file for the picture of the densities")
	cli.Main("doublewell", func(ctx context.Context) error {
		c.bar = cli.Terminal()
		_, err := run(ctx, c, os.Stdout)
		return err
	})
}

// moments are E x, E|x|, E[x^2] and E[x^4].
type moments [4]float64

// report is what a run found.
type report struct {
	Exact, SGHMC, VI moments
	mean, sd         float64 // of the variational density
}

// run is the whole program.
func run(ctx context.Context, c config, log io.Writer) (r report, err error) {
	dev, err := cli.Open(ctx, c.device)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	fmt.Fprintf(log, "device   %s (%s)\n", dev.Name(), dev.Info().DriverVersion)
	draws, seconds, err := sghmc(ctx, dev, c)
	if err != nil {
		return r, err
	}
	fmt.Fprintf(log, "SGHMC    %5.1f s   %d chains, %d steps each, %d draws\n", seconds, c.chains, c.warmup+c.draws*c.thin, len(draws))
	if r.mean, r.sd, seconds, err = variational(ctx, dev, c); err != nil {
		return r, err
	}
	fmt.Fprintf(log, "VI       %5.1f s   %d steps of 32 draws: mean %.3f, standard deviation %.3f\n\n", seconds, c.viSteps, r.mean, r.sd)

	x := chart.Linspace(-6, 6, 2401)
	truth, normal := exact(x), make([]float64, len(x))
	for i, v := range x {
		z := (v - r.mean) / r.sd
		normal[i] = math.Exp(-z*z/2) / (r.sd * math.Sqrt(2*math.Pi))
	}
	r.Exact, r.VI = integrals(x, truth), integrals(x, normal)
	for _, v := range draws {
		r.SGHMC = r.SGHMC.plus(v, 1/float64(len(draws)))
	}
	fmt.Fprintln(log, "           exact    SGHMC       VI")
	for i, name := range []string{"E x", "E|x|", "E[x^2]", "E[x^4]"} {
		fmt.Fprintf(log, "%-6s  %8.4f %8.4f %8.4f\n", name, r.Exact[i], r.SGHMC[i], r.VI[i])
	}
	if c.out == "" {
		return r, nil
	}
	fmt.Fprintf(log, "\ndensities  %s\n", c.out)
	return r, picture(c.out, x, truth, chart.KernelDensity(draws, x, 0.1), normal)
}

// exact is the density at points at equal distances which hold all of it.
func exact(x []float64) []float64 {
	out, sum := make([]float64, len(x)), 0.
	for i, v := range x {
		out[i] = math.Exp(v*v - v*v*v*v/10)
		sum += out[i] * (x[1] - x[0])
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

func (m moments) plus(x, weight float64) moments {
	for i, f := range []float64{x, math.Abs(x), x * x, x * x * x * x} {
		m[i] += weight * f
	}
	return m
}

// integrals are the moments of a density at points at equal distances.
func integrals(x, density []float64) (m moments) {
	for i, v := range x {
		m = m.plus(v, density[i]*(x[1]-x[0]))
	}
	return m
}

// picture draws the densities over each other.
func picture(file string, x, truth, sampled, normal []float64) error {
	p := chart.New("exp(x² - x⁴/10), by a sampler and by a normal distribution", "x", "density")
	for i, m := range []struct {
		name string
		y    []float64
	}{{"SGHMC", sampled}, {"VI", normal}, {"exact", truth}} {
		line, err := plotter.NewLine(chart.Points(x, m.y))
		if err != nil {
			return fmt.Errorf("doublewell: plotting: %w", err)
		}
		line.Color, line.Width = chart.Colors[i], vg.Points(2)
		if m.name == "exact" {
			line.Color, line.Width, line.Dashes = chart.Colors[6], vg.Points(1.2), []vg.Length{vg.Points(4), vg.Points(3)}
		}
		p.Add(line)
		p.Legend.Add(m.name, line)
	}
	p.Legend.Top, p.Legend.Left, p.Y.Min = true, true, 0
	p.X.Min, p.X.Max = -4.5, 4.5
	return chart.Save(file, 7*vg.Inch, 3.6*vg.Inch, []*plot.Plot{p})
}
