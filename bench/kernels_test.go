package bench

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

func zeros(b *testing.B, dev *gpu.Device, shape ...int) graph.Tensor {
	x, err := graph.FromSlice(dev, make([]float32, graph.Shape(shape).Size()), shape...)
	require.NoError(b, err)
	b.Cleanup(func() { x.Close() })
	return x
}

// measure runs a compiled function to the end of its work in a loop.
func measure[A any](b *testing.B, dev *gpu.Device, f func(A) graph.Tensor, a A, bytes, flops float64) {
	ctx := context.Background()
	run := graph.Jit(dev, f)
	step := func() {
		y, err := run(ctx, a)
		if err != nil {
			b.Fatal(err)
		}
		if err := dev.Wait(ctx); err != nil {
			b.Fatal(err)
		}
		y.Close()
	}
	step()
	busy := cpuSeconds()
	for b.Loop() {
		step()
	}
	busy = (cpuSeconds() - busy) / float64(b.N)
	seconds := b.Elapsed().Seconds() / float64(b.N)
	if bytes > 0 {
		b.ReportMetric(bytes/seconds/1e9, "GB/s")
	}
	if flops > 0 {
		b.ReportMetric(flops/seconds/1e9, "GFLOP/s")
	}
	if dev.Profile().Kind == gpu.CPU && bytes+flops > 0 {
		// On a shared machine the time this process computed says more than the time that passed.
		cores := float64(dev.Profile().Cores)
		b.ReportMetric((bytes+flops)/(busy/cores)/1e9, "G/s-of-cpu")
	}
}

// cpuSeconds is the processor time that this process has used.
func cpuSeconds() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

type pair struct{ X, Y graph.Tensor }

// BenchmarkAxpy is z = 2 x + y over 64 MiB arrays, counting 3 x 64 MiB.
func BenchmarkAxpy(b *testing.B) {
	dev := gputest.Open(b)
	const n = 16 << 20
	measure(b, dev, func(p pair) graph.Tensor { return p.X.Scale(2).Add(p.Y) }, pair{zeros(b, dev, n), zeros(b, dev, n)}, 3*4*n, 0)
}

func BenchmarkSum(b *testing.B) {
	for _, c := range []struct {
		name string
		axes []int
	}{{"rows", []int{1}}, {"columns", []int{0}}, {"all", nil}} {
		b.Run(c.name, func(b *testing.B) {
			dev := gputest.Open(b)
			const n = 4096
			measure(b, dev, func(x graph.Tensor) graph.Tensor { return x.Sum(c.axes...) }, zeros(b, dev, n, n), 4*n*n, 0)
		})
	}
}

func BenchmarkMatMul(b *testing.B) {
	for _, s := range [][3]int{{512, 512, 512}, {256, 128, 784}, {784, 128, 256}, {128, 512, 784}, {256, 64, 784}, {256, 10, 64}} {
		b.Run(fmt.Sprintf("m=%d,n=%d,k=%d", s[0], s[1], s[2]), func(b *testing.B) {
			dev := gputest.Open(b)
			x := pair{zeros(b, dev, s[0], s[2]), zeros(b, dev, s[2], s[1])}
			measure(b, dev, func(p pair) graph.Tensor { return p.X.MatMul(p.Y) }, x, 0, 2*float64(s[0]*s[1]*s[2]))
		})
	}
}

func BenchmarkOuter(b *testing.B) {
	dev := gputest.Open(b)
	x := pair{zeros(b, dev, 256, 784), zeros(b, dev, 256, 128)}
	f := func(p pair) graph.Tensor { return p.X.ExpandDims(2).Mul(p.Y.ExpandDims(1)) }
	measure(b, dev, f, x, 4*256*784*128, 0)
}

func BenchmarkExp(b *testing.B) {
	dev := gputest.Open(b)
	const n = 1 << 20
	measure(b, dev, func(x graph.Tensor) graph.Tensor { return x.Exp() }, zeros(b, dev, n), 8*n, 0)
}
