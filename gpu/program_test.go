package gpu_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

func TestRunOneDispatch(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 1000
		p := affineProgram(t, d, n, 2, 1)
		x, y := upload(t, d, ramp(n)), newArray(t, d, n)
		require.NoError(t, p.Run(ctx, []*gpu.Array{x, y}))
		equal(t, mapped(ramp(n), func(v float32) float32 { return 2*v + 1 }), download(t, y))
	})
}

// chain is a program of length dispatches, each v -> 2 v + 1 by way of two halves of the arena, from argument 0 to argument 1.
func chain(t testing.TB, d *gpu.Device, n, length int) *gpu.Program {
	t.Helper()
	k := affine(t, d)
	half := int64(4*n+255) / 256 * 256
	var calls []gpu.Dispatch
	for i := range length {
		from := gpu.Binding{Slot: gpu.Arena, Offset: half * int64(i%2), Size: int64(4 * n)}
		to := gpu.Binding{Slot: gpu.Arena, Offset: half * int64((i+1)%2), Size: int64(4 * n)}
		if i == 0 {
			from = gpu.Binding{Slot: 0}
		}
		if i == length-1 {
			to = gpu.Binding{Slot: 1}
		}
		calls = append(calls, affineCall(k, n, 2, 1, from, to))
	}
	p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "chain", Slots: []int64{int64(4 * n), int64(4 * n)}, ArenaBytes: 2 * half, Dispatches: calls})
	require.NoError(t, err)
	closeAfter(t, p)
	return p
}

// chained is what chain computes.
func chained(x []float32, length int) []float32 {
	return mapped(x, func(v float32) float32 {
		for range length {
			v = 2*v + 1
		}
		return v
	})
}

func TestArenaChain(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n, length = 3001, 9
		p := chain(t, d, n, length)
		for range 3 {
			x, y := upload(t, d, ramp(n)), newArray(t, d, n)
			require.NoError(t, p.Run(ctx, []*gpu.Array{x, y}))
			equal(t, chained(ramp(n), length), download(t, y))
		}
		require.NotZero(t, d.Stats().ArenaBytes)
		require.NoError(t, p.Close())
		require.Zero(t, d.Stats().ArenaBytes, "the arena lives as long as a program needs it")
	})
}

func TestArenaIsShared(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const small, large = 1000, 50000
		a, b := chain(t, d, small, 4), chain(t, d, large, 4)
		xa, ya := upload(t, d, ramp(small)), newArray(t, d, small)
		xb, yb := upload(t, d, ramp(large)), newArray(t, d, large)
		for range 3 { // the first round moves the arena from small to large
			require.NoError(t, a.Run(ctx, []*gpu.Array{xa, ya}))
			require.NoError(t, b.Run(ctx, []*gpu.Array{xb, yb}))
		}
		equal(t, chained(ramp(small), 4), download(t, ya))
		equal(t, chained(ramp(large), 4), download(t, yb))
		require.Less(t, d.Stats().ArenaBytes, int64(8*large+8*small))
	})
}

func TestSameArrayInAndOut(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 500
		x := upload(t, d, ramp(n))
		p := affineProgram(t, d, n, 2, 1)
		for range 3 {
			require.NoError(t, p.Run(ctx, []*gpu.Array{x, x}))
		}
		equal(t, chained(ramp(n), 3), download(t, x))
	})
}

// TestAliasedArguments runs a program whose dispatches are independent for distinct arguments and a chain when they are one array.
func TestAliasedArguments(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 100000
		k := affine(t, d)
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "pair", Slots: []int64{4 * n, 4 * n}, Dispatches: []gpu.Dispatch{
			affineCall(k, n, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 0}),
			affineCall(k, n, 2, 1, gpu.Binding{Slot: 1}, gpu.Binding{Slot: 1}),
		}})
		require.NoError(t, err)
		closeAfter(t, p)
		x, y := upload(t, d, ramp(n)), upload(t, d, ramp(n))
		require.Nil(t, gpu.Aliases([]*gpu.Array{x, y}))
		require.Equal(t, []int{0, 1, 1, 0}, gpu.Aliases([]*gpu.Array{x, y, y, x}))
		require.NoError(t, p.Run(ctx, []*gpu.Array{x, y}))
		equal(t, chained(ramp(n), 1), download(t, x))
		require.NoError(t, p.Run(ctx, []*gpu.Array{x, x}))
		equal(t, chained(ramp(n), 3), download(t, x))
		equal(t, chained(ramp(n), 1), download(t, y))
	})
}

