package optim_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/vmap"
)

type layer struct{ W, B graph.Tensor }

// squareLoss is a linear model's, whose gradient for a sample is r x', r with the residual r.
func squareLoss(p layer, s layer) graph.Tensor {
	return p.W.MatMul(s.W).Add(p.B).Sub(s.B).Square().Sum().Scale(0.5)
}

// problem is a batch of n samples with 3 inputs and 2 outputs, drawn on the host.
type problem struct {
	w, b, x, y []float64
	n          int
}

func newProblem(n int) problem {
	r := rand.New(rand.NewPCG(5, uint64(n)))
	draw := func(n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(float32(r.NormFloat64()))
		}
		return v
	}
	return problem{draw(6), draw(2), draw(3 * n), draw(2 * n), n}
}

// clippedSum is by a loop over samples in float64, with the norms.
func (p problem) clippedSum(clip float64, keep func(i int) bool) (w, b, norms []float64) {
	w, b = make([]float64, 6), make([]float64, 2)
	for i := range p.n {
		var gw [6]float64
		var gb [2]float64
		square := 0.0
		for o := range 2 {
			r := p.b[o] - p.y[2*i+o]
			for k := range 3 {
				r += p.w[3*o+k] * p.x[3*i+k]
			}
			gb[o] = r
			square += r * r
			for k := range 3 {
				gw[3*o+k] = r * p.x[3*i+k]
				square += gw[3*o+k] * gw[3*o+k]
			}
		}
		norms = append(norms, math.Sqrt(square))
		if !keep(i) {
			continue
		}
		factor := min(1, clip/math.Sqrt(square))
		for j := range gw {
			w[j] += factor * gw[j]
		}
		for j := range gb {
			b[j] += factor * gb[j]
		}
	}
	return w, b, norms
}

func upload(t *testing.T, dev *gpu.Device, v []float64, shape ...int) graph.Tensor {
	t.Helper()
	f := make([]float32, len(v))
	for i := range v {
		f[i] = float32(v[i])
	}
	x, err := graph.FromSlice(dev, f, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

func (p problem) upload(t *testing.T, dev *gpu.Device) (layer, layer) {
	return layer{upload(t, dev, p.w, 2, 3), upload(t, dev, p.b, 2)}, layer{upload(t, dev, p.x, p.n, 3), upload(t, dev, p.y, p.n, 2)}
}

func floats(t *testing.T, x graph.Tensor) []float64 {
	t.Helper()
	v, err := x.Floats(context.Background())
	require.NoError(t, err)
	out := make([]float64, len(v))
	for i := range v {
		out[i] = float64(v[i])
	}
	return out
}

// near compares to a relative and absolute tolerance; two empty lists are near.
func near(t *testing.T, want, got []float64, tolerance float64, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i := range want {
		assert.InDelta(t, want[i], got[i], tolerance*(1+math.Abs(want[i])), "%s, element %d", what, i)
	}
}

// Both ways of clipping against the loop, for batches of 0, 1 and 7, with all samples and with some.
func TestClippedGradients(t *testing.T) {
	const clip = 1.5
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, n := range []int{0, 1, 7} {
			for _, all := range []bool{true, false} {
				prob := newProblem(n)
				kept := func(i int) bool { return all || i%3 != 1 }
				type result struct {
					Direct layer
					Ghost  optim.Clipped[layer]
					Mean   layer
				}
				p, batch := prob.upload(t, dev)
				y, err := graph.Jit2(dev, func(p, batch layer) result {
					var keep graph.Tensor
					if !all {
						keep = graph.Iota(0, n).Rem(graph.Int(3)).Ne(graph.Int(1))
					}
					grads := vmap.Map2(graph.Grad2(squareLoss), vmap.In(vmap.Shared, 0))(p, batch)
					dp := optim.DPSGD(optim.DPSGDConfig{Clip: clip, Noise: 0, Batch: 4}, random.NewKey(1))
					mean, _ := optim.Update(dp, grads, optim.Init(dp, p), p)
					return result{optim.ClippedSum(grads, clip, keep), optim.ClippedGrad(squareLoss, clip)(p, batch, keep), mean}
				})(context.Background(), p, batch)
				require.NoError(t, err)
				w, b, norms := prob.clippedSum(clip, kept)
				near(t, w, floats(t, y.Direct.W), 1e-5, "sum by W")
				near(t, b, floats(t, y.Direct.B), 1e-5, "sum by B")
				near(t, w, floats(t, y.Ghost.Sum.W), 1e-5, "ghost by W")
				near(t, b, floats(t, y.Ghost.Sum.B), 1e-5, "ghost by B")
				near(t, norms, floats(t, y.Ghost.Norms), 1e-5, "norms")
				if all {
					for i := range w {
						w[i] /= 4
					}
					near(t, w, floats(t, y.Mean.W), 1e-5, "private mean without noise")
				}
				require.NoError(t, graph.Close(y))
			}
		}
	})
}

