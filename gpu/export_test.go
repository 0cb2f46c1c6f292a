package gpu

import (
	"context"
	"time"
)

// WithStaging makes a device treat its memory as the host cannot map it, as on discrete GPUs.
func WithStaging() Option { return func(c *config) { c.staged = true } }

// WithWatchdog makes a CPU driver bound its submissions as GPUs do.
func WithWatchdog() Option { return func(c *config) { c.watched = true } }

// SubmitBare records the program with its arguments and returns functions that only resubmit it: one waits with a fence, one with the
// timeline semaphore that the package uses. Nothing may use the device besides.
func (p *Program) SubmitBare(args []*Array) (fence, timeline func() error, err error) {
	if err := p.Run(context.Background(), args); err != nil {
		return nil, nil, err
	}
	d := p.s.d
	if err := d.Wait(context.Background()); err != nil {
		return nil, nil, err
	}
	r := p.s.recordings[0]
	fence = func() error { return d.vk.SubmitFenceWait(r.commands[0]) }
	timeline = func() error {
		d.submitted++
		if err := d.vk.Submit(r.commands, d.submitted); err != nil {
			return err
		}
		_, err := d.vk.Wait(d.submitted, 1e9)
		return err
	}
	return fence, timeline, nil
}

// Pin does what a host copy does before it starts, and Unpin what it does at its end.
func (a *Array) Pin() error {
	_, err := a.pin(false)
	return err
}

// Unpin ends what Pin began.
func (a *Array) Unpin() { a.unpin() }

// KeepMemory sets how many bytes of empty slabs are kept anyway, and for how long as many as were needed last.
func (d *Device) KeepMemory(bytes int64, stretch time.Duration) {
	d.memory.keep, d.memory.peaks.stretch = bytes, stretch
}

// LimitViews makes slabs remember only n texel views.
func (d *Device) LimitViews(n int) { d.memory.viewsMax = n }

// ParseDebug parses the words of LAVAGRAD_DEBUG.
var ParseDebug = parseDebug

// PlanBarriers plans the barriers of dispatches whose arguments alias as given.
var PlanBarriers = planBarriers

// Aliases maps every argument to the first that is the same array.
var Aliases = aliases

// FormatBytes writes a size for people.
var FormatBytes = formatBytes

// WrapPipelines and UnwrapPipelines are the form of the file of pipelines.
var WrapPipelines, UnwrapPipelines = wrapPipelines, unwrapPipelines
