package bench

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/laplace"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

var large = flag.Bool("large", false, "run the step of 16,384 samples through the network of Opacus's memory benchmark: minutes of a CPU")

// network is an MLP with ReLUs between its layers.
type network struct{ Layers []nn.Linear }

func newNetwork(b testing.TB, dev *gpu.Device, sizes ...int) network {
	var n network
	for i := 1; i < len(sizes); i++ {
		w := make([]float32, sizes[i-1]*sizes[i])
		for j := range w {
			w[j] = float32((j*7919)%1009-504) / float32(504*sizes[i-1])
		}
		n.Layers = append(n.Layers, nn.Linear{W: upload(b, dev, w, sizes[i-1], sizes[i]), B: upload(b, dev, make([]float32, sizes[i]), sizes[i])})
	}
	return n
}

func upload(b testing.TB, dev *gpu.Device, v []float32, shape ...int) graph.Tensor {
	t, err := graph.FromSlice(dev, v, shape...)
	require.NoError(b, err)
	b.Cleanup(func() { t.Close() })
	return t
}

// newInputs are samples for a network with so many inputs.
func newInputs(b testing.TB, dev *gpu.Device, samples, inputs, classes int) batch {
	x := make([]float32, samples*inputs)
	for i := range x {
		x[i] = float32((i*2654435761)%1021-510) / 510
	}
	y := make([]int32, samples)
	for i := range y {
		y[i] = int32(i % classes)
	}
	labels, err := graph.FromSlice(dev, y)
	require.NoError(b, err)
	b.Cleanup(func() { labels.Close() })
	return batch{upload(b, dev, x, samples, inputs), labels}
}

func (n network) loss(s batch) graph.Tensor { return nn.CrossEntropy(n.forward(s.X), s.Y) }

// forward gives the logits.
func (n network) forward(h graph.Tensor) graph.Tensor {
	for i, l := range n.Layers {
		if h = l.Apply(h); i < len(n.Layers)-1 {
			h = h.ReLU()
		}
	}
	return h
}

// clippedStep is a step of DP-SGD without its noise.
func clippedStep(n network, s batch) network {
	grads := vmap.Map2(graph.Grad2(network.loss), vmap.In(vmap.Shared, 0))(n, s)
	sum := optim.ClippedSum(grads, 1, graph.Tensor{})
	next := network{}
	for i, l := range n.Layers {
		g := sum.Layers[i]
		next.Layers = append(next.Layers, nn.Linear{W: l.W.Sub(g.W.Scale(1e-3)), B: l.B.Sub(g.B.Scale(1e-3))})
	}
	return next
}

// runClipped runs a clipped step on the network of Opacus's memory benchmark, in place, and gives what it took beside arguments.
func runClipped(b testing.TB, dev *gpu.Device, samples int, opts ...graph.JitOption) (peak int64, took time.Duration) {
	n, s := newNetwork(b, dev, 5120, 2560, 1280), newInputs(b, dev, samples, 5120, 1280)
	ctx := context.Background()
	step := graph.JitInPlace2(dev, clippedStep, opts...)
	before := dev.Stats()
	dev.ResetPeak()
	begun := time.Now()
	_, err := step(ctx, n, s)
	require.NoError(b, err)
	_, err = n.Layers[1].B.Floats(ctx)
	require.NoError(b, err)
	return dev.Stats().PeakBytes - before.LiveBytes, time.Since(begun)
}

// A clipped step of 32 samples takes little more than the sum of the gradients, 62.5 MB.
func TestClippedStepMemory(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		peak, took := runClipped(t, dev, 32)
		t.Logf("%.1f MB, %v", float64(peak)/1e6, took)
		require.Less(t, peak, int64(70e6))
	})
}

// BenchmarkClippedStep is the same for larger batches under a memory budget in proportion: MB of the device beside the arguments.
func BenchmarkClippedStep(b *testing.B) {
	for _, samples := range []int{32, 2048, 16384} {
		b.Run(fmt.Sprint(samples), func(b *testing.B) {
			if samples > 2048 && !*large {
				b.Skip("takes minutes: -large")
			}
			budget := max(int64(samples)<<17, 128<<20)
			dev := gputest.Open(b)
			for range b.N {
				peak, took := runClipped(b, dev, samples, graph.MemoryBudget(budget))
				b.ReportMetric(float64(peak)/1e6, "MB")
				b.ReportMetric(took.Seconds(), "s")
			}
		})
	}
}

