package curvature_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/distribution"
)

// Over draws of labels the Fisher matrix is the GGN: by n draws within some standard errors. The diagonal is that of the same draws, and chunks do
// not change them.
func TestTrueFisher(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n, draws = 3, 3000
		ref := newReference(n)
		type result struct {
			Full, Chunked graph.Tensor
			Diag          network
		}
		many, chunk := curvature.Draws(draws), curvature.Chunk(2)
		key := random.NewKey(5)
		defer graph.Close(key)
		y, err := graph.Jit2(dev, func(p network, s sample) result {
			return result{
				curvature.TrueFisher(forward, distribution.NewCategoricalLogits, many)(p, s, key),
				curvature.TrueFisher(forward, distribution.NewCategoricalLogits, many, chunk)(p, s, key),
				curvature.DiagTrueFisher(forward, distribution.NewCategoricalLogits, many)(p, s, key),
			}
		})(context.Background(), tree(t, dev, ref.params), sample{tensor(t, dev, ref.x, n, 3), tensor(t, dev, ref.y, n, 2)})
		require.NoError(t, err)
		defer graph.Close(y)
		full, err := y.Full.Floats(context.Background())
		require.NoError(t, err)
		chunked, err := y.Chunked.Floats(context.Background())
		require.NoError(t, err)
		assert.InDeltaSlice(t, full, chunked, 1e-4)
		_, ggn, _ := ref.matrices()
		var diagonal []float64
		for a := range 10 {
			diagonal = append(diagonal, float64(full[11*a]))
			for b := range 10 {
				// For two classes a sample's g is J'(p - y): its two values give the variance of g_a g_b.
				variance := 0.0
				for i := range n {
					z, j, _, _ := ref.sampleAt(ref.params, i)
					p := 1 / (1 + math.Exp(z[1]-z[0]))
					d := func(k int) float64 { return j[0][k] - j[1][k] }
					first, second := (1-p)*(1-p)*d(a)*d(b), p*p*d(a)*d(b)
					variance += p * (1 - p) * (first - second) * (first - second)
				}
				assert.InDelta(t, ggn.At(a, b), full[10*a+b], 5*math.Sqrt(variance/draws)+1e-5, "element %d %d", a, b)
			}
		}
		matches(t, diagonal, []graph.Tensor{y.Diag.W1, y.Diag.W2}, "the diagonal of the same draws")
	})
}

// Labels of the batch do not matter, and normal draws are held fixed: for the mean w of N(w, sd^2) the expectation is 1/sd^2 a sample.
func TestTrueFisherOfANormal(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const sd, draws = 0.5, 4000
		out, err := graph.Jit2(dev, func(w, x graph.Tensor) graph.Tensor {
			forward := func(w, x graph.Tensor) graph.Tensor { return w.Add(x.Scale(0)) }
			return curvature.TrueFisher(forward, func(z graph.Tensor) distribution.Normal { return distribution.NewNormal(z, sd) },
				curvature.Draws(draws), curvature.Normalize())(w, x, random.NewKey(3))
		})(context.Background(), tensor(t, dev, []float64{2}, 1), tensor(t, dev, []float64{7, -9}, 2, 1))
		require.NoError(t, err)
		defer graph.Close(out)
		v, err := out.Float(context.Background())
		require.NoError(t, err)
		assert.InDelta(t, 1/(sd*sd), v, 5*math.Sqrt(2./(2*draws))/(sd*sd))
	})
}

func TestTrueFisherErrors(t *testing.T) {
	assert.ErrorIs(t, graph.Try(func() { curvature.Draws(0) }), graph.ErrArgument)
	p := network{graph.Zeros(2, 3), graph.Zeros(2, 2)}
	err := graph.Try(func() {
		curvature.DiagTrueFisher(forward, distribution.NewCategoricalLogits)(p, sample{graph.Zeros(3, 3), graph.Zeros(4, 2)}, random.NewKey(1))
	})
	require.ErrorIs(t, err, graph.ErrShape)
	assert.ErrorContains(t, err, `".Y"`)
}
