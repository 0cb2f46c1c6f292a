package mcmc_test

import (
	"context"
	"flag"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/mcmc"
)

// With -long 20 the targets are sampled with twenty times as many chains, and held to bounds that much narrower.
var long = flag.Int("long", 1, "how many times as many chains to sample the targets with")

// run makes steps of many chains from start [n d] and gives the last states; the caller closes them.
func run(t *testing.T, dev *gpu.Device, logp func(graph.Tensor, none) (graph.Tensor, none), c mcmc.HMCConfig, start []float32, n, steps int) mcmc.HMCState[graph.Tensor, none] {
	t.Helper()
	ctx := context.Background()
	chains := mcmc.HMC(logp, c).Chains()
	keys := random.Split(random.NewKey(11), n)
	defer graph.Close(keys)
	state, err := chains.Init(ctx, dev, upload(t, dev, start, n, len(start)/n), keys)
	require.NoError(t, err)
	defer graph.Close(state)
	runner := posterior.NewRunner(chains, func(b none, _ graph.Tensor) none { return b },
		func(s mcmc.HMCState[graph.Tensor, none]) graph.Tensor { return s.LogPosterior })
	last, kept, err := runner.Run(ctx, state, none{}, posterior.RunConfig{Steps: steps, Thin: steps})
	require.NoError(t, err)
	require.NoError(t, graph.Close(kept))
	return last
}

// gaussian has mean (1, -2) and precision [1.5 0.5; 0.5 1].
func gaussian(x graph.Tensor, _ none) (graph.Tensor, none) {
	d := x.Sub(graph.Literal([]float32{1, -2}))
	precision := graph.Literal([]float32{1.5, 0.5, 0.5, 1}, 2, 2)
	return d.Mul(precision.MatMul(d)).Sum().Scale(-0.5), none{}
}

// With steps so long that a quarter of the proposals is rejected, chains from far off have the target's mean and covariance: the
// correction is exact, where the trajectories are not.
func TestGaussianTarget(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		n := 2048 * *long
		start := make([]float32, 2*n)
		for i := range start {
			start[i] = 4 * float32(1-2*(i/2%2))
		}
		state := run(t, dev, gaussian, mcmc.HMCConfig{StepSize: 1.25, Steps: 2, Jitter: 0.1}, start, n, 40)
		defer graph.Close(state)
		x := doubles(t, state.Params)
		rate := 0.0
		for _, a := range doubles(t, state.MeanAcceptance) {
			rate += a / float64(n)
		}
		assert.Less(t, rate, 0.85, "the correction has something to do")
		assert.Greater(t, rate, 0.4)
		var mean [2]float64
		var cov [2][2]float64
		for i := 0; i < len(x); i += 2 {
			mean[0], mean[1] = mean[0]+x[i]/float64(n), mean[1]+x[i+1]/float64(n)
		}
		for i := 0; i < len(x); i += 2 {
			for a := range 2 {
				for b := range 2 {
					cov[a][b] += (x[i+a] - mean[a]) * (x[i+b] - mean[b]) / float64(n)
				}
			}
		}
		// KL(sampled || target) = (tr(P S) + d' P d - 2 - log det(P S)) / 2. 5 numbers estimated from n draws give about 5/(2n).
		p := [2][2]float64{{1.5, 0.5}, {0.5, 1}}
		d := [2]float64{mean[0] - 1, mean[1] + 2}
		kl := -2 - math.Log((1.5-0.25)*(cov[0][0]*cov[1][1]-cov[0][1]*cov[1][0]))
		for a := range 2 {
			for b := range 2 {
				kl += p[a][b]*cov[b][a] + d[a]*p[a][b]*d[b]
			}
		}
		t.Logf("acceptance %.3f, mean %.4f, covariance %.4f, KL %.2g of %d chains", rate, mean, cov, kl/2, n)
		assert.Less(t, kl/2, 14/float64(n), "mean %v, covariance %v", mean, cov)
	})
}

// The double well log p = sum(-x^4/10 + x^2): draws from it stay draws from it, by moments known from quadrature.
func TestInvariance(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		n := 4096 * *long
		start := make([]float32, n)
		for i := range start { // quantiles of the density, by the trapezoid rule
			start[i] = float32(wellQuantile((float64(i) + 0.5) / float64(n)))
		}
		well := func(x graph.Tensor, _ none) (graph.Tensor, none) {
			s := x.Square()
			return s.Sub(s.Square().Scale(0.1)).Sum(), none{}
		}
		state := run(t, dev, well, mcmc.HMCConfig{StepSize: 0.7, Steps: 4}, start, n, 15)
		defer graph.Close(state)
		var m1, m2, m4 float64
		for _, v := range doubles(t, state.Params) {
			s := v * v
			m1, m2, m4 = m1+math.Abs(v)/float64(n), m2+s/float64(n), m4+s*s/float64(n)
		}
		near := func(want, got, sd float64, what string) {
			assert.InDelta(t, want, got, 4.5*sd/math.Sqrt(float64(n)), what)
		}
		near(1.98745, m1, math.Sqrt(4.35681-1.98745*1.98745), "E|x|")
		near(4.35681, m2, math.Sqrt(24.28407-4.35681*4.35681), "E x^2")
		near(24.28407, m4, 25, "E x^4")
	})
}

