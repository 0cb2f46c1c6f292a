package distribution_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	. "github.com/lavagrad/lavagrad/posterior/distribution"
)

// entropyOfCounts sums -p log p for log p(k), from the counts that can occur.
func entropyOfCounts(low, high float64, log func(k float64) float64) (h float64) {
	for k := math.Floor(max(low, 0)); k <= high; k++ {
		if p := math.Exp(log(k)); p > 0 {
			h -= p * log(k)
		}
	}
	return h
}

func lgamma(x float64) float64 {
	y, _ := math.Lgamma(x)
	return y
}

func poissonEntropy(rate float64) float64 {
	if rate == 0 {
		return 0
	}
	reach := 12*math.Sqrt(rate) + 60
	return entropyOfCounts(rate-reach, rate+reach, func(k float64) float64 { return k*math.Log(rate) - rate - lgamma(k+1) })
}

func binomialEntropy(n, p float64) float64 {
	if n == 0 || p == 0 || p == 1 {
		return 0
	}
	reach := 12*math.Sqrt(n*p*(1-p)) + 60
	return entropyOfCounts(n*p-reach, min(n, n*p+reach), func(k float64) float64 {
		return lgamma(n+1) - lgamma(k+1) - lgamma(n-k+1) + k*math.Log(p) + (n-k)*math.Log1p(-p)
	})
}

// Against sums in float64, on both sides of where the formula changes, for the rarest and the most even of events.
func TestEntropyOfCounts(t *testing.T) {
	rates := []float64{0, 1e-6, 0.3, 3, 12.5, 19.99, 20, 20.5, 47, 1000, 1e6}
	totals := []float64{0, 1, 1, 1, 7, 79, 80, 81, 81, 95, 95, 200, 200, 1000, 1000, 1e4, 1e6, 1e6}
	probs := []float64{0.5, 0, 1, 0.3, 0.75, 0.5, 0.5, 0.5, 0.03125, 0.25, 0.4375, 0.125, 0.875, 0.984375, 0.0625, 0.00390625, 1. / (1 << 17), 0.25}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		type result struct{ Poisson, Binomial graph.Tensor }
		y, err := graph.Jit3(dev, func(r, n, p graph.Tensor) result {
			return result{NewPoisson(r).Entropy(), NewBinomial(n, p).Entropy()}
		})(context.Background(), on(t, dev, rates), on(t, dev, totals), on(t, dev, probs))
		require.NoError(t, err)
		poisson, binomial := read(t, y.Poisson), read(t, y.Binomial)
		for i, rate := range rates {
			assert.InDelta(t, poissonEntropy(float64(float32(rate))), poisson[i], 3e-6, "rate %v", rate)
		}
		for i, n := range totals {
			assert.InDelta(t, binomialEntropy(n, probs[i]), binomial[i], 3e-6, "%v trials of %v", n, probs[i])
		}
	})
}

// The derivative is that of the sum on both sides, and shapes broadcast.
func TestEntropyOfCountsDerivative(t *testing.T) {
	const h = 1e-4
	rates := []float64{0.5, 7, 19, 30, 500}
	byRate := reference(t, graph.Grad(func(r graph.Tensor) graph.Tensor { return NewPoisson(r).Entropy().Sum() })(literal(rates)))
	for i, r := range rates {
		assert.InDelta(t, (poissonEntropy(r+h)-poissonEntropy(r-h))/(2*h), byRate[i], 1e-5, "rate %v", r)
	}
	logits := []float64{-5, -1, 0, 0.75, 3}
	p := func(l float64) float64 { return 1 / (1 + math.Exp(-l)) }
	for _, n := range []float64{12, 600} {
		byLogit := reference(t, graph.Grad(func(l graph.Tensor) graph.Tensor { return NewBinomialLogits(n, l).Entropy().Sum() })(literal(logits)))
		for i, l := range logits {
			assert.InDelta(t, (binomialEntropy(n, p(l+h))-binomialEntropy(n, p(l-h)))/(2*h), byLogit[i], 1e-5, "%v trials, logit %v", n, l)
		}
	}
	grid := NewBinomial(literal([]float64{3, 300}, 2, 1), literal([]float64{0.25, 0.5, 0.75})).Entropy()
	require.Equal(t, graph.Shape{2, 3}, grid.Shape())
	for i, got := range reference(t, grid) {
		assert.InDelta(t, binomialEntropy([]float64{3, 300}[i/3], 0.25*float64(i%3+1)), got, 1e-6)
	}
}
