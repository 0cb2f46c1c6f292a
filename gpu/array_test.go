package gpu_test

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// eachMemory runs a test with mapped memory and through the staging buffer.
func eachMemory(t *testing.T, test func(t *testing.T, d *gpu.Device), opts ...gpu.Option) {
	t.Run("mapped", func(t *testing.T) { gputest.Each(t, test, opts...) })
	t.Run("staged", func(t *testing.T) { gputest.Each(t, test, append(opts, gpu.WithStaging())...) })
}

func TestRoundTrip(t *testing.T) {
	eachMemory(t, func(t *testing.T, d *gpu.Device) {
		rapid.Check(t, func(t *rapid.T) {
			var arrays []*gpu.Array
			var contents [][]byte
			for range rapid.IntRange(1, 6).Draw(t, "arrays") {
				data := make([]byte, rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 70000)).Draw(t, "size"))
				for i := range data {
					data[i] = byte(i*31 + len(arrays)*7)
				}
				a, err := d.Upload(ctx, data)
				require.NoError(t, err)
				require.EqualValues(t, len(data), a.Size())
				arrays, contents = append(arrays, a), append(contents, data)
				if i := rapid.IntRange(0, 2*len(arrays)).Draw(t, "close"); i < len(arrays) {
					require.NoError(t, arrays[i].Close())
					arrays, contents = append(arrays[:i:i], arrays[i+1:]...), append(contents[:i:i], contents[i+1:]...)
				}
			}
			for i, a := range arrays {
				got := make([]byte, a.Size())
				require.NoError(t, a.Download(ctx, got))
				require.True(t, bytes.Equal(contents[i], got), "array %d of %d bytes", i, len(got))
				require.NoError(t, a.Close())
			}
		})
		require.Zero(t, d.Stats().LiveBytes)
	})
}

// TestLargeStagedRoundTrip needs several turns of the staging buffer's two halves.
func TestLargeStagedRoundTrip(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		data := make([]byte, 35<<20+12)
		for i := range data {
			data[i] = byte(i ^ i>>8 ^ i>>16)
		}
		a, err := d.Upload(ctx, data)
		require.NoError(t, err)
		closeAfter(t, a)
		got := make([]byte, len(data))
		require.NoError(t, a.Download(ctx, got))
		require.True(t, bytes.Equal(data, got))
		require.NotZero(t, d.Stats().StagingBytes)
		require.False(t, d.Info().HostVisible)
	}, gpu.WithStaging())
}

// TestFreedMemoryIsNotOverwrittenEarly closes an input while its program is in flight and fills the freed memory from the host: there is
// memory for two arrays only.
func TestFreedMemoryIsNotOverwrittenEarly(t *testing.T) {
	const n = 1 << 20
	eachMemory(t, func(t *testing.T, d *gpu.Device) {
		p := affineProgram(t, d, n, 2, 1)
		for range 5 {
			x, err := d.Upload(ctx, bytesOf(ramp(n)))
			require.NoError(t, err)
			y, err := d.NewArray(4 * n)
			require.NoError(t, err)
			require.NoError(t, p.Run(ctx, []*gpu.Array{x, y}))
			require.NoError(t, x.Close())
			z, err := d.Upload(ctx, make([]byte, 4*n))
			require.NoError(t, err)
			equal(t, chained(ramp(n), 1), download(t, y))
			equal(t, make([]float32, n), download(t, z))
			require.NoError(t, z.Close())
			require.NoError(t, y.Close())
		}
	}, gpu.WithMemoryLimit(8*n))
}

// TestCloseDuringCopy: a copy by the host keeps the memory of an array that is closed meanwhile.
func TestCloseDuringCopy(t *testing.T) {
	const size = 1 << 20
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		a, err := d.NewArray(size)
		require.NoError(t, err)
		require.NoError(t, a.Pin())
		require.NoError(t, a.Close())
		_, err = d.NewArray(size)
		a.Unpin() // before the check: a device does not close under a copy
		require.ErrorIs(t, err, gpu.ErrOutOfMemory)
		b, err := d.NewArray(size)
		require.NoError(t, err)
		require.NoError(t, b.Close())
	}, gpu.WithMemoryLimit(size))
}

