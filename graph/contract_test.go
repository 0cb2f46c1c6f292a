package graph

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// layer is the input of a layer and the gradient of its output, for each sample and position.
type layer struct{ X, G Tensor }

func newLayer(t *testing.T, dev *gpu.Device, b, positions, in, out int, change func(x, g []float32)) layer {
	x, g := make([]float32, b*positions*in), make([]float32, b*positions*out)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)*1.7) + 0.2)
	}
	for i := range g {
		g[i] = float32(math.Cos(float64(i)*2.3) - 0.1)
	}
	if change != nil {
		change(x, g)
	}
	var l layer
	var err error
	l.X, err = FromSlice(dev, x, b, positions, in)
	require.NoError(t, err)
	l.G, err = FromSlice(dev, g, b, positions, out)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, Close(l)) })
	return l
}

func layerNorms(l layer) Tensor { return perSampleGradient(l.X, l.G).Square().Sum(1, 2) }

// floatsOf runs f on a device.
func floatsOf[A any](t *testing.T, dev *gpu.Device, f func(A) Tensor, a A, opts ...JitOption) []float32 {
	y, err := Jit(dev, f, opts...)(t.Context(), a)
	require.NoError(t, err)
	v, err := y.Floats(t.Context())
	require.NoError(t, err)
	require.NoError(t, y.Close())
	return v
}

// A sample that is not finite spoils its own results only, and one that a selection leaves out none, with plans as without.
func TestPlansKeepNonFiniteSamplesApart(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const b, in, out = 8, 40, 30
		inf, nan := float32(math.Inf(1)), float32(math.NaN())
		l := newLayer(t, dev, b, 4, in, out, func(x, g []float32) {
			x[1*4*in+3], g[1*4*out+7] = inf, 0 // 0 times infinity as it is written: NaN
			x[2*4*in+1] = nan
			g[3*4*out] = nan
			for i := range 4 * out {
				g[4*4*out+i] = 0 // no gradient
			}
		})
		masked := func(l layer) Tensor {
			keep := Iota(0, b).Gt(Int(3)).Reshape(b, 1, 1)
			j := Where(keep, perSampleGradient(l.X, l.G), Scalar(0))
			return Concat(0, j.Square().Sum(1, 2), j.Sum(0).Flatten())
		}
		got, want := floatsOf(t, dev, layerNorms, l), floatsOf(t, dev, layerNorms, l, WithoutContraction())
		for i := range want {
			switch i {
			case 1, 2, 3:
				assert.False(t, math.Abs(float64(got[i])) <= math.MaxFloat32, "sample %d: %v, want %v", i, got[i], want[i])
			case 4:
				assert.Zero(t, got[i])
			default:
				assert.InEpsilon(t, want[i], got[i], 1e-5, "sample %d", i)
			}
		}
		got, want = floatsOf(t, dev, masked, l), floatsOf(t, dev, masked, l, WithoutContraction())
		assert.InDeltaSlice(t, want, got, 1e-4)
		assert.Zero(t, got[1])
		assert.NotZero(t, got[5])
	})
}

// Where the summands cancel to one part in a thousand, Gram matrices lose six digits of the square; without them the norm is that of the sum.
func TestWithoutGram(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const b, positions, in, out = 16, 6, 256, 256
		l := newLayer(t, dev, b, positions, in, out, func(x, g []float32) {
			for i := range x {
				p := i / in % positions
				x[i] = x[i/in/positions*in*positions+i%in] * (1 + 1e-3*float32(p))
			}
			for i := range g {
				p := i / out % positions
				g[i] = g[i/out/positions*out*positions+i%out]
				if p%2 == 1 {
					g[i] = -g[i]
				}
			}
		})
		want, err := Reference(t.Context(), layerNorms(l))
		require.NoError(t, err)
		got := floatsOf(t, dev, layerNorms, l, WithoutGram())
		gram := floatsOf(t, dev, layerNorms, l)
		worst := 0.0
		for i, w := range want {
			assert.InEpsilon(t, w, got[i], 1e-5, "sample %d", i)
			worst = max(worst, math.Abs(float64(gram[i])-w)/w)
		}
		assert.Greater(t, worst, 1e-2, "the sums do not cancel, or are not squared by Gram matrices")
	})
}

// The memory of reductions grows with the layers' operands, not with the gradients of all samples.
func TestPlansNeedNoGradients(t *testing.T) {
	const b, in, hidden, out = 4096, 784, 512, 10
	type model struct{ A, B, X, Y Tensor }
	m := model{Placeholder(Float32, in, hidden), Placeholder(Float32, hidden, out), Placeholder(Float32, b, in), Placeholder(Float32, b, out)}
	type params struct{ A, B Tensor }
	loss := func(p params, x, y Tensor) Tensor {
		return x.MatMul(p.A).Tanh().MatMul(p.B).Sub(y).Square().Sum()
	}
	perSample := func(m model) params {
		p := params{m.A, m.B}
		g := Vectorize("map", func(in []Tensor) []Tensor {
			g := Grad(func(p params) Tensor { return loss(p, in[0], in[1]) })(p)
			return []Tensor{g.A, g.B}
		}, []Tensor{m.X, m.Y}, []int{0, 0}, func(int, int) (int, bool) { return 0, false })
		return params{g[0], g[1]}
	}
	norms := func(g params) Tensor { return g.A.Square().Sum(1, 2).Add(g.B.Square().Sum(1, 2)) }
	each := func(f func(Tensor) Tensor) func(m model) params {
		return func(m model) params {
			g := perSample(m)
			return params{f(g.A), f(g.B)}
		}
	}
	summed, err := Cost(func(m model) params {
		return Grad(func(p params) Tensor { return loss(p, m.X, m.Y) })(params{m.A, m.B})
	}, m)
	require.NoError(t, err)
	cost := map[string]CostEstimate{}
	add := func(name string, c CostEstimate, err error) {
		require.NoError(t, err)
		cost[name] = c
	}
	c, err := Cost(func(m model) Tensor { return norms(perSample(m)) }, m)
	add("norms", c, err)
	c, err = Cost(each(func(g Tensor) Tensor { return g.Square().Sum(0) }), m)
	add("sum of squares", c, err)
	c, err = Cost(func(m model) params {
		g := perSample(m)
		f := norms(g).Rsqrt().Reshape(b, 1, 1)
		return params{g.A.Mul(f).Sum(0), g.B.Mul(f).Sum(0)}
	}, m)
	add("clipped sum", c, err)
	for name, c := range cost {
		assert.LessOrEqual(t, c.Operations, summed.Operations+summed.Operations/10, name)
		held := float64(c.Arguments + c.Captured + c.Peak())
		assert.LessOrEqual(t, held, 1.5*float64(summed.Arguments+summed.Captured+summed.Peak()), name)
		assert.Less(t, held, 0.02*4*b*in*hidden, name)
	}
}
