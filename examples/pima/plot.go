package main

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/lavagrad/lavagrad/examples/internal/chart"
)

// plot draws the marginals of all coefficients, the three methods over each other.
func (r report) plot(file string) error {
	const columns = 3
	var rows [][]*plot.Plot
	for i, name := range r.names {
		if i%columns == 0 {
			rows = append(rows, nil)
		}
		p := chart.New(name, "", "")
		mean, sd := r.Laplace.Mean[i], r.Laplace.SD[i]
		x := chart.Linspace(mean-4*sd, mean+4*sd, 161)
		normal := make([]float64, len(x))
		for k, v := range x {
			z := (v - mean) / sd
			normal[k] = math.Exp(-z*z/2) / (sd * math.Sqrt(2*math.Pi))
		}
		for k, m := range []struct {
			name string
			y    []float64
		}{{"SGHMC", chart.Density(r.SGHMC.draws[i], x)}, {"HMC", chart.Density(r.HMC.draws[i], x)}, {"Laplace", normal}} {
			line, err := plotter.NewLine(chart.Points(x, m.y))
			if err != nil {
				return fmt.Errorf("pima: plotting: %w", err)
			}
			line.Color, line.Width = chart.Colors[k], vg.Points(1.5)
			if m.name == "Laplace" {
				line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
			}
			p.Add(line)
			if i == 0 {
				p.Legend.Add(m.name, line)
			}
		}
		p.Legend.Top, p.Legend.Left = true, true
		p.Y.Min = 0
		rows[i/columns] = append(rows[i/columns], p)
	}
	return chart.Save(file, 3.2*vg.Inch, 2.3*vg.Inch, rows...)
}
