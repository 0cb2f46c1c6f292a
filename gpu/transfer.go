package gpu

import (
	"context"
	"unsafe"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

const (
	// directRead is the most bytes read straight from mapped memory that the host does not cache: such reads run at tens of MB/s, so
	// that from about 256 bytes on a copy through the staging buffer (tens of microseconds) is no slower.
	directRead = 256
	// stagingHalf is the size of one of the staging buffer's two halves: the host fills one while the device empties the other.
	stagingHalf = 8 << 20
)

// staging moves bytes between the host and memory that it cannot map, or should not read. Device.stagingMu guards it.
type staging struct {
	vk.Block
	bytes    []byte
	commands [2]vk.Command
	tickets  [2]uint64
}

// openStaging makes the staging buffer at its first use. stagingMu is held.
func (d *Device) openStaging() (*staging, error) {
	if d.staging != nil {
		return d.staging, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return nil, err
	}
	s := &staging{}
	var err error
	if s.Block, err = d.vk.Alloc(2*stagingHalf, d.stagingType(), true); err != nil {
		return nil, d.failed("allocating the staging buffer", err)
	}
	s.bytes = unsafe.Slice((*byte)(s.Mapped), 2*stagingHalf)
	for i := range s.commands {
		if s.commands[i], err = d.vk.NewCommand(); err != nil {
			d.vk.Free(s.Block)
			return nil, d.failed("making the staging buffer", err)
		}
	}
	d.staging = s
	d.stats.StagingBytes = 2 * stagingHalf
	return s, nil
}

// stagingType is the memory type that the host reads and writes best; every driver has one that suits.
func (d *Device) stagingType() int {
	memoryType, score := -1, -1
	allowed := d.vk.BufferTypes()
	for i, t := range d.physical.MemoryTypes {
		if allowed>>i&1 == 0 || !t.HostVisible || !t.HostCoherent {
			continue
		}
		s := 0
		if t.HostCached {
			s += 2 // downloads are read by the host
		}
		if !t.DeviceLocal {
			s++
		}
		if s > score {
			memoryType, score = i, s
		}
	}
	return memoryType
}

// free destroys the staging buffer; the device is idle. The commands die with the device's pool.
func (s *staging) free(v *vk.Device) {
	if s != nil {
		v.Free(s.Block)
	}
}

// transferStaged copies through the staging buffer, half by half. The block is pinned. An upload returns when the last piece is on its
// way, a download when the bytes are there.
func (d *Device) transferStaged(ctx context.Context, b *block, data []byte, write bool) error {
	d.stagingMu.Lock()
	defer d.stagingMu.Unlock()
	s, err := d.openStaging()
	if err != nil {
		return err
	}
	pieces := (len(data) + stagingHalf - 1) / stagingHalf
	piece := func(i int) []byte { return data[i*stagingHalf : min((i+1)*stagingHalf, len(data))] }
	host := func(i int) []byte { return s.bytes[i%2*stagingHalf:][:stagingHalf] }
	for i := range pieces {
		if err := d.wait(ctx, s.tickets[i%2]); err != nil {
			return err
		}
		if write {
			copy(host(i), piece(i))
		}
		if err := d.submitPiece(s, b, i, int64(len(piece(i))), write); err != nil {
			return err
		}
		if !write && i > 0 { // read the piece before while the device copies this one
			if err := d.wait(ctx, s.tickets[(i-1)%2]); err != nil {
				return err
			}
			copy(piece(i-1), host(i-1))
		}
	}
	if write {
		return nil
	}
	if err := d.wait(ctx, s.tickets[(pieces-1)%2]); err != nil {
		return err
	}
	copy(piece(pieces-1), host(pieces-1))
	return nil
}

func (d *Device) submitPiece(s *staging, b *block, i int, size int64, write bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return err
	}
	half, offset := int64(i%2*stagingHalf), b.offset+int64(i)*stagingHalf
	c := s.commands[i%2 : i%2+1]
	var err error
	if write {
		err = d.vk.RecordCopy(c[0], s.Buffer, half, b.slab.Buffer, offset, size)
	} else {
		err = d.vk.RecordCopy(c[0], b.slab.Buffer, offset, s.Buffer, half, size)
	}
	if err != nil {
		return d.failed("recording a copy", err)
	}
	ticket, err := d.submit(c)
	if err != nil {
		return err
	}
	s.tickets[i%2], b.lastUse = ticket, ticket
	if write {
		b.lastWrite = ticket
	}
	return nil
}
