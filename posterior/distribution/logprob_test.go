package distribution_test

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
	. "github.com/lavagrad/lavagrad/posterior/distribution"
)

// family compares a distribution of scalar events with gonum's at some values.
type family struct {
	p     []float64
	build func(p []graph.Tensor) Distribution
	log   func(p []float64, x float64) float64
	x     []float64
	// discrete families have no gradient by x.
	discrete bool
}

var ln2 = math.Ln2

var families = map[string]family{
	"normal": {p: []float64{1.5, 0.7}, build: func(p []graph.Tensor) Distribution { return NewNormal(p[0], p[1]) },
		log: func(p []float64, x float64) float64 { return distuv.Normal{Mu: p[0], Sigma: p[1]}.LogProb(x) }, x: []float64{-3, 0, 1, 1.5, 4, 30}},
	"half normal": {p: []float64{0.7}, build: func(p []graph.Tensor) Distribution { return NewHalfNormal(p[0]) },
		log: func(p []float64, x float64) float64 { return ln2 + distuv.Normal{Sigma: p[0]}.LogProb(x) }, x: []float64{0.01, 1, 5}},
	"half cauchy": {p: []float64{2}, build: func(p []graph.Tensor) Distribution { return NewHalfCauchy(p[0]) },
		log: func(p []float64, x float64) float64 { return ln2 + distuv.StudentsT{Sigma: p[0], Nu: 1}.LogProb(x) }, x: []float64{0.01, 1, 5, 1e10}},
	"log normal": {p: []float64{0.3, 0.6}, build: func(p []graph.Tensor) Distribution { return NewLogNormal(p[0], p[1]) },
		log: func(p []float64, x float64) float64 { return distuv.LogNormal{Mu: p[0], Sigma: p[1]}.LogProb(x) }, x: []float64{0.1, 1, 5}},
	"laplace": {p: []float64{0.3, 0.6}, build: func(p []graph.Tensor) Distribution { return NewLaplace(p[0], p[1]) },
		log: func(p []float64, x float64) float64 { return distuv.Laplace{Mu: p[0], Scale: p[1]}.LogProb(x) }, x: []float64{-2, 0, 5}},
	"exponential": {p: []float64{0.6}, build: func(p []graph.Tensor) Distribution { return NewExponential(p[0]) },
		log: func(p []float64, x float64) float64 { return distuv.Exponential{Rate: p[0]}.LogProb(x) }, x: []float64{0.1, 2, 50}},
	"uniform": {p: []float64{-1, 3}, build: func(p []graph.Tensor) Distribution { return NewUniform(p[0], p[1]) },
		log: func(p []float64, x float64) float64 { return distuv.Uniform{Min: p[0], Max: p[1]}.LogProb(x) }, x: []float64{-0.9, 0, 2.9}},
	"student t": {p: []float64{3.5, 0.5, 2}, build: func(p []graph.Tensor) Distribution { return NewStudentT(p[0], p[1], p[2]) },
		log: func(p []float64, x float64) float64 {
			return distuv.StudentsT{Nu: p[0], Mu: p[1], Sigma: p[2]}.LogProb(x)
		}, x: []float64{-4, 0, 1, 100}},
	"student t, nearly normal": {p: []float64{1e5, 0.5, 2}, build: func(p []graph.Tensor) Distribution { return NewStudentT(p[0], p[1], p[2]) },
		log: func(p []float64, x float64) float64 {
			return distuv.StudentsT{Nu: p[0], Mu: p[1], Sigma: p[2]}.LogProb(x)
		}, x: []float64{-4, 0, 1}},
	"gamma": {p: []float64{2.5, 3}, build: func(p []graph.Tensor) Distribution { return NewGamma(p[0], p[1]) },
		log: func(p []float64, x float64) float64 { return distuv.Gamma{Alpha: p[0], Beta: p[1]}.LogProb(x) }, x: []float64{1e-3, 0.5, 1, 10}},
	"gamma, small": {p: []float64{0.05, 3}, build: func(p []graph.Tensor) Distribution { return NewGamma(p[0], p[1]) },
		log: func(p []float64, x float64) float64 { return distuv.Gamma{Alpha: p[0], Beta: p[1]}.LogProb(x) }, x: []float64{1e-20, 1e-3, 1}},
	"gamma, large": {p: []float64{2e4, 10}, build: func(p []graph.Tensor) Distribution { return NewGamma(p[0], p[1]) },
		log: func(p []float64, x float64) float64 { return distuv.Gamma{Alpha: p[0], Beta: p[1]}.LogProb(x) }, x: []float64{1950, 2000, 2060}},
	"beta": {p: []float64{0.5, 3}, build: func(p []graph.Tensor) Distribution { return NewBeta(p[0], p[1]) },
		log: func(p []float64, x float64) float64 { return distuv.Beta{Alpha: p[0], Beta: p[1]}.LogProb(x) }, x: []float64{1e-6, 0.3, 0.99}},
	"beta, large": {p: []float64{3000, 1000}, build: func(p []graph.Tensor) Distribution { return NewBeta(p[0], p[1]) },
		log: func(p []float64, x float64) float64 { return distuv.Beta{Alpha: p[0], Beta: p[1]}.LogProb(x) }, x: []float64{0.72, 0.75, 0.77}},
	"bernoulli": {p: []float64{0.3}, build: func(p []graph.Tensor) Distribution { return NewBernoulli(p[0]) }, discrete: true,
		log: func(p []float64, x float64) float64 { return distuv.Bernoulli{P: p[0]}.LogProb(x) }, x: []float64{0, 1}},
	"bernoulli of logits": {p: []float64{-30}, build: func(p []graph.Tensor) Distribution { return NewBernoulliLogits(p[0]) }, discrete: true,
		log: func(p []float64, x float64) float64 { return x*p[0] - math.Log1p(math.Exp(p[0])) }, x: []float64{0, 1}},
	"poisson": {p: []float64{3.7}, build: func(p []graph.Tensor) Distribution { return NewPoisson(p[0]) }, discrete: true,
		log: func(p []float64, x float64) float64 { return distuv.Poisson{Lambda: p[0]}.LogProb(x) }, x: []float64{0, 1, 3, 40}},
	"poisson, large": {p: []float64{1e6}, build: func(p []graph.Tensor) Distribution { return NewPoisson(p[0]) }, discrete: true,
		log: func(p []float64, x float64) float64 { return distuv.Poisson{Lambda: p[0]}.LogProb(x) }, x: []float64{997000, 1e6, 1002000}},
	"binomial": {p: []float64{0.3}, build: func(p []graph.Tensor) Distribution { return NewBinomial(12, p[0]) }, discrete: true,
		log: func(p []float64, x float64) float64 { return distuv.Binomial{N: 12, P: p[0]}.LogProb(x) }, x: []float64{0, 1, 5, 12}},
	"binomial, large": {p: []float64{0.25}, build: func(p []graph.Tensor) Distribution { return NewBinomial(1000000, p[0]) }, discrete: true,
		log: func(p []float64, x float64) float64 { return logBinomial(1e6, x, p[0]) }, x: []float64{249000, 250000, 251000}},
	"binomial of logits": {p: []float64{-20}, build: func(p []graph.Tensor) Distribution { return NewBinomialLogits(3, p[0]) }, discrete: true,
		log: func(p []float64, x float64) float64 {
			return math.Log([]float64{1, 3, 3, 1}[int(x)]) + x*p[0] - 3*math.Log1p(math.Exp(p[0]))
		}, x: []float64{0, 1, 3}},
	"independent": {p: []float64{1.5, 0.7}, build: func(p []graph.Tensor) Distribution { return NewIndependent(NewNormal(p[0], p[1]), 0) },
		log: func(p []float64, x float64) float64 { return distuv.Normal{Mu: p[0], Sigma: p[1]}.LogProb(x) }, x: []float64{-3, 0}},
}

