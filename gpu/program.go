package gpu

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// Arena is the Slot of the program's temporaries.
const Arena = -1

// Binding is a range of bytes that a dispatch reads or writes.
type Binding struct {
	Slot   int   // index into Run's arrays, or Arena
	Offset int64 // bytes; a multiple of Profile.BindingAlign (256 always is)
	Size   int64 // bytes, rounded up to 16; 0 means all from Offset
	Write  bool  // the kernel may write the range
}

// Dispatch is one kernel call of a program. Groups are workgroups per axis; one that is zero makes the dispatch a skipped one.
type Dispatch struct {
	Kernel   *Kernel
	Bindings []Binding // as many as the kernel has
	Push     []uint32  // as many words as the kernel has
	Groups   [3]uint32
}

// ProgramSpec describes a sequence of dispatches over arguments and an arena of temporaries, with loops over parts of it. The arena's
// bytes are undefined at the start of every run: all programs of a device share them.
type ProgramSpec struct {
	Name       string
	Slots      []int64 // the least bytes of each argument
	ArenaBytes int64
	Dispatches []Dispatch
	Loops      []Loop
}

// Program is a sequence of dispatches that is recorded once and submitted often.
type Program struct {
	s       *program
	cleanup runtime.Cleanup
}

// maxRecordings is how many sets of arguments a program remembers: enough for buffers that swap roles from call to call.
const maxRecordings = 4

// program is a Program's state, which outlives a forgotten handle. Device.mu guards it.
type program struct {
	d          *Device
	name       string
	slots      []int64
	written    []bool // by slot
	arena      int64
	spec       []Dispatch // those with work to do
	index      []int      // their places among the given ones
	sets       []int      // their descriptor sets, -1 for none
	total      int        // given ones
	pieces     []piece
	steps      []step
	straight   bool      // one command buffer, or none, is the whole program
	words      []Binding // of the while loops
	refs       []reference
	push       []uint32
	template   []vk.Dispatch
	layouts    []uint64 // of the descriptor sets, one for each dispatch with bindings
	storage    int      // descriptors of one recording
	texel      int
	recordings []*recording
	clock      uint64 // runs so far, for least recently used
	closed     bool

	walk    walk   // Device.walking says who may use it
	flights uint64 // submissions of walks

	writes     []vk.Write // scratch of recording
	dispatches []vk.Dispatch
}

// reference is one descriptor: where it goes and what it shows.
type reference struct {
	set          int // index into a recording's sets
	binding      uint32
	kind         BindingKind
	slot         int
	offset, size int64
	dispatch     int
}

// NewProgram checks a program, compiles its kernels in parallel and plans its barriers: one only where byte ranges conflict.
func (d *Device) NewProgram(ctx context.Context, spec ProgramSpec) (*Program, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range spec.Dispatches {
		if err := d.checkDispatch(&spec, &spec.Dispatches[i]); err != nil {
			return nil, fmt.Errorf("gpu: program %q, dispatch %d: %w", spec.Name, i, err)
		}
	}
	if spec.ArenaBytes < 0 {
		return nil, fmt.Errorf("gpu: program %q: an arena of %d bytes", spec.Name, spec.ArenaBytes)
	}
	if err := checkLoops(&spec); err != nil {
		return nil, fmt.Errorf("gpu: program %q: %w", spec.Name, err)
	}
	s := newProgram(d, spec)
	if err := compileAll(ctx, s.spec); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return nil, err
	}
	for i := range s.template {
		s.template[i].Pipeline = s.spec[i].Kernel.pipeline
	}
	d.programs[s] = struct{}{}
	d.stats.Programs++
	p := &Program{s: s}
	p.cleanup = runtime.AddCleanup(p, func(s *program) { s.d.leave(s) }, s)
	return p, nil
}

func (d *Device) checkDispatch(spec *ProgramSpec, c *Dispatch) error {
	k := c.Kernel
	switch {
	case k == nil:
		return errors.New("it has no kernel")
	case k.d != d:
		return fmt.Errorf("kernel %q is of another device (%s, not %s)", k.name, k.d.info.Name, d.info.Name)
	case len(c.Bindings) != len(k.kinds):
		return fmt.Errorf("%d bindings, kernel %q has %d", len(c.Bindings), k.name, len(k.kinds))
	case len(c.Push) != k.push:
		return fmt.Errorf("%d push words, kernel %q has %d", len(c.Push), k.name, k.push)
	}
	p := &d.info.Profile
	for i, n := range c.Groups {
		if int64(n) > int64(p.MaxGroups[i]) {
			return fmt.Errorf("%d groups along axis %d, the device takes %d", n, i, p.MaxGroups[i])
		}
	}
	for i, b := range c.Bindings {
		if b.Slot != Arena && (b.Slot < 0 || b.Slot >= len(spec.Slots)) {
			return fmt.Errorf("binding %d: slot %d of %d", i, b.Slot, len(spec.Slots))
		}
		room := spec.ArenaBytes
		if b.Slot != Arena {
			room = roundUp(spec.Slots[b.Slot], padding) // as much as every array has
		}
		if b.Offset < 0 || b.Size < 0 || b.Offset > room || b.Size > room-b.Offset {
			return fmt.Errorf("binding %d: bytes %d to %d of slot %d, which has %d", i, b.Offset, b.Offset+b.Size, b.Slot, room)
		}
		if b.Offset%p.BindingAlign != 0 {
			return fmt.Errorf("binding %d: offset %d is no multiple of %d, the device's alignment (256 suits every device)", i, b.Offset, p.BindingAlign)
		}
		if k.kinds[i] == Texel && b.Write {
			return fmt.Errorf("binding %d: a texel binding cannot be written", i)
		}
		if err := d.checkRange(k.kinds[i], b.Size); err != nil {
			return fmt.Errorf("binding %d: %w", i, err)
		}
	}
	return nil
}

