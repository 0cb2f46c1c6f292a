package gpu

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// maxInFlight bounds the submissions that the host runs ahead of the device.
const maxInFlight = 8

// recording is a program's command buffers with their descriptor sets, for one set of arguments.
type recording struct {
	commands []vk.Command // one for each piece, then one that copies each while loop's word to the host
	pool     uint64
	queries  []uint64 // pools of timestamps, one for each piece; nil without
	sets     []uint64
	keys     []rangeKey // the arguments, then the arena
	epoch    uint64     // of the texel views it names
	ticket   uint64     // of its last submission
	used     uint64     // the program's clock at that time
	valid    bool
	busy     bool // a walk submits it
}

// rangeKey identifies memory, not an array: a new array in the place of a closed one needs no new recording.
type rangeKey struct {
	slab           uint64
	offset, length int64
}

func keyOf(b *block) rangeKey {
	if b == nil || b.slab == nil {
		return rangeKey{}
	}
	return rangeKey{b.slab.id, b.offset, b.capacity}
}

func (r *recording) free(v *vk.Device) {
	for _, c := range r.commands {
		v.FreeCommand(c)
	}
	if r.pool != 0 {
		v.FreeSets(r.pool)
	}
	for _, q := range r.queries {
		v.FreeQueries(q)
	}
}

// Run submits the program with its arguments and returns without waiting for the device; it waits only when too much is in flight. The
// same memory as in one of the last calls makes this one resubmission; other memory rewrites descriptors and commands, about 0.2
// microseconds a dispatch. One array may stand for several arguments: then barriers are planned for that.
//
// A program with a while loop, with a counted one too long to be written out, or on a GPU with hundreds of dispatches, may be a sequence of
// submissions of some tens of milliseconds each. Run waits for them: for the first ones, which it measures; until a while loop has ended;
// and until all but the last of a sequence are done. No other program runs in between. When ctx ends, so does the run, at the next submission or while waiting: what it writes is then undefined, but
// everything stays usable.
//
// Errors: ErrClosed; wrong number, size or device of arguments; ErrOutOfMemory for the arena; ErrDeviceLost; ErrLoopLimit; ctx's.
func (p *Program) Run(ctx context.Context, args []*Array) error {
	s := p.s
	if s.d.debug.Profile {
		return p.runProfiled(ctx, args)
	}
	err := s.run(ctx, args)
	runtime.KeepAlive(p)
	runtime.KeepAlive(args)
	if err == nil && s.d.debug.Sync {
		err = s.d.Wait(ctx)
	}
	return err
}

func (s *program) run(ctx context.Context, args []*Array) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.straight {
		return s.runSteps(ctx, args, nil)
	}
	for {
		o, err := s.tryRun(args)
		if err != nil || !o.any() {
			return err
		}
		if err := s.d.pass(ctx, o); err != nil {
			return err
		}
	}
}

// tryRun submits, or returns what must be waited for before it can.
func (s *program) tryRun(args []*Array) (o obstacle, err error) {
	d := s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.walking != nil {
		return d.walker(), nil
	}
	if err := s.prepare(args); err != nil || len(s.steps) == 0 {
		return o, err
	}
	if d.walking != nil { // since prepare gave mu up
		return d.walker(), nil
	}
	if d.submitted-d.completed >= maxInFlight {
		ticket := d.submitted - maxInFlight + 1
		if ok, err := d.reached(ticket); err != nil || !ok {
			return obstacle{ticket: ticket}, err
		}
	}
	r := s.match(args)
	if r == nil {
		if r, o.ticket, err = s.vacant(); err != nil || o.any() {
			return o, err
		}
		if err := s.record(r, args); err != nil {
			return o, err
		}
	}
	return o, s.submit(r, args)
}

