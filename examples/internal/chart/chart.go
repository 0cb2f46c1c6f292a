// Package chart puts plots side by side into one picture, in one style.
package chart

import (
	"fmt"
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Colors tell series apart, also for those who do not see red from green (Okabe and Ito, 2008).
var Colors = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, // blue
	color.RGBA{0xd5, 0x5e, 0x00, 0xff}, // vermilion
	color.RGBA{0x00, 0x9e, 0x73, 0xff}, // bluish green
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, // reddish purple
	color.RGBA{0xe6, 0x9f, 0x00, 0xff}, // orange
	color.RGBA{0x56, 0xb4, 0xe9, 0xff}, // sky blue
	color.RGBA{0x44, 0x44, 0x44, 0xff},
}

// Shade is a colour, nearly transparent.
func Shade(c color.Color) color.Color {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	n.A = 0x40
	return n
}

// New is an empty plot with titles and a light grid.
func New(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding, p.Legend.Padding = vg.Points(6), vg.Points(3)
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{0xe6}, color.Gray{0xe6}
	p.Add(grid)
	return p
}

// Points are the points (x[i], y[i]).
func Points(x, y []float64) plotter.XYs {
	out := make(plotter.XYs, len(x))
	for i := range x {
		out[i] = plotter.XY{X: x[i], Y: y[i]}
	}
	return out
}

// Save writes rows of plots as a PNG file, each width x height, with axes in line. A nil plot leaves its place empty.
func Save(file string, width, height vg.Length, rows ...[]*plot.Plot) error {
	columns := 0
	for _, r := range rows {
		columns = max(columns, len(r))
	}
	if columns == 0 {
		return fmt.Errorf("chart: %s: no plots", file)
	}
	for i := range rows {
		rows[i] = append(rows[i][:len(rows[i]):len(rows[i])], make([]*plot.Plot, columns-len(rows[i]))...)
	}
	picture := vgimg.New(width*vg.Length(columns), height*vg.Length(len(rows)))
	tiles := draw.Tiles{Rows: len(rows), Cols: columns, PadX: vg.Points(14), PadY: vg.Points(14),
		PadTop: vg.Points(8), PadBottom: vg.Points(8), PadLeft: vg.Points(8), PadRight: vg.Points(12)}
	canvases := plot.Align(rows, tiles, draw.New(picture))
	for i, r := range rows {
		for j, p := range r {
			if p != nil {
				p.Draw(canvases[i][j])
			}
		}
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	defer f.Close()
	if _, err := (vgimg.PngCanvas{Canvas: picture}).WriteTo(f); err != nil {
		return fmt.Errorf("chart: writing %s: %w", file, err)
	}
	return f.Close()
}