func TestBarriersOnlyWhereRangesConflict(t *testing.T) {
	bind := func(slot int, offset, size int64, write bool) gpu.Binding {
		return gpu.Binding{Slot: slot, Offset: offset, Size: size, Write: write}
	}
	calls := func(list ...[]gpu.Binding) []gpu.Dispatch {
		var d []gpu.Dispatch
		for _, b := range list {
			d = append(d, gpu.Dispatch{Bindings: b})
		}
		return d
	}
	r, w := false, true
	for name, c := range map[string]struct {
		dispatches []gpu.Dispatch
		alias      []int
		want       []bool
	}{
		"independent reads": {calls([]gpu.Binding{bind(0, 0, 0, r)}, []gpu.Binding{bind(0, 0, 0, r)}), nil, []bool{false, false}},
		"read after write":  {calls([]gpu.Binding{bind(0, 0, 64, w)}, []gpu.Binding{bind(0, 0, 64, r)}), nil, []bool{false, true}},
		"write after read":  {calls([]gpu.Binding{bind(0, 0, 64, r)}, []gpu.Binding{bind(0, 32, 64, w)}), nil, []bool{false, true}},
		"write after write": {calls([]gpu.Binding{bind(0, 0, 0, w)}, []gpu.Binding{bind(0, 256, 64, w)}), nil, []bool{false, true}},
		"disjoint ranges":   {calls([]gpu.Binding{bind(0, 0, 256, w)}, []gpu.Binding{bind(0, 256, 64, w)}), nil, []bool{false, false}},
		"padding counts":    {calls([]gpu.Binding{bind(0, 0, 4, w)}, []gpu.Binding{bind(0, 8, 4, r)}), nil, []bool{false, true}},
		"arena and slot":    {calls([]gpu.Binding{bind(gpu.Arena, 0, 64, w)}, []gpu.Binding{bind(0, 0, 64, w)}), nil, []bool{false, false}},
		"aliased slots":     {calls([]gpu.Binding{bind(0, 0, 64, w)}, []gpu.Binding{bind(1, 0, 64, r)}), []int{0, 0}, []bool{false, true}},
		"one barrier covers what came before": {calls([]gpu.Binding{bind(0, 0, 64, w)}, []gpu.Binding{bind(1, 0, 64, w)},
			[]gpu.Binding{bind(0, 0, 64, r), bind(2, 0, 64, w)}, []gpu.Binding{bind(1, 0, 64, r)}), nil, []bool{false, false, true, false}},
	} {
		assert.Equal(t, c.want, gpu.PlanBarriers(c.dispatches, c.alias), name)
	}
}

func TestResubmitsAndRerecords(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 64
		p := affineProgram(t, d, n, 2, 1)
		x := upload(t, d, ramp(n))
		var y [6]*gpu.Array
		for i := range y {
			y[i] = newArray(t, d, n)
		}
		run := func(i int) {
			require.NoError(t, p.Run(ctx, []*gpu.Array{x, y[i]}))
		}
		for i := range 20 { // ping-pong over as many outputs as a program remembers
			run(i % 4)
		}
		s := d.Stats()
		require.EqualValues(t, 20, s.Submissions)
		require.EqualValues(t, 4, s.Recordings)
		for i := range 12 { // more outputs than that, in turn: the oldest is always the one missing
			run(i % 6)
		}
		require.EqualValues(t, 32, d.Stats().Submissions)
		require.EqualValues(t, 4+8, d.Stats().Recordings, "the first four calls found theirs, the other eight did not")
		for i := range y {
			equal(t, chained(ramp(n), 1), download(t, y[i]))
		}
	})
}

