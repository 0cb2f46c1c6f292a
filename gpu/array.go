package gpu

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Array is a range of device memory, aligned to 256 bytes. By convention it is written once, by Upload, Write or one program run, and
// only read after that; whoever breaks the convention (donation, in-place updates) orders the accesses. Kernels may read and write up to
// the size rounded up to 16 bytes. An empty array needs no memory; kernels see a dummy range of 16 bytes in its place.
type Array struct {
	d       *Device
	b       *block
	size    int64
	cleanup runtime.Cleanup
}

// NewArray makes an array of uninitialised bytes.
//
// Errors: ErrOutOfMemory, with the bytes asked, held and available, once forgotten arrays have been collected in vain; ErrClosed.
func (d *Device) NewArray(bytes int64) (*Array, error) { return d.newArray(bytes, false) }

func (d *Device) newArray(bytes int64, forHost bool) (*Array, error) {
	if bytes < 0 {
		return nil, fmt.Errorf("gpu: an array of %d bytes", bytes)
	}
	d.mu.Lock()
	b, err := d.allocate(bytes, forHost)
	if err == nil {
		d.stats.LiveArrays++
	}
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	a := &Array{d: d, b: b, size: bytes}
	a.cleanup = runtime.AddCleanup(a, func(b *block) { d.leave(b) }, b)
	return a, nil
}

// allocate takes memory, collecting garbage where much may be forgotten or none is left. mu is held, but given up while collecting.
func (d *Device) allocate(bytes int64, forHost bool) (*block, error) {
	if err := d.usable(); err != nil {
		return nil, err
	}
	d.sweep()
	if d.memory.overdue(bytes, forHost) {
		d.mu.Unlock()
		collectGarbage()
		d.mu.Lock()
		if err := d.usable(); err != nil {
			return nil, err
		}
		d.sweep()
		d.memory.collected = d.stats.LiveBytes
	}
	b, err := d.memory.allocate(bytes, forHost)
	if err == nil || !isOutOfMemory(err) || bytes > d.info.Profile.MaxAllocation || d.config.limit > 0 && bytes > d.config.limit {
		return b, err
	}
	ticket := d.submitted
	d.mu.Unlock()
	collectGarbage()
	waitErr := d.wait(context.Background(), ticket) // so that empty slabs are idle
	d.mu.Lock()
	if waitErr != nil {
		return nil, waitErr
	}
	if err := d.usable(); err != nil {
		return nil, err
	}
	d.sweep()
	d.shrinkArena()
	if err := d.memory.trim(0); err != nil {
		return nil, err
	}
	return d.memory.allocate(bytes, forHost)
}

// collectGarbage runs the garbage collector and gives the cleanups it found a moment to run.
func collectGarbage() {
	ran := make(chan struct{})
	runtime.AddCleanup(new([64]byte), func(c chan struct{}) { close(c) }, ran)
	runtime.GC()
	select {
	case <-ran: // found in the same cycle as forgotten arrays
	case <-time.After(50 * time.Millisecond):
	}
	time.Sleep(2 * time.Millisecond) // the cleanups queued behind ours
}

// collect frees the block of a forgotten array. mu is held.
func (b *block) collect(d *Device) {
	if !b.closed {
		d.closeBlock(b)
	}
}

// closeBlock ends a block's life once no host copy needs it. mu is held.
func (d *Device) closeBlock(b *block) {
	b.closed = true
	if !b.temporary {
		d.stats.LiveArrays--
	}
	if b.pins == 0 {
		d.memory.release(b)
	}
}

// Device returns the device the array lives on.
func (a *Array) Device() *Device { return a.d }

// Size returns the bytes asked for.
func (a *Array) Size() int64 { return a.size }

// Closed reports whether the array, or its device, was closed.
func (a *Array) Closed() bool {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	return a.b.closed || a.d.closed
}

// Close frees the array. Work already submitted still sees it: the memory is given to others only when nothing uses it. Closing again,
// or after the device, does nothing.
func (a *Array) Close() error {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	if a.b.closed || a.d.closed {
		return nil
	}
	a.cleanup.Stop()
	a.d.closeBlock(a.b)
	return nil
}

// Upload makes an array with the bytes of data.
func (d *Device) Upload(ctx context.Context, data []byte) (*Array, error) {
	a, err := d.newArray(int64(len(data)), true)
	if err != nil {
		return nil, err
	}
	if err := a.Write(ctx, data); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// UploadConstant is Upload for data that belongs to a program: it is not counted among Stats.LiveArrays, which are the user's.
func (d *Device) UploadConstant(ctx context.Context, data []byte) (*Array, error) {
	a, err := d.Upload(ctx, data)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a.b.temporary = true
	d.stats.LiveArrays--
	return a, nil
}

// Write fills the beginning of the array with data, after everything submitted that uses the array. It is meant for filling an array
// before its first use.
func (a *Array) Write(ctx context.Context, data []byte) error {
	return a.transfer(ctx, data, true)
}

// Download copies the array's first len(dst) bytes, after the submissions that write the array; it does not wait for others.
func (a *Array) Download(ctx context.Context, dst []byte) error {
	return a.transfer(ctx, dst, false)
}

func (a *Array) transfer(ctx context.Context, data []byte, write bool) error {
	d, b := a.d, a.b
	defer runtime.KeepAlive(a)
	if err := ctx.Err(); err != nil {
		return err
	}
	if int64(len(data)) > a.size {
		verb := "read from"
		if write {
			verb = "written to"
		}
		return fmt.Errorf("gpu: %d bytes %s an array of %d", len(data), verb, a.size)
	}
	ticket, err := a.pin(write)
	if err != nil {
		return err
	}
	defer a.unpin()
	if len(data) == 0 {
		return nil
	}
	if direct := b.slab.bytes; direct != nil && (write || d.memory.cached || len(data) <= directRead) {
		if err := d.wait(ctx, ticket); err != nil {
			return err
		}
		host := direct[b.offset : b.offset+int64(len(data))]
		if write {
			copy(host, data)
		} else {
			copy(data, host)
		}
		return nil
	}
	return d.transferStaged(ctx, b, data, write)
}

// pin keeps the block from being reused during a host copy and returns the ticket that the copy must wait for.
func (a *Array) pin(write bool) (uint64, error) {
	d := a.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return 0, err
	}
	if a.b.closed {
		return 0, closedError(fmt.Sprintf("array of %d bytes", a.size))
	}
	d.calls.Add(1)
	a.b.pins++
	if write {
		return a.b.lastUse, nil
	}
	return a.b.lastWrite, nil
}

func (a *Array) unpin() {
	d := a.d
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.calls.Done()
	a.b.pins--
	if a.b.closed && a.b.pins == 0 {
		d.memory.release(a.b)
	}
}