func logBinomial(n, k, p float64) float64 {
	a, _ := math.Lgamma(n + 1)
	b, _ := math.Lgamma(k + 1)
	c, _ := math.Lgamma(n - k + 1)
	return a - b - c + k*math.Log(p) + (n-k)*math.Log1p(-p)
}

// scalars are the elements of a vector.
func scalars(p graph.Tensor) []graph.Tensor { return p.Unstack(0) }

// TestLogProb compares log densities and their gradients by parameters and values, on the device, with gonum in float64.
func TestLogProb(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		type point struct{ P, X graph.Tensor }
		type result struct {
			Value graph.Tensor
			Grad  point
		}
		in := map[string]point{}
		for name, f := range families {
			in[name] = point{on(t, dev, f.p), on(t, dev, f.x)}
		}
		got, err := graph.Jit(dev, func(in map[string]point) map[string]result {
			out := map[string]result{}
			for name, at := range in {
				f := families[name]
				log := func(at point) graph.Tensor { return f.build(scalars(at.P)).LogProb(at.X) }
				out[name] = result{log(at), graph.Grad(func(at point) graph.Tensor { return log(at).Sum() })(at)}
			}
			return out
		})(context.Background(), in)
		require.NoError(t, err)
		for name, f := range families {
			value, byP, byX := read(t, got[name].Value), read(t, got[name].Grad.P), read(t, got[name].Grad.X)
			// Parameters and values as float32 has them, so that only the arithmetic is compared.
			p, xs := rounded(f.p), rounded(f.x)
			for i, x := range xs {
				want := f.log(p, x)
				assert.InDelta(t, want, value[i], 2e-5*max(1, math.Abs(want)), "%s: log prob at %v", name, x)
				if !f.discrete {
					slope := difference(func(x float64) float64 { return f.log(p, x) }, x)
					assert.InDelta(t, slope, byX[i], 1e-3*max(1e-2, math.Abs(slope)), "%s: d log prob / dx at %v", name, x)
				}
			}
			for j := range p {
				slope, scale := 0.0, 0.0
				for _, x := range xs {
					d := difference(func(v float64) float64 {
						q := append([]float64{}, p...)
						q[j] = v
						return f.log(q, x)
					}, p[j])
					slope, scale = slope+d, scale+math.Abs(d)
				}
				assert.InDelta(t, slope, byP[j], 1e-3*max(1e-3, scale), "%s: derivative by parameter %d", name, j)
			}
		}
	})
}

func rounded(x []float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = float64(float32(x[i]))
	}
	return out
}

// difference is the central difference of a function.
func difference(f func(float64) float64, x float64) float64 {
	h := 1e-5 * math.Abs(x)
	if x == 0 {
		h = 1e-5
	}
	return (f(x+h) - f(x-h)) / (2 * h)
}
