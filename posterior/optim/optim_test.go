package optim_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
)

type params struct {
	W, B graph.Tensor
	N    graph.Tensor // int32: not optimized
}

// training is what a compiled step carries.
type training struct {
	P params
	S optim.State
}

// loop is an optimizer of one number in float64: the parameter after each of n steps. step has t from 0.
type loop func(t int, g, p float64) (next float64)

// gradient at p of the test's loss: kinked, badly scaled, different in each step.
func gradient(t int, p float64) float64 { return 3*(p-0.4) + math.Sin(float64(t)) }

// Every optimizer, for 12 steps on the device, against a loop in float64 written after PyTorch's documentation.
func TestOptimizersAgainstLoops(t *testing.T) {
	for name, c := range map[string]struct {
		opt optim.Transformation
		ref func() loop
	}{
		"sgd": {optim.SGD(0.1), func() loop {
			return func(_ int, g, p float64) float64 { return p - 0.1*g }
		}},
		"sgd, momentum, dampening, decay": {optim.SGD(0.1, func(c *optim.SGDConfig) { c.Momentum, c.Dampening, c.WeightDecay = 0.9, 0.2, 0.05 }), func() loop {
			b := 0.0
			return func(t int, g, p float64) float64 {
				g += 0.05 * p
				if b = 0.9*b + 0.8*g; t == 0 {
					b = g
				}
				return p - 0.1*b
			}
		}},
		"sgd, nesterov": {optim.SGD(0.05, func(c *optim.SGDConfig) { c.Momentum, c.Nesterov = 0.8, true }), func() loop {
			b := 0.0
			return func(_ int, g, p float64) float64 {
				b = 0.8*b + g
				return p - 0.05*(g+0.8*b)
			}
		}},
		"adam": {optim.Adam(0.05), func() loop { return adamLoop(0.05, 0, 0, false) }},
		"adam, decay, amsgrad": {optim.Adam(0.05, func(c *optim.AdamConfig) { c.WeightDecay, c.AMSGrad = 0.1, true }), func() loop {
			return adamLoop(0.05, 0.1, 0, true)
		}},
		"adamw": {optim.AdamW(0.05), func() loop { return adamLoop(0.05, 0, 0.01, false) }},
		"adam without memory": {optim.Adam(0.05, func(c *optim.AdamConfig) { c.Beta1, c.Beta2, c.Eps = 0, 0, 0.5 }), func() loop {
			return func(_ int, g, p float64) float64 { return p - 0.05*g/(math.Abs(g)+0.5) }
		}},
		"rmsprop": {optim.RMSProp(0.01), func() loop {
			v := 0.0
			return func(_ int, g, p float64) float64 {
				v = 0.99*v + 0.01*g*g
				return p - 0.01*g/(math.Sqrt(v)+1e-8)
			}
		}},
		"rmsprop, centered, momentum, decay": {optim.RMSProp(0.01, func(c *optim.RMSPropConfig) {
			c.Centered, c.Momentum, c.WeightDecay, c.Alpha = true, 0.5, 0.02, 0.9
		}), func() loop {
			v, a, b := 0.0, 0.0, 0.0
			return func(_ int, g, p float64) float64 {
				g += 0.02 * p
				v = 0.9*v + 0.1*g*g
				a = 0.9*a + 0.1*g
				b = 0.5*b + g/(math.Sqrt(v-a*a)+1e-8)
				return p - 0.01*b
			}
		}},
		"adagrad": {optim.Adagrad(0.1, func(c *optim.AdagradConfig) { c.RateDecay, c.WeightDecay, c.Initial = 0.3, 0.01, 0.5 }), func() loop {
			s := 0.5
			return func(t int, g, p float64) float64 {
				g += 0.01 * p
				s += g * g
				return p - 0.1/(1+0.3*float64(t))*g/(math.Sqrt(s)+1e-10)
			}
		}},
		"schedule, chain": {optim.Chain(optim.AddDecayedWeights(0.3), optim.ClipByValue(1.5), optim.Scale(-1), optim.SGD(schedule.Linear(-0.2, 0, 8))), func() loop {
			return func(t int, g, p float64) float64 {
				g = max(-1.5, min(1.5, g+0.3*p))
				return p - 0.2*(1-min(float64(t)/8, 1))*g
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
				start := []float64{1, -2, 0.25, 3}
				got := train(t, dev, c.opt, start, 12)
				for i, p := range start {
					step := c.ref()
					for k := range 12 {
						p = step(k, gradient(k, p), p)
					}
					assert.InDelta(t, p, got[i], 3e-5*(1+math.Abs(p)), "element %d", i)
				}
			})
		})
	}
}

func adamLoop(lr, l2, decay float64, amsgrad bool) loop {
	m, v, largest := 0.0, 0.0, 0.0
	return func(t int, g, p float64) float64 {
		g += l2 * p
		p -= lr * decay * p
		m = 0.9*m + 0.1*g
		v = 0.999*v + 0.001*g*g
		u := v
		if amsgrad {
			largest = max(largest, v)
			u = largest
		}
		n := float64(t + 1)
		return p - lr/(1-math.Pow(0.9, n))*m/(math.Sqrt(u)/math.Sqrt(1-math.Pow(0.999, n))+1e-8)
	}
}