// prepare checks the arguments and makes room for the temporaries. mu is held.
func (s *program) prepare(args []*Array) error {
	d := s.d
	if s.arena > 0 && !s.closed {
		// First, because it may give mu up; the checks must hold until the submission.
		if err := d.growArena(s); err != nil {
			return err
		}
	}
	if err := d.usable(); err != nil {
		return err
	}
	if s.closed {
		return closedError(fmt.Sprintf("program %q", s.name))
	}
	if len(args) != len(s.slots) {
		return fmt.Errorf("gpu: program %q: %d arguments, it has %d", s.name, len(args), len(s.slots))
	}
	for i, a := range args {
		switch {
		case a == nil:
			return fmt.Errorf("gpu: program %q: argument %d is nil", s.name, i)
		case a.d != d:
			return fmt.Errorf("gpu: program %q: argument %d is on another device (%s, not %s)", s.name, i, a.d.info.Name, d.info.Name)
		case a.b.closed:
			return closedError(fmt.Sprintf("array of %d bytes that is argument %d of program %q", a.size, i, s.name))
		case a.size < s.slots[i]:
			return fmt.Errorf("gpu: program %q: argument %d has %d bytes, %d are needed", s.name, i, a.size, s.slots[i])
		}
	}
	return nil
}

// match finds a recording of these arguments. mu is held.
func (s *program) match(args []*Array) *recording {
	for _, r := range s.recordings {
		if !r.valid || s.texel > 0 && r.epoch != s.d.memory.epoch {
			continue
		}
		same := s.arena == 0 || r.keys[len(args)] == keyOf(s.d.arena.b)
		for i := 0; same && i < len(args); i++ {
			same = r.keys[i] == keyOf(args[i].b)
		}
		if same {
			return r
		}
	}
	return nil
}

// vacant returns a recording to overwrite: a new one, or the least recently used; or the ticket to wait for. mu is held.
func (s *program) vacant() (r *recording, blocker uint64, err error) {
	d := s.d
	for _, x := range s.recordings {
		if r == nil || x.used < r.used {
			r = x
		}
	}
	if len(s.recordings) < maxRecordings {
		if r, err = s.newRecording(); err != nil {
			return nil, 0, err
		}
		s.recordings = append(s.recordings, r)
		return r, 0, nil
	}
	if idle, err := d.reached(r.ticket); err != nil || !idle {
		return nil, r.ticket, err
	}
	return r, 0, nil
}

func (s *program) newRecording() (*recording, error) {
	d := s.d
	d.buryRecordings()
	r := &recording{keys: make([]rangeKey, len(s.slots)+1)}
	n := len(s.pieces)
	if len(s.words) > 0 && !d.memory.mapped {
		if err := d.openWord(); err != nil {
			return nil, err
		}
		n += len(s.words)
	}
	for range n {
		c, err := d.vk.NewCommand()
		if err != nil {
			r.free(d.vk)
			return nil, d.failed("making a command buffer", err)
		}
		r.commands = append(r.commands, c)
	}
	if len(s.layouts) > 0 {
		var err error
		if r.pool, r.sets, err = d.vk.NewSets(s.layouts, s.storage, s.texel); err != nil {
			r.pool = 0
			r.free(d.vk)
			return nil, d.failed(fmt.Sprintf("making %d descriptor sets", len(s.layouts)), err)
		}
	}
	return r, nil
}

