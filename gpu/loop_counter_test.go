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

// counter is a program whose argument 0 is raised by one in every of the rounds that loops repeat. The dispatches: 0 and 1 add
// one half by way of the arena, 2 multiplies argument 1 by one half, 3 adds 1000 to argument 0.
func counter(t testing.TB, d *gpu.Device, loops ...gpu.Loop) *gpu.Program {
	t.Helper()
	k := affine(t, d)
	x, y, w := gpu.Binding{Slot: 0}, gpu.Binding{Slot: gpu.Arena, Size: 64}, gpu.Binding{Slot: 1}
	p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "counter", Slots: []int64{64, 4}, ArenaBytes: 64, Loops: loops,
		Dispatches: []gpu.Dispatch{affineCall(k, 16, 1, 0.5, x, y), affineCall(k, 16, 1, 0.5, y, x), affineCall(k, 1, 0.5, 0, w, w), affineCall(k, 16, 1, 1000, x, x)}})
	require.NoError(t, err)
	closeAfter(t, p)
	return p
}

func TestCountedLoops(t *testing.T) {
	for name, c := range map[string]struct {
		loops []gpu.Loop
		want  float32
	}{
		"none":                 {nil, 1001},
		"never":                {[]gpu.Loop{{First: 0, Last: 2}}, 1000},
		"short":                {[]gpu.Loop{{First: 0, Last: 2, Count: 5}}, 1005},
		"long":                 {[]gpu.Loop{{First: 0, Last: 2, Count: 20_001}}, 21_001},
		"two":                  {[]gpu.Loop{{First: 0, Last: 2, Count: 7}, {First: 3, Last: 4, Count: 3}}, 3007},
		"nested":               {[]gpu.Loop{{First: 0, Last: 2, Count: 30}, {First: 0, Last: 4, Count: 10}}, 10_300},
		"nested, inner long":   {[]gpu.Loop{{First: 0, Last: 2, Count: 3000}, {First: 0, Last: 3, Count: 4}}, 13_000},
		"nested, both at once": {[]gpu.Loop{{First: 0, Last: 2, Count: 6}, {First: 0, Last: 2, Count: 5}}, 1030},
	} {
		gputest.Each(t, func(t *testing.T, d *gpu.Device) {
			t.Run(name, func(t *testing.T) {
				x, w := upload(t, d, make([]float32, 16)), upload(t, d, []float32{1})
				p := counter(t, d, c.loops...)
				require.NoError(t, p.Run(ctx, []*gpu.Array{x, w}))
				for i, v := range download(t, x) {
					require.Equal(t, c.want, v, "element %d", i)
				}
				require.NoError(t, p.Run(ctx, []*gpu.Array{x, w})) // once more, from the recording
				require.Equal(t, 2*c.want, download(t, x)[0])
			})
		})
	}
}

// The word is halved until it is 0, and stays 0.
func TestConditionEndsLoop(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		word := gpu.Binding{Slot: 1}
		for name, loops := range map[string][]gpu.Loop{
			"flat":         {{First: 0, Last: 3, While: &word}},
			"around":       {{First: 0, Last: 2, Count: 300}, {First: 0, Last: 3, While: &word}},
			"in a counted": {{First: 0, Last: 3, While: &word}, {First: 0, Last: 4, Count: 2}},
		} {
			t.Run(name, func(t *testing.T) {
				x, w := upload(t, d, make([]float32, 16)), upload(t, d, []float32{0x1p-100})
				require.NoError(t, counter(t, d, loops...).Run(ctx, []*gpu.Array{x, w}))
				assert.Zero(t, download(t, w)[0])
				got := download(t, x)[0]
				assert.Greater(t, got, float32(20), "2^-100 is halved more often than that")

				require.NoError(t, counter(t, d, loops...).Run(ctx, []*gpu.Array{x, w}))
				rest := map[string]float32{"flat": 1000, "around": 1000, "in a counted": 2000}[name]
				assert.Equal(t, got+rest, download(t, x)[0], "no round runs when the word is 0 at first")
			})
		}
	})
}

// Programs with loops use the shared arena over several submissions: others must wait, and arrays closed meanwhile live on.
func TestLoopsAmongOthers(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		var all sync.WaitGroup
		for g := range 4 {
			x, w := upload(t, d, make([]float32, 16)), upload(t, d, []float32{1})
			p := counter(t, d, gpu.Loop{First: 0, Last: 2, Count: []int{1, 3000, 5, 10_000}[g]})
			all.Go(func() {
				for range 5 {
					assert.NoError(t, p.Run(ctx, []*gpu.Array{x, w}))
				}
				b := make([]byte, 4)
				assert.NoError(t, x.Download(ctx, b))
				assert.Equal(t, float32(5*(1000+[]int{1, 3000, 5, 10_000}[g])), floatsOf(b)[0])
			})
		}
		all.Wait()
	})
}

func TestLoopIsCancelled(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		x, w := upload(t, d, make([]float32, 16)), upload(t, d, []float32{1})
		p := counter(t, d, gpu.Loop{First: 0, Last: 2, Count: 1 << 30})
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, p.Run(short, []*gpu.Array{x, w}), context.DeadlineExceeded)
		require.NoError(t, counter(t, d).Run(ctx, []*gpu.Array{x, w}), "the device goes on")
		require.NoError(t, d.Wait(ctx))
	})
}
