package gpu_test

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// A program with loops, as a tree: it can be built for a device and computed in Go.
type (
	node interface{}
	// calc is a dispatch: v -> a v + b for every number of the data, or for a word, if word mask is not 0.
	calc struct {
		mask   int // a word
		target int // a word, or data
		a, b   uint32
	}
	// again is a loop; while is a word or none.
	again struct {
		count, while int
		body         []node
	}
)

const (
	data = -1
	none = -1
	one  = 0 // the word that is always 1
)

// machine is the state of such a program: numbers and words.
type machine struct {
	data  []uint32
	words [8]uint32
}

func newMachine(n int) *machine {
	m := &machine{data: make([]uint32, n)}
	for i := range m.data {
		m.data[i] = uint32(i)
	}
	m.words[one] = 1
	return m
}

// run computes what the device should. A while loop ends as soon as its word is 0.
func (m *machine) run(list []node) {
	for _, x := range list {
		switch x := x.(type) {
		case calc:
			if m.words[x.mask] == 0 {
				continue
			}
			if x.target != data {
				m.words[x.target] = x.a*m.words[x.target] + x.b
				continue
			}
			for i, v := range m.data {
				m.data[i] = x.a*v + x.b
			}
		case again:
			for i := 0; x.while != none && m.words[x.while] != 0 || x.while == none && i < x.count; i++ {
				m.run(x.body)
			}
		}
	}
}

// The arguments of the programs: the data, and words 256 bytes apart.
const (
	slotData = iota
	slotWords
)

func wordAt(i int) gpu.Binding { return gpu.Binding{Slot: slotWords, Offset: int64(256 * i), Size: 4} }

func flatten(k *gpu.Kernel, n int, spec *gpu.ProgramSpec, list []node) {
	for _, x := range list {
		switch x := x.(type) {
		case calc:
			at, size := gpu.Binding{Slot: slotData}, n
			if x.target != data {
				at, size = wordAt(x.target), 1
			}
			to := at
			to.Write = true
			spec.Dispatches = append(spec.Dispatches, gpu.Dispatch{Kernel: k, Bindings: []gpu.Binding{wordAt(x.mask), at, to},
				Push: []uint32{uint32(size), x.a, x.b}, Groups: [3]uint32{uint32((size + 63) / 64), 1, 1}})
		case again:
			l := gpu.Loop{First: len(spec.Dispatches), Count: x.count}
			at := len(spec.Loops)
			spec.Loops = append(spec.Loops, l)
			flatten(k, n, spec, x.body)
			l.Last = len(spec.Dispatches)
			if x.while != none {
				word := wordAt(x.while)
				l.While = &word
			}
			spec.Loops[at] = l
		}
	}
}

func loopProgram(t testing.TB, d *gpu.Device, n int, list ...node) *gpu.Program {
	t.Helper()
	k, err := d.Kernel(ctx, gpu.KernelSpec{Name: "step", Code: words(t, "step"), PushWords: 3,
		Bindings: []gpu.BindingKind{gpu.Storage, gpu.Storage, gpu.Storage}})
	require.NoError(t, err)
	spec := gpu.ProgramSpec{Name: "loops", Slots: []int64{int64(4 * n), 8 * 256}}
	flatten(k, n, &spec, list)
	p, err := d.NewProgram(ctx, spec)
	require.NoError(t, err)
	return p
}

// load makes the arguments of a machine's state.
func (m *machine) load(t testing.TB, d *gpu.Device) []*gpu.Array {
	t.Helper()
	bytes := make([]byte, 4*len(m.data))
	for i, v := range m.data {
		binary.LittleEndian.PutUint32(bytes[4*i:], v)
	}
	x, err := d.Upload(ctx, bytes)
	require.NoError(t, err)
	bytes = make([]byte, 8*256)
	for i, v := range m.words {
		binary.LittleEndian.PutUint32(bytes[256*i:], v)
	}
	w, err := d.Upload(ctx, bytes)
	require.NoError(t, err)
	return []*gpu.Array{x, w}
}

// numbers downloads the data.
func numbers(t testing.TB, args []*gpu.Array) []uint32 {
	t.Helper()
	bytes := make([]byte, args[slotData].Size())
	require.NoError(t, args[slotData].Download(ctx, bytes))
	return asWords(bytes)
}

func closeAll(t testing.TB, args []*gpu.Array) {
	for _, a := range args {
		require.NoError(t, a.Close())
	}
}

// The numbers of a linear congruential generator: a round too many, too few or out of order changes every result.
func lcg(mask int) calc  { return calc{mask, data, 1664525, 1013904223} }
func swap(mask int) calc { return calc{mask, data, 69069, 1} }

// countdown makes a word one less.
func countdown(word int) calc { return calc{word, word, 1, 0xffffffff} }

// set gives a word a value.
func set(mask, word int, value uint32) calc { return calc{mask, word, 0, value} }

