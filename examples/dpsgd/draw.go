package main

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/lavagrad/lavagrad/examples/internal/chart"
)

// draw writes the chart of test accuracy against the epsilon spent for it, a dot an epoch.
func draw(file string, r report) error {
	var x, y []float64
	for _, e := range r.Epochs {
		x, y = append(x, e.Epsilon), append(y, 100*e.Accuracy)
	}
	p := chart.New(fmt.Sprintf("What accuracy costs: MNIST by DP-SGD, delta %v", r.Delta), "epsilon spent", "test accuracy, %")
	line, dots, err := plotter.NewLinePoints(chart.Points(x, y))
	if err != nil {
		return fmt.Errorf("dpsgd: drawing: %w", err)
	}
	line.Color, dots.Color = chart.Colors[0], chart.Colors[0]
	line.Width = vg.Points(1.5)
	p.Add(line, dots)
	p.X.Min = 0
	var ticks plot.ConstantTicks
	for e := 0.; e <= p.X.Max; e += 0.5 {
		ticks = append(ticks, plot.Tick{Value: e, Label: fmt.Sprintf("%.1f", e)})
	}
	if len(ticks) <= 20 { // a budget that one can read
		p.X.Tick.Marker = ticks
	}
	return chart.Save(file, 6*vg.Inch, 3.6*vg.Inch, []*plot.Plot{p})
}
