package vmap_test

import (
	"context"
	"fmt"
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

type mlp struct{ L1, L2 nn.Linear }

type batch struct{ X, Y graph.Tensor }

// loss is that of one sample: X [in], Y a class.
func loss(p mlp, b batch) graph.Tensor {
	return nn.CrossEntropy(p.L2.Apply(p.L1.Apply(b.X).ReLU()), b.Y)
}

func floats(t testing.TB, dev *gpu.Device, rng *rand.Rand, scale float64, shape ...int) graph.Tensor {
	v := make([]float32, graph.Shape(shape).Size())
	for i := range v {
		v[i] = float32(rng.NormFloat64() * scale)
	}
	x, err := graph.FromSlice(dev, v, shape...)
	require.NoError(t, err)
	return x
}

func classes(t testing.TB, dev *gpu.Device, rng *rand.Rand, n, b int) graph.Tensor {
	v := make([]int32, b)
	for i := range v {
		v[i] = rng.Int32N(int32(n))
	}
	x, err := graph.FromSlice(dev, v, b)
	require.NoError(t, err)
	return x
}

func newMLP(t testing.TB, dev *gpu.Device, rng *rand.Rand, in, hidden, out int) mlp {
	return mlp{
		L1: nn.Linear{W: floats(t, dev, rng, 1/math.Sqrt(float64(in)), in, hidden), B: floats(t, dev, rng, 0.1, hidden)},
		L2: nn.Linear{W: floats(t, dev, rng, 1/math.Sqrt(float64(hidden)), hidden, out), B: floats(t, dev, rng, 0.1, out)},
	}
}

func newBatch(t testing.TB, dev *gpu.Device, rng *rand.Rand, in, out, b int) batch {
	return batch{X: floats(t, dev, rng, 1, b, in), Y: classes(t, dev, rng, out, b)}
}

func leaves[T any](t testing.TB, x T) []graph.Tensor {
	l, err := tree.Leaves[graph.Tensor](x)
	require.NoError(t, err)
	return l
}

// relativeError is the largest difference over the largest magnitude.
func relativeError(want []float64, got []float32) float64 {
	scale, diff := 0.0, 0.0
	for i, w := range want {
		scale = max(scale, math.Abs(w))
		diff = max(diff, math.Abs(w-float64(got[i])))
		if math.IsNaN(float64(got[i])) {
			return math.NaN()
		}
	}
	if scale == 0 {
		return diff
	}
	return diff / scale
}

// Per-sample gradients equal a loop of Grad over the samples, and the float64 evaluator.
func TestPerSampleGradientsEqualLoop(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		perSample := vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))
		run := graph.Jit2(dev, perSample)
		one := graph.Jit2(dev, graph.Grad2(loss))
		for _, b := range []int{0, 1, 7, 256} {
			t.Run(fmt.Sprintf("B=%d", b), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, uint64(b)))
				const in, hidden, out = 50, 24, 10
				p, x := newMLP(t, dev, rng, in, hidden, out), newBatch(t, dev, rng, in, out, b)
				defer graph.Close(p)
				defer graph.Close(x)
				got, err := run(ctx, p, x)
				require.NoError(t, err)
				defer graph.Close(got)
				reference := leaves(t, perSample(p, x))
				for i, g := range leaves(t, got) {
					require.Equal(t, b, g.Dim(0))
					v, err := g.Floats(ctx)
					require.NoError(t, err)
					want, err := graph.Reference(ctx, reference[i])
					require.NoError(t, err)
					require.LessOrEqual(t, relativeError(want, v), 1e-5, "leaf %d against the evaluator", i)
					size := g.Size() / max(b, 1)
					for s := range min(b, 7) {
						sample := batch{X: x.X.Index(0, s), Y: x.Y.Index(0, s)}
						single, err := one(ctx, p, sample)
						require.NoError(t, err)
						w, err := leaves(t, single)[i].Floats(ctx)
						require.NoError(t, err)
						wide := make([]float64, len(w))
						for j, y := range w {
							wide[j] = float64(y)
						}
						require.LessOrEqual(t, relativeError(wide, v[s*size:(s+1)*size]), 1e-5, "leaf %d, sample %d against the loop", i, s)
						graph.Close(single)
						graph.Close(sample)
					}
				}
			})
		}
	})
}

// The norms of per-sample gradients come out of one program without the gradients in memory.
func TestNormsNeverHoldGradients(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		const in, hidden, out, b = 784, 64, 10, 256
		rng := rand.New(rand.NewPCG(2, 2))
		p, x := newMLP(t, dev, rng, in, hidden, out), newBatch(t, dev, rng, in, out, b)
		defer graph.Close(p)
		defer graph.Close(x)
		perSample := vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))
		norms := func(p mlp, x batch) graph.Tensor { return vmap.SquaredNorms(perSample(p, x)) }
		run := graph.Jit2(dev, norms)
		before := dev.Stats()
		dev.ResetPeak()
		got, err := run(ctx, p, x)
		require.NoError(t, err)
		defer got.Close()
		v, err := got.Floats(ctx)
		require.NoError(t, err)
		want, err := graph.Reference(ctx, norms(p, x))
		require.NoError(t, err)
		require.LessOrEqual(t, relativeError(want, v), 1e-5)
		gradients := int64(4 * b * (in*hidden + hidden + hidden*out + out))
		require.Less(t, dev.Stats().PeakBytes-before.LiveBytes, gradients/10)
	})
}
