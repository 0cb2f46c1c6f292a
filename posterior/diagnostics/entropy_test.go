package diagnostics_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/diagnostics"
)

// Against sums in float64: samples that agree, that contradict each other, that are certain, and that differ by a thousandth.
func TestEntropies(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		// [samples 2, predictions 4, classes 3]
		first := []float32{0.2, 0.3, 0.5, 1, 0, 0, 0, 1, 0, 0.501, 0.249, 0.25}
		second := []float32{0.2, 0.3, 0.5, 0, 0, 1, 0, 1, 0, 0.5, 0.25, 0.25}
		in, err := graph.FromSlice(dev, append(append([]float32{}, first...), second...), 2, 4, 3)
		require.NoError(t, err)
		type result struct{ Each, Total, Mutual graph.Tensor }
		y, err := graph.Jit(dev, func(p graph.Tensor) result {
			return result{diagnostics.Entropy(p), diagnostics.PredictiveEntropy(p), diagnostics.MutualInformation(p)}
		})(ctx, in)
		require.NoError(t, err)
		read := func(x graph.Tensor) []float32 {
			v, err := x.Floats(ctx)
			require.NoError(t, err)
			return v
		}
		each, total, mutual := read(y.Each), read(y.Total), read(y.Mutual)
		require.Len(t, each, 8)
		entropy := func(p ...float64) (h float64) {
			for _, x := range p {
				if x > 0 {
					h -= x * math.Log(x)
				}
			}
			return h
		}
		for i := range 4 {
			var a, b, mean []float64
			for k := 3 * i; k < 3*i+3; k++ {
				a, b = append(a, float64(first[k])), append(b, float64(second[k]))
				mean = append(mean, (float64(first[k])+float64(second[k]))/2)
			}
			assert.InDelta(t, entropy(a...), each[i], 1e-6)
			assert.InDelta(t, entropy(b...), each[4+i], 1e-6)
			assert.InDelta(t, entropy(mean...), total[i], 1e-6)
			assert.InDelta(t, entropy(mean...)-(entropy(a...)+entropy(b...))/2, mutual[i], 2e-7)
		}
		assert.InDelta(t, math.Ln2, mutual[1], 1e-6)
		assert.Zero(t, mutual[0])
		assert.Zero(t, mutual[2])
		// Thousandths apart: a difference of float32 entropies would have no digit left.
		assert.InEpsilon(t, 7.4963e-7, mutual[3], 1e-2)
		require.NoError(t, graph.Close(y))
		require.NoError(t, in.Close())
	})
}

func TestEntropyErrors(t *testing.T) {
	assert.ErrorIs(t, graph.Try(func() { diagnostics.Entropy(graph.Scalar(1)) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.Entropy(graph.Iota(0, 3)) }), graph.ErrDType)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.PredictiveEntropy(graph.Literal([]float32{1})) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.MutualInformation(graph.Zeros(0, 3)) }), graph.ErrShape)
	err := graph.EvalOn(context.Background(), gputest.Open(t), diagnostics.MutualInformation(graph.Literal([]float32{0.5, 0.5, 1.5, -0.5}, 2, 2)))
	require.ErrorIs(t, err, graph.ErrCheck)
	assert.ErrorContains(t, err, "mutual information: probabilities is in the simplex")
}
