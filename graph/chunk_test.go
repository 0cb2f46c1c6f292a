package graph_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/vmap"
)

// chunkModel has gradients that sum over positions: those of samples are arrays, unlike the outer products of a dense layer.
type chunkModel struct{ K, W1, W2 graph.Tensor }

type chunkArgs struct {
	P    chunkModel
	X, Y graph.Tensor
}

const chunkParameters = 32*9 + 32*96 + 96*4

func (p chunkModel) loss(x, y graph.Tensor) graph.Tensor {
	h := graph.Conv(x, p.K, graph.ConvOptions{}).Tanh() // 1x5x5 -> 32x3x3
	h = h.Reshape(32, 9).Transpose().MatMul(p.W1).Tanh().Mean(0)
	return h.MatMul(p.W2).Sub(y).Square().Sum()
}

func newChunkArgs(t testing.TB, dev *gpu.Device, samples int) chunkArgs {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(shape ...int) graph.Tensor {
		v := make([]float32, graph.Shape(shape).Size())
		for i := range v {
			v[i] = float32(rng.NormFloat64()) / 2
		}
		x, err := graph.FromSlice(dev, v, shape...)
		require.NoError(t, err)
		return x
	}
	return chunkArgs{chunkModel{draw(32, 1, 3, 3), draw(32, 96), draw(96, 4)}, draw(samples, 1, 5, 5), draw(samples, 4)}
}

// chunkGradients are those of each sample, as one array.
func chunkGradients(a chunkArgs) graph.Tensor {
	return vmap.Map2(func(x, y graph.Tensor) graph.Tensor {
		g, _ := graph.Ravel(graph.Grad(func(p chunkModel) graph.Tensor { return p.loss(x, y) })(a.P))
		return g
	})(a.X, a.Y)
}

// chunkStatistics need the gradients of samples one by one.
var chunkStatistics = map[string]func(chunkArgs) []graph.Tensor{
	"folds": func(a chunkArgs) []graph.Tensor {
		g := chunkGradients(a)
		signs := g.Gt(g.Like(0)).Convert(graph.Int32).Sum(0).AsFloat()
		return []graph.Tensor{g.Abs().Sum(0), g.Abs().ReduceMax(1), g.ReduceMin(0), g.Abs().Sum(1), signs}
	},
	"clipped": func(a chunkArgs) []graph.Tensor {
		g := chunkGradients(a)
		g = g.Check(g.Abs().Lt(graph.Scalar(1e6)), "gradients are small")
		scale := graph.Scalar(1).Div(g.Abs().Sum(1)).Min(graph.Scalar(1))
		return []graph.Tensor{g.Abs().Mul(scale.ExpandDims(1)).Sum(0)}
	},
	"by a quantile over the batch": func(a chunkArgs) []graph.Tensor { // a second loop waits for the first
		g := chunkGradients(a)
		norms := g.Abs().Sum(1)
		scale := norms.Sort(0).Index(0, 3).Div(norms)
		return []graph.Tensor{g.Abs().Mul(scale.ExpandDims(1)).Sum(0), norms}
	},
}

// Statistics of per-sample gradients run within a sixteenth of the gradients' memory, and stay the same.
func TestChunksWithinBudget(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		for name, f := range chunkStatistics {
			samples := 256
			if name == "clipped" {
				samples = 251 // leaves samples over
			}
			a := newChunkArgs(t, dev, samples)
			defer graph.Close(a)
			budget := int64(4 * samples * chunkParameters / 16)
			plain, err := graph.CostOn(dev, f, a)
			require.NoError(t, err)
			require.Greater(t, plain.Arena, 8*budget, "the gradients are computed")
			bounded, err := graph.CostOn(dev, f, a, graph.MemoryBudget(budget))
			require.NoError(t, err)
			assert.LessOrEqual(t, bounded.Arena, budget, name)
			t.Logf("%s: %d KiB of arena, %d as a whole; %d million operations, %d as a whole", name, bounded.Arena>>10, plain.Arena>>10,
				bounded.Operations/1e6, plain.Operations/1e6)

			// The device's arena is that of the largest program: the one in chunks comes first.
			before := dev.Stats()
			dev.ResetPeak()
			got, err := graph.Jit(dev, f, graph.MemoryBudget(budget))(ctx, a)
			require.NoError(t, err)
			if after := dev.Stats(); before.ArenaBytes == 0 {
				assert.LessOrEqual(t, after.PeakBytes-before.LiveBytes, budget+bounded.Results+16*256, name)
			}
			want, err := graph.Jit(dev, f)(ctx, a)
			require.NoError(t, err)
			for i := range want {
				compareChunks(t, name, want[i], got[i])
			}
			graph.Close(want)
			graph.Close(got)
		}
	})
}

// Explain tells of the loops, and of the program without them.
func TestChunksExplained(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		a := newChunkArgs(t, dev, 256)
		defer graph.Close(a)
		s, err := graph.Explain(dev, chunkStatistics["by a quantile over the batch"], a, graph.MemoryBudget(4*256*chunkParameters/16))
		require.NoError(t, err)
		assert.Regexp(t, `(?s)(loop for .*chunk_test.go:\d+: in \d+ chunks of \d+ samples.*){2}as planned: .*without chunks: .*as written: `, s)
		s, err = graph.Explain(dev, chunkStatistics["by a quantile over the batch"], a)
		require.NoError(t, err)
		assert.NotContains(t, s, "chunks")
		for name, opts := range map[string][]graph.JitOption{"forbidden": {graph.WithoutChunks(), graph.MemoryBudget(1000)}, "enough": {graph.MemoryBudget(1 << 30)}} {
			c, err := graph.CostOn(dev, chunkStatistics["folds"], a, opts...)
			require.NoError(t, err)
			assert.Greater(t, c.Arena, int64(4*256*chunkParameters), name)
		}
	})
}

func compareChunks(t *testing.T, name string, want, got graph.Tensor) {
	t.Helper()
	v, w := floats(t, got), floats(t, want)
	require.Len(t, v, len(w))
	scale := 0.0
	for _, x := range w {
		scale = max(scale, math.Abs(float64(x)))
	}
	require.NotZero(t, scale)
	for i := range w {
		require.InDelta(t, w[i], v[i], 1e-5*scale, "%s, element %d", name, i)
	}
}

func TestMemoryBudgetThatIsNone(t *testing.T) {
	f := func(x graph.Tensor) graph.Tensor { return x.Sum() }
	_, err := graph.Cost(f, graph.Placeholder(graph.Float32, 3), graph.MemoryBudget(-5))
	require.ErrorIs(t, err, graph.ErrArgument)
	require.ErrorContains(t, err, "graph/chunk_test.go:")
	require.ErrorContains(t, err, "MemoryBudget is -5 bytes")
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		x, err := graph.FromSlice(d, []float32{1, 2, 3})
		require.NoError(t, err)
		defer x.Close()
		_, err = graph.Jit(d, f, graph.MemoryBudget(-5))(t.Context(), x)
		require.ErrorIs(t, err, graph.ErrArgument)
		require.ErrorContains(t, err, "give a positive number of bytes")
	})
}
