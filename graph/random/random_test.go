package random_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
)

// keyOn is a key on a device.
func keyOn(t testing.TB, dev *gpu.Device, seed uint32) random.Key {
	b, err := graph.FromSlice(dev, []uint32{0, seed})
	require.NoError(t, err)
	t.Cleanup(func() { b.Close() })
	return random.Key{Bits: b}
}

// floats reads a tensor and frees it.
func floats(t testing.TB, x graph.Tensor) []float64 {
	v, err := x.AsFloat().Floats(context.Background())
	require.NoError(t, err)
	out := make([]float64, len(v))
	for i := range v {
		out[i] = float64(v[i])
	}
	return out
}

func words(t testing.TB, x graph.Tensor) []uint32 {
	v, err := graph.Read[uint32](context.Background(), x)
	require.NoError(t, err)
	require.NoError(t, x.Close())
	return v
}

// run computes f of a key on a device by a compiled function.
func run(t testing.TB, dev *gpu.Device, key random.Key, f func(random.Key) graph.Tensor) []float64 {
	y, err := graph.Jit(dev, func(k random.Key) graph.Tensor { return f(k).AsFloat() })(context.Background(), key)
	require.NoError(t, err)
	out := floats(t, y)
	require.NoError(t, y.Close())
	return out
}

const many = 20_000

// distribution is one with its distribution function; moments 0 leaves the comparison of mean and variance out.
type distribution struct {
	name      string
	draw      func(k random.Key, shape ...int) graph.Tensor
	cdf       func(float64) float64
	mean, sd  float64
	tolerance float64 // relative, of device and evaluator
}

var continuous = []distribution{
	{"uniform", func(k random.Key, s ...int) graph.Tensor { return random.Uniform(k, -1, 3, s...) },
		distuv.Uniform{Min: -1, Max: 3}.CDF, 1, 4 / math.Sqrt(12), 1e-6},
	{"normal", random.Normal, distuv.UnitNormal.CDF, 0, 1, 1e-6},
	{"normal of a step", stepNormal(graph.Float32), distuv.UnitNormal.CDF, 0, 1, 2e-6},
	{"truncated normal", func(k random.Key, s ...int) graph.Tensor { return random.TruncatedNormal(k, -0.5, 2, s...) },
		truncated(-0.5, 2), 0, 0, 2e-6},
	{"normal's upper tail", func(k random.Key, s ...int) graph.Tensor { return random.TruncatedNormal(k, 4, math.Inf(1), s...) },
		truncated(4, math.Inf(1)), 0, 0, 5e-6},
	{"normal's lower tail", func(k random.Key, s ...int) graph.Tensor { return random.TruncatedNormal(k, -9, -8, s...) },
		truncated(-9, -8), 0, 0, 5e-6},
	{"exponential", random.Exponential, distuv.Exponential{Rate: 1}.CDF, 1, 1, 1e-6},
	{"gumbel", random.Gumbel, distuv.GumbelRight{Mu: 0, Beta: 1}.CDF, 0.5772, math.Pi / math.Sqrt(6), 2e-6},
	{"laplace", random.Laplace, distuv.Laplace{Mu: 0, Scale: 1}.CDF, 0, math.Sqrt2, 1e-6},
	{"logistic", random.Logistic, distuv.Logistic{Mu: 0, S: 1}.CDF, 0, math.Pi / math.Sqrt(3), 2e-6},
	{"cauchy", random.Cauchy, distuv.StudentsT{Mu: 0, Sigma: 1, Nu: 1}.CDF, 0, 0, 1e-5},
	{"gamma 0.3", gammaOf(0.3), distuv.Gamma{Alpha: 0.3, Beta: 1}.CDF, 0.3, math.Sqrt(0.3), 1e-5},
	{"gamma 1", gammaOf(1), distuv.Gamma{Alpha: 1, Beta: 1}.CDF, 1, 1, 5e-6},
	{"gamma 2.5", gammaOf(2.5), distuv.Gamma{Alpha: 2.5, Beta: 1}.CDF, 2.5, math.Sqrt(2.5), 5e-6},
	{"gamma 500", gammaOf(500), distuv.Gamma{Alpha: 500, Beta: 1}.CDF, 500, math.Sqrt(500), 5e-6},
	{"log gamma", func(k random.Key, s ...int) graph.Tensor { return random.LogGamma(k, 0.7, s...) },
		func(x float64) float64 { return distuv.Gamma{Alpha: 0.7, Beta: 1}.CDF(math.Exp(x)) }, 0, 0, 5e-6},
	{"beta", func(k random.Key, s ...int) graph.Tensor { return random.Beta(k, 0.5, 2, s...) },
		distuv.Beta{Alpha: 0.5, Beta: 2}.CDF, 0.2, math.Sqrt(1 / (2.5 * 2.5 * 3.5)), 2e-5},
	{"student t", func(k random.Key, s ...int) graph.Tensor { return random.StudentT(k, 5, s...) },
		distuv.StudentsT{Mu: 0, Sigma: 1, Nu: 5}.CDF, 0, math.Sqrt(5. / 3), 5e-6},
}