// BenchmarkStatistics is what statistics of per-sample gradients take beside the gradient of the sum: times as long, and times the device's
// memory at the peak, data and parameters included.
func BenchmarkStatistics(b *testing.B) {
	type args struct {
		N network
		S batch
	}
	perSample := vmap.Map2(graph.Grad2(network.loss), vmap.In(vmap.Shared, 0))
	statistics := []struct {
		name string
		f    func(args) graph.Tensor
	}{
		{"norms", func(a args) graph.Tensor { return vmap.SquaredNorms(perSample(a.N, a.S)) }},
		{"diagonal", func(a args) graph.Tensor { return joined(curvature.DiagFisher(network.loss)(a.N, a.S)) }},
		{"clipped", func(a args) graph.Tensor { return joined(optim.ClippedSum(perSample(a.N, a.S), 1, graph.Tensor{})) }},
	}
	sum := func(a args) graph.Tensor {
		return joined(graph.Grad2(func(n network, s batch) graph.Tensor { return n.loss(s).Sum() })(a.N, a.S))
	}
	for _, c := range []struct {
		samples int
		sizes   []int
	}{
		{256, []int{784, 128, 10}}, {128, []int{784, 512, 512, 10}}, {512, []int{64, 64, 64, 64, 10}}, {256, []int{104, 50, 2}}, {64, []int{3072, 256, 10}},
	} {
		for _, s := range statistics {
			b.Run(fmt.Sprintf("%v/%d/%s", graph.Shape(c.sizes), c.samples, s.name), func(b *testing.B) {
				dev := gputest.Open(b)
				a := args{newNetwork(b, dev, c.sizes...), newInputs(b, dev, c.samples, c.sizes[0], c.sizes[len(c.sizes)-1])}
				once := func(f func(args) graph.Tensor) (run func(), memory int64) {
					compiled := graph.Jit(dev, f)
					cost, err := graph.CostOn(dev, f, a)
					require.NoError(b, err)
					return func() {
						t, err := compiled(context.Background(), a)
						require.NoError(b, err)
						require.NoError(b, dev.Wait(context.Background()))
						t.Close()
					}, cost.Arguments + cost.Peak()
				}
				ours, memory := once(s.f)
				plain, least := once(sum)
				besides(b, ours, plain)
				b.ReportMetric(float64(memory)/float64(least), "x-memory")
			})
		}
	}
}

// BenchmarkLaplace is a batch of a pass over digits for a diagonal Laplace approximation beside a step of SGD on the same batch, both in place: times
// as long, and times the device's memory, data and parameters included.
func BenchmarkLaplace(b *testing.B) {
	const samples = 1000
	for _, chunk := range []int{0, 250} {
		for _, hidden := range []int{64, 128} {
			benchmarkLaplace(b, samples, hidden, chunk)
		}
	}
}

func benchmarkLaplace(b *testing.B, samples, hidden, chunk int) {
	forward := func(n network, s batch) (graph.Tensor, posterior.None) { return n.forward(s.X), posterior.None{} }
	likelihood := func(z graph.Tensor, s batch) graph.Tensor { return nn.CrossEntropy(z, s.Y).Neg() }
	each := laplace.Config{PerSample: true, Chunk: chunk}
	for name, transform := range map[string]*posterior.Transform[network, batch, laplace.DiagState[network, posterior.None]]{
		"fisher": laplace.DiagFisher(func(n network, s batch) (graph.Tensor, posterior.None) {
			return n.loss(s).Neg(), posterior.None{}
		}, each),
		"ggn": laplace.DiagGGN(forward, likelihood, each),
	} {
		b.Run(fmt.Sprintf("%d/%s/chunk=%d", hidden, name, chunk), func(b *testing.B) {
			peaks := [2]int64{}
			var runs [2]func()
			for i := range 2 { // the approximation first, then SGD, on devices of their own: arenas are shared
				dev := gputest.Open(b)
				n, s := newNetwork(b, dev, 784, hidden, 10), newInputs(b, dev, samples, 784, 10)
				if i == 0 {
					state, err := transform.Init(b.Context(), dev, n, random.NewKey(1))
					require.NoError(b, err)
					b.Cleanup(func() { graph.Close(state) })
					runs[i] = func() {
						if state, err = transform.Update(b.Context(), state, s, posterior.InPlace); err != nil || dev.Wait(b.Context()) != nil {
							b.Fatal("the update failed: ", err)
						}
					}
				} else {
					step := graph.JitInPlace2(dev, func(n network, s batch) network {
						g := graph.Grad2(func(n network, s batch) graph.Tensor { return n.loss(s).Mean() })(n, s)
						next, err := tree.Map2(func(p, g graph.Tensor) graph.Tensor { return p.Sub(g.Scale(1e-3)) }, n, g)
						require.NoError(b, err)
						return next
					})
					runs[i] = func() {
						if _, err := step(b.Context(), n, s); err != nil || dev.Wait(b.Context()) != nil {
							b.Fatal("the step failed: ", err)
						}
					}
				}
				dev.ResetPeak()
				runs[i]()
				peaks[i] = dev.Stats().PeakBytes
			}
			besides(b, runs[0], runs[1])
			b.ReportMetric(float64(peaks[0])/float64(peaks[1]), "x-memory")
		})
	}
}

// besides times ours and plain in turns, and reports the ratio of the medians, of the time and of the processors' time.
func besides(b *testing.B, ours, plain func()) {
	var wall, busy [2][]float64
	ours()
	plain()
	for b.Loop() {
		for i, f := range []func(){ours, plain} {
			start, used := time.Now(), cpuSeconds()
			f()
			wall[i], busy[i] = append(wall[i], time.Since(start).Seconds()), append(busy[i], cpuSeconds()-used)
		}
	}
	median := func(x []float64) float64 { slices.Sort(x); return x[len(x)/2] }
	b.ReportMetric(median(wall[0])/median(wall[1]), "x-time")
	b.ReportMetric(median(busy[0])/median(busy[1]), "x-cpu")
	b.ReportMetric(1e3*median(wall[1]), "ms-beside")
}
