package random_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/vmap"
)

// TestPermutation: all orders of 4 come equally often, longer ones are permutations, the same on host and device.
func TestPermutation(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		key := keyOn(t, dev, 8)
		const rounds = 2400
		got := run(t, dev, key, func(k random.Key) graph.Tensor {
			return vmap.Map(func(k random.Key) graph.Tensor { return random.Permutation(k, 4) })(random.Split(k, rounds))
		})
		seen := map[[4]float64]float64{}
		for i := range rounds {
			seen[[4]float64(got[4*i:])]++
		}
		require.Len(t, seen, 24)
		counts := []float64{}
		for _, c := range seen {
			counts = append(counts, c)
		}
		assert.Greater(t, chiSquare(counts, func(int) float64 { return 1. / 24 }), 0.001)

		for _, n := range []int{0, 1, 2, 5000} {
			p := run(t, dev, key, func(k random.Key) graph.Tensor { return random.Permutation(k, n) })
			want, err := graph.Reference(context.Background(), random.Permutation(key, n))
			require.NoError(t, err)
			require.Equal(t, want, p)
			slices.Sort(p)
			require.Len(t, p, n)
			for i, v := range p {
				require.Equal(t, float64(i), v)
			}
		}
	})
}

func TestChoice(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		key := keyOn(t, dev, 9)
		weights := []float64{1, 0, 3, 4}
		w := graph.Literal([]float32{1, 0, 3, 4})
		plain := run(t, dev, key, func(k random.Key) graph.Tensor { return random.Choice(k, 6, 100, many/100) })
		assert.Greater(t, chiSquare(count(plain, 6), func(int) float64 { return 1. / 6 }), 0.001)
		weighted := count(run(t, dev, key, func(k random.Key) graph.Tensor { return random.WeightedChoice(k, w, many) }), 4)
		assert.Zero(t, weighted[1])
		assert.Greater(t, chiSquare([]float64{weighted[0], weighted[2], weighted[3]}, func(i int) float64 { return []float64{1, 3, 4}[i] / 8 }), 0.001)

		const rounds = 4000
		sample := func(f func(k random.Key) graph.Tensor) [][]float64 {
			got := run(t, dev, key, func(k random.Key) graph.Tensor { return vmap.Map(f)(random.Split(k, rounds)) })
			out := [][]float64{}
			for part := range slices.Chunk(got, len(got)/rounds) {
				out = append(out, part)
			}
			return out
		}
		first := make([]float64, 5)
		for _, s := range sample(func(k random.Key) graph.Tensor { return random.Sample(k, 5, 3) }) {
			require.Len(t, s, 3)
			require.False(t, s[0] == s[1] || s[1] == s[2] || s[0] == s[2])
			first[int(s[2])]++
		}
		assert.Greater(t, chiSquare(first, func(int) float64 { return 0.2 }), 0.001)

		pairs := make([]float64, 16)
		for _, s := range sample(func(k random.Key) graph.Tensor { return random.WeightedSample(k, w, 2) }) {
			pairs[int(4*s[0]+s[1])]++
		}
		var counts, p []float64
		for i, c := range pairs {
			a, b := weights[i/4], weights[i%4]
			if i/4 == i%4 || a == 0 || b == 0 {
				require.Zero(t, c)
				continue
			}
			counts, p = append(counts, c), append(p, a/8*b/(8-a))
		}
		assert.Greater(t, chiSquare(counts, func(i int) float64 { return p[i] }), 0.001)
	})
}

// TestShuffle: rows stay whole, and the gradient finds them.
func TestShuffle(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		key := keyOn(t, dev, 10)
		x := graph.Iota(0, 6, 2).AsFloat().Add(graph.Iota(1, 6, 2).AsFloat().Scale(10))
		got := run(t, dev, key, func(k random.Key) graph.Tensor { return random.Shuffle(k, x, 0) })
		order := run(t, dev, key, func(k random.Key) graph.Tensor { return random.Permutation(k, 6) })
		grad := run(t, dev, key, func(k random.Key) graph.Tensor {
			return graph.Grad(func(x graph.Tensor) graph.Tensor { return random.Shuffle(k, x, 0).Mul(x).Sum() })(x)
		})
		for i, p := range order {
			assert.Equal(t, []float64{p, p + 10}, got[2*i:2*i+2])
			back := slices.Index(order, float64(i)) // x[i] stands at back, and beside x[p]
			assert.Equal(t, float64(back)+p, grad[2*i])
		}
	})
}

func TestPermutationErrors(t *testing.T) {
	key := random.NewKey(1)
	for i, f := range []func(){
		func() { random.Permutation(key, -1) },
		func() { random.Sample(key, 3, 4) },
		func() { random.Choice(key, 0) },
		func() { random.WeightedSample(key, graph.Ones(3), 4) },
		func() { random.WeightedSample(key, graph.Ones(3), -1) },
	} {
		require.ErrorIs(t, graph.Try(f), graph.ErrArgument, "case %d", i)
	}
	require.ErrorIs(t, graph.Try(func() { random.WeightedChoice(key, graph.Scalar(1)) }), graph.ErrShape)
	require.ErrorIs(t, graph.Try(func() { random.WeightedSample(key, graph.Ones(2, 3), 1) }), graph.ErrShape)
}
