package gpu_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// TestLoopsOfTwoGoroutines runs programs with loops, with arenas and without, against each other: what one has in the arena must not be
// seen by another, and each must see its own results.
func TestLoopsOfTwoGoroutines(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 67
		names := []string{"long", "while in a loop", "short", "long in a loop"}
		var programs []*gpu.Program
		for _, name := range names {
			p := loopProgram(t, d, n, loopCases[name]...)
			closeAfter(t, p)
			programs = append(programs, p)
		}
		arena := []*gpu.Program{chain(t, d, 300, 4), chain(t, d, 5000, 3)}
		var workers sync.WaitGroup
		for g := range 2 {
			workers.Go(func() {
				m := newMachine(n)
				args := m.load(t, d)
				for i := range 10 {
					at := (i + g) % len(programs)
					if !assert.NoError(t, programs[at].Run(ctx, args)) {
						return
					}
					m.run(loopCases[names[at]])
				}
				assert.Equal(t, m.data, numbers(t, args))
				closeAll(t, args)
			})
		}
		workers.Go(func() { work(t, d, arena[:1], []int{4}, 300, 30, 1) })
		workers.Go(func() { work(t, d, arena[1:], []int{3}, 5000, 30, 2) })
		workers.Wait()
		collected(t, d)
	})
}

// TestLoopsTwiceInFlight queues a program twice, on the same arguments and on others, before it waits.
func TestLoopsTwiceInFlight(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		list := loopCases["long"]
		p := loopProgram(t, d, 67, list...)
		closeAfter(t, p)
		a, b := newMachine(67), newMachine(67)
		argsA, argsB := a.load(t, d), b.load(t, d)
		defer closeAll(t, argsA)
		defer closeAll(t, argsB)
		for range 3 {
			require.NoError(t, p.Run(ctx, argsA))
			require.NoError(t, p.Run(ctx, argsA))
			require.NoError(t, p.Run(ctx, argsB))
			a.run(list)
			a.run(list)
			b.run(list)
		}
		require.Equal(t, a.data, numbers(t, argsA))
		require.Equal(t, b.data, numbers(t, argsB))
	})
}

// TestClosingUnderLoops closes the program and the arguments of a run in progress: it ends normally, on memory that is still its own.
func TestClosingUnderLoops(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for range 3 {
			list := []node{set(one, 1, 4_000), again{0, 1, []node{lcg(1), countdown(1)}}}
			p := loopProgram(t, d, 67, list...)
			m := newMachine(67)
			args := m.load(t, d)
			before := d.Stats().Submissions
			var runner sync.WaitGroup
			runner.Go(func() { assert.NoError(t, p.Run(ctx, args)) })
			for d.Stats().Submissions == before {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(5 * time.Millisecond)
			require.NoError(t, p.Close())
			require.NoError(t, args[slotWords].Close())
			taken := newMachine(67).load(t, d) // must not get the place of the closed one
			require.NoError(t, d.Collect(ctx))
			runner.Wait()
			require.ErrorIs(t, p.Run(ctx, args), gpu.ErrClosed)
			m.run(list)
			require.Equal(t, m.data, numbers(t, args))
			require.Equal(t, newMachine(67).data, numbers(t, taken))
			closeAll(t, args)
			closeAll(t, taken)
		}
		require.Zero(t, d.Stats().Programs)
	})
}

func TestDeviceClosesUnderLoops(t *testing.T) {
	for _, name := range gputest.Devices(t) {
		t.Run(name, func(t *testing.T) {
			for _, list := range [][]node{{set(one, 1, 1), again{0, 1, []node{lcg(1)}}}, {again{1 << 40, none, []node{lcg(one)}}}} {
				d, err := gpu.Open(ctx, gpu.WithDevice(name))
				require.NoError(t, err)
				p := loopProgram(t, d, 67, list...)
				args := newMachine(67).load(t, d)
				other := affineProgram(t, d, 8, 2, 1)
				var workers sync.WaitGroup
				for range 2 {
					workers.Go(func() { assert.ErrorIs(t, p.Run(ctx, args), gpu.ErrClosed) })
				}
				for d.Stats().Submissions == 0 {
					time.Sleep(time.Millisecond)
				}
				limited, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				require.ErrorIs(t, other.Run(limited, args), context.DeadlineExceeded, "the loops go on")
				cancel()
				require.NoError(t, d.Close())
				workers.Wait()
				require.Empty(t, d.ValidationMessages())
			}
		})
	}
}

// TestLoopsOutOfMemory: a run that finds no room for its arena fails, and leaves the device to others.
func TestLoopsOutOfMemory(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		k := affine(t, d)
		const n = 64
		call := affineCall(k, n, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "large", Slots: []int64{4 * n, 4 * n}, ArenaBytes: 100 << 20, Dispatches: []gpu.Dispatch{call},
			Loops: []gpu.Loop{{Last: 1, Count: 1000}}})
		require.NoError(t, err)
		x, y := upload(t, d, ramp(n)), newArray(t, d, n)
		for range 3 {
			require.ErrorIs(t, p.Run(ctx, []*gpu.Array{x, y}), gpu.ErrOutOfMemory)
			require.NoError(t, affineProgram(t, d, n, 2, 1).Run(ctx, []*gpu.Array{x, y}))
		}
		equal(t, chained(ramp(n), 1), download(t, y))
		require.NoError(t, p.Close())
		runLoops(t, d, 67, 2, loopCases["long in a loop"])
	}, gpu.WithMemoryLimit(70<<20))
}