// train runs n steps of the test's loss in one call, the first two starts in W, the others in B, and gives the parameters.
func train(t *testing.T, dev *gpu.Device, opt optim.Transformation, start []float64, n int) []float64 {
	t.Helper()
	ctx := context.Background()
	run := graph.Jit(dev, func(x graph.Tensor) params {
		p := params{x.Slice(0, 0, 2), x.Slice(0, 2, 4).Reshape(2, 1), graph.Int(7)}
		end, _ := graph.Scan(func(c training, shift graph.Tensor) (training, struct{}) {
			g := graph.Grad(func(p params) graph.Tensor {
				f := func(x graph.Tensor) graph.Tensor {
					return x.AddScalar(-0.4).Square().Scale(1.5).Add(x.Mul(shift)).Sum()
				}
				return f(p.W).Add(f(p.B))
			})(c.P)
			next, s := optim.Step(opt, g, c.S, c.P)
			return training{next, s}, struct{}{}
		}, training{p, optim.Init(opt, p)}, graph.Iota(0, n).AsFloat().Sin())
		return end.P
	})
	x, err := graph.FromSlice(dev, []float32{float32(start[0]), float32(start[1]), float32(start[2]), float32(start[3])})
	require.NoError(t, err)
	defer x.Close()
	p, err := run(ctx, x)
	require.NoError(t, err)
	defer graph.Close(p)
	n7, err := p.N.Ints(ctx)
	require.NoError(t, err)
	assert.Equal(t, []int32{7}, n7, "an integer leaf")
	var out []float64
	for _, leaf := range []graph.Tensor{p.W, p.B} {
		v, err := leaf.Floats(ctx)
		require.NoError(t, err)
		for _, e := range v {
			out = append(out, float64(e))
		}
	}
	return out
}

// WithRate changes the rate of a compiled step without another compilation, and a vmap over states trains at several rates at
// once.
func TestWithRate(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		opt := optim.SGD(0.5)
		traced := 0
		step := graph.Jit2(dev, func(p graph.Tensor, s optim.State) graph.Tensor {
			traced++
			next, _ := optim.Step(opt, p, s, p)
			return next
		})
		p, err := graph.FromSlice(dev, []float32{1, 2})
		require.NoError(t, err)
		defer p.Close()
		s := optim.Init(opt, p)
		for _, lr := range []float64{0.5, 0.25, 0} {
			with := s.WithRate(lr)
			y, err := step(ctx, p, with)
			require.NoError(t, err)
			v, err := y.Floats(ctx)
			require.NoError(t, err)
			assert.InDeltaSlice(t, []float32{float32(1 - lr), float32(2 - 2*lr)}, v, 1e-6)
			require.NoError(t, y.Close())
			require.NoError(t, with.Parts[0].Values["lr"].Close())
		}
		assert.Equal(t, 1, traced)
		require.NoError(t, graph.Close(s))
		assert.ErrorIs(t, graph.Try(func() { s.WithRate(-1) }), graph.ErrArgument)
		assert.ErrorIs(t, graph.Try(func() { optim.Init(optim.SGD(schedule.Constant(1)), p).WithRate(1) }), graph.ErrArgument)
	})
}

func TestOptimErrors(t *testing.T) {
	p := params{graph.Zeros(2), graph.Zeros(3), graph.Int(0)}
	adam := optim.Adam(1e-3)
	s := optim.Init(adam, p)
	for what, f := range map[string]func(){
		"negative rate":     func() { optim.Adam(-1) },
		"rate nan":          func() { optim.SGD(math.NaN()) },
		"beta":              func() { optim.AdamW(1, func(c *optim.AdamConfig) { c.Beta2 = 1 }) },
		"nesterov":          func() { optim.SGD(1, func(c *optim.SGDConfig) { c.Nesterov = true }) },
		"alpha":             func() { optim.RMSProp(1, func(c *optim.RMSPropConfig) { c.Alpha = -1 }) },
		"eps":               func() { optim.Adagrad(1, func(c *optim.AdagradConfig) { c.Eps = -1 }) },
		"clip":              func() { optim.ClipByGlobalNorm(0) },
		"bound":             func() { optim.ClipByValue(-1) },
		"zero state":        func() { optim.Update(adam, p, optim.State{}, p) },
		"other optimizer":   func() { optim.Update(optim.SGD(1), p, s, p) },
		"longer chain":      func() { optim.Update(optim.Chain(adam, adam), p, s, p) },
		"missing parameter": func() { optim.Init(adam, params{}) },
		"missing gradient":  func() { optim.Update(adam, params{W: p.W, N: p.N}, s, p) },
	} {
		assert.ErrorIs(t, graph.Try(f), graph.ErrArgument, what)
	}
	err := graph.Try(func() { optim.Update(adam, params{p.W, graph.Zeros(1), p.N}, s, p) })
	require.ErrorIs(t, err, graph.ErrShape)
	assert.ErrorContains(t, err, "at .B the gradient is float32[1], the parameter float32[3]")
	other := params{graph.Zeros(1), graph.Zeros(3), p.N}
	assert.ErrorIs(t, graph.Try(func() { optim.Update(adam, other, s, other) }), graph.ErrShape, "state of other parameters")
	err = graph.Try(func() {
		optim.Update(optim.SGD(1), []graph.Tensor{p.W}, optim.Init(optim.SGD(1), []graph.Tensor{p.W, p.B}), []graph.Tensor{p.W, p.B})
	})
	require.ErrorIs(t, err, graph.ErrArgument)
	assert.ErrorContains(t, err, "structures differ")
}
