package nn_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// The models that per-sample gradients are measured on elsewhere, some of them smaller: vmap(grad(loss)) in one program
// against a loop of grad over the samples.

// maker makes arrays of pseudo-random values.
type maker struct {
	t   testing.TB
	dev *gpu.Device
	rng *rand.Rand
}

func newMaker(t testing.TB, dev *gpu.Device) maker {
	return maker{t, dev, rand.New(rand.NewPCG(11, 12))}
}

// normal draws from a normal distribution with the given standard deviation.
func (m maker) normal(scale float64, shape ...int) graph.Tensor {
	v := make([]float32, graph.Shape(shape).Size())
	for i := range v {
		v[i] = float32(m.rng.NormFloat64() * scale)
	}
	x, err := graph.FromSlice(m.dev, v, shape...)
	require.NoError(m.t, err)
	return x
}

func (m maker) classes(n int, shape ...int) graph.Tensor {
	v := make([]int32, graph.Shape(shape).Size())
	for i := range v {
		v[i] = m.rng.Int32N(int32(n))
	}
	x, err := graph.FromSlice(m.dev, v, shape...)
	require.NoError(m.t, err)
	return x
}

func (m maker) linear(in, out int) nn.Linear {
	return nn.Linear{W: m.normal(1/math.Sqrt(float64(in)), in, out), B: m.normal(0.1, out)}
}

func (m maker) conv(in, out, k int) nn.Conv {
	return nn.Conv{W: m.normal(1/math.Sqrt(float64(in*k*k)), out, in, k, k), B: m.normal(0.1, out)}
}

func leaves[T any](t testing.TB, x T) []graph.Tensor {
	l, err := tree.Leaves[graph.Tensor](x)
	require.NoError(t, err)
	return l
}

// sample is one labelled example, or with one more axis in front a batch.
type sample struct{ X, Y graph.Tensor }

// requirePerSample compares vmap(grad(loss)) with a loop over the samples.
func requirePerSample[P any](t *testing.T, dev *gpu.Device, loss func(P, sample) graph.Tensor, p P, batch sample, tolerance float64) {
	t.Helper()
	ctx := context.Background()
	got, err := graph.Jit2(dev, vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0)))(ctx, p, batch)
	require.NoError(t, err)
	one := graph.Jit2(dev, graph.Grad2(loss))
	paths, err := tree.Paths[graph.Tensor](p)
	require.NoError(t, err)
	for s := range batch.X.Dim(0) {
		x := sample{batch.X.Index(0, s), batch.Y.Index(0, s)}
		single, err := one(ctx, p, x)
		require.NoError(t, err)
		wants := make([][]float32, len(paths))
		largest := 0.0
		for i, l := range leaves(t, single) {
			wants[i], err = l.Floats(ctx)
			require.NoError(t, err)
			for _, w := range wants[i] {
				largest = max(largest, math.Abs(float64(w)))
			}
		}
		require.NotZero(t, largest, "sample %d: no gradient to compare", s)
		for i, g := range leaves(t, got) {
			want := wants[i]
			row := g.Index(0, s)
			have, err := row.Floats(ctx)
			require.NoError(t, err)
			// Gradients that are 0 but for rounding, as that of the keys' bias in attention, have no scale of their own.
			scale, worst := 1e-2*largest, 0.0
			for j, w := range want {
				require.False(t, math.IsNaN(float64(have[j])), "%s of sample %d: NaN", paths[i], s)
				scale, worst = max(scale, math.Abs(float64(w))), max(worst, math.Abs(float64(w-have[j])))
			}
			require.LessOrEqual(t, worst, tolerance*scale, "%s of sample %d", paths[i], s)
			require.NoError(t, row.Close())
		}
		require.NoError(t, graph.Close(single))
		require.NoError(t, graph.Close(x))
	}
	require.NoError(t, graph.Close(got))
	require.NoError(t, graph.Close(p))
	require.NoError(t, graph.Close(batch))
}

func nll(logits graph.Tensor, y graph.Tensor) graph.Tensor { return nn.CrossEntropy(logits, y) }

// torch.func's per-sample example: two convolutions, a pooling, two layers.
type funcCNN struct {
	C1, C2 nn.Conv
	L1, L2 nn.Linear
}

func (p funcCNN) loss(s sample) graph.Tensor {
	h := p.C1.Apply(s.X, graph.ConvOptions{}).ReLU()
	h = p.C2.Apply(h, graph.ConvOptions{}).ReLU()
	h = nn.MaxPool(h, nn.PoolOptions{Size: []int{2, 2}})
	return nll(p.L2.Apply(p.L1.Apply(h.Flatten()).ReLU()), s.Y)
}

// newFuncCNN has the published sizes for width 32, hidden 128 on 28x28.
func newFuncCNN(m maker, width, hidden, side int) funcCNN {
	flat := 2 * width * ((side - 4) / 2) * ((side - 4) / 2)
	return funcCNN{m.conv(1, width, 3), m.conv(width, 2*width, 3), m.linear(flat, hidden), m.linear(hidden, 10)}
}

func TestPerSampleFuncCNN(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		m := newMaker(t, dev)
		p := newFuncCNN(m, 32, 16, 28)
		requirePerSample(t, dev, funcCNN.loss, p, sample{m.normal(1, 3, 1, 28, 28), m.classes(10, 3)}, 1e-5)
	})
}

// Subramani et al. 2020, MNIST: 26,010 parameters.
type subramaniCNN struct {
	C1, C2 nn.Conv
	L1, L2 nn.Linear
}

func (p subramaniCNN) loss(s sample) graph.Tensor {
	pool := nn.PoolOptions{Size: []int{2, 2}, Stride: []int{1}}
	h := nn.MaxPool(p.C1.Apply(s.X, graph.ConvOptions{Stride: []int{2}, Same: true}).ReLU(), pool)
	h = nn.MaxPool(p.C2.Apply(h, graph.ConvOptions{Stride: []int{2}}).ReLU(), pool)
	return nll(p.L2.Apply(p.L1.Apply(h.Flatten()).ReLU()), s.Y)
}

func TestPerSampleSubramaniMNIST(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		m := newMaker(t, dev)
		p := subramaniCNN{m.conv(1, 16, 8), m.conv(16, 32, 4), m.linear(512, 32), m.linear(32, 10)}
		size, err := tree.Size(p, graph.Tensor.Size)
		require.NoError(t, err)
		require.Equal(t, 26010, size)
		requirePerSample(t, dev, subramaniCNN.loss, p, sample{m.normal(1, 3, 1, 28, 28), m.classes(10, 3)}, 1e-5)
	})
}
