package sgmcmc_test

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
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
)

// With -long 20 the targets are sampled with twenty times as many chains, and held to bounds that much narrower.
var long = flag.Int("long", 1, "how many times as many chains to sample the targets with, and updates to watch memory for")

func chainCount() int { return 2048 * *long }

type none = struct{}

// sampled runs chains on a target of two dimensions from far off and gives their last positions, a chain a row.
func sampled[S any](t *testing.T, dev *gpu.Device, transform *posterior.Transform[graph.Tensor, none, S], steps int, position func(S) graph.Tensor) []float32 {
	t.Helper()
	ctx := context.Background()
	n := chainCount()
	at := make([]float32, 2*n)
	for i := range at {
		at[i] = 2 * float32(1-2*(i/2%2)) // half of the chains in each well
	}
	start := upload(t, dev, at, n, 2)
	chains := transform.Chains() // many chains: this line
	keys := random.Split(random.NewKey(11), n)
	defer graph.Close(keys)
	state, err := chains.Init(ctx, dev, start, keys)
	require.NoError(t, err)
	defer graph.Close(state)
	run := posterior.NewRunner(chains, func(b none, _ graph.Tensor) none { return b }, position)
	last, kept, err := run.Run(ctx, state, none{}, posterior.RunConfig{Steps: steps, Thin: steps})
	require.NoError(t, err)
	defer graph.Close(kept)
	defer graph.Close(last)
	return values(t, kept)
}

func samplers(t *testing.T, dev *gpu.Device, logp func(graph.Tensor, none) (graph.Tensor, none), judge func(t *testing.T, x []float32)) {
	t.Run("sgld", func(t *testing.T) {
		judge(t, sampled(t, dev, sgmcmc.SGLD(logp, sgmcmc.SGLDConfig{LR: 0.01}), 600,
			func(s sgmcmc.SGLDState[graph.Tensor, none]) graph.Tensor { return s.Params }))
	})
	t.Run("sghmc", func(t *testing.T) {
		judge(t, sampled(t, dev, sgmcmc.SGHMC(logp, sgmcmc.SGHMCConfig{LR: 0.01, Alpha: 1.5}), 1200,
			func(s sgmcmc.SGHMCState[graph.Tensor, none]) graph.Tensor { return s.Params }))
	})
	t.Run("sgnht", func(t *testing.T) {
		judge(t, sampled(t, dev, sgmcmc.SGNHT(logp, sgmcmc.SGNHTConfig{LR: 0.01, Alpha: 1.5}), 1200,
			func(s sgmcmc.SGNHTState[graph.Tensor, none]) graph.Tensor { return s.Params }))
	})
	t.Run("baoa", func(t *testing.T) {
		judge(t, sampled(t, dev, sgmcmc.BAOA(logp, sgmcmc.BAOAConfig{LR: 0.1, Alpha: 1.5}), 200,
			func(s sgmcmc.BAOAState[graph.Tensor, none]) graph.Tensor { return s.Params }))
	})
}

// A Gaussian of mean (1, -2) and precision [1.5 0.5; 0.5 1]: the chains' mean and covariance are those, within a KL divergence.
func TestGaussianTarget(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		logp := func(x graph.Tensor, _ none) (graph.Tensor, none) {
			d := x.Sub(graph.Literal([]float32{1, -2}))
			precision := graph.Literal([]float32{1.5, 0.5, 0.5, 1}, 2, 2)
			return d.Mul(precision.MatMul(d)).Sum().Scale(-0.5), none{}
		}
		samplers(t, dev, logp, func(t *testing.T, x []float32) {
			var mean [2]float64
			var cov [2][2]float64
			n := float64(len(x) / 2)
			for i := 0; i < len(x); i += 2 {
				mean[0], mean[1] = mean[0]+float64(x[i])/n, mean[1]+float64(x[i+1])/n
			}
			for i := 0; i < len(x); i += 2 {
				for a := range 2 {
					for b := range 2 {
						cov[a][b] += (float64(x[i+a]) - mean[a]) * (float64(x[i+b]) - mean[b]) / n
					}
				}
			}
			// KL(sampled || target) = (tr(P S) + d' P d - 2 - log det(P S)) / 2
			p := [2][2]float64{{1.5, 0.5}, {0.5, 1}}
			d := [2]float64{mean[0] - 1, mean[1] + 2}
			kl := -2 - math.Log((1.5-0.25)*(cov[0][0]*cov[1][1]-cov[0][1]*cov[1][0]))
			for a := range 2 {
				for b := range 2 {
					kl += p[a][b]*cov[b][a] + d[a]*p[a][b]*d[b]
				}
			}
			// 5 numbers estimated from n draws give about 5/(2n); steps of finite size give 1e-3.
			assert.Less(t, kl/2, 2e-3+12/n, "mean %v, covariance %v", mean, cov)
		})
	})
}

// The double well log p = sum(-x^4/10 + x^2), whose moments are known by quadrature.
func TestDoubleWell(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		logp := func(x graph.Tensor, _ none) (graph.Tensor, none) {
			s := x.Square()
			return s.Sub(s.Square().Scale(0.1)).Sum(), none{}
		}
		samplers(t, dev, logp, func(t *testing.T, x []float32) {
			var m1, m2, m4 float64
			n := float64(len(x))
			for _, v := range x {
				s := float64(v) * float64(v)
				m1, m2, m4 = m1+math.Abs(float64(v))/n, m2+s/n, m4+s*s/n
			}
			near := func(want, got, sd, bias float64, what string) {
				assert.InDelta(t, want, got, 4.5*sd/math.Sqrt(n)+bias, what)
			}
			near(1.98745, m1, math.Sqrt(4.35681-1.98745*1.98745), 0.02, "E|x|")
			near(4.35681, m2, math.Sqrt(24.28407-4.35681*4.35681), 0.06, "E x^2")
			near(24.28407, m4, 25, 0.9, "E x^4")
		})
	})
}
