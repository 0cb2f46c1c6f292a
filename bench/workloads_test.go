package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
	"github.com/lavagrad/lavagrad/vmap"
)

// BenchmarkConv is the second convolution of torch.func's CNN on 64 images: forward, and the gradients by the images and by the kernel.
func BenchmarkConv(b *testing.B) {
	const flops = 2 * 64 * 64 * 24 * 24 * 32 * 9
	conv := func(p pair) graph.Tensor { return graph.Conv(p.X, p.Y, graph.ConvOptions{}) }
	total := func(p pair) graph.Tensor { return conv(p).Square().Sum().Scale(0.5) }
	for _, c := range []struct {
		name string
		f    func(pair) graph.Tensor
		work float64
	}{
		{"forward", conv, flops},
		{"images", func(p pair) graph.Tensor { return graph.Grad(total)(p).X }, 2 * flops},
		{"kernel", func(p pair) graph.Tensor { return graph.Grad(total)(p).Y }, 2 * flops},
	} {
		b.Run(c.name, func(b *testing.B) {
			dev := gputest.Open(b)
			measure(b, dev, c.f, pair{zeros(b, dev, 64, 32, 26, 26), zeros(b, dev, 64, 32, 3, 3)}, 0, c.work)
		})
	}
}

// BenchmarkFused are chains of elementwise operations and reductions that should be one kernel or two.
func BenchmarkFused(b *testing.B) {
	const rows, columns = 4096, 1024
	for _, c := range []struct {
		name  string
		bytes float64
		f     func(x, bias graph.Tensor) graph.Tensor
	}{
		{"gelu(x+b)", 8 * rows * columns, func(x, bias graph.Tensor) graph.Tensor { return nn.GELU(x.Add(bias)) }},
		{"softmax", 8 * rows * columns, func(x, _ graph.Tensor) graph.Tensor { return nn.Softmax(x) }},
		{"layernorm", 8 * rows * columns, func(x, bias graph.Tensor) graph.Tensor { return nn.LayerNorm{Scale: bias, Shift: bias}.Apply(x) }},
		{"sum of squares", 4 * rows * columns, func(x, bias graph.Tensor) graph.Tensor { return x.Sub(bias).Square().Sum() }},
	} {
		b.Run(c.name, func(b *testing.B) {
			dev := gputest.Open(b)
			measure(b, dev, func(p pair) graph.Tensor { return c.f(p.X, p.Y) }, pair{zeros(b, dev, rows, columns), zeros(b, dev, columns)}, c.bytes, 0)
		})
	}
}

// batch is a batch of digits, perceptron a network 784-128-10 for them.
type (
	batch      struct{ X, Y graph.Tensor }
	perceptron struct{ Hidden, Out nn.Linear }
)

func newPerceptron(b *testing.B, dev *gpu.Device) perceptron {
	return perceptron{nn.Linear{W: zeros(b, dev, 784, 128), B: zeros(b, dev, 128)}, nn.Linear{W: zeros(b, dev, 128, 10), B: zeros(b, dev, 10)}}
}

func newBatch(b *testing.B, dev *gpu.Device, n int) batch {
	labels, err := graph.FromSlice(dev, make([]int32, n))
	require.NoError(b, err)
	b.Cleanup(func() { labels.Close() })
	return batch{zeros(b, dev, n, 784), labels}
}

func (p perceptron) loss(s batch) graph.Tensor {
	return nn.CrossEntropy(p.Out.Apply(p.Hidden.Apply(s.X).ReLU()), s.Y)
}

// joined is a tensor that needs all leaves: what is measured gives one tensor.
func joined[P any](p P) graph.Tensor { flat, _ := graph.Ravel(p); return flat }

// BenchmarkPerSample is what one asks per-sample gradients for, on a perceptron with 256 samples. BenchmarkPerSample/gradients writes them.
func BenchmarkPerSample(b *testing.B) {
	type args struct {
		P perceptron
		S batch
	}
	perSample := vmap.Map2(graph.Grad2(perceptron.loss), vmap.In(vmap.Shared, 0))
	for _, c := range []struct {
		name string
		f    func(args) graph.Tensor
	}{
		{"sum", func(a args) graph.Tensor {
			return joined(graph.Grad2(func(p perceptron, s batch) graph.Tensor { return p.loss(s).Sum() })(a.P, a.S))
		}},
		{"gradients", func(a args) graph.Tensor { return perSample(a.P, a.S).Hidden.W }},
		{"norms", func(a args) graph.Tensor { return vmap.SquaredNorms(perSample(a.P, a.S)) }},
		{"diagonal fisher", func(a args) graph.Tensor { return joined(curvature.DiagFisher(perceptron.loss)(a.P, a.S)) }},
		{"clipped sum", func(a args) graph.Tensor {
			return joined(optim.ClippedSum(perSample(a.P, a.S), 1, graph.Tensor{}))
		}},
		{"clipped sum by two passes", func(a args) graph.Tensor {
			return joined(optim.ClippedGrad(perceptron.loss, 1)(a.P, a.S, graph.Tensor{}).Sum)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			dev := gputest.Open(b)
			measure(b, dev, c.f, args{newPerceptron(b, dev), newBatch(b, dev, 256)}, 0, 0)
		})
	}
}

// BenchmarkSamplerStep is one step of SGHMC in place: of a perceptron on 256 samples, and of 1,024 chains in the plane.
func BenchmarkSamplerStep(b *testing.B) {
	b.Run("perceptron", func(b *testing.B) {
		dev := gputest.Open(b)
		steps(b, dev, sgmcmc.SGHMC(func(p perceptron, s batch) (graph.Tensor, posterior.None) {
			return p.loss(s).Mean().Neg(), posterior.None{}
		}, sgmcmc.SGHMCConfig{LR: 1e-4}), newPerceptron(b, dev), random.NewKey(1), newBatch(b, dev, 256))
	})
	b.Run("chains", func(b *testing.B) {
		dev := gputest.Open(b)
		const chains = 1024
		keys := random.Split(random.NewKey(1), chains)
		steps(b, dev, sgmcmc.SGHMC(func(x graph.Tensor, _ posterior.None) (graph.Tensor, posterior.None) {
			return x.Square().Sum().Scale(-0.5), posterior.None{}
		}, sgmcmc.SGHMCConfig{LR: 0.05}).Chains(), zeros(b, dev, chains, 2), keys, posterior.None{})
	})
}

// steps runs a sampler's update in place.
func steps[P, B, S any](b *testing.B, dev *gpu.Device, t *posterior.Transform[P, B, S], params P, key random.Key, data B) {
	ctx := b.Context()
	state, err := t.Init(ctx, dev, params, key)
	require.NoError(b, err)
	defer graph.Close(state)
	require.NoError(b, graph.Close(key))
	step := func() {
		if state, err = t.Update(ctx, state, data, posterior.InPlace); err != nil || dev.Wait(ctx) != nil {
			b.Fatal("the update failed: ", err)
		}
	}
	step() // compiles
	for b.Loop() {
		step()
	}
}
