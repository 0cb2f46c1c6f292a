package bench

import (
	"context"
	"embed"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

//go:embed handwritten/*.spv
var handwritten embed.FS

// module is a kernel written by hand.
func module(b *testing.B, name string) []uint32 {
	text, err := handwritten.ReadFile("handwritten/" + name + ".spv")
	require.NoError(b, err)
	code := make([]uint32, len(text)/4)
	for i := range code {
		code[i] = binary.LittleEndian.Uint32(text[4*i:])
	}
	return code
}

// BenchmarkAgainstHandWritten runs what the library makes and the best of the kernels written by hand in turns, so that a machine
// whose speed changes treats both alike, and reports the speed of both (medians) and ours over theirs.
func BenchmarkAgainstHandWritten(b *testing.B) {
	b.Run("axpy", func(b *testing.B) {
		dev := gputest.Open(b)
		inTurns(b, 3*4*axpyElements, "GB/s", axpyEmitted(b, dev), axpyByHand(b, dev, "axpy_256x1", 256, 1), axpyByHand(b, dev, "axpy_128x8", 128, 8))
	})
	b.Run("matmul512", func(b *testing.B) {
		dev := gputest.Open(b)
		const n = 512
		x, y := zeros(b, dev, n, n), zeros(b, dev, n, n)
		run := graph.Jit2(dev, graph.Tensor.MatMul)
		ours := func() {
			z, err := run(context.Background(), x, y)
			if err != nil || dev.Wait(context.Background()) != nil {
				b.Fatal("run failed")
			}
			z.Close()
		}
		byHand := func(name string, width int) func() {
			spec := gpu.ProgramSpec{Name: name, Slots: []int64{4 * n * n, 4 * n * n, 4 * n * n}, Dispatches: []gpu.Dispatch{{
				Kernel: kernel(b, dev, gpu.KernelSpec{Name: name, Code: module(b, name), Bindings: []gpu.BindingKind{gpu.Texel, gpu.Texel, gpu.Storage}, PushWords: 1}),
				Push:   []uint32{n}, Groups: [3]uint32{uint32(n / 8 / width), n / 16, 1},
				Bindings: []gpu.Binding{{Slot: 0}, {Slot: 1}, {Slot: 2, Write: true}},
			}}}
			return runner(b, dev, spec)
		}
		inTurns(b, 2*n*n*n, "GFLOP/s", ours, byHand("matmul_plain", 8), byHand("matmul_share", 4))
	})
}

// axpyByHand reads texels in pieces of what a texel view holds.
func axpyByHand(b *testing.B, dev *gpu.Device, name string, width, run int) func() {
	k := kernel(b, dev, gpu.KernelSpec{Name: name, Code: module(b, name), Bindings: []gpu.BindingKind{gpu.Texel, gpu.Texel, gpu.Storage}})
	spec := gpu.ProgramSpec{Name: name, Slots: []int64{4 * axpyElements, 4 * axpyElements}}
	piece := min(axpyElements/4, int(dev.Profile().MaxTexelElements))
	for at := 0; at < axpyElements/4; at += piece {
		d := gpu.Dispatch{Kernel: k, Groups: [3]uint32{uint32(piece / width / run), 1, 1}}
		for i := range 3 {
			d.Bindings = append(d.Bindings, gpu.Binding{Slot: min(i, 1), Offset: 16 * int64(at), Size: 16 * int64(piece), Write: i == 2})
		}
		spec.Dispatches = append(spec.Dispatches, d)
	}
	return runner(b, dev, spec)
}

// inTurns times ours and each of the others, a run at a time.
func inTurns(b *testing.B, work float64, unit string, ours func(), others ...func()) {
	all := append([]func(){ours}, others...)
	times := make([][]float64, len(all))
	for _, f := range all {
		f() // compiles
	}
	for b.Loop() {
		for i, f := range all {
			start := time.Now()
			f()
			times[i] = append(times[i], time.Since(start).Seconds())
		}
	}
	var best float64
	for i := range times {
		slices.Sort(times[i])
		speed := work / times[i][len(times[i])/2] / 1e9
		if i == 0 {
			b.ReportMetric(speed, unit)
			continue
		}
		best = max(best, speed)
	}
	b.ReportMetric(best, "by-hand-"+unit)
	b.ReportMetric(work/times[0][len(times[0])/2]/1e9/best, "ratio")
}