var loopCases = map[string][]node{
	"short":              {again{5, none, []node{lcg(one), swap(one)}}},
	"none":               {lcg(one), again{0, none, []node{lcg(one)}}, swap(one)},
	"nothing but none":   {again{0, none, []node{lcg(one)}}, again{3, none, []node{again{0, none, []node{lcg(one)}}}}},
	"one round":          {again{1, none, []node{lcg(one)}}},
	"nested short":       {swap(one), again{3, none, []node{lcg(one), again{4, none, []node{swap(one)}}, lcg(one)}}, lcg(one)},
	"neighbours":         {again{3, none, []node{lcg(one)}}, again{2, none, []node{swap(one)}}, swap(one), again{2, none, []node{lcg(one)}}},
	"long":               {swap(one), again{5003, none, []node{lcg(one)}}, swap(one)},
	"long of two":        {again{1501, none, []node{lcg(one), swap(one)}}},
	"long of a short":    {again{700, none, []node{lcg(one), again{3, none, []node{swap(one)}}}}},
	"long in a loop":     {again{5, none, []node{swap(one), again{300, none, []node{lcg(one)}}, swap(one)}}},
	"two long in a loop": {again{4, none, []node{again{300, none, []node{lcg(one)}}, again{301, none, []node{swap(one)}}}}},
	"long just in long":  {again{3, none, []node{again{900, none, []node{lcg(one)}}}}},
	"while":              {set(one, 1, 777), again{0, 1, []node{lcg(1), countdown(1)}}, swap(one)},
	"while not":          {swap(one), again{0, 1, []node{lcg(1), countdown(1)}}, lcg(one)},
	"while once":         {set(one, 1, 1), again{1, 1, []node{lcg(1), countdown(1)}}},
	"while to the limit": {set(one, 1, 100), again{100, 1, []node{lcg(1), countdown(1)}}},
	"while around short": {set(one, 1, 37), again{0, 1, []node{again{3, none, []node{lcg(1)}}, countdown(1)}}},
	"while around long":  {set(one, 1, 4), again{0, 1, []node{again{300, none, []node{lcg(1)}}, countdown(1)}}},
	"while in a loop":    {again{6, none, []node{set(one, 1, 9), again{0, 1, []node{lcg(1), countdown(1)}}, swap(one)}}},
	"while in while": {set(one, 1, 5), again{0, 1, []node{set(1, 2, 7), swap(1),
		again{20, 2, []node{lcg(2), countdown(2)}}, countdown(1)}}},
	"while around while not": {swap(one), again{0, 1, []node{set(1, 2, 7), again{20, 2, []node{lcg(2), countdown(2)}}, countdown(1)}}},
}

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

// drawBody draws a body whose dispatches obey the word mask; words from free on are unused. It bounds the rounds of all loops together.
func drawBody(r *rapid.T, mask, free, depth, most int) []node {
	var list []node
	for range rapid.IntRange(0, 3).Draw(r, "nodes") {
		kind := rapid.SampledFrom([]string{"calc", "calc", "counted", "while"}).Draw(r, "kind")
		if depth == 3 {
			kind = "calc"
		}
		switch kind {
		case "calc":
			list = append(list, calc{mask, data, rapid.Uint32().Draw(r, "a") | 1, rapid.Uint32().Draw(r, "b")})
		case "counted":
			count := min(most, rapid.SampledFrom([]int{0, 1, 2, 3, 5, 20, 300}).Draw(r, "count"))
			list = append(list, again{count, none, drawBody(r, mask, free, depth+1, most/max(count, 1))})
		case "while":
			rounds := min(most, rapid.IntRange(0, 12).Draw(r, "rounds"))
			limit := rapid.SampledFrom([]int{0, max(1, rounds), rounds + 3}).Draw(r, "limit")
			body := append(drawBody(r, free, free+1, depth+1, most/max(rounds, 1)), countdown(free))
			list = append(list, set(mask, free, uint32(rounds)), again{limit, free, body})
		}
	}
	return list
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

func TestLoopsSubmitFewTimes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		run := func(count int) int64 {
			list := []node{again{count, none, []node{lcg(one)}}}
			p := loopProgram(t, d, 8, list...)
			defer func() { require.NoError(t, p.Close()) }()
			args := newMachine(8).load(t, d)
			defer closeAll(t, args)
			require.NoError(t, p.Run(ctx, args))
			before := d.Stats()
			require.NoError(t, p.Run(ctx, args))
			require.NoError(t, d.Wait(ctx))
			after := d.Stats()
			require.Equal(t, before.Recordings, after.Recordings)
			return after.Submissions - before.Submissions
		}
		require.EqualValues(t, 1, run(200), "written out")
		require.Less(t, run(20_000), int64(400), "some tens of milliseconds each: 20,000 rounds of 20 to 40 microseconds are 8 to 16 on an idle machine")
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
