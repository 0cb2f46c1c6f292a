package main

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/lavagrad/lavagrad/examples/internal/chart"
)

// picture writes for each method the fit after every task, over the measurements, as a PNG file.
func picture(file string, tasks []task, curve []float64, results []named) error {
	var rows [][]*plot.Plot
	for i, r := range results {
		end := 0.0
		for _, e := range r.errors[len(r.errors)-1] {
			end += e / float64(len(tasks))
		}
		p := chart.New(fmt.Sprintf("%s: mean error %.1f g in the end", r.name, end), "time (ms)", "acceleration (g)")
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 60, -160, 110
		for k, t := range tasks {
			s, err := plotter.NewScatter(chart.Points(append(t.Train.Time[:len(t.Train.Time):len(t.Train.Time)], t.Test.Time...),
				append(t.Train.Accel[:len(t.Train.Accel):len(t.Train.Accel)], t.Test.Accel...)))
			if err != nil {
				return fmt.Errorf("continual: %w", err)
			}
			s.GlyphStyle = draw.GlyphStyle{Color: chart.Colors[k], Radius: vg.Points(1.6), Shape: draw.CircleGlyph{}}
			p.Add(s)
		}
		for k, fit := range r.fits {
			line, err := plotter.NewLine(chart.Points(curve, fit))
			if err != nil {
				return fmt.Errorf("continual: %w", err)
			}
			line.Color, line.Width = chart.Shade(chart.Colors[k%len(chart.Colors)]), vg.Points(1.5)
			label := fmt.Sprintf("after task %d", k+1)
			if k == len(r.fits)-1 {
				line.Color, line.Width = chart.Colors[len(chart.Colors)-1], vg.Points(2)
				label = "in the end"
			}
			p.Add(line)
			p.Legend.Add(label, line)
		}
		p.Legend.TextStyle.Font.Size = vg.Points(9)
		if i%2 == 0 {
			rows = append(rows, nil)
		}
		rows[i/2] = append(rows[i/2], p)
	}
	return chart.Save(file, 5*vg.Inch, 3.4*vg.Inch, rows...)
}