// well is the double well's cumulative distribution on a grid from -6 to 6.
var well = func() []float64 {
	out := make([]float64, 12001)
	density := func(i int) float64 {
		x := -6 + float64(i)/1000
		return math.Exp(x*x - x*x*x*x/10)
	}
	for i := range len(out) - 1 {
		out[i+1] = out[i] + (density(i)+density(i+1))/2
	}
	return out
}()

func wellQuantile(q float64) float64 {
	q *= well[len(well)-1]
	lo, hi := 0, len(well)-1
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; well[mid] <= q {
			lo = mid
		} else {
			hi = mid
		}
	}
	return -6 + (float64(lo)+(q-well[lo])/(well[hi]-well[lo]))/1000
}

// A warm-up finds the step size that gives the acceptance which it aims at.
func TestStepSizeAdaptation(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		logp := func(x graph.Tensor, _ none) (graph.Tensor, none) { return x.Square().Sum().Scale(-0.5), none{} }
		const n, dims, warmup, target = 32, 24, 250, 0.75
		state := run(t, dev, logp, mcmc.HMCConfig{StepSize: 3, Steps: 6, Jitter: 0.2, Warmup: warmup, TargetAcceptance: target},
			make([]float32, dims*n), n, warmup+150)
		defer graph.Close(state)
		rate := 0.0
		for _, a := range doubles(t, state.MeanAcceptance) {
			rate += a / n
		}
		t.Logf("acceptance %.3f, step sizes %.2f", rate, doubles(t, state.StepSize))
		assert.InDelta(t, target, rate, 0.05, "mean acceptance of all chains")
	})
}

// A warm-up finds scales that differ by a factor of forty.
func TestAdaptation(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const dims, warmup, target = 24, 400, 0.75
		sd := make([]float32, dims)
		for i := range sd {
			sd[i] = []float32{0.1, 1, 4}[i%3]
		}
		logp := func(x graph.Tensor, _ none) (graph.Tensor, none) {
			return x.Div(graph.Literal(sd)).Square().Sum().Scale(-0.5), none{}
		}
		n := 32 * *long
		start := make([]float32, dims*n)
		for i := range start {
			start[i] = 0.3 * sd[i%dims] * float32(i/dims%7-3)
		}
		state := run(t, dev, logp, mcmc.HMCConfig{StepSize: 0.1, Steps: 6, Jitter: 0.2, Warmup: warmup, AdaptMass: true, TargetAcceptance: target}, start, n, warmup+100)
		defer graph.Close(state)
		rate, size := 0.0, 0.0
		sizes := doubles(t, state.StepSize)
		for i, a := range doubles(t, state.MeanAcceptance) {
			rate += a / float64(n)
			size += sizes[i] / float64(n)
		}
		var ratio, second [3]float64 // of inverse masses to variances, in geometric means; of draws' squares to variances
		x := doubles(t, state.Params)
		for i, s := range doubles(t, state.InverseMass) {
			v, share := float64(sd[i%dims])*float64(sd[i%dims]), 3/float64(len(x))
			ratio[i%3] += math.Log(s/v) * share
			second[i%3] += x[i] * x[i] / v * share
		}
		t.Logf("acceptance %.3f, step size %.2f, log ratios of variances %.3f, of draws %.3f", rate, size, ratio, second)
		// 50 steps of dual averaging come after the last window; simulations of the algorithm in float64 give 0.85 then.
		assert.Greater(t, rate, target)
		assert.Less(t, rate, 0.95)
		assert.Greater(t, size, 0.5, "steps on the scale of the whitened target")
		for i := range 3 {
			assert.InDelta(t, 0, ratio[i], 0.25, "inverse mass of scale %d", i)
			assert.InDelta(t, 1, second[i], 4.5*math.Sqrt(2*3/float64(len(x))), "variance of scale %d", i)
		}
		divergences, err := state.Divergences.Ints(context.Background())
		require.NoError(t, err)
		assert.Equal(t, make([]int32, n), divergences)
	})
}