// TestNewArrayInOldPlace: recordings know memory, so outputs allocated and freed in each call do not cost a recording.
func TestNewArrayInOldPlace(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 64
		p := affineProgram(t, d, n, 2, 1)
		x := upload(t, d, ramp(n))
		for range 10 {
			y, err := d.NewArray(4 * n)
			require.NoError(t, err)
			require.NoError(t, p.Run(ctx, []*gpu.Array{x, y}))
			require.NoError(t, y.Close())
		}
		require.EqualValues(t, 1, d.Stats().Recordings)
	})
}

func TestEmptyArraysAndSkippedDispatches(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		k := affine(t, d)
		one := [3]uint32{1, 1, 1}
		call := affineCall(k, 0, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})
		require.Zero(t, call.Groups[0], "nothing to do is a skipped dispatch")
		forced := call
		forced.Groups = one // runs, but its n is 0: only the dummy range is bound
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "empty", Slots: []int64{0, 0}, Dispatches: []gpu.Dispatch{call, forced}})
		require.NoError(t, err)
		closeAfter(t, p)
		x, y := upload(t, d, nil), newArray(t, d, 0)
		require.NoError(t, p.Run(ctx, []*gpu.Array{x, y}))
		require.Empty(t, download(t, y))
		require.Zero(t, d.Stats().LiveBytes)
		times, err := p.Profile(ctx, []*gpu.Array{x, y})
		require.NoError(t, err)
		require.Len(t, times, 2)
		require.Zero(t, times[0])
		skipped, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "nothing", Slots: []int64{0, 0}, Dispatches: []gpu.Dispatch{call}})
		require.NoError(t, err)
		closeAfter(t, skipped)
		before := d.Stats().Submissions
		require.NoError(t, skipped.Run(ctx, []*gpu.Array{x, y}))
		require.Equal(t, before, d.Stats().Submissions)
	})
}

func TestTexelReads(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 4096 // floats
		k, err := d.Kernel(ctx, gpu.KernelSpec{Name: "texel", Code: words(t, "texel"), Bindings: []gpu.BindingKind{gpu.Texel, gpu.Storage}, PushWords: 1})
		require.NoError(t, err)
		call := gpu.Dispatch{Kernel: k, Bindings: []gpu.Binding{{Slot: 0}, {Slot: 1, Write: true}}, Push: []uint32{n / 4}, Groups: [3]uint32{n / 4 / 64, 1, 1}}
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "texel", Slots: []int64{4 * n, 4 * n}, Dispatches: []gpu.Dispatch{call}})
		require.NoError(t, err)
		closeAfter(t, p)
		for range 3 {
			x, err := d.Upload(ctx, bytesOf(ramp(n)))
			require.NoError(t, err)
			y := newArray(t, d, n)
			require.NoError(t, p.Run(ctx, []*gpu.Array{x, y}))
			require.NoError(t, x.Close()) // its view is still in use
			equal(t, mapped(ramp(n), func(v float32) float32 { return v + 1 }), download(t, y))
		}
		most := d.Profile().MaxTexelElements
		call.Bindings = []gpu.Binding{{Slot: 0, Size: 16 * (most + 1)}, {Slot: 1, Write: true}}
		_, err = d.NewProgram(ctx, gpu.ProgramSpec{Name: "texel", Slots: []int64{16 * (most + 1), 16}, Dispatches: []gpu.Dispatch{call}})
		require.ErrorContains(t, err, "a texel binding of this device holds")
	})
}

