package bench

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// BenchmarkAxpyInPlace is BLAS's y = 2 x + y over 64 MiB arrays by the emitted kernel, counting 3 x 64 MiB.
// Results outside the compiler go to new arrays (BenchmarkAxpy), which costs the memory a fourth stream.
func BenchmarkAxpyInPlace(b *testing.B) {
	ctx := context.Background()
	dev := gputest.Open(b)
	const n = 16 << 20
	f := shaders.NewFused(n)
	at := f.Space()[0]
	x, y := f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: n}), f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: n})
	fn := &shaders.Fn{Name: "axpy", Emit: func(b *spirv.Builder, v []spirv.Value) spirv.Value {
		return b.Add(b.Mul(v[0], b.ConstF32(2)), v[1])
	}}
	out := f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: n})
	f.Store(out, at, f.Apply(spirv.Float32, fn, f.Load(x, at), f.Load(y, at)))

	p := dev.Profile()
	t := shaders.Target{LocalSize: p.LocalSize, VectorRun: p.VecPerInvocation, Parallel: 64, Workgroups: 4}
	if p.TexelReads {
		t.MaxTexels = int(min(p.MaxTexelElements, math.MaxInt32))
	}
	spec := gpu.ProgramSpec{Name: "axpy", Slots: []int64{4 * n, 4 * n}}
	for _, piece := range f.Pieces(t) {
		d := gpu.Dispatch{Push: piece.Kernel.Push, Groups: piece.Kernel.Groups}
		var kinds []gpu.BindingKind
		for i, v := range piece.Kernel.Views {
			kinds = append(kinds, map[shaders.View]gpu.BindingKind{shaders.Storage: gpu.Storage, shaders.TexelVector: gpu.Texel}[v])
			bind := gpu.Binding{Slot: min(i, 1), Write: i == out}
			if piece.Ranges != nil {
				bind.Offset, bind.Size = 4*int64(piece.Ranges[i].Offset), 4*int64(piece.Ranges[i].Length)
			}
			d.Bindings = append(d.Bindings, bind)
		}
		k, err := dev.Kernel(ctx, gpu.KernelSpec{Name: "axpy", Code: piece.Kernel.Code, Bindings: kinds, PushWords: len(d.Push)})
		require.NoError(b, err)
		d.Kernel = k
		spec.Dispatches = append(spec.Dispatches, d)
	}
	program, err := dev.NewProgram(ctx, spec)
	require.NoError(b, err)
	defer program.Close()
	args := make([]*gpu.Array, 2)
	for i := range args {
		args[i], err = dev.Upload(ctx, make([]byte, 4*n))
		require.NoError(b, err)
		defer args[i].Close()
	}
	busy := 0.0
	for b.Loop() {
		begin := cpuSeconds()
		if program.Run(ctx, args) != nil || dev.Wait(ctx) != nil {
			b.Fatal("run failed")
		}
		busy += cpuSeconds() - begin
	}
	bytes := 3 * 4 * float64(n) * float64(b.N)
	b.ReportMetric(bytes/b.Elapsed().Seconds()/1e9, "GB/s")
	b.ReportMetric(bytes/(busy/float64(p.Cores))/1e9, "G/s-of-cpu")
}
