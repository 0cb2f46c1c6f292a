package emath_test

import (
	"context"
	"testing"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders/emath"
	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/stretchr/testify/require"
)

// BenchmarkFunctions reports the time of one function of one float: each
// invocation keeps applying it to a float4 made from its index, so that memory
// plays no part. Arguments are in [0.1, 3.1].
func BenchmarkFunctions(b *testing.B) {
	const floats, rounds = 1 << 16, 64
	for _, device := range gputest.Devices(b) {
		for _, f := range emath.Functions {
			b.Run(f.Name+"/device="+device, func(b *testing.B) {
				d := gputest.Open(b, gpu.WithDevice(device))
				ctx := context.Background()
				k, err := d.Kernel(ctx, gpu.KernelSpec{Name: f.Name, Code: chain(f, rounds), Bindings: []gpu.BindingKind{gpu.Storage}})
				require.NoError(b, err)
				out, err := d.NewArray(4 * floats)
				require.NoError(b, err)
				p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: f.Name, Slots: []int64{4 * floats}, Dispatches: []gpu.Dispatch{{
					Kernel: k, Bindings: []gpu.Binding{{Write: true}}, Groups: [3]uint32{floats / 4 / localSize, 1, 1},
				}}})
				require.NoError(b, err)
				args := []*gpu.Array{out}
				for b.Loop() {
					require.NoError(b, p.Run(ctx, args))
					require.NoError(b, d.Wait(ctx))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(floats*rounds), "ns/elem")
				require.NoError(b, p.Close())
				require.NoError(b, out.Close())
			})
		}
	}
}

// chain applies f again and again, each time to the argument nudged by the
// result before.
func chain(f emath.Function, rounds uint32) []uint32 {
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{localSize}})
	t := spirv.F32.Vec(4)
	out := b.StorageBuffer(0, t, spirv.WriteOnly)
	i := b.GlobalID(0)
	part := b.Mul(b.Convert(i, spirv.Float32), b.ConstF32(3.0/(1<<14)))
	x := b.Add(b.Splat(part, 4), b.ConstF32(0.1))
	last := b.Loop(b.ConstU32(0), b.ConstU32(rounds), b.ConstU32(1), []spirv.Value{b.Const(t, 0)}, func(_ spirv.Value, c []spirv.Value) []spirv.Value {
		args := make([]spirv.Value, f.Args)
		for k := range args {
			args[k] = b.Add(x, b.Mul(c[0], b.ConstF32(0.001)))
		}
		return []spirv.Value{b.Add(b.Mul(c[0], b.ConstF32(0.25)), f.Emit(b, args...))}
	})
	b.Store(out, i, last[0])
	return b.Module()
}
