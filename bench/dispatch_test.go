package bench

import (
	"context"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// scale is the kernel y = 2 x + 1 over four numbers, by hand.
func scale(b *testing.B, dev *gpu.Device) *gpu.Program {
	ctx := context.Background()
	f := shaders.NewFused(4)
	in := f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: 4})
	twice := &shaders.Fn{Name: "2x+1", Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value {
		return b.Add(b.Mul(x[0], b.ConstF32(2)), b.ConstF32(1))
	}}
	v := f.Apply(spirv.Float32, twice, f.Load(in, f.Space()[0]))
	f.Store(f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: 4}), f.Space()[0], v)
	k := f.Compile(shaders.Target{LocalSize: 64, VectorRun: 1, Parallel: 1, Workgroups: 1})
	kernel, err := dev.Kernel(ctx, gpu.KernelSpec{Name: "scale", Code: k.Code, Bindings: []gpu.BindingKind{gpu.Storage, gpu.Storage}, PushWords: len(k.Push)})
	require.NoError(b, err)
	p, err := dev.NewProgram(ctx, gpu.ProgramSpec{Name: "scale", Slots: []int64{16, 16}, Dispatches: []gpu.Dispatch{{
		Kernel: kernel, Push: k.Push, Groups: k.Groups, Bindings: []gpu.Binding{{Slot: 0}, {Slot: 1, Write: true}}}}})
	require.NoError(b, err)
	b.Cleanup(func() { p.Close() })
	return p
}

// BenchmarkTinyCall compares, in turns within one run, a call of a compiled tiny function with a bare
// resubmission of the same work, both until the device is done. It reports the ratio of the medians.
func BenchmarkTinyCall(b *testing.B) {
	ctx := context.Background()
	dev := gputest.Open(b)
	x, err := graph.FromSlice(dev, []float32{1, 2, 3, 4})
	require.NoError(b, err)
	defer x.Close()
	run := graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.Scale(2).AddScalar(1) })
	p := scale(b, dev)
	in, err := dev.NewArray(16)
	require.NoError(b, err)
	defer in.Close()
	out, err := dev.NewArray(16)
	require.NoError(b, err)
	defer out.Close()
	args := []*gpu.Array{in, out}
	bare := func() {
		if p.Run(ctx, args) != nil || dev.Wait(ctx) != nil {
			b.Fatal("resubmission failed")
		}
	}
	call := func() {
		y, err := run(ctx, x)
		if err != nil || dev.Wait(ctx) != nil {
			b.Fatal(err)
		}
		y.Close()
	}
	var bares, calls []time.Duration
	for range 100 {
		bare()
		call()
	}
	for b.Loop() {
		t0 := time.Now()
		bare()
		t1 := time.Now()
		call()
		bares, calls = append(bares, t1.Sub(t0)), append(calls, time.Since(t1))
	}
	median := func(d []time.Duration) float64 {
		sort.Slice(d, func(i, j int) bool { return d[i] < d[j] })
		return float64(d[len(d)/2].Nanoseconds()) / 1e3
	}
	b.ReportMetric(median(bares), "bare-us")
	b.ReportMetric(median(calls), "call-us")
	b.ReportMetric(median(calls)/median(bares), "ratio")
}
