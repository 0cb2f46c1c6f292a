package nn_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/vmap"
)

type cnnBatch struct {
	P funcCNN
	S sample
}

// cnnOf is torch.func's CNN with a batch of b, without values.
func cnnOf(b int) cnnBatch {
	of := func(shape ...int) graph.Tensor { return graph.Placeholder(graph.Float32, shape...) }
	return cnnBatch{
		P: funcCNN{nn.Conv{W: of(32, 1, 3, 3), B: of(32)}, nn.Conv{W: of(64, 32, 3, 3), B: of(64)}, nn.Linear{W: of(9216, 128), B: of(128)}, nn.Linear{W: of(128, 10), B: of(10)}},
		S: sample{of(b, 1, 28, 28), graph.Placeholder(graph.Int32, b)},
	}
}

// perSampleNorms compiles the squared norms of the per-sample gradients for a batch of b.
func perSampleNorms(t testing.TB, dev *gpu.Device, b int) {
	perSample := vmap.Map2(graph.Grad2(funcCNN.loss), vmap.In(vmap.Shared, 0))
	run := graph.Jit(dev, func(a cnnBatch) graph.Tensor { return vmap.SquaredNorms(perSample(a.P, a.S)) })
	out, err := run(context.Background(), cnnOf(b))
	require.NoError(t, err)
	require.Equal(t, graph.Shape{b}, out.Shape())
}

// Batches of one order of size share their kernels, up to variants for sizes that fill their last workgroups and sizes that do not.
func TestNewBatchSizeCompilesNoKernels(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, b := range []int{64, 100, 76} {
			perSampleNorms(t, dev, b)
		}
		before := dev.Stats().Pipelines
		perSampleNorms(t, dev, 84)
		assert.Equal(t, before, dev.Stats().Pipelines, "a batch of 84 after others of its order")
	})
}

// BenchmarkCompile is the time to trace, plan and compile, all kernels new, for several batch sizes. On a shared machine the
// processor time says more than the time that passed.
func BenchmarkCompile(b *testing.B) {
	perSampleNorms(b, gputest.Open(b), 8) // what the first program of a process pays once
	for _, n := range []int{8, 64, 512, 1024, 2048} {
		b.Run(fmt.Sprintf("cnn/batch=%d", n), func(b *testing.B) {
			busy := 0.0
			for b.Loop() {
				b.StopTimer()
				dev, err := gpu.Open(context.Background())
				require.NoError(b, err)
				begin := cpuSeconds(b)
				b.StartTimer()
				perSampleNorms(b, dev, n)
				b.StopTimer()
				busy += cpuSeconds(b) - begin
				b.ReportMetric(float64(dev.Stats().Pipelines), "kernels")
				require.NoError(b, dev.Close())
				b.StartTimer()
			}
			b.ReportMetric(1e3*busy/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpuSeconds is the processor time that this process has used.
func cpuSeconds(b *testing.B) float64 {
	var r syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}
