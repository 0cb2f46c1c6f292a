package gpu_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// runLoops runs a program several times in a row, each on the results before, and compares with Go.
func runLoops(t testing.TB, d *gpu.Device, n, times int, list []node) {
	p := loopProgram(t, d, n, list...)
	m := newMachine(n)
	args := m.load(t, d)
	defer closeAll(t, args)
	for range times {
		require.NoError(t, p.Run(ctx, args))
		m.run(list)
	}
	require.Equal(t, m.data, numbers(t, args))
	require.NoError(t, p.Close())
}

func TestLoops(t *testing.T) {
	for name, list := range loopCases {
		t.Run(name, func(t *testing.T) {
			gputest.Each(t, func(t *testing.T, d *gpu.Device) { runLoops(t, d, 67, 3, list) })
		})
	}
}

// TestLoopsStaged is TestLoops as discrete GPUs run it: the words of while loops are copied to the host.
func TestLoopsStaged(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for name, list := range loopCases {
			t.Run(name, func(t *testing.T) { runLoops(t, d, 67, 2, list) })
		}
	}, gpu.WithStaging())
}

// TestLoopsWatched is TestLoops as GPUs with watchdogs run it: no command buffer has more than 256 dispatches. Loops around long bodies and
// long programs without loops come on top.
func TestLoopsWatched(t *testing.T) {
	var long, masked []node
	for range 300 {
		long, masked = append(long, lcg(one), swap(one)), append(masked, lcg(1), swap(1))
	}
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for name, list := range map[string][]node{"no loop": long, "long body": {swap(one), again{3, none, long}},
			"while with a long body": {set(one, 1, 3), again{0, 1, append(masked, countdown(1))}}} {
			t.Run(name, func(t *testing.T) { runLoops(t, d, 67, 2, list) })
		}
		p := loopProgram(t, d, 8, long...)
		closeAfter(t, p)
		args := newMachine(8).load(t, d)
		defer closeAll(t, args)
		require.NoError(t, p.Run(ctx, args))
		before := d.Stats().Submissions
		require.NoError(t, p.Run(ctx, args))
		require.LessOrEqual(t, d.Stats().Submissions-before, int64(3), "three command buffers")
		for name, list := range loopCases {
			t.Run(name, func(t *testing.T) { runLoops(t, d, 67, 2, list) })
		}
	}, gpu.WithWatchdog())
}

// TestLoopsRandom runs random nests.
func TestLoopsRandom(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		rapid.Check(t, func(r *rapid.T) {
			list := drawBody(r, one, 1, 0, 1000)
			runLoops(t, d, 5, rapid.IntRange(1, 2).Draw(r, "runs"), list)
		})
	})
}

func TestLoopLimit(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		list := []node{swap(one), set(one, 1, 100), again{99, 1, []node{lcg(1), countdown(1)}}}
		p := loopProgram(t, d, 10, list...)
		closeAfter(t, p)
		args := newMachine(10).load(t, d)
		defer closeAll(t, args)
		err := p.Run(ctx, args)
		require.ErrorIs(t, err, gpu.ErrLoopLimit)
		require.ErrorContains(t, err, `program "loops": the while loop over dispatches 2 to 3 still goes on after 99 rounds`)
		runLoops(t, d, 10, 2, loopCases["while in while"]) // the device is as before
	})
}

func TestLoopErrors(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		k := affine(t, d)
		call := affineCall(k, 8, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})
		word := func(slot int, offset, size int64) *gpu.Binding {
			return &gpu.Binding{Slot: slot, Offset: offset, Size: size}
		}
		for want, loops := range map[string][]gpu.Loop{
			"loop 0: dispatches [-1, 2) of 3":                       {{First: -1, Last: 2}},
			"loop 0: dispatches [2, 1) of 3":                        {{First: 2, Last: 1}},
			"loop 0: dispatches [2, 4) of 3":                        {{First: 2, Last: 4}},
			"loop 0: -1 rounds":                                     {{First: 0, Last: 2, Count: -1}},
			"loops 0 and 1: [0, 2) and [1, 3) overlap":              {{First: 0, Last: 2}, {First: 1, Last: 3}},
			"loops 0 and 1: [1, 3) and [0, 2) overlap":              {{First: 1, Last: 3}, {First: 0, Last: 2}},
			"loop 0: the word of its condition: slot 2 of 2":        {{Last: 1, While: word(2, 0, 4)}},
			"loop 0: the word of its condition: 8 bytes":            {{Last: 1, While: word(0, 0, 8)}},
			"loop 0: the word of its condition: its offset is no":   {{Last: 1, While: word(0, 2, 4)}},
			"loop 0: the word of its condition: bytes 32 to 36 of ": {{Last: 1, While: word(0, 32, 0)}},
			"bytes 256 to 260 of slot -1, which has 256":            {{Last: 1, While: word(gpu.Arena, 256, 4)}},
		} {
			_, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "bad", Slots: []int64{32, 32}, ArenaBytes: 256,
				Dispatches: []gpu.Dispatch{call, call, call}, Loops: loops})
			assert.ErrorContains(t, err, want)
		}
	})
}

