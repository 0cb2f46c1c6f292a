package random_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/shaders/variates"
	"github.com/lavagrad/lavagrad/vmap"
)

// double is a float64 number as a parameter.
func double(v float64) graph.Tensor { return graph.Full(graph.Float64, v) }

// run64 is run for float64.
func run64(t testing.TB, dev *gpu.Device, key random.Key, f func(random.Key) graph.Tensor) []float64 {
	t.Helper()
	y, err := graph.Jit(dev, f)(context.Background(), key)
	require.NoError(t, err)
	require.Equal(t, graph.Float64, y.DType())
	out, err := graph.Read[float64](context.Background(), y)
	require.NoError(t, err)
	require.NoError(t, y.Close())
	return out
}

// eachDouble runs f on the devices that have float64; of others the error is checked.
func eachDouble(t *testing.T, f func(t *testing.T, dev *gpu.Device)) {
	t.Helper()
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		if dev.Info().Features.Float64 {
			f(t, dev)
			return
		}
		_, err := graph.Jit(dev, func(k random.Key) graph.Tensor { return random.NormalOf(graph.Float64, k, 3) })(context.Background(), keyOn(t, dev, 1))
		require.ErrorIs(t, err, graph.ErrDType)
		require.ErrorContains(t, err, "lacks the feature shaderFloat64")
	})
}

func doubleOf(f func(d graph.DType, k random.Key, shape ...int) graph.Tensor) func(random.Key, ...int) graph.Tensor {
	return func(k random.Key, s ...int) graph.Tensor { return f(graph.Float64, k, s...) }
}

// continuous64 are distributions in float64. Where float32 has the same distribution, its draw is that of the same word.
var continuous64 = []struct {
	distribution
	single func(k random.Key, shape ...int) graph.Tensor
	away   float64 // how far that may be, relative, but in one case of ten thousand
}{
	{distribution{"uniform", func(k random.Key, s ...int) graph.Tensor { return random.Uniform(k, -1, double(3), s...) },
		distuv.Uniform{Min: -1, Max: 3}.CDF, 1, 4 / math.Sqrt(12), 1e-15},
		func(k random.Key, s ...int) graph.Tensor { return random.Uniform(k, -1, 3, s...) }, 1e-5},
	{distribution{"normal", doubleOf(random.NormalOf), distuv.UnitNormal.CDF, 0, 1, 1e-14}, random.Normal, 1e-5},
	{distribution{"truncated normal", func(k random.Key, s ...int) graph.Tensor { return random.TruncatedNormal(k, -0.5, double(2), s...) },
		truncated(-0.5, 2), 0, 0, 1e-14}, func(k random.Key, s ...int) graph.Tensor { return random.TruncatedNormal(k, -0.5, 2, s...) }, 1e-4},
	{distribution{"normal's lower tail", func(k random.Key, s ...int) graph.Tensor { return random.TruncatedNormal(k, double(-37), -30, s...) },
		truncated(-37, -30), 0, 0, 1e-13}, nil, 0}, // beyond float32
	{distribution{"exponential", doubleOf(random.ExponentialOf), distuv.Exponential{Rate: 1}.CDF, 1, 1, 1e-14}, random.Exponential, 1e-5},
	{distribution{"gumbel", doubleOf(random.GumbelOf), distuv.GumbelRight{Mu: 0, Beta: 1}.CDF, 0.5772, math.Pi / math.Sqrt(6), 1e-14}, random.Gumbel, 1e-5},
	{distribution{"laplace", doubleOf(random.LaplaceOf), distuv.Laplace{Mu: 0, Scale: 1}.CDF, 0, math.Sqrt2, 1e-14}, random.Laplace, 1e-5},
	{distribution{"logistic", doubleOf(random.LogisticOf), distuv.Logistic{Mu: 0, S: 1}.CDF, 0, math.Pi / math.Sqrt(3), 1e-14}, random.Logistic, 1e-5},
	{distribution{"cauchy", doubleOf(random.CauchyOf), distuv.StudentsT{Mu: 0, Sigma: 1, Nu: 1}.CDF, 0, 0, 1e-13}, random.Cauchy, 1e-4},
	{distribution{"gamma 0.3", func(k random.Key, s ...int) graph.Tensor { return random.Gamma(k, double(0.3), s...) },
		distuv.Gamma{Alpha: 0.3, Beta: 1}.CDF, 0.3, math.Sqrt(0.3), 1e-13}, nil, 0},
	{distribution{"gamma 2.5", func(k random.Key, s ...int) graph.Tensor { return random.Gamma(k, double(2.5), s...) },
		distuv.Gamma{Alpha: 2.5, Beta: 1}.CDF, 2.5, math.Sqrt(2.5), 1e-13}, nil, 0},
	{distribution{"beta", func(k random.Key, s ...int) graph.Tensor { return random.Beta(k, double(0.5), 2, s...) },
		distuv.Beta{Alpha: 0.5, Beta: 2}.CDF, 0.2, math.Sqrt(1 / (2.5 * 2.5 * 3.5)), 1e-12}, nil, 0},
	{distribution{"student t", func(k random.Key, s ...int) graph.Tensor { return random.StudentT(k, double(5), s...) },
		distuv.StudentsT{Mu: 0, Sigma: 1, Nu: 5}.CDF, 0, math.Sqrt(5. / 3), 1e-13}, nil, 0},
}