// stepNormal takes the step's number of the key, so that other keys test other steps.
func stepNormal(d graph.DType) func(random.Key, ...int) graph.Tensor {
	return func(k random.Key, s ...int) graph.Tensor { return random.NormalStep(d, k, k.Bits.Index(0, 1), s...) }
}

func gammaOf(a float64) func(random.Key, ...int) graph.Tensor {
	return func(k random.Key, s ...int) graph.Tensor { return random.Gamma(k, a, s...) }
}

// truncated is the distribution function of a normal variable in [a, b], by the smaller tail.
func truncated(a, b float64) func(float64) float64 {
	if a >= 0 {
		f := truncated(-b, -a)
		return func(x float64) float64 { return 1 - f(-x) }
	}
	cdf := func(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }
	return func(x float64) float64 { return (cdf(x) - cdf(a)) / (cdf(b) - cdf(a)) }
}

// TestContinuous compares draws of the devices with the evaluator, with the distribution function
// (Kolmogorov and Smirnov), and with mean and variance.
func TestContinuous(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for i, c := range continuous {
			c.check(t, keyOn(t, dev, uint32(100+i)), func(k random.Key, f func(random.Key) graph.Tensor) []float64 { return run(t, dev, k, f) })
		}
	})
}

func (c distribution) check(t *testing.T, key random.Key, run func(random.Key, func(random.Key) graph.Tensor) []float64) {
	t.Helper()
	got := run(key, func(k random.Key) graph.Tensor { return c.draw(k, many/100, 100) })
	want, err := graph.Reference(context.Background(), c.draw(key, many))
	require.NoError(t, err)
	differ := 0
	for j := range want {
		require.False(t, math.IsNaN(got[j]) || math.IsInf(got[j], 0), c.name)
		if !(math.Abs(got[j]-want[j]) <= c.tolerance*max(0.2, math.Abs(want[j]))) {
			differ++
		}
	}
	assert.LessOrEqual(t, differ, 2, "%s: draws that differ from the evaluator's", c.name)

	mean, square := 0.0, 0.0
	for _, x := range got {
		mean += x / many
		square += x * x / many
	}
	if c.sd != 0 {
		assert.InDelta(t, c.mean, mean, 4*c.sd/math.Sqrt(many), "mean of %s", c.name)
		assert.InEpsilon(t, c.sd*c.sd, square-mean*mean, 0.08, "variance of %s", c.name)
	}
	slices.Sort(got)
	distance := 0.0
	for j, x := range got {
		f := c.cdf(x)
		distance = max(distance, f-float64(j)/many, float64(j+1)/many-f)
	}
	assert.Less(t, distance*math.Sqrt(many), 1.95, "Kolmogorov-Smirnov of %s: its probability is below 0.001", c.name)
}