func TestCloseSemantics(t *testing.T) {
	for _, name := range gputest.Devices(t) {
		t.Run(name, func(t *testing.T) {
			d, err := gpu.Open(ctx, gpu.WithDevice(name))
			require.NoError(t, err)
			const n = 64
			k := affine(t, d)
			p := affineProgram(t, d, n, 2, 1)
			a, err := d.Upload(ctx, bytesOf(ramp(n)))
			require.NoError(t, err)
			require.False(t, a.Closed())
			require.Equal(t, d, a.Device())
			require.NoError(t, a.Close())
			require.NoError(t, a.Close())
			require.True(t, a.Closed())
			require.ErrorIs(t, a.Write(ctx, nil), gpu.ErrClosed)
			require.ErrorIs(t, a.Download(ctx, nil), gpu.ErrClosed)
			require.ErrorContains(t, a.Download(ctx, make([]byte, 400)), "400 bytes read from an array of 256")

			x, y := upload(t, d, ramp(n)), newArray(t, d, n)
			require.NoError(t, p.Run(ctx, []*gpu.Array{x, y})) // in flight when the device closes
			require.NoError(t, d.Close())
			require.NoError(t, d.Close())
			require.True(t, x.Closed())
			require.Zero(t, d.Stats().LiveBytes)
			require.Zero(t, d.Stats().LiveArrays)
			_, err = d.NewArray(4)
			require.ErrorIs(t, err, gpu.ErrClosed)
			_, err = d.Upload(ctx, []byte{1})
			require.ErrorIs(t, err, gpu.ErrClosed)
			require.ErrorIs(t, x.Download(ctx, make([]byte, 4)), gpu.ErrClosed)
			require.ErrorIs(t, p.Run(ctx, []*gpu.Array{x, y}), gpu.ErrClosed)
			_, err = p.Profile(ctx, []*gpu.Array{x, y})
			require.ErrorIs(t, err, gpu.ErrClosed)
			require.ErrorIs(t, d.Wait(ctx), gpu.ErrClosed)
			require.ErrorIs(t, d.Collect(ctx), gpu.ErrClosed)
			_, err = d.Kernel(ctx, gpu.KernelSpec{Name: "late", Code: words(t, "beyond"), Bindings: []gpu.BindingKind{gpu.Storage}, PushWords: 1})
			require.ErrorIs(t, err, gpu.ErrClosed)
			_, err = d.NewProgram(ctx, gpu.ProgramSpec{Name: "late", Slots: []int64{4 * n, 4 * n},
				Dispatches: []gpu.Dispatch{affineCall(k, n, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})}})
			require.ErrorIs(t, err, gpu.ErrClosed)
			require.Empty(t, d.ValidationMessages())
		})
	}
}

func TestCancelledContexts(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		const n = 64
		p := affineProgram(t, d, n, 2, 1)
		x := upload(t, d, ramp(n))
		_, err := gpu.Open(gone)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, p.Run(gone, []*gpu.Array{x, x}), context.Canceled)
		assert.ErrorIs(t, x.Download(gone, make([]byte, 4)), context.Canceled)
		assert.ErrorIs(t, x.Write(gone, make([]byte, 4)), context.Canceled)
		_, err = d.Upload(gone, make([]byte, 4))
		assert.ErrorIs(t, err, context.Canceled)
		assert.EqualValues(t, 1, d.Stats().LiveArrays, "the failed upload left nothing")
		equal(t, ramp(n), download(t, x))
	})
}

// TestForgottenArraysAreFreed: the garbage collector is the safety net.
func TestForgottenArraysAreFreed(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		forget(t, d)
		require.Eventually(t, func() bool {
			runtime.GC()
			s := d.Stats()
			return s.LiveArrays == 0 && s.LiveBytes == 0 && s.Programs == 0
		}, 5*time.Second, time.Millisecond)
	})
}

func forget(t *testing.T, d *gpu.Device) {
	const n = 64
	p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "forgotten", Slots: []int64{4 * n, 4 * n},
		Dispatches: []gpu.Dispatch{affineCall(affine(t, d), n, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})}})
	require.NoError(t, err)
	for range 10 {
		x, err := d.Upload(ctx, bytesOf(ramp(n)))
		require.NoError(t, err)
		y, err := d.NewArray(4 * n)
		require.NoError(t, err)
		require.NoError(t, p.Run(ctx, []*gpu.Array{x, y}))
	}
	require.EqualValues(t, 20, d.Stats().LiveArrays)
}

