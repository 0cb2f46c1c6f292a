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
// spec, 0 for those with a zero group count, the sum over the rounds for those in loops. The dispatches run one after the other, without
// overlap, so that the sum may exceed the time of Run. Devices without timestamps (Profile.TimestampPeriod is 0) return an error.
func (p *Program) Profile(ctx context.Context, args []*Array) ([]time.Duration, error) {
	times, err := p.s.profile(ctx, args)
	runtime.KeepAlive(p)
	runtime.KeepAlive(args)
	return times, err
}

func (s *program) profile(ctx context.Context, args []*Array) ([]time.Duration, error) {
	d := s.d
	if d.info.Profile.TimestampPeriod == 0 {
		return nil, fmt.Errorf("gpu: program %q: %s has no timestamps", s.name, d.info.Name)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	times := make([]time.Duration, s.total)
	if err := s.runSteps(ctx, args, times); err != nil {
		return nil, err
	}
	return times, nil
}

// newTimedRecording is a recording with timestamps around each dispatch. mu is held.
func (s *program) newTimedRecording() (*recording, error) {
	d := s.d
	r, err := s.newRecording()
	if err != nil {
		return nil, err
	}
	r.queries = make([]uint64, 0, len(s.pieces))
	for _, p := range s.pieces {
		q, err := d.vk.NewQueries(len(p.order) + 1)
		if err != nil {
			r.free(d.vk)
			return nil, d.failed("making a pool of timestamps", err)
		}
		r.queries = append(r.queries, q)
	}
	return r, nil
}

// runProfiled is Run under LAVAGRAD_DEBUG=profile.
func (p *Program) runProfiled(ctx context.Context, args []*Array) error {
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
