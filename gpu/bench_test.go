package gpu_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// BenchmarkCall compares a tiny program's call with the least that Vulkan can do: submitting a recorded command buffer and waiting.
func BenchmarkCall(b *testing.B) {
	for _, name := range gputest.Devices(b) {
		d := gputest.Open(b, gpu.WithDevice(name))
		const n = 64
		p := affineProgram(b, d, n, 2, 1)
		args := []*gpu.Array{upload(b, d, ramp(n)), newArray(b, d, n)}
		fence, timeline, err := p.SubmitBare(args)
		require.NoError(b, err)
		for _, c := range []struct {
			way  string
			call func() error
		}{
			{"bare+fence", fence},
			{"bare+timeline", timeline},
			{"run+wait", func() error {
				if err := p.Run(ctx, args); err != nil {
					return err
				}
				return d.Wait(ctx)
			}},
		} {
			b.Run(fmt.Sprintf("%s/%s", name, c.way), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := c.call(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(name+"/run", func(b *testing.B) { // asynchronous: as many calls in flight as are allowed
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, p.Run(ctx, args))
			}
			require.NoError(b, d.Wait(ctx))
		})
	}
}

// BenchmarkRerecord is a call with one output, which resubmits, and with six in turn, more than a program remembers: then descriptors
// and commands are written anew each time.
func BenchmarkRerecord(b *testing.B) {
	for _, name := range gputest.Devices(b) {
		for _, way := range []struct{ dispatches, outputs int }{{1, 1}, {1, 6}, {100, 1}, {100, 6}} {
			b.Run(fmt.Sprintf("%s/dispatches=%d/outputs=%d", name, way.dispatches, way.outputs), func(b *testing.B) {
				d := gputest.Open(b, gpu.WithDevice(name))
				const n = 64
				calls := make([]gpu.Dispatch, way.dispatches)
				for i := range calls {
					calls[i] = affineCall(affine(b, d), n, 2, 1, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})
				}
				p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "many", Slots: []int64{4 * n, 4 * n}, Dispatches: calls})
				require.NoError(b, err)
				closeAfter(b, p)
				x := upload(b, d, ramp(n))
				var outputs []*gpu.Array
				for range way.outputs {
					outputs = append(outputs, newArray(b, d, n))
				}
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, p.Run(ctx, []*gpu.Array{x, outputs[i%len(outputs)]}))
					require.NoError(b, d.Wait(ctx))
					i++
				}
			})
		}
	}
}

// BenchmarkTransfer is upload and download of 16 MiB.
func BenchmarkTransfer(b *testing.B) {
	const n = 4 << 20
	for _, name := range gputest.Devices(b) {
		for way, opts := range map[string][]gpu.Option{"mapped": nil, "staged": {gpu.WithStaging()}} {
			d := gputest.Open(b, append(opts, gpu.WithDevice(name))...)
			a, data := newArray(b, d, n), make([]byte, 4*n)
			b.Run(fmt.Sprintf("%s/%s/up", name, way), func(b *testing.B) {
				b.SetBytes(4 * n)
				for b.Loop() {
					require.NoError(b, a.Write(ctx, data))
					require.NoError(b, d.Wait(ctx))
				}
			})
			b.Run(fmt.Sprintf("%s/%s/down", name, way), func(b *testing.B) {
				b.SetBytes(4 * n)
				for b.Loop() {
					require.NoError(b, a.Download(ctx, data))
				}
			})
		}
	}
}

// BenchmarkRobustness is y = a x + b over 8 MiB, with robustBufferAccess and without: its cost in the plainest kernel.
func BenchmarkRobustness(b *testing.B) {
	const n = 2 << 20
	for _, name := range gputest.Devices(b) {
		for _, way := range []string{"robust", "fragile"} {
			opts := []gpu.Option{gpu.WithDevice(name)}
			if way == "robust" {
				opts = append(opts, gpu.WithRobustAccess(true))
			}
			d := gputest.Open(b, opts...)
			p := affineProgram(b, d, n, 2, 1)
			args := []*gpu.Array{upload(b, d, ramp(n)), newArray(b, d, n)}
			b.Run(name+"/"+way, func(b *testing.B) {
				b.SetBytes(2 * 4 * n)
				for b.Loop() {
					require.NoError(b, p.Run(ctx, args))
					require.NoError(b, d.Wait(ctx))
				}
			})
		}
	}
}

// BenchmarkLoop is a counted and a while loop of a tiny body: one dispatch over 64 numbers, in the while loop one more that counts down.
func BenchmarkLoop(b *testing.B) {
	const rounds = 10_000
	for _, name := range gputest.Devices(b) {
		for way, list := range map[string][]node{
			"counted": {again{rounds, none, []node{lcg(one)}}},
			"while":   {set(one, 1, rounds), again{0, 1, []node{lcg(1), countdown(1)}}},
		} {
			b.Run(name+"/"+way, func(b *testing.B) {
				d := gputest.Open(b, gpu.WithDevice(name))
				p := loopProgram(b, d, 64, list...)
				closeAfter(b, p)
				args := newMachine(64).load(b, d)
				defer closeAll(b, args)
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, p.Run(ctx, args))
					require.NoError(b, d.Wait(ctx))
				}
				b.ReportMetric(rounds*float64(b.N)/b.Elapsed().Seconds(), "rounds/s")
			})
		}
	}
}
