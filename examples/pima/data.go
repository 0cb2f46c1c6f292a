package main

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

//go:embed pima.csv
var file string

// table is a data set on the host.
type table struct {
	names []string    // of the coefficients: the columns, and the intercept
	x     [][]float64 // a row for each person: the measurements, standardised, and 1
	y     []float64   // 1 for diabetes
}

// data is the table on a device: X [n 9], Y [n].
type data struct{ X, Y graph.Tensor }

// load reads the table and gives every measurement mean 0 and standard deviation 1.
func load() (t table, err error) {
	rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil {
		return t, fmt.Errorf("pima: reading pima.csv: %w", err)
	}
	width := len(rows[0]) - 1
	t.names = append(rows[0][:width:width], "intercept")
	for i, row := range rows[1:] {
		values := make([]float64, len(row))
		for j, s := range row {
			if values[j], err = strconv.ParseFloat(s, 64); err != nil {
				return t, fmt.Errorf("pima: pima.csv, row %d, column %s: %w", i+1, rows[0][j], err)
			}
		}
		t.x, t.y = append(t.x, append(values[:width:width], 1)), append(t.y, values[width])
	}
	n := float64(len(t.x))
	for j := range width {
		mean, square := 0., 0.
		for _, row := range t.x {
			mean += row[j] / n
		}
		for _, row := range t.x {
			square += (row[j] - mean) * (row[j] - mean) / (n - 1)
		}
		for _, row := range t.x {
			row[j] = (row[j] - mean) / math.Sqrt(square)
		}
	}
	return t, nil
}

// upload brings the table to a device.
func (t table) upload(dev *gpu.Device) (d data, err error) {
	var x, y []float32
	for i, row := range t.x {
		for _, v := range row {
			x = append(x, float32(v))
		}
		y = append(y, float32(t.y[i]))
	}
	if d.X, err = graph.FromSlice(dev, x, len(y), len(t.names)); err != nil {
		return d, err
	}
	d.Y, err = graph.FromSlice(dev, y)
	return d, err
}