// DPSGD's noise has the standard deviation Noise * Clip / Batch, another draw in each step and leaf, the same for the same key.
func TestDPSGDNoise(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n = 20000
		type two struct{ A, B graph.Tensor }
		opt := optim.DPSGD(optim.DPSGDConfig{Clip: 2, Noise: 1.5, Batch: 10}, random.NewKey(3))
		p := two{graph.Zeros(n), graph.Zeros(n)}
		y, err := graph.Jit(dev, func(struct{}) []two {
			none := two{graph.Zeros(0, n), graph.Zeros(0, n)}
			s := optim.Init(opt, p)
			first, s2 := optim.Update(opt, none, s, p)
			second, _ := optim.Update(opt, none, s2, p)
			again, _ := optim.Update(opt, none, s, p)
			return []two{first, second, again}
		})(context.Background(), struct{}{})
		require.NoError(t, err)
		defer graph.Close(y)
		draws := [][]float64{floats(t, y[0].A), floats(t, y[0].B), floats(t, y[1].A)}
		assert.Equal(t, draws[0], floats(t, y[2].A))
		for i, a := range draws {
			for j, b := range draws[:i+1] {
				product := 0.0
				for k := range a {
					product += a[k] * b[k] / n
				}
				want := 0.0
				if i == j {
					want = 0.3 * 0.3
				}
				assert.InDelta(t, want, product, 0.09*5*math.Sqrt(2./n), "draws %d and %d", i, j)
			}
		}
	})
}

func TestClipByGlobalNorm(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		g := layer{upload(t, dev, []float64{3, 0}, 2), upload(t, dev, []float64{4}, 1)}
		y, err := graph.Jit(dev, func(g layer) []layer {
			var out []layer
			for _, c := range []float64{2, 5, 100} {
				clip := optim.ClipByGlobalNorm(c)
				u, _ := optim.Update(clip, g, optim.Init(clip, g), g)
				out = append(out, u)
			}
			zero := layer{g.W.Scale(0), g.B.Scale(0)}
			u, _ := optim.Update(optim.ClipByGlobalNorm(1), zero, optim.Init(optim.ClipByGlobalNorm(1), g), g)
			return append(out, u)
		})(context.Background(), g)
		require.NoError(t, err)
		defer graph.Close(y)
		for i, factor := range []float64{0.4, 1, 1, 0} {
			near(t, []float64{3 * factor, 0}, floats(t, y[i].W), 1e-6, "W")
			near(t, []float64{4 * factor}, floats(t, y[i].B), 1e-6, "B")
		}
	})
}