// chiSquare is the probability of counts at least as far from the expected ones.
func chiSquare(counts []float64, p func(i int) float64) float64 {
	n, x := 0.0, 0.0
	for _, c := range counts {
		n += c
	}
	for i, c := range counts {
		e := n * p(i)
		x += (c - e) * (c - e) / e
	}
	return distuv.ChiSquared{K: float64(len(counts) - 1)}.Survival(x)
}

// count tells how often each of the values 0 to n-1 stands in v.
func count(v []float64, n int) []float64 {
	out := make([]float64, n)
	for _, x := range v {
		out[int(x)]++
	}
	return out
}

func TestDiscrete(t *testing.T) {
	weights := []float64{0.1, 0.2, 0.05, 0.4, 0.25}
	logits := make([]float32, len(weights))
	for i, w := range weights {
		logits[i] = float32(math.Log(w) + 3)
	}
	seventh := []float64{1. / 7, 1. / 7, 1. / 7, 1. / 7, 1. / 7, 1. / 7, 1. / 7}
	cases := []struct {
		name string
		draw func(k random.Key) graph.Tensor
		p    []float64
	}{
		{"bernoulli", func(k random.Key) graph.Tensor { return random.Bernoulli(k, 0.3, many) }, []float64{0.7, 0.3}},
		{"categorical", func(k random.Key) graph.Tensor { return random.Categorical(k, graph.Literal(logits), many) }, weights},
		{"integers", func(k random.Key) graph.Tensor { return random.Integers(k, -3, 4, many).Add(graph.Int(3)) }, seventh},
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for i, c := range cases {
			key := keyOn(t, dev, uint32(i))
			got := run(t, dev, key, c.draw)
			want, err := graph.Reference(context.Background(), c.draw(key).AsFloat())
			require.NoError(t, err)
			require.Equal(t, want, got, c.name)
			assert.Greater(t, chiSquare(count(got, len(c.p)), func(i int) float64 { return c.p[i] }), 0.001, c.name)
		}
		w := words(t, random.Bits(keyOn(t, dev, 9), many))
		for shift := 0; shift < 32; shift += 8 {
			bytes := make([]float64, many)
			for i := range w {
				bytes[i] = float64(w[i] >> shift & 255)
			}
			assert.Greater(t, chiSquare(count(bytes, 256), func(int) float64 { return 1. / 256 }), 0.001, "byte %d of the words", shift/8)
		}
	})
}

// TestPoisson counts draws by value, the tails together.
func TestPoisson(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for i, rate := range []float64{0.2, 3, 9.9, 10, 45, 3000} {
			key := keyOn(t, dev, uint32(30+i))
			got := run(t, dev, key, func(k random.Key) graph.Tensor { return random.Poisson(k, rate, many) })
			want, err := graph.Reference(context.Background(), random.Poisson(key, rate, many))
			require.NoError(t, err)
			differ := 0
			for j := range want {
				if got[j] != want[j] {
					differ++
				}
			}
			assert.LessOrEqual(t, differ, 5, "rate %v", rate)
			d := distuv.Poisson{Lambda: rate}
			first := math.Max(0, math.Floor(rate-2.5*math.Sqrt(rate)))
			width := math.Ceil(5 * math.Sqrt(rate) / 20)
			bins := int(math.Ceil(5*math.Sqrt(rate)/width)) + 1
			counts, p := make([]float64, bins), make([]float64, bins)
			for _, x := range got {
				counts[min(max(int(math.Floor((x-first)/width)), 0), bins-1)]++
			}
			before := 0.0
			for j := range p {
				up := d.CDF(first + width*float64(j+1) - 1)
				p[j], before = up-before, up
			}
			p[bins-1] += 1 - before
			assert.Greater(t, chiSquare(counts, func(j int) float64 { return p[j] }), 0.001, "rate %v", rate)
		}
		for rate, want := range map[float64]float64{0: 0, -1: -1, math.NaN(): -1, 1 << 25: -1} {
			require.Equal(t, want, run(t, dev, keyOn(t, dev, 1), func(k random.Key) graph.Tensor { return random.Poisson(k, rate) })[0])
		}
	})
}