// record writes the descriptors and the commands of r for these arguments, in one call for each piece. mu is held and r is idle.
func (s *program) record(r *recording, args []*Array) error {
	d := s.d
	r.valid = false
	epoch := d.memory.epoch
	for i := range s.refs {
		if err := s.describe(&s.writes[i], &s.refs[i], r, args); err != nil {
			return err
		}
	}
	if d.memory.epoch != epoch && s.texel > 0 {
		// The view cache was emptied on the way, views of this very recording may be among the dropped: once more, now it is roomy.
		for i := range s.refs {
			if err := s.describe(&s.writes[i], &s.refs[i], r, args); err != nil {
				return err
			}
		}
	}
	alias := aliases(args)
	writes := s.writes
	for i, p := range s.pieces {
		barriers := p.barriers
		if alias != nil {
			barriers = s.barriers(p.order, alias)
		}
		for j, at := range p.order {
			c := &s.dispatches[j]
			*c = s.template[at]
			if set := s.sets[at]; set >= 0 {
				c.Set = r.sets[set]
			}
			if barriers[j] {
				c.Barrier = 1
			}
		}
		var queries uint64
		if r.queries != nil {
			queries = r.queries[i]
		}
		if err := d.vk.Record(r.commands[i], writes, s.dispatches[:len(p.order)], s.push, queries); err != nil {
			return d.failed(fmt.Sprintf("recording program %q", s.name), err)
		}
		writes = nil // the descriptors hold for all pieces
	}
	for i, c := range r.commands[len(s.pieces):] {
		b := d.arena.b
		if slot := s.words[i].Slot; slot != Arena {
			b = args[slot].b
		}
		if err := d.vk.RecordCopy(c, b.slab.Buffer, b.offset+s.words[i].Offset, d.word.Buffer, 0, 4); err != nil {
			return d.failed(fmt.Sprintf("recording program %q", s.name), err)
		}
	}
	for i, a := range args {
		r.keys[i] = keyOf(a.b)
	}
	r.keys[len(args)] = keyOf(d.arena.b)
	r.epoch, r.valid = d.memory.epoch, true
	d.stats.Recordings++
	return nil
}

// describe fills in one descriptor. mu is held.
func (s *program) describe(w *vk.Write, ref *reference, r *recording, args []*Array) error {
	d := s.d
	b, length := d.arena.b, s.arena
	if ref.slot != Arena {
		b = args[ref.slot].b
		length = b.capacity
	}
	offset, size := ref.offset, roundUp(ref.size, padding)
	if size == 0 {
		size = roundUp(length-offset, padding)
		if err := d.checkRange(ref.kind, size); err != nil {
			return fmt.Errorf("gpu: program %q, dispatch %d, binding %d: %w", s.name, ref.dispatch, ref.binding, err)
		}
	}
	if size == 0 { // an empty array, or the empty end of one: a descriptor must show something
		var err error
		if b, err = d.dummyBlock(); err != nil {
			return err
		}
		offset, size = 0, padding
	}
	*w = vk.Write{Set: r.sets[ref.set], Binding: ref.binding, Kind: uint32(ref.kind)}
	if ref.kind == Texel {
		var err error
		w.View, err = d.memory.view(b, offset, size)
		return err
	}
	w.Buffer, w.Offset, w.Range = b.slab.Buffer, uint64(b.offset+offset), uint64(size)
	return nil
}

// aliases maps every argument to the first one that is the same array; nil if all differ. mu is held (it guards the marks).
func aliases(args []*Array) []int {
	for _, a := range args {
		a.b.mark = -1
	}
	var alias []int
	for i, a := range args {
		if a.b.mark < 0 {
			a.b.mark = i
			if alias != nil {
				alias[i] = i
			}
			continue
		}
		if alias == nil {
			alias = make([]int, len(args))
			for j := range i {
				alias[j] = j
			}
		}
		alias[i] = a.b.mark
	}
	return alias
}

// submit queues a recording and notes what it uses. mu is held.
func (s *program) submit(r *recording, args []*Array) error {
	d := s.d
	ticket, err := d.submit(r.commands)
	if err != nil {
		return err
	}
	s.note(r, args, ticket)
	return nil
}

// note keeps what a submission uses. mu is held.
func (s *program) note(r *recording, args []*Array, ticket uint64) {
	s.clock++
	r.ticket, r.used = ticket, s.clock
	for i, a := range args {
		a.b.lastUse = ticket
		if s.written[i] {
			a.b.lastWrite = ticket
		}
	}
	if s.arena > 0 {
		s.d.arena.b.lastUse = ticket
	}
}

// retire frees a recording once its last submission is done. mu is held.
func (d *Device) retire(r *recording) {
	d.arena.retired = append(d.arena.retired, r)
	d.buryRecordings()
}

// buryRecordings frees retired recordings that no submission uses. mu is held.
func (d *Device) buryRecordings() {
	d.arena.retired = slices.DeleteFunc(d.arena.retired, func(r *recording) bool {
		if done, err := d.reached(r.ticket); r.busy || err != nil || !done {
			return false
		}
		r.free(d.vk)
		return true
	})
}
