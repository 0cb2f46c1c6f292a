package distribution_test

import (
	"context"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	. "github.com/lavagrad/lavagrad/posterior/bijection"
	. "github.com/lavagrad/lavagrad/posterior/distribution"
	"github.com/lavagrad/lavagrad/vmap"
)

type sampled struct {
	d   func() Distribution
	cdf func(x float64) float64
	// discrete draws are compared with probabilities at k, from low to high.
	low, high int
}

var sampledFrom = map[string]sampled{
	"normal":      {d: func() Distribution { return NewNormal(2, 3) }, cdf: distuv.Normal{Mu: 2, Sigma: 3}.CDF},
	"half normal": {d: func() Distribution { return NewHalfNormal(2) }, cdf: func(x float64) float64 { return 2*distuv.Normal{Sigma: 2}.CDF(x) - 1 }},
	"half cauchy": {d: func() Distribution { return NewHalfCauchy(2) }, cdf: func(x float64) float64 { return 2 / math.Pi * math.Atan(x/2) }},
	"log normal":  {d: func() Distribution { return NewLogNormal(0.5, 0.7) }, cdf: distuv.LogNormal{Mu: 0.5, Sigma: 0.7}.CDF},
	"laplace":     {d: func() Distribution { return NewLaplace(1, 2) }, cdf: distuv.Laplace{Mu: 1, Scale: 2}.CDF},
	"exponential": {d: func() Distribution { return NewExponential(3) }, cdf: distuv.Exponential{Rate: 3}.CDF},
	"uniform":     {d: func() Distribution { return NewUniform(-2, 5) }, cdf: distuv.Uniform{Min: -2, Max: 5}.CDF},
	"student t":   {d: func() Distribution { return NewStudentT(4, 1, 2) }, cdf: distuv.StudentsT{Nu: 4, Mu: 1, Sigma: 2}.CDF},
	"gamma":       {d: func() Distribution { return NewGamma(0.7, 3) }, cdf: distuv.Gamma{Alpha: 0.7, Beta: 3}.CDF},
	"beta":        {d: func() Distribution { return NewBeta(2, 0.5) }, cdf: distuv.Beta{Alpha: 2, Beta: 0.5}.CDF},
	"transformed": {d: func() Distribution { return NewTransformed(NewNormal(0.5, 0.7), Exp{}) }, cdf: distuv.LogNormal{Mu: 0.5, Sigma: 0.7}.CDF},
	"mixture": {d: func() Distribution {
		return NewMixture(NewCategorical(graph.Literal([]float32{0.25, 0.75})), NewNormal(graph.Literal([]float32{-2, 1}), graph.Literal([]float32{1, 0.5})))
	}, cdf: func(x float64) float64 {
		return 0.25*distuv.Normal{Mu: -2, Sigma: 1}.CDF(x) + 0.75*distuv.Normal{Mu: 1, Sigma: 0.5}.CDF(x)
	}},
	"bernoulli":   {d: func() Distribution { return NewBernoulli(0.3) }, high: 1},
	"categorical": {d: func() Distribution { return NewCategoricalLogits(graph.Literal([]float32{0, 1, -1})) }, high: 2},
	"poisson":     {d: func() Distribution { return NewPoisson(4) }, high: 12},
}

// binomials is a batch of binomial distributions: one program draws by waiting times and by rejection.
func binomials() Binomial {
	return NewBinomial(literal([]float64{20, 20, 60, 100000, 0, 1000}), literal([]float64{0.15, 0.9, 0.4, 0.002, 0.4, 1}))
}

var (
	binomialNames  = []string{"binomial", "binomial, mirrored", "binomial, rejection", "binomial, large", "binomial of nothing", "binomial of all"}
	binomialRanges = [][2]int{{0, 9}, {12, 20}, {13, 36}, {165, 235}, {0, 0}, {1000, 1000}}
)

// TestSample compares draws on the device with distribution functions (Kolmogorov and Smirnov) and probabilities (chi square). The seeds are
// fixed: a test that passes once passes always.
func TestSample(t *testing.T) {
	n := *draws
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		got, err := graph.Jit(dev, func(key random.Key) map[string]graph.Tensor {
			out := map[string]graph.Tensor{}
			for i, name := range names(sampledFrom) {
				out[name] = sampledFrom[name].d().Sample(random.FoldIn(key, i), n/4, 4).AsFloat()
			}
			for i, x := range binomials().Sample(random.FoldIn(key, 100), n).AsFloat().Unstack(1) {
				out[binomialNames[i]] = x
			}
			return out
		})(context.Background(), keyOn(t, dev, 7))
		require.NoError(t, err)
		all := maps.Clone(sampledFrom)
		for i, name := range binomialNames {
			d := binomials()
			all[name] = sampled{func() Distribution { return Binomial{d.Total.Index(0, i), d.Logits.Index(0, i)} }, nil, binomialRanges[i][0], binomialRanges[i][1]}
		}
		for _, name := range names(all) {
			s, x := all[name], read(t, got[name])
			require.Len(t, x, n, name)
			if s.cdf != nil {
				slices.Sort(x)
				distance := 0.0
				for i, v := range x {
					f := s.cdf(v)
					distance = max(distance, f-float64(i)/float64(n), float64(i+1)/float64(n)-f)
				}
				assert.Less(t, distance*math.Sqrt(float64(n)), 1.95, "%s: Kolmogorov-Smirnov", name)
				continue
			}
			var ks []float64
			for k := s.low; k <= s.high; k++ {
				ks = append(ks, float64(k))
			}
			logs := reference(t, s.d().LogProb(literal(ks)))
			expected, counts := make([]float64, len(ks)+1), make([]float64, len(ks)+1)
			rest := 1.0
			for i := range ks {
				expected[i] = float64(n) * math.Exp(logs[i])
				rest -= math.Exp(logs[i])
			}
			expected[len(ks)] = float64(n) * max(rest, 0)
			for _, v := range x {
				require.Equal(t, math.Floor(v), v, name)
				i := int(v) - s.low
				if i < 0 || i >= len(ks) {
					i = len(ks)
				}
				counts[i]++
			}
			if rest < 1e-9 {
				require.Zero(t, counts[len(ks)], "%s: draws outside of the support", name)
				expected, counts = expected[:len(ks)], counts[:len(ks)]
			}
			if len(expected) < 2 {
				continue // one value only, which all draws have
			}
			p := 1 - distuv.ChiSquared{K: float64(len(expected) - 1)}.CDF(stat.ChiSquare(counts, expected))
			assert.Greater(t, p, 1e-3, "%s: chi square of counts %v, expected %v", name, counts, expected)
		}
	})
}

