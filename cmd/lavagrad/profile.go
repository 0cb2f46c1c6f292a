package main

import (
	"context"
	"io"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/tune"
)

// profile is by what the library shapes kernels for the chosen device.
type profile struct {
	Tuning  string `json:"tuning"`  // "once", "off" or "force", as LAVAGRAD_TUNE has it
	Streams bool   `json:"streams"` // workgroups, vectors, reads and their rates were measured, else they are the table's
	MatMul  bool   `json:"matmul"`  // and so were matrix products
	File    string `json:"file"`    // where what was measured is kept, "" for nowhere
	Facts   string `json:"facts"`
}

// newProfile measures, where tuning is forced, or reads what is kept.
func newProfile(ctx context.Context, dev *gpu.Device) *profile {
	if dev.Tuning() == gpu.TuneForce {
		tune.Ensure(ctx, dev, tune.Everything)
	}
	tune.Load(dev)
	p := dev.Profile()
	return &profile{Tuning: dev.Tuning().String(), Streams: p.Measured&gpu.MeasuredStreams != 0, MatMul: p.Measured&gpu.MeasuredMatMul != 0,
		File: tune.Path(dev), Facts: tune.Describe(p)}
}

func (p *profile) print(w io.Writer) {
	source := "the table's for this driver: nothing has been measured yet"
	switch {
	case p.Tuning == "off":
		source = "the table's for this driver: LAVAGRAD_TUNE is off"
	case p.Streams && p.MatMul:
		source = "measured on this device"
	case p.Streams:
		source = "measured on this device, but for matrix products"
	case p.MatMul:
		source = "the table's for this driver, matrix products measured"
	}
	line(w, "profile", "%s", source)
	line(w, "", "%s", p.Facts)
	if p.File != "" && p.Tuning != "off" {
		line(w, "", "kept in %s", p.File)
	}
}