// TestLoopsOfEmptyWork: a while loop without work must end though nothing ever changes its word.
func TestLoopsOfEmptyWork(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		k := affine(t, d)
		empty := affineCall(k, 0, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})
		call := affineCall(k, 8, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "idle", Slots: []int64{32, 32}, Dispatches: []gpu.Dispatch{empty, empty, call, empty},
			Loops: []gpu.Loop{{First: 0, Last: 2, While: &gpu.Binding{Slot: 0}}, {First: 1, Last: 2, Count: 7}, {First: 1, Last: 1, Count: 9},
				{First: 2, Last: 4, Count: 2}}})
		require.NoError(t, err)
		closeAfter(t, p)
		x, y := upload(t, d, []float32{7, 1, 2, 3, 4, 5, 6, 7}), newArray(t, d, 8)
		require.NoError(t, p.Run(ctx, []*gpu.Array{x, y}))
		equal(t, []float32{15, 3, 5, 7, 9, 11, 13, 15}, download(t, y))
	})
}

// TestLoopsInArena keeps data and word in the arena and moves the arena while programs alternate.
func TestLoopsInArena(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 64
		k, err := d.Kernel(ctx, gpu.KernelSpec{Name: "step", Code: words(t, "step"), PushWords: 3,
			Bindings: []gpu.BindingKind{gpu.Storage, gpu.Storage, gpu.Storage}})
		require.NoError(t, err)
		step := func(n, a, b uint32, mask, x, y gpu.Binding) gpu.Dispatch {
			y.Write = true
			return gpu.Dispatch{Kernel: k, Bindings: []gpu.Binding{mask, x, y}, Push: []uint32{n, a, b}, Groups: [3]uint32{1, 1, 1}}
		}
		ones, in, out := gpu.Binding{Slot: 0, Size: 4}, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1}
		word := gpu.Binding{Slot: gpu.Arena, Size: 4}
		ping, pong := gpu.Binding{Slot: gpu.Arena, Offset: 256, Size: 4 * n}, gpu.Binding{Slot: gpu.Arena, Offset: 512, Size: 4 * n}
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "arena", Slots: []int64{4 * n, 4 * n}, ArenaBytes: 768, Dispatches: []gpu.Dispatch{
			step(1, 0, 500, ones, ones, word), step(n, 1, 0, ones, in, ping),
			step(n, 3, 1, word, ping, pong), step(n, 5, 2, word, pong, ping), step(1, 1, 0xffffffff, word, word, word),
			step(n, 1, 0, ones, ping, out),
		}, Loops: []gpu.Loop{{First: 2, Last: 5, While: &word}}})
		require.NoError(t, err)
		closeAfter(t, p)
		other := chain(t, d, 50000, 3)
		x, y := upload(t, d, ramp(50000)), newArray(t, d, 50000)
		m := newMachine(n)
		m.data[0] = 1 // it is the mask of the unconditional steps, too
		args := m.load(t, d)
		args[1].Close()
		args[1] = newArray(t, d, n)
		var done []uint32
		for range 4 {
			require.NoError(t, p.Run(ctx, args))
			require.NoError(t, other.Run(ctx, []*gpu.Array{x, y}))
			bytes := make([]byte, 4*n)
			require.NoError(t, args[1].Download(ctx, bytes))
			done = asWords(bytes)
			require.NoError(t, d.Collect(ctx))
		}
		for i, v := range m.data {
			for range 500 {
				v = 5*(3*v+1) + 2
			}
			require.Equal(t, v, done[i])
		}
		equal(t, chained(ramp(50000), 3), download(t, y))
		require.NoError(t, args[0].Close())
	})
}