func names[V any](m map[string]V) []string {
	var out []string
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// TestSampleVectors compares means and covariances of draws of vectors with the distribution's.
func TestSampleVectors(t *testing.T) {
	n := *draws
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ds := map[string]func() Distribution{
			"multinomial": func() Distribution { return NewMultinomial(50, literal([]float64{0.5, 0, 0.3, 0.2, 0})) },
			"dirichlet":   func() Distribution { return NewDirichlet(literal([]float64{0.5, 2, 3})) },
			"independent": func() Distribution { return NewIndependent(NewGamma(literal([]float64{1, 2}), 3), 1) },
		}
		for name := range forms(literal(loc), literal(covariance, 3, 3)) {
			ds[name] = func() Distribution { return forms(literal(loc), literal(covariance, 3, 3))[name] }
		}
		got, err := graph.Jit(dev, func(key random.Key) map[string]graph.Tensor {
			out := map[string]graph.Tensor{}
			for i, name := range names(ds) {
				out[name] = ds[name]().Sample(random.FoldIn(key, i), n).AsFloat()
			}
			return out
		})(context.Background(), keyOn(t, dev, 3))
		require.NoError(t, err)
		for name, make := range ds {
			d := make().(Moments)
			mean, variance := reference(t, d.Mean()), reference(t, d.Variance())
			x := read(t, got[name])
			m := len(mean)
			require.Len(t, x, n*m, name)
			for j := range m {
				column := []float64{}
				for i := range n {
					column = append(column, x[i*m+j])
				}
				a, v := stat.MeanVariance(column, nil)
				assert.InDelta(t, mean[j], a, 4*math.Sqrt(variance[j]/float64(n))+1e-6, "%s: mean of element %d", name, j)
				assert.InDelta(t, variance[j], v, 0.15*variance[j]+1e-9, "%s: variance of element %d", name, j)
				if name == "covariance" && j > 0 {
					before := []float64{}
					for i := range n {
						before = append(before, x[i*m+j-1])
					}
					assert.InDelta(t, covariance[3*j+j-1], stat.Covariance(column, before, nil), 0.1, name)
				}
			}
			for i := range n {
				sum := 0.0
				for _, v := range x[i*m : i*m+m] {
					sum += v
				}
				switch name {
				case "multinomial":
					require.Equal(t, 50., sum)
				case "dirichlet":
					require.InDelta(t, 1, sum, 1e-5)
				}
			}
		}
	})
}

// TestSampleMapped: under vmap a draw is that of its own key, also where draws are made in rounds.
func TestSampleMapped(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		f := func(key random.Key, p graph.Tensor) graph.Tensor { return NewBinomial(30, p).Sample(key, 5).AsFloat() }
		split := graph.Jit(dev, func(key random.Key) random.Key { return random.Split(key, 3) })
		keys, err := split(context.Background(), keyOn(t, dev, 5))
		require.NoError(t, err)
		defer keys.Bits.Close()
		p := []float64{0.1, 0.5, 0.9}
		mapped, err := graph.Jit2(dev, vmap.Map2(f, vmap.In(0, 0)))(context.Background(), keys, on(t, dev, p))
		require.NoError(t, err)
		got := read(t, mapped)
		alone := graph.Jit3(dev, func(keys random.Key, i, p graph.Tensor) graph.Tensor {
			return f(random.Key{Bits: keys.Bits.DynamicIndex(0, i.AsInt().Squeeze(0))}, p.Squeeze(0))
		})
		for i := range p {
			x, err := alone(context.Background(), keys, on(t, dev, []float64{float64(i)}), on(t, dev, p[i:i+1]))
			require.NoError(t, err)
			assert.Equal(t, read(t, x), got[5*i:5*i+5], "sample %d", i)
		}
	})
}

// TestSampleGradient: draws at a fixed key differentiate by location and scale.
func TestSampleGradient(t *testing.T) {
	key := random.NewKey(1)
	type params struct{ Loc, Scale graph.Tensor }
	at := params{graph.Scalar(1), graph.Scalar(2)}
	for name, sample := range map[string]func(p params) graph.Tensor{
		"normal":    func(p params) graph.Tensor { return NewNormal(p.Loc, p.Scale).Sample(key) },
		"laplace":   func(p params) graph.Tensor { return NewLaplace(p.Loc, p.Scale).Sample(key) },
		"student t": func(p params) graph.Tensor { return NewStudentT(3, p.Loc, p.Scale).Sample(key) },
	} {
		g, x := graph.Grad(sample)(at), reference(t, sample(at))[0]
		assert.InDelta(t, 1, reference(t, g.Loc)[0], 1e-6, name)
		assert.InDelta(t, (x-1)/2, reference(t, g.Scale)[0], 1e-5, name)
	}
}