// TestFloat64: draws in float64 follow their distributions, are the evaluator's to float64's precision, have digits that float32 has
// not, and refine the float32 draws of the same key.
func TestFloat64(t *testing.T) {
	eachDouble(t, func(t *testing.T, dev *gpu.Device) {
		for i, c := range continuous64 {
			key := keyOn(t, dev, uint32(300+i))
			c.check(t, key, func(k random.Key, f func(random.Key) graph.Tensor) []float64 {
				got := run64(t, dev, k, f)
				short := 0
				for _, x := range got {
					if float64(float32(x)) == x {
						short++
					}
				}
				assert.Less(t, short, 5, "%s: draws that are float32", c.name)
				if c.single == nil {
					return got
				}
				other := 0
				for j, x := range run(t, dev, k, func(k random.Key) graph.Tensor { return c.single(k, many) }) {
					if math.Abs(x-got[j]) > c.away*max(1, math.Abs(x)) {
						other++
					}
				}
				assert.LessOrEqual(t, other, many/10_000, "%s: draws other than float32's", c.name)
				return got
			})
		}
	})
}

// TestFloat64Discrete: probabilities of float64 decide by 64 bits.
func TestFloat64Discrete(t *testing.T) {
	eachDouble(t, func(t *testing.T, dev *gpu.Device) {
		key := keyOn(t, dev, 41)
		// The largest p below the least of the draws' probabilities that float64 can tell apart.
		w := make([]float64, 2)
		const n = 4
		least, at := 1.0, 0
		for i := range n {
			hi, lo := variates.Threefry(0, 41, uint32(i), 0)
			if p := variates.Probability64(hi, lo); p < least {
				least, at = p, i
			}
		}
		for i, p := range []float64{least, math.Nextafter(least, 0)} {
			for j, hit := range run(t, dev, key, func(k random.Key) graph.Tensor { return random.Bernoulli(k, double(p), n).AsFloat() }) {
				w[i] += hit
				assert.True(t, hit == 0 || j == at)
			}
		}
		assert.Equal(t, []float64{1, 0}, w)

		p := []float64{0.2, 0, 0.5, 0.3}
		logits := graph.Literal([]float32{0.2, 0, 0.5, 0.3}).Convert(graph.Float64).Log()
		got := count(run(t, dev, key, func(k random.Key) graph.Tensor { return random.Categorical(k, logits, many) }), len(p))
		assert.Zero(t, got[1])
		assert.Greater(t, chiSquare([]float64{got[0], got[2], got[3]}, func(i int) float64 { return []float64{0.2, 0.5, 0.3}[i] }), 1e-3)
		for _, rate := range []float64{0.7, 9.9, 10, 300} {
			draws := func(k random.Key) graph.Tensor { return random.Poisson(k, double(rate), many) }
			got := run(t, dev, key, draws)
			want, err := graph.Reference(context.Background(), draws(key))
			require.NoError(t, err)
			differ := 0
			for i := range want {
				if want[i] != got[i] {
					differ++
				}
			}
			assert.LessOrEqual(t, differ, 1, "rate %v", rate)
			c := count(got, int(rate+8*math.Sqrt(rate)+20))
			dist := distuv.Poisson{Lambda: rate}
			assert.Greater(t, chiSquare(c, func(i int) float64 { return dist.Prob(float64(i)) }), 1e-3, "rate %v", rate)
		}
	})
}

// TestFloat64Transforms: gradients of float64 draws are float64, and mapped draws are those of a loop to the bit.
func TestFloat64Transforms(t *testing.T) {
	eachDouble(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		key := keyOn(t, dev, 17)
		f := func(k random.Key, a graph.Tensor) graph.Tensor {
			return random.Gamma(k, a, 4).Sum().Add(random.Uniform(k, a, 5, 2).Sum())
		}
		grad := func(k random.Key) graph.Tensor {
			return graph.Grad(func(a graph.Tensor) graph.Tensor { return f(k, a) })(double(1.5))
		}
		got := run64(t, dev, key, grad)
		want, err := graph.Reference(ctx, grad(key))
		require.NoError(t, err)
		require.InEpsilon(t, want[0], got[0], 1e-12)

		all := run64(t, dev, key, func(k random.Key) graph.Tensor {
			return vmap.Map(func(k random.Key) graph.Tensor { return f(k, double(0.5)) })(random.Split(k, 3))
		})
		for i, x := range all {
			one := run64(t, dev, key, func(k random.Key) graph.Tensor { return f(random.Split(k, 3).At(i), double(0.5)) })
			require.InEpsilon(t, one[0], x, 1e-14)
		}
	})
}
