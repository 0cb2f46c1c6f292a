package gpu

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// Device is an open device: a queue, memory, kernels and programs. It may be used by several goroutines.
type Device struct {
	physical *vk.Physical
	vk       *vk.Device
	info     DeviceInfo
	config   config
	debug    DebugFlags
	log      *slog.Logger
	messages uint64 // validation messages of the process before this device
	tuning   Tuning
	profile  atomic.Pointer[Profile]

	pipelines pipelineCache

	calls sync.WaitGroup // Vulkan calls and copies that run outside mu; Close waits for them

	mu        sync.Mutex // guards everything below and serialises the queue
	closed    bool
	lost      error  // set once, when the driver reports a lost device
	submitted uint64 // ticket of the last submission
	completed uint64 // a ticket known to be done
	memory    pool
	kernels   kernelCache
	programs  map[*program]struct{}
	arena     arena
	stats     Stats
	walking   *program      // whose walk is in progress
	walkDone  chan struct{} // closed at its end; nil if nobody waits
	word      vk.Block      // what while loops' conditions are copied to where arrays are not mapped

	garbageMu sync.Mutex // a lock of its own: cleanups must never wait for a driver call
	garbage   []garbage

	stagingMu sync.Mutex // one transfer through the staging buffer at a time
	staging   *staging
}

// garbage is what cleanups of forgotten handles leave to be freed.
type garbage interface{ collect(d *Device) }

// Open opens a device: the best there is, or the one that LAVAGRAD_DEVICE or WithDevice chooses (see the package documentation).
//
// Errors: ErrNoDevice with the fix when there is no loader, no driver or no match; ErrNoCgo; an unknown word in LAVAGRAD_DEBUG or LAVAGRAD_TUNE; the
// validation layer asked for but not installed.
func Open(ctx context.Context, opts ...Option) (*Device, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	debug, err := debugOnce()
	if err != nil {
		return nil, err
	}
	c := config{selector: os.Getenv("LAVAGRAD_DEVICE"), log: slog.New(slog.DiscardHandler), validate: debug.Validate}
	if debug.Profile { // who asks for it wants to see it
		c.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	for _, o := range opts {
		o(&c)
	}
	tuning, err := c.chooseTuning()
	if err != nil {
		return nil, err
	}
	list, err := physicals(c.validate)
	if err != nil {
		return nil, err
	}
	physical, info, err := choose(list, c.selector)
	if err != nil {
		return nil, err
	}
	d := &Device{physical: physical, info: info, config: c, debug: debug, log: c.log, messages: vk.MessageCount(),
		tuning: tuning, programs: map[*program]struct{}{}}
	for _, adjust := range c.adjust {
		adjust(&d.info.Profile)
	}
	d.Tuned(d.info.Profile)
	d.kernels.init()
	features := physical.Features
	if !c.robust {
		features &^= vk.Robust
	}
	d.vk, err = physical.NewDevice(features)
	if err != nil {
		return nil, driverError("opening "+info.Name, err)
	}
	if err := d.memory.init(d, c.staged); err != nil {
		d.vk.Close()
		return nil, err
	}
	d.info.HostVisible = d.memory.mapped
	d.log.Info("gpu: device opened", "name", info.Name, "kind", info.Kind.String(), "driver", info.DriverVersion, "api", info.APIVersion,
		"memory", formatBytes(info.MemoryBytes), "validate", c.validate)
	return d, nil
}

// Name returns the device's name as its driver gives it.
func (d *Device) Name() string { return d.info.Name }

// Log is where the device logs.
func (d *Device) Log() *slog.Logger { return d.log }

// Info describes the device; its Profile is the one it was opened with.
func (d *Device) Info() DeviceInfo { return d.info }

// Profile says how kernels should be shaped for the device. Its facts may change while package tune measures them.
func (d *Device) Profile() Profile { return *d.profile.Load() }

// ValidationMessages returns the texts (the last 64) of the validation layer's messages since Open, by any device of this process.
func (d *Device) ValidationMessages() []string {
	var list []string
	for i, n := d.messages, vk.MessageCount(); i < n; i++ {
		if text, ok := vk.Message(i); ok {
			list = append(list, text)
		}
	}
	return list
}

// usable returns why the device cannot be used, if so. mu is held.
func (d *Device) usable() error {
	if d.closed {
		return closedError("device")
	}
	return d.lost
}

// failed keeps a lost device's error, which every later call returns. mu is held.
func (d *Device) failed(doing string, err error) error {
	err = driverError(doing, err)
	if d.lost == nil && isLost(err) {
		d.lost = err
		d.log.Error("gpu: device lost", "name", d.info.Name, "err", err)
	}
	return err
}

// reached reports whether a ticket is done, asking the driver only if it has to. mu is held.
func (d *Device) reached(ticket uint64) (bool, error) {
	if ticket <= d.completed {
		return true, nil
	}
	v, err := d.vk.Completed()
	if err != nil {
		return false, d.failed("asking for progress", err)
	}
	d.completed = max(d.completed, v)
	return ticket <= d.completed, nil
}

// wait waits, without mu, until a ticket is done.
func (d *Device) wait(ctx context.Context, ticket uint64) error {
	d.mu.Lock()
	if err := d.usable(); err != nil || ticket <= d.completed {
		d.mu.Unlock()
		return err
	}
	d.calls.Add(1)
	d.mu.Unlock()
	defer d.calls.Done()
	const slice = 20e6 // nanoseconds between looks at the context
	for {
		done, err := d.vk.Wait(ticket, slice)
		if done || err != nil {
			d.mu.Lock()
			if err != nil {
				err = d.failed("waiting", err)
			} else {
				d.completed = max(d.completed, ticket)
			}
			d.mu.Unlock()
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("gpu: waiting for the device: %w", err)
		}
	}
}

// submit queues command buffers as one submission and returns its ticket. mu is held.
func (d *Device) submit(commands []vk.Command) (uint64, error) {
	if err := d.vk.Submit(commands, d.submitted+1); err != nil {
		return 0, d.failed("submitting", err)
	}
	d.submitted++
	d.stats.Submissions++
	return d.submitted, nil
}

// Wait returns when everything submitted so far is done. A cancelled context ends the waiting, not the work.
func (d *Device) Wait(ctx context.Context) error {
	d.mu.Lock()
	ticket := d.submitted
	d.mu.Unlock()
	return d.wait(ctx, ticket)
}

// Collect frees what forgotten arrays and programs left behind, and returns slabs that nothing uses to the driver.
func (d *Device) Collect(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return err
	}
	d.sweep()
	return d.memory.trim(0)
}