// The draws of PoissonBatch are increasing, different records, as many as Count, each with the given probability.
func TestPoissonBatch(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		const n, rate, capacity, batches = 200, 0.1, 60, 400
		key := random.NewKey(8)
		defer graph.Close(key)
		y, err := graph.Jit(dev, func(key random.Key) optim.PoissonSample {
			return vmap.Map(func(k random.Key) optim.PoissonSample { return optim.PoissonBatch(k, n, rate, capacity) })(random.Split(key, batches))
		})(ctx, key)
		require.NoError(t, err)
		defer graph.Close(y)
		index, err := y.Index.Ints(ctx)
		require.NoError(t, err)
		keep, err := y.Keep.Bools(ctx)
		require.NoError(t, err)
		count, err := y.Count.Ints(ctx)
		require.NoError(t, err)
		seen, total := make([]int, n), 0
		for b := range batches {
			last := int32(-1)
			for i := range capacity {
				at := b*capacity + i
				require.Equal(t, i < int(count[b]), keep[at])
				if keep[at] {
					require.Greater(t, index[at], last)
					last = index[at]
					seen[last]++
					total++
				} else {
					require.Zero(t, index[at])
				}
			}
		}
		// Mean of n*batches Bernoulli draws within 5 standard errors; each record's within 6.
		assert.InDelta(t, rate, float64(total)/(n*batches), 5*math.Sqrt(rate*(1-rate)/(n*batches)))
		for i, s := range seen {
			assert.InDelta(t, rate*batches, float64(s), 6*math.Sqrt(rate*(1-rate)*batches), "record %d", i)
		}
		_, err = graph.Jit(dev, func(key random.Key) optim.PoissonSample { return optim.PoissonBatch(key, n, 0.5, 10) })(ctx, key)
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "fits its capacity")
	})
}

func TestDPSGDErrors(t *testing.T) {
	key := random.NewKey(1)
	ok := optim.DPSGDConfig{Clip: 1, Noise: 1, Batch: 10}
	for what, f := range map[string]func(){
		"clip":           func() { optim.DPSGD(optim.DPSGDConfig{Noise: 1, Batch: 1}, key) },
		"noise":          func() { optim.DPSGD(optim.DPSGDConfig{Clip: 1, Noise: -1, Batch: 1}, key) },
		"batch":          func() { optim.DPSGD(optim.DPSGDConfig{Clip: 1, Noise: 1}, key) },
		"second":         func() { optim.Chain(optim.Scale(1), optim.DPSGD(ok, key)) },
		"clipped sum":    func() { optim.ClippedSum(graph.Zeros(2), -1, graph.Tensor{}) },
		"rate":           func() { optim.PoissonBatch(key, 10, 2, 3) },
		"capacity":       func() { optim.PoissonBatch(key, 10, 0.5, 0) },
		"negative noise": func() { optim.AddNoise(-1, key) },
	} {
		assert.ErrorIs(t, graph.Try(f), graph.ErrArgument, what)
	}
	opt := optim.DPSGD(ok, key)
	p := layer{graph.Zeros(2, 3), graph.Zeros(2)}
	s := optim.Init(opt, p)
	err := graph.Try(func() { optim.Update(opt, p, s, p) })
	require.ErrorIs(t, err, graph.ErrShape)
	assert.ErrorContains(t, err, "behind the sample axis")
	err = graph.Try(func() { optim.Update(opt, layer{graph.Zeros(4, 2, 3), graph.Zeros(5, 2)}, s, p) })
	require.ErrorIs(t, err, graph.ErrShape)
	assert.ErrorContains(t, err, "at .B has 5 samples, others have 4")
}

// One may differentiate through steps, also where a gradient is 0: here by the learning rate.
func TestDifferentiateThroughSteps(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		after := func(lr graph.Tensor) graph.Tensor {
			opt := optim.Adam(lr.Index(0, 0))
			p := graph.Literal([]float32{1, 0})
			s := optim.Init(opt, p)
			for range 3 {
				p, s = optim.Step(opt, p, s, p) // the gradient of p^2/2
			}
			return p.Square().Sum()
		}
		y, err := graph.Jit(dev, graph.Grad(after))(context.Background(), upload(t, dev, []float64{0.1}))
		require.NoError(t, err)
		defer y.Close()
		ref := func(lr float64) float64 {
			step, p := adamLoop(lr, 0, 0, false), 1.0
			for k := range 3 {
				p = step(k, p, p)
			}
			return p * p
		}
		assert.InDelta(t, (ref(0.1+1e-5)-ref(0.1-1e-5))/2e-5, floats(t, y)[0], 1e-3)
	})
}
