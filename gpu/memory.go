package gpu

import (
	"fmt"
	"math/bits"
	"slices"
	"time"
	"unsafe"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

const (
	rangeAlign = 256       // minStorageBufferOffsetAlignment is at most 256 (Vulkan 1.3, table "Required Limits")
	padding    = 16        // kernels work in vec4
	slabMin    = 64 << 20  // bytes of the first slab,
	slabMinCPU = 4 << 20   // less where the driver clears it on the host: SwiftShader took 0.1 to 1 s for 64 MiB here
	slabMax    = 256 << 20 // and of the largest; a larger array has a slab of its own
	keepEmpty  = 256 << 20 // empty slabs are kept up to this or the live bytes, for the next allocations
	manyViews  = 4096      // cached texel views of a slab

	// Slabs are also kept up to the most bytes that were live in this last while: a program whose results are closed after every step
	// finds its memory again. Fresh memory costs more than filling it (CPU drivers fault on every page: 0.3 to 0.6 GB/s here).
	keepRecent = 5 * time.Second
)

// pool hands out ranges of slabs. Device.mu guards it.
type pool struct {
	d          *Device
	memoryType int
	mapped     bool // arrays are written by the host directly
	cached     bool // and read
	slabs      []*slab
	nextSlab   uint64
	live       map[*block]struct{}
	viewsMax   int
	epoch      uint64 // grows when views are dropped, so that recordings that name them are not reused
	dying      []dyingView
	heapBytes  int64
	collected  int64 // bytes that were live after garbage was last collected for want of memory
	keep       int64 // keepEmpty, but in tests
	peaks      peaks
}

// peaks are the most bytes live in this stretch of time and in the one before.
type peaks struct {
	stretch      time.Duration
	begin        time.Time
	this, before int64
}

// recent is the most bytes that were live in the last stretch or two.
func (p *peaks) recent(live int64) int64 {
	if now := time.Now(); now.Sub(p.begin) > p.stretch {
		p.before = p.this
		if now.Sub(p.begin) > 2*p.stretch {
			p.before = live
		}
		p.this, p.begin = live, now
	}
	return max(p.this, p.before)
}

// slab is one allocation of the driver under one buffer.
type slab struct {
	vk.Block
	id    uint64
	size  int64
	bytes []byte // host view, nil if not mapped
	spans []span // free ranges by offset, never adjacent
	users int
	since time.Time // of the empty slab: when its last user left
	views map[viewKey]uint64
}

// span is a free range; submissions up to the ticket may still use it.
type span struct {
	offset, size int64
	ticket       uint64
}

type viewKey struct{ offset, size int64 }

type dyingView struct {
	view, ticket uint64
}

// block is the memory of an array: what outlives the handle until the device is done with it.
type block struct {
	slab      *slab // nil for empty arrays
	offset    int64
	capacity  int64 // bytes that kernels may touch: the array's size rounded up to padding
	reserved  int64 // bytes taken from the slab
	lastUse   uint64
	lastWrite uint64
	pins      int // host copies and walks in progress
	closed    bool
	temporary bool // the program arena, or a program's constant: not counted as an array
	mark      int  // scratch of recording: which argument was this block first
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// chooseMemory picks the type for arrays: device-local memory that the host can map where that is at least half of the largest
// device-local heap (CPU drivers, integrated GPUs, resizable BAR), else device-local memory behind staging copies.
func chooseMemory(types []vk.MemoryType, allowed uint32, staged bool) (index int, mapped bool) {
	var largest int64
	for _, t := range types {
		if t.DeviceLocal {
			largest = max(largest, t.HeapBytes)
		}
	}
	best, score := -1, -1
	for i, t := range types {
		if allowed>>i&1 == 0 {
			continue
		}
		s := 0
		if t.DeviceLocal {
			s += 8
		}
		if t.HeapBytes >= largest/2 {
			s += 16
		}
		if !staged && t.HostVisible && t.HostCoherent {
			s += 4
			if t.HostCached {
				s += 2
			}
		}
		if staged && !t.HostVisible {
			s++
		}
		if s > score {
			best, score = i, s
		}
	}
	if best < 0 {
		return -1, false
	}
	return best, !staged && types[best].HostVisible && types[best].HostCoherent
}

func (m *pool) init(d *Device, staged bool) error {
	types := d.physical.MemoryTypes
	m.d, m.live, m.viewsMax = d, map[*block]struct{}{}, manyViews
	m.keep, m.peaks.stretch = keepEmpty, keepRecent
	m.memoryType, m.mapped = chooseMemory(types, d.vk.BufferTypes(), staged)
	if m.memoryType < 0 {
		return fmt.Errorf("%w: %s has no memory for storage buffers", ErrNoDevice, d.info.Name)
	}
	t := types[m.memoryType]
	m.cached, m.heapBytes = m.mapped && t.HostCached, t.HeapBytes
	return nil
}

// allocate takes a range from the slabs, or from a new slab. For memory that the host fills next it prefers ranges that no submission
// uses any more.
func (m *pool) allocate(size int64, forHost bool) (*block, error) {
	b := &block{capacity: roundUp(size, padding)}
	b.reserved = roundUp(b.capacity, rangeAlign)
	if size > 0 {
		s, i := m.find(b.reserved, forHost)
		if s == nil {
			var err error
			if s, err = m.grow(b.reserved); err != nil {
				return nil, err
			}
		}
		b.slab = s
		b.offset, b.lastUse = s.take(i, b.reserved)
		b.lastWrite = b.lastUse
	}
	m.live[b] = struct{}{}
	m.d.stats.LiveBytes += b.reserved
	m.d.stats.PeakBytes = max(m.d.stats.PeakBytes, m.d.stats.LiveBytes)
	m.peaks.this = max(m.peaks.this, m.d.stats.LiveBytes)
	return b, nil
}

// overdue reports that garbage should be collected before the driver is asked for more memory. Go's collector sees the handles only,
// a few bytes each, and may not come for hours; so it is called whenever the live bytes have doubled.
func (m *pool) overdue(size int64, forHost bool) bool {
	if m.d.stats.LiveBytes+size <= max(m.keep, 2*m.collected) {
		return false
	}
	s, _ := m.find(roundUp(roundUp(size, padding), rangeAlign), forHost)
	return s == nil
}

// find is best fit: the smallest free range that is large enough.
func (m *pool) find(size int64, forHost bool) (*slab, int) {
	var best *slab
	index, bestSize, bestIdle := 0, int64(0), false
	for _, s := range m.slabs {
		for i, f := range s.spans {
			idle := !forHost || f.ticket <= m.d.completed
			if f.size < size || best != nil && (bestIdle && !idle || bestIdle == idle && f.size >= bestSize) {
				continue
			}
			best, index, bestSize, bestIdle = s, i, f.size, idle
		}
	}
	return best, index
}

func (s *slab) take(i int, size int64) (offset int64, ticket uint64) {
	f := &s.spans[i]
	offset, ticket = f.offset, f.ticket
	f.offset += size
	f.size -= size
	if f.size == 0 {
		s.spans = slices.Delete(s.spans, i, i+1)
	}
	s.users++
	return offset, ticket
}

// give returns a range and joins it with free neighbours.
func (s *slab) give(f span) {
	i, _ := slices.BinarySearchFunc(s.spans, f.offset, func(x span, offset int64) int { return int(x.offset - offset) })
	if i < len(s.spans) && s.spans[i].offset == f.offset+f.size {
		f.size += s.spans[i].size
		f.ticket = max(f.ticket, s.spans[i].ticket)
		s.spans = slices.Delete(s.spans, i, i+1)
	}
	if i > 0 && s.spans[i-1].offset+s.spans[i-1].size == f.offset {
		s.spans[i-1].size += f.size
		s.spans[i-1].ticket = max(f.ticket, s.spans[i-1].ticket)
	} else {
		s.spans = slices.Insert(s.spans, i, f)
	}
	s.users--
}

// grow makes a slab with room for size bytes.
func (m *pool) grow(size int64) (*slab, error) {
	d := m.d
	if most := d.info.Profile.MaxAllocation; size > most {
		return nil, m.outOfMemory(size, fmt.Sprintf("one array can have %s on this device; split it", formatBytes(most)))
	}
	if size > m.heapBytes {
		return nil, m.outOfMemory(size, "the device's memory is smaller than that")
	}
	least := int64(slabMin)
	if d.info.Profile.Kind == CPU {
		least = slabMinCPU
	}
	want := min(max(int64(1)<<bits.Len64(uint64(d.stats.SlabBytes)), least), slabMax, d.info.Profile.MaxAllocation, m.heapBytes)
	if size > want/2 {
		want = size
	}
	if limit := d.config.limit; limit > 0 {
		if left := limit - d.stats.SlabBytes; want > left {
			want = max(size, left/rangeAlign*rangeAlign)
		}
		if d.stats.SlabBytes+want > limit {
			return nil, m.outOfMemory(size, "")
		}
	}
	b, err := d.vk.Alloc(want, m.memoryType, m.mapped)
	if err != nil && want > size { // the whole slab does not fit, the array alone may
		want = size
		b, err = d.vk.Alloc(want, m.memoryType, m.mapped)
	}
	if err != nil {
		err = d.failed("allocating "+formatBytes(want), err)
		if isOutOfMemory(err) {
			err = m.outOfMemory(size, "")
		}
		return nil, err
	}
	m.nextSlab++
	s := &slab{Block: b, id: m.nextSlab, size: want, spans: []span{{0, want, 0}}, views: map[viewKey]uint64{}}
	if b.Mapped != nil {
		s.bytes = unsafe.Slice((*byte)(b.Mapped), want)
	}
	m.slabs = append(m.slabs, s)
	d.stats.SlabBytes += want
	// New slabs last: find takes the first of equal fits.
	return s, nil
}

// outOfMemory says what was asked, what is held and what there is.
func (m *pool) outOfMemory(size int64, why string) error {
	st := &m.d.stats
	text := fmt.Sprintf("asked %s, held %s by %d arrays and program temporaries, %s taken from the driver in slabs",
		formatBytes(size), formatBytes(st.LiveBytes), st.LiveArrays, formatBytes(st.SlabBytes))
	if m.d.config.limit > 0 {
		text += ", limit " + formatBytes(m.d.config.limit)
	}
	text += ", device memory " + formatBytes(m.heapBytes)
	if budget, usage := m.d.physical.Budget(m.d.physical.MemoryTypes[m.memoryType].Heap); budget > 0 {
		text += " of which " + formatBytes(max(budget-usage, 0)) + " are available"
	}
	if why == "" {
		why = "close arrays earlier, work in smaller chunks, or raise the limit"
	}
	return fmt.Errorf("%w on %s: %s; %s", ErrOutOfMemory, m.d.info.Name, text, why)
}

// release frees a block once; the device may still be using it, the ticket takes care of that.
func (m *pool) release(b *block) {
	if _, ok := m.live[b]; !ok {
		return
	}
	delete(m.live, b)
	m.d.stats.LiveBytes -= b.reserved
	m.collected = min(m.collected, m.d.stats.LiveBytes)
	if b.slab == nil {
		return
	}
	b.slab.give(span{b.offset, b.reserved, b.lastUse})
	if b.slab.users == 0 {
		b.slab.since = time.Now()
		live := m.d.stats.LiveBytes
		// An error here is a lost device, which the next call reports.
		_ = m.trim(max(m.keep, live, m.peaks.recent(live)-live))
	}
}

// trim returns idle empty slabs to the driver, those first that have been empty for longest, while more than keep bytes of them are held.
func (m *pool) trim(keep int64) error {
	var empty []*slab
	var held int64
	for _, s := range m.slabs {
		if s.users == 0 {
			empty = append(empty, s)
			held += s.size
		}
	}
	if held <= keep {
		return nil
	}
	slices.SortFunc(empty, func(a, b *slab) int { return a.since.Compare(b.since) })
	for _, s := range empty {
		if held <= keep {
			break
		}
		// Empty means one free range, which carries the last ticket of them all.
		if idle, err := m.d.reached(s.spans[0].ticket); err != nil {
			return err
		} else if !idle {
			continue
		}
		held -= s.size
		m.drop(s)
		m.slabs = slices.Delete(m.slabs, slices.Index(m.slabs, s), slices.Index(m.slabs, s)+1)
	}
	return nil
}

func (m *pool) drop(s *slab) {
	if len(s.views) > 0 {
		m.epoch++
	}
	for _, v := range s.views {
		m.d.vk.FreeView(v)
	}
	m.d.vk.Free(s.Block)
	m.d.stats.SlabBytes -= s.size
}

// view returns the texel view of a range of a block.
func (m *pool) view(b *block, offset, size int64) (uint64, error) {
	s, key := b.slab, viewKey{b.offset + offset, size}
	if v, ok := s.views[key]; ok {
		return v, nil
	}
	m.bury()
	if len(s.views) >= m.viewsMax {
		for k, v := range s.views {
			m.dying = append(m.dying, dyingView{v, m.d.submitted})
			delete(s.views, k)
		}
		m.epoch++
	}
	v, err := m.d.vk.NewView(s.Buffer, key.offset, size)
	if err != nil {
		return 0, m.d.failed("making a texel view of "+formatBytes(size), err)
	}
	s.views[key] = v
	return v, nil
}

// bury destroys dropped views that no submission uses any more.
func (m *pool) bury() {
	m.dying = slices.DeleteFunc(m.dying, func(v dyingView) bool {
		if v.ticket > m.d.completed {
			return false
		}
		m.d.vk.FreeView(v.view)
		return true
	})
}

// free destroys everything; the device is idle.
func (m *pool) free() {
	m.d.completed = m.d.submitted
	m.bury()
	for _, s := range m.slabs {
		m.drop(s)
	}
	m.slabs, m.live = nil, nil
	m.d.stats.LiveBytes, m.d.stats.LiveArrays, m.d.stats.ArenaBytes = 0, 0, 0
}
