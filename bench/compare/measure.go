package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

// result is one line of the output.
type result struct {
	Workload string   `json:"workload"`
	Device   string   `json:"device"`
	OursMS   float64  `json:"ours_ms"`
	Peer     string   `json:"peer"`
	PeerMS   *float64 `json:"peer_ms"` // null without a peer
	Ratio    *float64 `json:"ratio"`   // ours over the peer's
	Peak     int64    `json:"ours_peak_bytes"`

	err   float64 // largest relative difference of a leaf
	first time.Duration
}

// Runs of one side are series of about this length, and the other side has its turn after a pause in which threads that wait by
// spinning fall asleep.
const (
	seriesMS = 20
	pause    = 5 * time.Millisecond
)

// tolerance is how far results may differ, relative: see difference.
const tolerance = 1e-4

// side is one of those who are compared.
type side interface {
	series(ms float64) ([]float64, error)
}

// ours runs a program on a device.
type ours struct {
	ctx context.Context
	dev *gpu.Device
	program
}

// timed runs once and waits until the device is done.
func (o ours) timed() (ms float64, err error) {
	start := time.Now()
	out, err := o.run(o.ctx)
	err = errors.Join(err, o.dev.Wait(o.ctx))
	ms = time.Since(start).Seconds() * 1e3
	return ms, errors.Join(err, graph.Close(out))
}

func (o ours) series(ms float64) (times []float64, err error) {
	for end := time.Now().Add(time.Duration(ms * 1e6)); len(times) == 0 || time.Now().Before(end); {
		t, err := o.timed()
		if err != nil {
			return nil, err
		}
		times = append(times, t)
	}
	return times, nil
}

// results runs the program without noise and reads what it gives.
func (o ours) results() (values [][]float32, err error) {
	out, err := o.check(o.ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range out {
		v, err := t.Floats(o.ctx)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, graph.Close(out)
}

// peak is the most memory that a run has at a time: inputs, temporaries and results.
func (o ours) peak() (int64, error) {
	o.dev.ResetPeak()
	_, err := o.timed()
	return o.dev.Stats().PeakBytes, err
}

// difference is the largest over the leaves of |a - b| / |b|, in Euclidean norms: ReLU's kink turns a rounding error into another gradient of
// one unit for one sample, so that single elements prove nothing, and an element that is wrong shows in the norm.
func difference(got, want [][]float32) (float64, error) {
	if len(got) != len(want) {
		return 0, fmt.Errorf("%d results, the peer has %d", len(got), len(want))
	}
	worst := 0.0
	for i := range got {
		if len(got[i]) != len(want[i]) {
			return 0, fmt.Errorf("result %d has %d elements, the peer's %d", i, len(got[i]), len(want[i]))
		}
		var d, n float64
		for j, w := range want[i] {
			e := float64(got[i][j]) - float64(w)
			d, n = d+e*e, n+float64(w)*float64(w)
		}
		rel := math.Sqrt(d / n)
		if d == 0 {
			rel = 0
		}
		if math.IsNaN(rel) {
			return rel, fmt.Errorf("result %d has NaN or infinities", i)
		}
		worst = max(worst, rel)
	}
	return worst, nil
}

// inTurns gives the median time of each side, a series at a time in turns.
func inTurns(sides []side, rounds int) ([]float64, error) {
	times := make([][]float64, len(sides))
	for range rounds {
		for i, s := range sides {
			time.Sleep(pause)
			t, err := s.series(seriesMS)
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], t...)
		}
	}
	medians := make([]float64, len(sides))
	for i, t := range times {
		medians[i] = median(t)
	}
	return medians, nil
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}

// measure runs a workload on a device of its own, so that its peak is nobody else's, and in the peers; it gives a line for each of them.
func measure(ctx context.Context, w workload, device string, peers []*peer, dir string, rounds int) (lines []result, err error) {
	dev, err := gpu.Open(ctx, gpu.WithDevice(device))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	inputs := w.inputs(newGenerator())
	args, err := upload(dev, inputs)
	if err != nil {
		return nil, err
	}
	p, err := w.start(ctx, dev, args)
	if err != nil {
		return nil, err
	}
	o := ours{ctx, dev, p}
	begin := time.Now()
	got, err := o.results()
	if err != nil {
		return nil, err
	}
	line := result{Workload: w.name, Device: dev.Profile().Driver, first: time.Since(begin)}
	if line.Peak, err = o.peak(); err != nil {
		return nil, err
	}
	files, err := write(dir, inputs)
	if err != nil {
		return nil, err
	}
	sides := []side{o}
	for _, p := range peers {
		if err := p.load(w.spec, files); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		want, err := p.results()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		l := line
		l.Peer = p.name
		l.err, err = difference(got, want)
		if err == nil && l.err > tolerance {
			err = fmt.Errorf("relative difference %.3g, allowed are %.0e", l.err, tolerance)
		}
		if err != nil {
			return nil, fmt.Errorf("against %s: %w", p.name, err)
		}
		lines, sides = append(lines, l), append(sides, p)
	}
	if len(peers) == 0 {
		lines = []result{line}
	}
	medians, err := inTurns(sides, rounds)
	if err != nil {
		return nil, err
	}
	for i := range lines {
		lines[i].OursMS = medians[0]
		if len(peers) > 0 {
			ratio := medians[0] / medians[i+1]
			lines[i].PeerMS, lines[i].Ratio = &medians[i+1], &ratio
		}
	}
	return lines, nil
}
