package gpu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"
)

// Profile runs the program once with its arguments, waits for it and returns the time that the device spent on each dispatch of the
// spec, 0 for those with a zero group count. The dispatches run one after the other, without overlap, so that the sum may exceed the
// time of Run. Devices without timestamps (Profile.TimestampPeriod is 0) return an error.
func (p *Program) Profile(ctx context.Context, args []*Array) ([]time.Duration, error) {
	times, err := p.s.profile(ctx, args)
	runtime.KeepAlive(p)
	runtime.KeepAlive(args)
	return times, err
}

func (s *program) profile(ctx context.Context, args []*Array) ([]time.Duration, error) {
	d := s.d
	period := d.info.Profile.TimestampPeriod
	if period == 0 {
		return nil, fmt.Errorf("gpu: program %q: %s has no timestamps", s.name, d.info.Name)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.hasLoops() {
		return nil, fmt.Errorf("gpu: program %q: it has loops, whose dispatches have no single time", s.name)
	}
	times := make([]time.Duration, s.total)
	ticks := make([]uint64, len(s.spec)+1)
	r, queries, err := s.submitTimed(args)
	for err == errBusy {
		if err = d.whenFree(ctx); err == nil {
			r, queries, err = s.submitTimed(args)
		}
	}
	if err != nil || r == nil {
		return times, err
	}
	defer d.calls.Done() // Close must not pull the recording away
	err = d.wait(ctx, r.ticket)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		err = d.usable()
	}
	if err == nil {
		err = d.failed("reading timestamps", d.vk.Queries(queries, ticks))
	}
	d.retire(r) // a cancelled wait leaves it in flight
	if err != nil {
		return nil, err
	}
	mask := ^uint64(0)
	if bits := d.physical.TimestampBits; bits < 64 {
		mask = 1<<bits - 1
	}
	for i, at := range s.index {
		times[at] = time.Duration(float64((ticks[i+1]-ticks[i])&mask) * period)
	}
	return times, nil
}

// submitTimed records and submits the program with a timestamp after each dispatch. A program without work gives a nil recording.
func (s *program) submitTimed(args []*Array) (*recording, uint64, error) {
	d := s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := s.prepare(args); err != nil || len(s.spec) == 0 {
		return nil, 0, err
	}
	r, err := s.newRecording()
	if err != nil {
		return nil, 0, err
	}
	if r.queries, err = d.vk.NewQueries(len(s.spec) + 1); err != nil {
		r.free(d.vk)
		return nil, 0, d.failed("making a pool of timestamps", err)
	}
	if err = s.record(r, args, r.queries); err == nil {
		err = s.submit(r, 0, args)
	}
	if err != nil {
		r.free(d.vk)
		return nil, 0, err
	}
	d.calls.Add(1)
	return r, r.queries, nil
}

// runProfiled is Run under LAVAGRAD_DEBUG=profile.
func (p *Program) runProfiled(ctx context.Context, args []*Array) error {
	if p.s.hasLoops() {
		start := time.Now()
		err := p.s.run(ctx, args)
		if err == nil {
			err = p.s.d.Wait(ctx)
		}
		p.s.d.log.LogAttrs(ctx, slog.LevelDebug, "gpu: program with loops", slog.String("program", p.s.name), slog.Duration("time", time.Since(start)))
		return err
	}
	times, err := p.Profile(ctx, args)
	if err != nil {
		return errors.Join(fmt.Errorf("gpu: LAVAGRAD_DEBUG=profile: program %q", p.s.name), err)
	}
	for i, at := range p.s.index {
		c := &p.s.spec[i]
		p.s.d.log.LogAttrs(ctx, slog.LevelDebug, "gpu: dispatch", slog.String("program", p.s.name), slog.Int("dispatch", at),
			slog.String("kernel", c.Kernel.name), slog.Any("groups", c.Groups), slog.Duration("time", times[at]))
	}
	return nil
}
