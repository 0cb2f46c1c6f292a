package main

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

// mcycle are 133 measurements of a head's acceleration after the impact in motorcycle crash tests: milliseconds and multiples of g. They were
// published by Schmidt, Mattern and Schueler (1981) and, as a test for smoothers, by Silverman (1985, Journal of the Royal Statistical
// Society B 47, table 1). The numbers are those of the data set mcycle in the R package MASS (Venables and Ripley).
//
//go:embed mcycle.csv
var mcycle string

// starts are the times in ms at which the tasks start: before the impact shows, the fall, the rise, the rest.
var starts = []float64{0, 15, 21, 28}

// The network sees times and accelerations in units of their spread.
const (
	middle, spread = 25, 5 // ms
	unit           = 100   // g
)

// measurements are times and accelerations.
type measurements struct{ Time, Accel []float64 }

func (m *measurements) add(time, accel float64) {
	m.Time, m.Accel = append(m.Time, time), append(m.Accel, accel)
}

// task is a stretch of time. Every fifth measurement is held out for testing.
type task struct{ Train, Test measurements }

// load splits the measurements into tasks.
func load() ([]task, error) {
	rows, err := csv.NewReader(strings.NewReader(mcycle)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("continual: mcycle.csv: %w", err)
	}
	tasks := make([]task, len(starts))
	for i, row := range rows[1:] {
		time, err1 := strconv.ParseFloat(row[0], 64)
		accel, err2 := strconv.ParseFloat(row[1], 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("continual: mcycle.csv, row %d: %w", i+2, err)
		}
		n := 0
		for n+1 < len(starts) && time >= starts[n+1] {
			n++
		}
		if i%5 == 2 {
			tasks[n].Test.add(time, accel)
		} else {
			tasks[n].Train.add(time, accel)
		}
	}
	return tasks, nil
}

// together is all tasks as one.
func together(tasks []task) (all task) {
	for _, t := range tasks {
		all.Train.Time, all.Train.Accel = append(all.Train.Time, t.Train.Time...), append(all.Train.Accel, t.Train.Accel...)
		all.Test.Time, all.Test.Accel = append(all.Test.Time, t.Test.Time...), append(all.Test.Accel, t.Test.Accel...)
	}
	return all
}

// batch is a task on the device: [n 1] each.
type batch struct{ X, Y graph.Tensor }

func upload(dev *gpu.Device, m measurements) (b batch, err error) {
	x, y := make([]float32, len(m.Time)), make([]float32, len(m.Time))
	for i := range x {
		x[i], y[i] = float32((m.Time[i]-middle)/spread), float32(m.Accel[i]/unit)
	}
	if b.X, err = graph.FromSlice(dev, x, len(x), 1); err != nil {
		return b, err
	}
	if b.Y, err = graph.FromSlice(dev, y, len(y), 1); err != nil {
		return b, errors.Join(err, b.X.Close())
	}
	return b, nil
}
