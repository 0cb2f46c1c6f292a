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

// axpyElements: arrays of 64 MiB.
const axpyElements = 16 << 20

// BenchmarkAxpyInPlace is BLAS's y = 2 x + y over 64 MiB arrays by the emitted kernel, counting 3 x 64 MiB.
// Results outside the compiler go to new arrays (BenchmarkAxpy), which costs the memory a fourth stream.
func BenchmarkAxpyInPlace(b *testing.B) {
	dev := gputest.Open(b)
	step := axpyEmitted(b, dev)
	busy := 0.0
	for b.Loop() {
		begin := cpuSeconds()
		step()
		busy += cpuSeconds() - begin
	}
	bytes := 3 * 4 * float64(axpyElements) * float64(b.N)
	b.ReportMetric(bytes/b.Elapsed().Seconds()/1e9, "GB/s")
	b.ReportMetric(bytes/(busy/float64(dev.Profile().Cores))/1e9, "G/s-of-cpu")
}

// axpyEmitted is one run, waited for, of the kernel that the emitter makes.
func axpyEmitted(b *testing.B, dev *gpu.Device) func() {
	const n = axpyElements
	f := shaders.NewFused(n)
	at := f.Space()[0]
	x, y := f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: n}), f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: n})
	fn := &shaders.Fn{Name: "axpy", Emit: func(b *spirv.Builder, v []spirv.Value) spirv.Value {
		return b.Add(b.Mul(v[0], b.ConstF32(2)), v[1])
	}}
	out := f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: n})
	f.Store(out, at, f.Apply(spirv.Float32, fn, f.Load(x, at), f.Load(y, at)))

	p := dev.Profile()
	t := shaders.Target{LocalSize: p.LocalSize, VectorRun: p.VecPerInvocation, Unrolled: p.Unrolled, Parallel: 64, Workgroups: 4}
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
		d.Kernel = kernel(b, dev, gpu.KernelSpec{Name: "axpy", Code: piece.Kernel.Code, Bindings: kinds, PushWords: len(d.Push)})
		spec.Dispatches = append(spec.Dispatches, d)
	}
	return runner(b, dev, spec)
}

func kernel(b *testing.B, dev *gpu.Device, spec gpu.KernelSpec) *gpu.Kernel {
	k, err := dev.Kernel(context.Background(), spec)
	require.NoError(b, err)
	return k
}

// runner runs a program on arrays of zeros and waits for it.
func runner(b *testing.B, dev *gpu.Device, spec gpu.ProgramSpec) func() {
	ctx := context.Background()
	program, err := dev.NewProgram(ctx, spec)
	require.NoError(b, err)
	b.Cleanup(func() { program.Close() })
	var args []*gpu.Array
	for _, size := range spec.Slots {
		a, err := dev.Upload(ctx, make([]byte, size))
		require.NoError(b, err)
		b.Cleanup(func() { a.Close() })
		args = append(args, a)
	}
	return func() {
		if program.Run(ctx, args) != nil || dev.Wait(ctx) != nil {
			b.Fatal("run failed")
		}
	}
}
