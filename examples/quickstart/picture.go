package main

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/lavagrad/lavagrad/examples/internal/chart"
	"github.com/lavagrad/lavagrad/examples/internal/digits"
)

// draw writes the calibration curve, and beside it the entropies of what the models know and of what they do not.
func (r result) draw(file, algorithm string) error {
	curve, err := r.calibration(algorithm)
	if err != nil {
		return fmt.Errorf("quickstart: drawing: %w", err)
	}
	entropies, err := r.entropies()
	if err != nil {
		return fmt.Errorf("quickstart: drawing: %w", err)
	}
	return chart.Save(file, 4.5*vg.Inch, 3.6*vg.Inch, []*plot.Plot{curve, entropies})
}

// calibration is the share of right predictions against their confidence; a bin's dot has an area like its count.
func (r result) calibration(algorithm string) (*plot.Plot, error) {
	p := chart.New(fmt.Sprintf("Calibration of %s: error %.3f", algorithm, r.ECE), "confidence", "share of right predictions")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	ideal, err := plotter.NewLine(chart.Points([]float64{0, 1}, []float64{0, 1}))
	if err != nil {
		return nil, err
	}
	ideal.Color, ideal.Dashes = color.Gray{0x99}, []vg.Length{vg.Points(4), vg.Points(3)}
	var x, y, most []float64
	largest := 0.0
	for i, n := range r.Count {
		if n > 0 {
			x, y, most = append(x, float64(r.Confidence[i])), append(y, float64(r.Right[i])), append(most, float64(n))
			largest = max(largest, float64(n))
		}
	}
	line, dots, err := plotter.NewLinePoints(chart.Points(x, y))
	if err != nil {
		return nil, err
	}
	line.Color = chart.Colors[0]
	dots.GlyphStyleFunc = func(i int) draw.GlyphStyle {
		return draw.GlyphStyle{Color: chart.Colors[0], Shape: draw.CircleGlyph{}, Radius: vg.Points(2 + 8*math.Sqrt(most[i]/largest))}
	}
	p.Add(ideal, line, dots)
	p.Legend.Add("test digits in ten bins", line)
	p.Legend.Add("confidence as it should be", ideal)
	p.Legend.Left, p.Legend.Top = true, true
	return p, nil
}

// entropies are two histograms of equal areas.
func (r result) entropies() (*plot.Plot, error) {
	p := chart.New(fmt.Sprintf("Does it know the unknown? AUROC %.3f", r.AUROC), "predictive entropy in nats", "density")
	// The largest entropy is that of equal probabilities. Edges are those of both histograms.
	const columns = 40
	top := math.Log(digits.Classes)
	for i, x := range []struct {
		name   string
		values []float32
	}{{"MNIST: digits, as in training", r.In}, {"Fashion-MNIST: clothes", r.Out}} {
		bars := make([]plotter.HistogramBin, columns)
		for j := range bars {
			bars[j] = plotter.HistogramBin{Min: top * float64(j) / columns, Max: top * float64(j+1) / columns}
		}
		for _, v := range x.values {
			j := min(max(int(float64(v)/top*columns), 0), columns-1)
			bars[j].Weight += columns / top / float64(len(x.values))
		}
		style := plotter.DefaultLineStyle
		style.Color = chart.Colors[i]
		h := &plotter.Histogram{Bins: bars, Width: top / columns, FillColor: chart.Shade(chart.Colors[i]), LineStyle: style}
		p.Add(h)
		p.Legend.Add(x.name, h)
	}
	p.Legend.Top = true
	return p, nil
}