// TestIndependence looks for correlation between draws of related keys, and between neighbours.
func TestIndependence(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		key := keyOn(t, dev, 1)
		a, b := random.Split2(key)
		draws := [][]float64{}
		keys := []random.Key{key, a, b, random.FoldIn(key, 0), random.FoldIn(key, 1), random.FoldIn(a, 0), keyOn(t, dev, 2)}
		for _, k := range keys {
			draws = append(draws, run(t, dev, k, func(k random.Key) graph.Tensor { return random.Normal(k, many) }))
		}
		for i, x := range draws {
			for j, y := range draws[i:] {
				sum, next := 0.0, 0.0
				for n := range x {
					sum += x[n] * y[n] / many
					next += x[n] * y[(n+1)%many] / many
				}
				if j > 0 {
					assert.InDelta(t, 0, sum, 4/math.Sqrt(many), "keys %d and %d", i, i+j)
				}
				assert.InDelta(t, 0, next, 4/math.Sqrt(many), "keys %d and %d, shifted", i, i+j)
			}
		}
		require.NoError(t, graph.Close(keys))
	})
}

// TestUniformEdges: the result is never hi, and lies in the interval even where its floats are few.
func TestUniformEdges(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(1, 1))
		for range 5 {
			lo := rng.NormFloat64() * 1000
			lo = float64(float32(lo))
			hi := lo
			for range 3 {
				hi = float64(math.Nextafter32(float32(hi), math.MaxFloat32))
			}
			seen := map[float64]bool{}
			for _, x := range run(t, dev, keyOn(t, dev, rng.Uint32()), func(k random.Key) graph.Tensor { return random.Uniform(k, lo, hi, 1000) }) {
				require.True(t, x >= lo && x < hi, "%v of [%v, %v)", x, lo, hi)
				seen[x] = true
			}
			assert.Len(t, seen, 3)
		}
	})
}

// TestOutOfRange: parameters out of range give NaN, or what the function says.
func TestOutOfRange(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		key := keyOn(t, dev, 5)
		one := func(f func(k random.Key) graph.Tensor) float64 { return run(t, dev, key, f)[0] }
		for i, f := range []func(k random.Key) graph.Tensor{
			func(k random.Key) graph.Tensor { return random.Uniform(k, 1, 0) },
			func(k random.Key) graph.Tensor { return random.Uniform(k, nan, 0) },
			func(k random.Key) graph.Tensor { return random.Uniform(k, 0, inf) },
			func(k random.Key) graph.Tensor { return random.TruncatedNormal(k, 2, 1) },
			func(k random.Key) graph.Tensor { return random.TruncatedNormal(k, nan, 1) },
			func(k random.Key) graph.Tensor { return random.Gamma(k, 0) },
			func(k random.Key) graph.Tensor { return random.Gamma(k, -1) },
			func(k random.Key) graph.Tensor { return random.LogGamma(k, inf) },
			func(k random.Key) graph.Tensor { return random.Beta(k, 1, -1) },
			func(k random.Key) graph.Tensor { return random.StudentT(k, nan) },
			func(k random.Key) graph.Tensor { return random.Dirichlet(k, graph.Literal([]float32{1, 0, 2})) },
		} {
			assert.True(t, math.IsNaN(one(f)), "case %d", i)
		}
		assert.Equal(t, 2.5, one(func(k random.Key) graph.Tensor { return random.Uniform(k, 2.5, 2.5) }))
		assert.Equal(t, 20.0, one(func(k random.Key) graph.Tensor { return random.TruncatedNormal(k, 20, 21) }))
		assert.Equal(t, -20.0, one(func(k random.Key) graph.Tensor { return random.TruncatedNormal(k, -inf, -20) }))
		for p, want := range map[float64]float64{0: 0, -1: 0, nan: 0, 1: 1, 2: 1} {
			for _, x := range run(t, dev, key, func(k random.Key) graph.Tensor { return random.Bernoulli(k, p, 1000) }) {
				require.Equal(t, want, x, "p %v", p)
			}
		}
		some := graph.Literal([]float32{float32(math.Inf(-1)), 0, float32(math.Inf(-1))})
		for _, x := range run(t, dev, key, func(k random.Key) graph.Tensor { return random.Categorical(k, some, 100) }) {
			require.Equal(t, 1.0, x)
		}
	})
}