// leave queues what a cleanup found; it runs on the garbage collector's goroutine.
func (d *Device) leave(g garbage) {
	d.garbageMu.Lock()
	d.garbage = append(d.garbage, g)
	d.garbageMu.Unlock()
}

// sweep frees what cleanups queued. mu is held.
func (d *Device) sweep() {
	d.garbageMu.Lock()
	list := d.garbage
	d.garbage = nil
	d.garbageMu.Unlock()
	for _, g := range list {
		g.collect(d)
	}
}

// Close waits for the device, frees everything made from it and closes it. Arrays, programs and kernels need no Close of their own
// before. Later use of any of them returns ErrClosed; closing again does nothing.
func (d *Device) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	d.mu.Unlock()
	d.calls.Wait()
	d.stagingMu.Lock()
	defer d.stagingMu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	err := driverError("closing", d.vk.Idle())
	for p := range d.programs {
		p.free()
	}
	for _, r := range d.arena.retired {
		r.free(d.vk)
	}
	d.kernels.free(d.vk)
	d.closePipelines()
	d.staging.free(d.vk)
	if d.word.Mapped != nil {
		d.vk.Free(d.word)
	}
	d.memory.free()
	d.vk.Close()
	runtime.KeepAlive(d)
	d.log.Info("gpu: device closed", "name", d.info.Name, "submissions", d.stats.Submissions)
	return err
}

// Closed reports whether the device was closed, or given up by its driver.
func (d *Device) Closed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.usable() != nil
}
