package tune

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/lavagrad/lavagrad/gpu"
)

// Everything is every group of facts.
const Everything = gpu.MeasuredStreams | gpu.MeasuredMatMul

// budget is how long the measuring of one group goes on: what is not decided then stays as the table has it. A form whose compilation has
// begun is waited for.
const budget = 1500 * time.Millisecond

// measuring lets one measurement run at a time in a process: two would measure each other.
var measuring sync.Mutex

// Ensure sees to it that the device's profile has the given groups of facts as measured, from the file or by measuring, unless the
// device's tuning is off. What cannot be measured stays as the table has it, with a line in the device's log: a program runs without.
// A cancelled context ends it; then nothing is kept.
func Ensure(ctx context.Context, dev *gpu.Device, need gpu.Measured) {
	if dev.Tuning() == gpu.TuneOff || need&^dev.Profile().Measured == 0 {
		return
	}
	measuring.Lock()
	defer measuring.Unlock()
	p := dev.Profile()
	if dev.Tuning() == gpu.TuneOnce {
		p = load(dev, p)
	}
	missing := need &^ p.Measured
	if missing != 0 {
		begin := time.Now()
		measured, err := measure(ctx, dev, p, missing)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			dev.Log().Warn("tune: the built-in profile stays", "device", dev.Name(), "err", err)
			measured = p
			measured.Measured |= missing // not again in this process
		default:
			if err := save(dev, measured); err != nil {
				dev.Log().Warn("tune: the measured profile is not kept", "err", err)
			}
			dev.Log().Info("tune: profile measured", "device", dev.Name(), "took", time.Since(begin), "facts", Describe(measured))
		}
		p = measured
	}
	dev.Tuned(p)
}

// Load gives the device what is kept of its profile, without measuring anything.
func Load(dev *gpu.Device) {
	if dev.Tuning() != gpu.TuneOnce || dev.Profile().Measured == Everything {
		return
	}
	measuring.Lock()
	defer measuring.Unlock()
	dev.Tuned(load(dev, dev.Profile()))
}

// Describe writes the facts of a profile on one line.
func Describe(p gpu.Profile) string {
	reads := "storage buffers"
	if p.TexelReads {
		reads = "texel buffers"
		if !p.TexelScalars {
			reads += " for vectors"
		}
	}
	loop := "in a loop"
	if p.Unrolled {
		loop = "unrolled"
	}
	if p.VecPerInvocation == 1 {
		loop = "an invocation"
	}
	units := ""
	if p.RoundedMatrices {
		units = ", rounded ones on matrix units"
		if p.SplitMatrices {
			units = ", rounded and split ones on matrix units"
		}
	}
	return fmt.Sprintf("workgroups of %d, %d x 4 floats %s, reads through %s, %s matrix products%s; %.3g and %.3g GFLOP/s (products, folds), %.3g GB/s, %.3g us a dispatch",
		p.LocalSize, p.VecPerInvocation, loop, reads, p.MatMul, units, p.Rates.MatMul/1e9, p.Rates.Vector/1e9, p.Rates.Bytes/1e9, p.Rates.Dispatch*1e6)
}

// measure measures groups of facts on a handle of its own, so that the user's memory limit, statistics and debugging options see nothing.
func measure(ctx context.Context, dev *gpu.Device, p gpu.Profile, groups gpu.Measured) (gpu.Profile, error) {
	own, err := gpu.Open(ctx, gpu.WithDevice(strconv.Itoa(dev.Info().Index)), gpu.WithValidation(false), gpu.WithoutTuning(), gpu.WithCacheDir(""),
		gpu.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return p, err
	}
	if own.Identity() != dev.Identity() {
		return p, errors.Join(fmt.Errorf("tune: device %d is another one now", dev.Info().Index), own.Close())
	}
	m := &meter{ctx: ctx, dev: own, p: p, until: time.Now().Add(budget)}
	if groups&gpu.MeasuredStreams != 0 {
		err = m.streams()
	}
	if err == nil && groups&gpu.MeasuredMatMul != 0 {
		m.until = time.Now().Add(budget)
		err = m.matmul()
	}
	m.p.Measured |= groups
	return m.p, errors.Join(err, own.Close())
}

// load is p with the facts that the device's file has.
func load(dev *gpu.Device, p gpu.Profile) gpu.Profile {
	data, err := dev.Kept(fileName)
	if errors.Is(err, fs.ErrNotExist) {
		return p
	}
	if err == nil {
		var kept record
		if kept, err = parse(data, dev, p); err == nil {
			return kept.into(p)
		}
	}
	dev.Log().Warn("tune: a file is ignored, and made again at the next measurement", "file", Path(dev), "err", err)
	return p
}