func TestErrors(t *testing.T) {
	key := random.NewKey(1)
	vec := func(n int) graph.Tensor { return graph.Ones(n) }
	for i, c := range []struct {
		kind error
		text string
		f    func()
	}{
		{graph.ErrArgument, "random.NewKey", func() { random.Normal(random.Key{}) }},
		{graph.ErrDType, "float32[2]", func() { random.Normal(random.Key{Bits: vec(2)}) }},
		{graph.ErrShape, "map over the keys", func() { random.Normal(random.Split(key, 5)) }},
		{graph.ErrShape, "uint32[3]", func() { random.Bits(random.Key{Bits: graph.Full(graph.Uint32, 0, 3)}) }},
		{graph.ErrShape, "split it first", func() { key.At(0) }},
		{graph.ErrArgument, "position 5", func() { random.Split(key, 5).At(5) }},
		{graph.ErrArgument, "-1 keys", func() { random.Split(key, -1) }},
		{graph.ErrArgument, "negative", func() { random.Normal(key, 2, -1) }},
		{graph.ErrArgument, "2^31-1", func() { random.Normal(key, 1<<20, 1<<20) }},
		{graph.ErrArgument, "32 bits", func() { random.FoldIn(key, 1<<40) }},
		{graph.ErrDType, "AsInt", func() { random.FoldIn(key, vec(1)) }},
		{graph.ErrDType, "the concentration is int32[]", func() { random.Gamma(key, graph.Int(1)) }},
		{graph.ErrDType, "the concentration is bool[]", func() { random.Gamma(key, graph.Full(graph.Bool, 1)) }},
		{graph.ErrDType, "lo is float32[], hi is float64[]", func() { random.Uniform(key, graph.Scalar(1), graph.Full(graph.Float64, 2)) }},
		{graph.ErrDType, "draws of int32", func() { random.NormalOf(graph.Int32, key, 3) }},
		{graph.ErrDType, "draws of int32", func() { random.NormalStep(graph.Int32, key, graph.Int(0), 3) }},
		{graph.ErrArgument, "the step is float32[]", func() { random.NormalStep(graph.Float32, key, graph.Scalar(1), 3) }},
		{graph.ErrArgument, "the step is int32[2]", func() { random.NormalStep(graph.Float32, key, graph.Iota(0, 2), 3) }},
		{graph.ErrArgument, "zero Tensor", func() { random.Gamma(key, graph.Tensor{}) }},
		{graph.ErrShape, "[3] does not broadcast to [2]", func() { random.Gamma(key, vec(3), 2) }},
		{graph.ErrShape, "[3] and [2]", func() { random.Beta(key, vec(3), vec(2)) }},
		{graph.ErrShape, "[... n]", func() { random.Categorical(key, graph.Scalar(1)) }},
		{graph.ErrShape, "[... n]", func() { random.Dirichlet(key, vec(0)) }},
		{graph.ErrArgument, "lo is 3", func() { random.Integers(key, 3, 3) }},
		{graph.ErrArgument, "hi is 4294967296", func() { random.Integers(key, 0, 1<<32) }},
	} {
		err := graph.Try(c.f)
		require.ErrorIs(t, err, c.kind, "case %d", i)
		require.ErrorContains(t, err, c.text, "case %d", i)
		require.ErrorContains(t, err, "random_test.go", "case %d", i)
	}
}
