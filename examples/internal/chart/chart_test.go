package chart

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

func TestSave(t *testing.T) {
	p := New("title", "x", "y")
	line, err := plotter.NewLine(Points([]float64{0, 1, 2}, []float64{3, 4, 2}))
	require.NoError(t, err)
	line.Color = Colors[0]
	p.Add(line)
	file := filepath.Join(t.TempDir(), "chart.png")
	require.NoError(t, Save(file, 3*vg.Inch, 2*vg.Inch, []*plot.Plot{p, p}, []*plot.Plot{p}))
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	assert.Equal(t, 6*96, picture.Bounds().Dx())
	assert.Equal(t, 4*96, picture.Bounds().Dy())
	assert.Error(t, Save(file, vg.Inch, vg.Inch))
	assert.ErrorIs(t, Save(filepath.Join(t.TempDir(), "missing", "x.png"), vg.Inch, vg.Inch, []*plot.Plot{p}), os.ErrNotExist)
}