func TestMemoryLimit(t *testing.T) {
	const limit = 16 << 20
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		var held []*gpu.Array
		for range 4 {
			a, err := d.NewArray(4 << 20)
			require.NoError(t, err)
			held = append(held, a)
		}
		_, err := d.NewArray(1)
		require.ErrorIs(t, err, gpu.ErrOutOfMemory)
		require.ErrorContains(t, err, "asked 256 B, held 16 MiB by 4 arrays and program temporaries, 16 MiB taken from the driver in slabs, limit 16 MiB")
		require.NoError(t, held[0].Close())
		a, err := d.NewArray(3 << 20)
		require.NoError(t, err)
		require.NoError(t, a.Close())
		for _, a := range held {
			require.NoError(t, a.Close())
		}
		a, err = d.NewArray(limit) // fits once the collection has given back the smaller slabs
		require.NoError(t, err)
		require.NoError(t, a.Close())
		_, err = d.NewArray(limit + 1)
		require.ErrorIs(t, err, gpu.ErrOutOfMemory)
		require.LessOrEqual(t, d.Stats().SlabBytes, int64(limit))
	}, gpu.WithMemoryLimit(limit))
}

// TestForgottenArraysMakeRoom: out of memory collects before it gives up.
func TestForgottenArraysMakeRoom(t *testing.T) {
	const limit = 8 << 20
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for range 20 { // ten times the limit, never closed
			_, err := d.NewArray(4 << 20)
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool { runtime.GC(); return d.Stats().LiveArrays == 0 }, 5*time.Second, time.Millisecond)
	}, gpu.WithMemoryLimit(limit))
}

// TestForgottenArraysDoNotPileUp: garbage is collected before the driver is asked for more and more memory.
func TestForgottenArraysDoNotPileUp(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		d.KeepMemory(16<<20, 0)
		for range 40 { // 160 MiB, never closed
			_, err := d.NewArray(4 << 20)
			require.NoError(t, err)
		}
		require.LessOrEqual(t, d.Stats().PeakBytes, int64(64<<20)) // twice 16, and what one collection may miss
		require.Eventually(t, func() bool { runtime.GC(); return d.Stats().LiveArrays == 0 }, 5*time.Second, time.Millisecond)
	})
}

func TestArrayLargerThanTheDevice(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		_, err := d.NewArray(1 << 50)
		require.ErrorIs(t, err, gpu.ErrOutOfMemory)
		require.ErrorContains(t, err, "asked 1 PiB")
		_, err = d.NewArray(d.Profile().MaxAllocation + 1)
		require.ErrorIs(t, err, gpu.ErrOutOfMemory)
		_, err = d.NewArray(-1)
		require.ErrorContains(t, err, "an array of -1 bytes")
		a, err := d.NewArray(100)
		require.NoError(t, err, "the device still works")
		require.NoError(t, a.Close())
	})
}

// TestMemoryOfALoopIsKept: a step whose results are closed before the next finds its memory again, be it larger than all that is kept
// for ever; what has not been needed for a while goes back to the driver, and so does what is more than was ever live at a time.
func TestMemoryOfALoopIsKept(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const large = 40 << 20 // more than half of the least slab: it has one of its own
		d.KeepMemory(8<<20, time.Minute)
		for i := range 4 { // every one of another size: none fits in the slab of the one before
			a, err := d.NewArray(large + int64(i)<<20)
			require.NoError(t, err)
			require.NoError(t, a.Close())
			require.LessOrEqual(t, d.Stats().SlabBytes, int64(2*large), "round %d", i)
		}
		held := d.Stats().SlabBytes
		require.GreaterOrEqual(t, held, int64(large), "the last one's memory is kept")
		a, err := d.NewArray(large)
		require.NoError(t, err)
		require.Equal(t, held, d.Stats().SlabBytes, "and serves the next")
		require.NoError(t, a.Close())
		d.KeepMemory(8<<20, time.Millisecond)
		for range 2 { // two stretches of time without need of it
			time.Sleep(3 * time.Millisecond)
			a, err := d.NewArray(1 << 20)
			require.NoError(t, err)
			require.NoError(t, a.Close())
			b, err := d.NewArray(large / 4)
			require.NoError(t, err)
			require.NoError(t, b.Close())
		}
		require.LessOrEqual(t, d.Stats().SlabBytes, int64(large))
	})
}

func TestSlabsAreReusedAndReturned(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for range 50 { // three quarters of a slab, over and over
			a, err := d.NewArray(48 << 20)
			require.NoError(t, err)
			b, err := d.NewArray(1000)
			require.NoError(t, err)
			require.NoError(t, a.Close())
			require.NoError(t, b.Close())
		}
		s := d.Stats()
		require.LessOrEqual(t, s.SlabBytes, int64(256<<20))
		require.EqualValues(t, 48<<20+1024, s.PeakBytes)
		d.ResetPeak()
		require.Zero(t, d.Stats().PeakBytes)
		require.NoError(t, d.Collect(ctx))
		require.Zero(t, d.Stats().SlabBytes)
	})
}
