package diagnostics_test

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
	"github.com/lavagrad/lavagrad/posterior/diagnostics"
)

// Against a count over all pairs, with many ties and none, and the example of scikit-learn's documentation.
func TestAUROC(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		area := graph.Jit2(dev, diagnostics.AUROC)
		auroc := func(scores []float32, positive []bool) float64 {
			s, err := graph.FromSlice(dev, scores)
			require.NoError(t, err)
			p, err := graph.FromSlice(dev, positive)
			require.NoError(t, err)
			y, err := area(ctx, s, p)
			require.NoError(t, err)
			v, err := y.Float(ctx)
			require.NoError(t, err)
			require.NoError(t, graph.Close([]graph.Tensor{s, p, y}))
			return float64(v)
		}
		inf := float32(math.Inf(1))
		assert.InDelta(t, 0.75, auroc([]float32{0.1, 0.4, 0.35, 0.8}, []bool{false, false, true, true}), 1e-7)
		assert.EqualValues(t, 1, auroc([]float32{-inf, inf}, []bool{false, true}))
		assert.EqualValues(t, 0, auroc([]float32{3, 2}, []bool{false, true}))
		assert.EqualValues(t, 0.5, auroc([]float32{0, float32(math.Copysign(0, -1))}, []bool{false, true}))
		for _, c := range []struct{ n, levels int }{{10, 3}, {700, 20}, {1000, 1 << 20}} {
			r := rand.New(rand.NewPCG(3, uint64(c.n)))
			scores, positive := make([]float32, c.n), make([]bool, c.n)
			for i := range scores {
				scores[i], positive[i] = float32(r.IntN(c.levels)), r.IntN(5) == 0
				if positive[i] {
					scores[i] += float32(c.levels / 4)
				}
			}
			positive[0], positive[1] = true, false
			var won, pairs float64
			for i := range scores {
				for j := range scores {
					if positive[i] && !positive[j] {
						pairs++
						switch {
						case scores[i] > scores[j]:
							won++
						case scores[i] == scores[j]:
							won += 0.5
						}
					}
				}
			}
			assert.InDelta(t, won/pairs, auroc(scores, positive), 1e-6)
		}
	})
}

func TestAUROCErrors(t *testing.T) {
	s, p := graph.Literal([]float32{1, 2}), graph.Literal([]float32{0, 1}).Gt(graph.Scalar(0))
	assert.ErrorIs(t, graph.Try(func() { diagnostics.AUROC(graph.Tensor{}, p) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.AUROC(s.Slice(0, 0, 0), p.Slice(0, 0, 0)) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.AUROC(s.ExpandDims(0), p) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.AUROC(graph.Iota(0, 2), p) }), graph.ErrDType)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.AUROC(s, s) }), graph.ErrDType)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.AUROC(s, p.Slice(0, 0, 1)) }), graph.ErrShape)
	dev, ctx := gputest.Open(t), context.Background()
	defer func() { require.NoError(t, graph.Close([]graph.Tensor{s, p})) }() // arguments of calls are uploaded, and stay
	for says, args := range map[string][2]graph.Tensor{
		"AUROC: at least one positive":                      {s, p.And(p.Not())},
		"AUROC: at least one negative":                      {s, p.Or(p.Not())},
		"AUROC: scores is not NaN is false for element [1]": {graph.Literal([]float32{1, float32(math.NaN())}), p},
	} {
		err := graph.EvalOn(ctx, dev, diagnostics.AUROC(args[0], args[1]))
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, says)
		y, err := graph.Jit2(dev, diagnostics.AUROC, graph.WithoutChecks())(ctx, args[0], args[1])
		require.NoError(t, err)
		v, err := y.Float(ctx)
		require.NoError(t, err)
		assert.True(t, math.IsNaN(float64(v)), says)
		require.NoError(t, y.Close())
		for _, x := range args {
			if x != s && x != p {
				require.NoError(t, x.Close())
			}
		}
	}
}