// TestTexelViewsAreForgotten runs over more ranges than a slab remembers views of: dropped views must outlive their submissions, and
// recordings that name them must not be submitted again. The validation layer watches both.
func TestTexelViewsAreForgotten(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		d.LimitViews(2)
		const n = 1 << 14
		k, err := d.Kernel(ctx, gpu.KernelSpec{Name: "texel", Code: words(t, "texel"), Bindings: []gpu.BindingKind{gpu.Texel, gpu.Storage}, PushWords: 1})
		require.NoError(t, err)
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "texel", Slots: []int64{4 * n, 4 * n}, Dispatches: []gpu.Dispatch{{Kernel: k,
			Bindings: []gpu.Binding{{Slot: 0}, {Slot: 1, Write: true}}, Push: []uint32{n / 4}, Groups: [3]uint32{n / 4 / 64, 1, 1}}}})
		require.NoError(t, err)
		closeAfter(t, p)
		var inputs, outputs []*gpu.Array
		for i := range 4 {
			inputs = append(inputs, upload(t, d, mapped(ramp(n), func(v float32) float32 { return v + float32(1000*i) })))
			outputs = append(outputs, newArray(t, d, n))
		}
		for round := range 10 {
			for i := range inputs {
				require.NoError(t, p.Run(ctx, []*gpu.Array{inputs[i], outputs[i]}))
				if round < 5 { // dropped views die at once; in the later rounds they are still in use
					require.NoError(t, d.Wait(ctx))
				}
			}
		}
		for i := range outputs {
			equal(t, mapped(ramp(n), func(v float32) float32 { return v + float32(1000*i) + 1 }), download(t, outputs[i]))
		}
	}, gpu.WithValidation(true))
}

func TestKernelsAreDeduplicated(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		a, b := affine(t, d), affine(t, d)
		require.Same(t, a, b)
		c, err := d.Kernel(ctx, gpu.KernelSpec{Name: "tripled", Code: words(t, "affine"), Bindings: []gpu.BindingKind{gpu.Storage, gpu.Storage},
			PushWords: 3, Spec: []uint32{localSize, math.Float32bits(3)}})
		require.NoError(t, err)
		require.NotSame(t, a, c, "other constants make another kernel")
		require.EqualValues(t, 2, d.Stats().Kernels)
		require.Zero(t, d.Stats().Pipelines, "compiled when first needed")
		const n = 10
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "tripled", Slots: []int64{4 * n, 4 * n},
			Dispatches: []gpu.Dispatch{affineCall(c, n, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})}})
		require.NoError(t, err)
		closeAfter(t, p)
		require.EqualValues(t, 1, d.Stats().Pipelines)
		x, y := upload(t, d, ramp(n)), newArray(t, d, n)
		require.NoError(t, p.Run(ctx, []*gpu.Array{x, y}))
		equal(t, mapped(ramp(n), func(v float32) float32 { return 2*v + 3 }), download(t, y))
	})
}

func TestOutOfRangeWritesAreDropped(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		k, err := d.Kernel(ctx, gpu.KernelSpec{Name: "beyond", Code: words(t, "beyond"), Bindings: []gpu.BindingKind{gpu.Storage}, PushWords: 1})
		require.NoError(t, err)
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "beyond", Slots: []int64{256}, Dispatches: []gpu.Dispatch{
			{Kernel: k, Bindings: []gpu.Binding{{Slot: 0, Write: true}}, Push: []uint32{64 + 10}, Groups: [3]uint32{1, 1, 1}}}})
		require.NoError(t, err)
		closeAfter(t, p)
		x, neighbour := upload(t, d, make([]float32, 64)), upload(t, d, make([]float32, 64))
		require.NoError(t, p.Run(ctx, []*gpu.Array{x}))
		require.Equal(t, make([]float32, 64), download(t, x))
		require.Equal(t, make([]float32, 64), download(t, neighbour))
	}, gpu.WithRobustAccess(true))
}

