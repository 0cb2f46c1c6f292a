package gpu

import (
	"context"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

const (
	// submitNanos is what one submission of a program with long loops should last: watchdogs of GPUs take from a second on, and a
	// measured time may be off by a factor.
	submitNanos = 50e6
	// whileNanos is the same for the rounds between two looks at a while loop's word. It is smaller, because rounds behind the last are
	// wasted, and large against the cost of a look (some 50 microseconds).
	whileNanos = 4e6
	// submitCommands is the most command buffers of a submission.
	submitCommands = 256
)

// walk is a run of a program with loops that are not written out, or a very long one on a device with a watchdog: the host goes through the steps and submits command buffers. A device
// has one walk at a time, whose program is Device.walking, because the submissions of two must not mix: they share the arena.
type walk struct {
	s       *program
	ctx     context.Context
	args    []*Array
	r       *recording
	before  uint64 // the last submission of others
	last    uint64 // of this walk, 0 for none
	pending []vk.Command
	next    flight    // what pending will be
	flights [2]flight // submitted and not waited for, oldest first
	flying  int
	seen    time.Time // when the last one waited for was done

	times []time.Duration // of the dispatches, if they are measured
	ticks []uint64
}

// flight is a submission on its way.
type flight struct {
	ticket    uint64
	at        time.Time
	predicted float64 // nanoseconds
	parts     []part
}

// part is the rounds of a leaf in a submission.
type part struct {
	leaf  *leaf
	count float64
}

// runSteps is run for a program with loops that are not written out. With times it measures the dispatches.
func (s *program) runSteps(ctx context.Context, args []*Array, times []time.Duration) error {
	for {
		o, err := s.beginWalk(ctx, args, times)
		if err != nil {
			return err
		}
		if !o.any() {
			break
		}
		if err := s.d.pass(ctx, o); err != nil {
			return err
		}
	}
	w := &s.walk
	defer w.end()
	if err := w.run(s.steps); err != nil {
		return err
	}
	return w.flush(1)
}

// beginWalk takes the device's walk for the program, or says what stands in the way.
func (s *program) beginWalk(ctx context.Context, args []*Array, times []time.Duration) (o obstacle, err error) {
	d := s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.walking != nil {
		return d.walker(), nil
	}
	d.walking = s
	defer func() {
		if err != nil || o.any() {
			d.endWalk()
		}
	}()
	if err := s.prepare(args); err != nil {
		return obstacle{}, err
	}
	var r *recording
	if times != nil {
		if r, err = s.newTimedRecording(); err != nil {
			return obstacle{}, err
		}
		if err := s.record(r, args); err != nil {
			r.free(d.vk)
			return obstacle{}, err
		}
	} else if r = s.match(args); r == nil {
		if r, o.ticket, err = s.vacant(); err != nil || o.ticket != 0 {
			return o, err
		}
		if err := s.record(r, args); err != nil {
			return obstacle{}, err
		}
	}
	for _, a := range args {
		a.b.pins++ // closed in another goroutine, it must not become another's memory between two submissions
	}
	d.calls.Add(1) // Device.Close waits
	r.busy = true
	w := &s.walk
	w.ctx, w.args, w.r, w.times = ctx, args, r, times
	w.before, w.last, w.seen = d.submitted, 0, time.Time{}
	return obstacle{}, nil
}

// end notes what the walk used and gives the device's walk back.
func (w *walk) end() {
	s := w.s
	d := s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.calls.Done()
	w.r.busy = false
	if w.last > 0 {
		s.note(w.r, w.args, w.last)
	}
	for _, a := range w.args {
		a.b.pins--
		if a.b.closed && a.b.pins == 0 {
			d.memory.release(a.b)
		}
	}
	if w.times != nil {
		d.retire(w.r) // a cancelled walk leaves it in flight
	}
	s.flights++ // a submission that was never made must not share its number with the next
	w.pending, w.flying = w.pending[:0], 0
	w.next.parts, w.next.predicted = w.next.parts[:0], 0
	w.ctx, w.args, w.r, w.times = nil, nil, nil, nil
	d.endWalk()
	runtime.KeepAlive(s)
}

// run goes through steps.
func (w *walk) run(list []step) error {
	for i := range list {
		st := &list[i]
		var err error
		switch {
		case st.leaf != nil:
			err = w.emit(st.leaf, 1)
		case st.loop.While != nil:
			err = w.while(st)
		default:
			err = w.repeat(st, st.loop.Count)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) repeat(st *step, rounds int) error {
	if st.plain {
		return w.emit(st.body[0].leaf, rounds)
	}
	for range rounds {
		if err := w.run(st.body); err != nil {
			return err
		}
	}
	return nil
}

// while runs rounds until the loop's word is 0.
func (w *walk) while(st *step) error {
	rounds := 0
	for n := 1; ; n *= 2 {
		word, err := w.read(st)
		if err != nil || word == 0 {
			return err
		}
		if st.loop.Count > 0 && rounds == st.loop.Count {
			s := w.s
			return fmt.Errorf("%w: program %q: the while loop over dispatches %d to %d still goes on after %d rounds, the most it may run",
				ErrLoopLimit, s.name, s.index[st.loop.First], s.index[st.loop.Last-1], rounds)
		}
		if !st.plain {
			n = 1 // the loops inside are waited for anyway
		} else {
			n = min(n, max(1, int(whileNanos/st.body[0].leaf.nanos)))
		}
		if st.loop.Count > 0 {
			n = min(n, st.loop.Count-rounds)
		}
		if err := w.repeat(st, n); err != nil {
			return err
		}
		rounds += n
	}
}

// emit queues rounds of a leaf.
func (w *walk) emit(l *leaf, rounds int) error {
	for rounds > 0 {
		at, n := l.single, 1
		if l.rounds > 0 && rounds >= l.rounds && l.nanos*float64(l.rounds) <= submitNanos {
			at, n = l.bulk, l.rounds
		}
		rounds -= n
		nanos := l.nanos * float64(n)
		if len(w.pending) > 0 && (w.next.predicted+nanos > submitNanos || len(w.pending) == submitCommands) {
			if err := w.flush(1); err != nil {
				return err
			}
			nanos = l.nanos * float64(n)
		}
		w.pending = append(w.pending, w.r.commands[at])
		w.next.predicted += nanos
		if l.flight != w.s.flights+1 {
			l.flight, l.at = w.s.flights+1, len(w.next.parts)
			w.next.parts = append(w.next.parts, part{leaf: l})
		}
		w.next.parts[l.at].count += float64(n)
		if w.times != nil {
			if err := w.measure(at); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush submits what is pending and waits until at most keep submissions of the walk are under way: one, so that the device is never
// idle and the host learns how long they take; none if a leaf was never measured.
func (w *walk) flush(keep int) error {
	d := w.s.d
	if err := w.ctx.Err(); err != nil {
		return fmt.Errorf("gpu: program %q: %w", w.s.name, err)
	}
	if len(w.pending) > 0 {
		d.mu.Lock()
		err := d.usable()
		if err == nil {
			w.next.at = time.Now()
			w.next.ticket, err = d.submit(w.pending)
		}
		d.mu.Unlock()
		if err != nil {
			return err
		}
		w.s.flights++
		w.last = w.next.ticket
		for _, p := range w.next.parts {
			if p.leaf.count == 0 {
				keep = 0
			}
		}
		w.pending = w.pending[:0]
		w.flights[w.flying], w.next = w.next, w.flights[w.flying] // its slice is used again
		w.next.parts, w.next.predicted = w.next.parts[:0], 0
		w.flying++
	}
	for w.flying > keep {
		if err := w.land(); err != nil {
			return err
		}
	}
	return nil
}

// land waits for the oldest submission and learns from its duration.
func (w *walk) land() error {
	d := w.s.d
	f := w.flights[0]
	d.mu.Lock()
	late, err := d.reached(f.ticket)
	d.mu.Unlock()
	if err == nil {
		err = d.wait(w.ctx, f.ticket)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	start := f.at
	if !late && w.seen.After(start) {
		start = w.seen // it waited for the one before
	}
	w.seen = now
	w.flights[0], w.flights[1] = w.flights[1], f
	w.flying--
	took := float64(now.Sub(start))
	if f.predicted == 0 || late && took > f.predicted {
		return nil // nothing but a copy; or it was done some time ago, and the time is only an upper bound
	}
	for _, p := range f.parts {
		l := p.leaf
		share := took * l.nanos * p.count / f.predicted
		l.time, l.count = l.time/2+share, l.count/2+p.count
		l.nanos = max(l.time/l.count, l.least)
	}
	return nil
}

// read waits for everything so far and returns a while loop's word.
func (w *walk) read(st *step) (uint32, error) {
	s := w.s
	d := s.d
	if !d.memory.mapped {
		w.pending = append(w.pending, w.r.commands[len(s.pieces)+st.word])
	}
	if err := w.flush(0); err != nil {
		return 0, err
	}
	if w.last == 0 {
		if err := d.wait(w.ctx, w.before); err != nil {
			return 0, err
		}
	}
	if !d.memory.mapped {
		return *(*uint32)(d.word.Mapped), nil
	}
	b := d.arena.b
	if at := s.words[st.word].Slot; at != Arena {
		b = w.args[at].b
	}
	return *(*uint32)(unsafe.Pointer(&b.slab.bytes[b.offset+s.words[st.word].Offset])), nil
}

// measure runs the piece that was queued alone and adds up the times of its dispatches.
func (w *walk) measure(at int) error {
	if err := w.flush(0); err != nil {
		return err
	}
	s := w.s
	d := s.d
	order := s.pieces[at].order
	if len(w.ticks) <= len(order) {
		w.ticks = make([]uint64, len(order)+1)
	}
	ticks := w.ticks[:len(order)+1]
	d.mu.Lock()
	err := d.usable()
	if err == nil {
		err = d.failed("reading timestamps", d.vk.Queries(w.r.queries[at], ticks))
	}
	d.mu.Unlock()
	if err != nil {
		return err
	}
	mask := ^uint64(0)
	if bits := d.physical.TimestampBits; bits < 64 {
		mask = 1<<bits - 1
	}
	for i, which := range order {
		w.times[s.index[which]] += time.Duration(float64((ticks[i+1]-ticks[i])&mask) * d.info.Profile.TimestampPeriod)
	}
	return nil
}

// obstacle is what a run has to wait for: a ticket, or the end of the walk in progress.
type obstacle struct {
	ticket uint64
	walk   <-chan struct{}
}

func (o obstacle) any() bool { return o.ticket != 0 || o.walk != nil }

// pass waits until an obstacle is out of the way.
func (d *Device) pass(ctx context.Context, o obstacle) error {
	if o.walk == nil {
		return d.wait(ctx, o.ticket)
	}
	select {
	case <-o.walk:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("gpu: waiting for another program's loops: %w", ctx.Err())
	}
}

// walker is the obstacle of a walk in progress. mu is held.
func (d *Device) walker() obstacle {
	if d.walkDone == nil {
		d.walkDone = make(chan struct{})
	}
	return obstacle{walk: d.walkDone}
}

// endWalk lets others run. mu is held.
func (d *Device) endWalk() {
	d.walking = nil
	if d.walkDone != nil {
		close(d.walkDone)
		d.walkDone = nil
	}
	if !d.closed {
		d.buryRecordings()
		d.shrinkArena()
	}
}

// openWord makes the word that while loops' conditions are copied to where the host cannot read arrays. mu is held.
func (d *Device) openWord() error {
	if d.word.Mapped != nil {
		return nil
	}
	var err error
	d.word, err = d.vk.Alloc(padding, d.stagingType(), true)
	return d.failed("allocating a word of staging memory", err)
}