// TestLoopsAliased runs a long loop whose dispatches are independent for distinct arguments and a chain when they are one array.
func TestLoopsAliased(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 3000
		k, err := d.Kernel(ctx, gpu.KernelSpec{Name: "step", Code: words(t, "step"), PushWords: 3,
			Bindings: []gpu.BindingKind{gpu.Storage, gpu.Storage, gpu.Storage}})
		require.NoError(t, err)
		var calls []gpu.Dispatch
		for slot := range 2 {
			x := gpu.Binding{Slot: slot}
			y := x
			y.Write = true
			calls = append(calls, gpu.Dispatch{Kernel: k, Bindings: []gpu.Binding{{Slot: 2}, x, y}, Push: []uint32{n, uint32(3 + 2*slot), 1},
				Groups: [3]uint32{(n + 63) / 64, 1, 1}})
		}
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "pair", Slots: []int64{4 * n, 4 * n, 4}, Dispatches: calls,
			Loops: []gpu.Loop{{Last: 2, Count: 333}}})
		require.NoError(t, err)
		closeAfter(t, p)
		args := newMachine(n).load(t, d)
		defer closeAll(t, args)
		mask, err := d.Upload(ctx, []byte{1, 0, 0, 0})
		require.NoError(t, err)
		closeAfter(t, mask)
		require.NoError(t, p.Run(ctx, []*gpu.Array{args[0], args[0], mask}))
		want := newMachine(n).data
		for i := range want {
			for range 333 {
				want[i] = 5*(3*want[i]+1) + 1
			}
		}
		require.Equal(t, want, numbers(t, args))
	})
}

// TestLoopsSubmitFewTimes: submissions last some tens of milliseconds, so they are few, but none is long; with much room for other work
// on the machine.
func TestLoopsSubmitFewTimes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		run := func(count int) (int64, time.Duration) {
			p := loopProgram(t, d, 8, again{count, none, []node{lcg(one)}})
			defer func() { require.NoError(t, p.Close()) }()
			args := newMachine(8).load(t, d)
			defer closeAll(t, args)
			require.NoError(t, p.Run(ctx, args))
			require.NoError(t, d.Wait(ctx))
			before, start := d.Stats(), time.Now()
			require.NoError(t, p.Run(ctx, args))
			require.NoError(t, d.Wait(ctx))
			after := d.Stats()
			require.Equal(t, before.Recordings, after.Recordings)
			return after.Submissions - before.Submissions, time.Since(start)
		}
		submissions, _ := run(200)
		require.EqualValues(t, 1, submissions, "written out")
		submissions, took := run(20_000)
		require.Less(t, submissions, int64(400))
		require.Greater(t, submissions, int64(took/(500*time.Millisecond)), "%d submissions took %v", submissions, took)
	})
}

func TestLoopsAllocateNothing(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, list := range [][]node{loopCases["short"], loopCases["long"], loopCases["long in a loop"]} {
			p := loopProgram(t, d, 16, list...)
			closeAfter(t, p)
			args := newMachine(16).load(t, d)
			for range 3 {
				require.NoError(t, p.Run(ctx, args))
			}
			// AllocsPerRun counts the process's allocations: its own machinery's are rounded away.
			require.Zero(t, testing.AllocsPerRun(10, func() {
				if err := p.Run(ctx, args); err != nil {
					t.Fatal(err)
				}
			}))
			require.NoError(t, d.Wait(ctx))
			closeAll(t, args)
		}
	})
}

func TestLoopsProfile(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		list := []node{swap(one), again{300, none, []node{lcg(one)}}, set(one, 1, 5), again{0, 1, []node{lcg(1), countdown(1)}},
			again{3, none, []node{swap(one)}}}
		p := loopProgram(t, d, 1000, list...)
		closeAfter(t, p)
		m := newMachine(1000)
		args := m.load(t, d)
		defer closeAll(t, args)
		require.NoError(t, p.Run(ctx, args))
		m.run(list)
		require.NoError(t, d.Wait(ctx))
		start := time.Now()
		times, err := p.Profile(ctx, args)
		wall := time.Since(start)
		m.run(list)
		require.NoError(t, err)
		require.Equal(t, m.data, numbers(t, args))
		require.Len(t, times, 6)
		var sum time.Duration
		for _, v := range times {
			require.Positive(t, v)
			sum += v
		}
		require.LessOrEqual(t, sum, wall)
		require.Greater(t, times[1], 20*slices.Min(times), "300 rounds against one")
	})
}

// TestLoopsStopWithContext cancels runs that would never end, in while loops and in counted ones.
func TestLoopsStopWithContext(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for name, list := range map[string][]node{
			"while":   {set(one, 1, 1), again{0, 1, []node{lcg(1)}}},
			"counted": {again{1 << 40, none, []node{lcg(one)}}},
			"nested":  {again{1 << 40, none, []node{again{1 << 40, none, []node{lcg(one)}}, swap(one)}}},
		} {
			p := loopProgram(t, d, 10, list...)
			args := newMachine(10).load(t, d)
			limited, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
			start := time.Now()
			require.ErrorIs(t, p.Run(limited, args), context.DeadlineExceeded, name)
			cancel()
			require.Less(t, time.Since(start), 5*time.Second)
			require.NoError(t, p.Close())
			closeAll(t, args)
			runLoops(t, d, 67, 2, loopCases["long in a loop"])
		}
	})
}