// checkRange holds a binding's bytes against the device's limits.
func (d *Device) checkRange(kind BindingKind, size int64) error {
	p := &d.info.Profile
	if kind == Storage && size > p.MaxStorageRange {
		return fmt.Errorf("a range of %s, a storage binding of this device holds %s; bind parts of the array", formatBytes(size), formatBytes(p.MaxStorageRange))
	}
	if kind == Texel && (size+15)/16 > p.MaxTexelElements {
		return fmt.Errorf("%d texels, a texel binding of this device holds %d; read this range through a storage binding", (size+15)/16, p.MaxTexelElements)
	}
	return nil
}

func newProgram(d *Device, spec ProgramSpec) *program {
	s := &program{d: d, name: spec.Name, slots: slices.Clone(spec.Slots), written: make([]bool, len(spec.Slots)), arena: spec.ArenaBytes,
		total: len(spec.Dispatches)}
	for at, c := range spec.Dispatches {
		if c.Groups[0] == 0 || c.Groups[1] == 0 || c.Groups[2] == 0 {
			continue
		}
		c.Bindings, c.Push = slices.Clone(c.Bindings), slices.Clone(c.Push)
		set := -1
		if len(c.Bindings) > 0 {
			set = len(s.layouts)
			s.layouts = append(s.layouts, c.Kernel.layout.set)
		}
		for i, b := range c.Bindings {
			if b.Slot >= 0 && b.Write {
				s.written[b.Slot] = true
			}
			kind := c.Kernel.kinds[i]
			if kind == Storage {
				s.storage++
			} else {
				s.texel++
			}
			s.refs = append(s.refs, reference{set, uint32(i), kind, b.Slot, b.Offset, b.Size, len(s.spec)})
		}
		s.template = append(s.template, vk.Dispatch{Layout: c.Kernel.layout.pipeline, Groups: c.Groups,
			PushOffset: uint32(len(s.push)), PushWords: uint32(len(c.Push))})
		s.push = append(s.push, c.Push...)
		s.spec, s.index, s.sets = append(s.spec, c), append(s.index, at), append(s.sets, set)
	}
	s.plan(spec.Loops)
	s.writes = make([]vk.Write, len(s.refs))
	return s
}

// compileAll compiles the kernels of the dispatches, as many at a time as Go may use processors.
func compileAll(ctx context.Context, dispatches []Dispatch) error {
	seen := map[*Kernel]bool{}
	var kernels []*Kernel
	for _, c := range dispatches {
		if !seen[c.Kernel] {
			seen[c.Kernel] = true
			kernels = append(kernels, c.Kernel)
		}
	}
	failures := make([]error, len(kernels))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(len(kernels), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(kernels); i = int(next.Add(1)) - 1 {
				if failures[i] = ctx.Err(); failures[i] == nil {
					failures[i] = kernels[i].compile()
				}
			}
		})
	}
	workers.Wait()
	return errors.Join(failures...)
}

// Name returns the program's name.
func (p *Program) Name() string { return p.s.name }

// Close frees the program; runs already submitted end normally. Closing again, or after the device, does nothing.
func (p *Program) Close() error {
	d := p.s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.s.closed || d.closed {
		return nil
	}
	p.cleanup.Stop()
	p.s.collect(d)
	return nil
}

// collect ends a program's life: what a pending submission uses is freed when that is done. mu is held.
func (s *program) collect(d *Device) {
	if s.closed {
		return
	}
	s.closed = true
	delete(d.programs, s)
	d.stats.Programs--
	for _, r := range s.recordings {
		d.retire(r)
	}
	s.recordings = nil
	d.shrinkArena()
}

// free destroys a program of a device that is idle and about to close.
func (s *program) free() {
	s.closed = true
	for _, r := range s.recordings {
		r.free(s.d.vk)
	}
	s.recordings = nil
	s.d.stats.Programs--
}
