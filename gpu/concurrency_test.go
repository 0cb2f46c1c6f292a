package gpu_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// work uploads, runs and checks bit for bit, on shared programs; it reports with assert because it runs outside the test's goroutine.
func work(t *testing.T, d *gpu.Device, programs []*gpu.Program, lengths []int, n, rounds, salt int) {
	for r := range rounds {
		x := mapped(ramp(n), func(v float32) float32 { return float32(int(v)+salt*17+r) / 8 })
		a, err := d.Upload(ctx, bytesOf(x))
		if !assert.NoError(t, err) {
			return
		}
		b, err := d.NewArray(int64(4 * n))
		if !assert.NoError(t, err) {
			return
		}
		i := r % len(programs)
		if !assert.NoError(t, programs[i].Run(ctx, []*gpu.Array{a, b})) {
			return
		}
		got := make([]byte, 4*n)
		if !assert.NoError(t, b.Download(ctx, got)) || !equal(t, chained(x, lengths[i]), floatsOf(got)) {
			return
		}
		if r%3 > 0 { // the others are left to the garbage collector
			assert.NoError(t, a.Close())
			assert.NoError(t, b.Close())
		}
	}
}

func TestTwoGoroutinesOnOneDevice(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 700
		programs := []*gpu.Program{chain(t, d, n, 3), chain(t, d, n, 2), chain(t, d, n, 5)}
		var workers sync.WaitGroup
		for g := range 2 {
			workers.Go(func() { work(t, d, programs, []int{3, 2, 5}, n, 60, g) })
		}
		workers.Wait()
		collected(t, d)
	})
}

// collected waits until the arrays that a test left to the garbage collector are freed.
func collected(t *testing.T, d *gpu.Device) {
	t.Helper()
	require.Eventually(t, func() bool { runtime.GC(); return d.Stats().LiveArrays == 0 }, 10*time.Second, time.Millisecond)
}

// TestTwoDevices uses every driver there is at the same time, and one of them twice.
func TestTwoDevices(t *testing.T) {
	names := gputest.Devices(t)
	names = append(names, names[0])
	var workers sync.WaitGroup
	for i, name := range names {
		d := gputest.Open(t, gpu.WithDevice(name))
		programs := []*gpu.Program{chain(t, d, 500, 4)}
		workers.Go(func() { work(t, d, programs, []int{4}, 500, 40, i); collected(t, d) })
		if i > 0 {
			continue
		}
		other := gputest.Open(t, gpu.WithDevice(names[len(names)-2]))
		x := upload(t, other, ramp(500))
		assert.ErrorContains(t, programs[0].Run(ctx, []*gpu.Array{x, x}), "argument 0 is on another device")
	}
	workers.Wait()
}

// TestGarbageCollectorPressure runs and checks programs while the collector runs without pause: memory that Go may free or move must
// never be what a driver reads. Under such pressure most of the Vulkan binding's own calls with slices of structures read freed memory.
func TestGarbageCollectorPressure(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		var stop atomic.Bool
		var collector sync.WaitGroup
		collector.Go(func() {
			for !stop.Load() {
				runtime.GC()
				garbage := make([][]byte, 100) // and something takes the freed places
				for i := range garbage {
					garbage[i] = make([]byte, 8*(1+i%32))
				}
				runtime.KeepAlive(garbage)
			}
		})
		const n = 300
		for round := range 6 { // new kernels, layouts, pipelines, sets and views each round
			programs := []*gpu.Program{chain(t, d, n, 2+round), chain(t, d, n, 7)}
			work(t, d, programs, []int{2 + round, 7}, n, 25, round)
			for _, p := range programs {
				require.NoError(t, p.Close())
			}
		}
		stop.Store(true)
		collector.Wait()
		collected(t, d)
	})
}

func TestDeviceClosesUnderWork(t *testing.T) {
	for _, name := range gputest.Devices(t) {
		t.Run(name, func(t *testing.T) {
			d, err := gpu.Open(ctx, gpu.WithDevice(name))
			require.NoError(t, err)
			const n = 5000
			p := chain(t, d, n, 6)
			var workers sync.WaitGroup
			for range 2 {
				workers.Go(func() {
					for {
						a, err := d.Upload(ctx, bytesOf(ramp(n)))
						if err == nil {
							err = p.Run(ctx, []*gpu.Array{a, a})
						}
						if err == nil {
							err = a.Download(ctx, make([]byte, 4*n))
						}
						if err == nil {
							_, err = p.Profile(ctx, []*gpu.Array{a, a})
						}
						if err != nil {
							assert.ErrorIs(t, err, gpu.ErrClosed)
							return
						}
					}
				})
			}
			time.Sleep(20 * time.Millisecond)
			require.NoError(t, d.Close())
			workers.Wait()
			require.Empty(t, d.ValidationMessages())
		})
	}
}

// TestSteadyStateAllocatesNothing makes 100,000 calls (1,000 in short mode, where a call costs the race detector or a busy machine more).
func TestSteadyStateAllocatesNothing(t *testing.T) {
	calls := 100_000
	if testing.Short() {
		calls = 1_000
	}
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 16
		p := affineProgram(t, d, n, 2, 1)
		x, y := upload(t, d, ramp(n)), newArray(t, d, n)
		args := []*gpu.Array{x, y}
		out := make([]byte, 4*n)
		call := func() {
			if err := p.Run(ctx, args); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			call()
		}
		require.NoError(t, y.Download(ctx, out))
		live, recordings := d.Stats().LiveBytes, d.Stats().Recordings
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range calls {
			call()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		require.NoError(t, y.Download(ctx, out))
		equal(t, chained(ramp(n), 1), floatsOf(out))
		// The test's own machinery allocates a little now and then.
		require.Less(t, float64(after.Mallocs-before.Mallocs)/float64(calls), 0.05, "allocations a call")
		require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(64<<10), "growth of the heap")
		require.Equal(t, live, d.Stats().LiveBytes)
		require.Equal(t, recordings, d.Stats().Recordings)
	})
}