func TestProfileTimesDispatches(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 1 << 18
		k := affine(t, d)
		p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "timed", Slots: []int64{4 * n, 4 * n}, Dispatches: []gpu.Dispatch{
			affineCall(k, 64, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1}),
			affineCall(k, n, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1}),
		}})
		require.NoError(t, err)
		closeAfter(t, p)
		x, y := upload(t, d, ramp(n)), newArray(t, d, n)
		require.NoError(t, p.Run(ctx, []*gpu.Array{x, y})) // compiles on first use
		require.NoError(t, d.Wait(ctx))
		var least [2]time.Duration // of some runs: whatever else the machine does adds to single ones
		for i := range 20 {
			start := time.Now()
			times, err := p.Profile(ctx, []*gpu.Array{x, y})
			wall := time.Since(start)
			require.NoError(t, err)
			require.Len(t, times, 2)
			require.Positive(t, times[0])
			require.LessOrEqual(t, times[0]+times[1], wall)
			for j, d := range times {
				if i == 0 || d < least[j] {
					least[j] = d
				}
			}
		}
		require.Greater(t, least[1], least[0], "4096 times the work")
		equal(t, chained(ramp(n), 1), download(t, y))
	})
}

func TestProgramErrors(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 64
		k := affine(t, d)
		good := affineCall(k, n, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})
		for want, change := range map[string]func(*gpu.Dispatch){
			"it has no kernel":               func(c *gpu.Dispatch) { c.Kernel = nil },
			"1 bindings, kernel":             func(c *gpu.Dispatch) { c.Bindings = c.Bindings[:1] },
			"2 push words, kernel":           func(c *gpu.Dispatch) { c.Push = c.Push[:2] },
			"groups along axis 1":            func(c *gpu.Dispatch) { c.Groups[1] = math.MaxUint32 },
			"slot 7 of 2":                    func(c *gpu.Dispatch) { c.Bindings[0].Slot = 7 },
			"bytes 0 to 512 of slot 0":       func(c *gpu.Dispatch) { c.Bindings[0].Size = 512 },
			"offset 4 is no multiple":        func(c *gpu.Dispatch) { c.Bindings[0].Offset = 4 },
			"bytes 256 to 260 of slot -1":    func(c *gpu.Dispatch) { c.Bindings[0] = gpu.Binding{Slot: gpu.Arena, Offset: 256, Size: 4} },
			"a storage binding of this devi": func(c *gpu.Dispatch) { c.Bindings[0] = gpu.Binding{Slot: 2, Size: 4 << 30} },
		} {
			c := good
			c.Bindings = append([]gpu.Binding(nil), good.Bindings...)
			change(&c)
			slots := []int64{4 * n, 4 * n}
			if c.Bindings[0].Slot == 2 {
				slots = append(slots, 8<<30)
			}
			_, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "bad", Slots: slots, ArenaBytes: 256, Dispatches: []gpu.Dispatch{c}})
			assert.ErrorContains(t, err, want)
		}
		p := affineProgram(t, d, n, 2, 1)
		x := upload(t, d, ramp(n))
		small := upload(t, d, ramp(n-1))
		closed := newArray(t, d, n)
		require.NoError(t, closed.Close())
		assert.ErrorContains(t, p.Run(ctx, []*gpu.Array{x}), "1 arguments, it has 2")
		assert.ErrorContains(t, p.Run(ctx, []*gpu.Array{x, nil}), "argument 1 is nil")
		assert.ErrorContains(t, p.Run(ctx, []*gpu.Array{x, small}), "argument 1 has 252 bytes, 256 are needed")
		assert.ErrorIs(t, p.Run(ctx, []*gpu.Array{x, closed}), gpu.ErrClosed)
		require.NoError(t, p.Close())
		require.NoError(t, p.Close())
		assert.ErrorIs(t, p.Run(ctx, []*gpu.Array{x, x}), gpu.ErrClosed)
		for want, spec := range map[string]gpu.KernelSpec{
			"no SPIR-V module":     {Name: "k", Code: []uint32{1, 2, 3}},
			"push words, the":      {Name: "k", Code: words(t, "affine"), PushWords: 1 << 20},
			"the unknown kind 999": {Name: "k", Code: words(t, "affine"), Bindings: []gpu.BindingKind{999}},
		} {
			_, err := d.Kernel(ctx, spec)
			assert.ErrorContains(t, err, want)
		}
	})
}
