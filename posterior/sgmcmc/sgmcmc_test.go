package sgmcmc_test

import (
	"context"
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

type params struct{ W, B graph.Tensor }

type aux struct{ Residual graph.Tensor }

// logPosterior is a linear regression with a normal prior.
func logPosterior(p params, b batch) (graph.Tensor, aux) {
	r := b.X.MatMul(p.W).Add(p.B).Sub(b.Y)
	return r.Square().Mean().Add(p.W.Square().Sum().Scale(0.1)).Neg(), aux{r}
}

type batch struct{ X, Y graph.Tensor }

func upload(t testing.TB, dev *gpu.Device, v []float32, shape ...int) graph.Tensor {
	t.Helper()
	x, err := graph.FromSlice(dev, v, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

func values(t testing.TB, x graph.Tensor) []float32 {
	t.Helper()
	v, err := x.Floats(context.Background())
	require.NoError(t, err)
	return v
}

func problem(t testing.TB, dev *gpu.Device) (params, batch) {
	return params{upload(t, dev, []float32{0.5, -1}, 2), upload(t, dev, []float32{0.25}, 1)},
		batch{upload(t, dev, []float32{1, 2, -1, 0.5, 0, 3}, 3, 2), upload(t, dev, []float32{1, -1, 2})}
}

// host is a state in float64: the leaves of params one after the other.
type host struct {
	theta, m, x []float64 // x: the thermostat
}

// gradient of logPosterior by hand, for W [2] and B [1], and its value.
func gradient(theta []float64) (g []float64, value float64) {
	x, y := [][]float64{{1, 2}, {-1, 0.5}, {0, 3}}, []float64{1, -1, 2}
	g = make([]float64, 3)
	for n := range y {
		r := x[n][0]*theta[0] + x[n][1]*theta[1] + theta[2] - y[n]
		value -= r * r / 3
		g[0], g[1], g[2] = g[0]-2*r*x[n][0]/3, g[1]-2*r*x[n][1]/3, g[2]-2*r/3
	}
	for i := range 2 {
		value -= 0.1 * theta[i] * theta[i]
		g[i] -= 0.2 * theta[i]
	}
	return g, value
}

// The numbers of all tests.
const lr, temperature, alpha, beta, sigma = 0.1, 0.8, 0.7, 0.2, 1.5

const inverse = 1 / (sigma * sigma)

// steps by hand, from the formulas of the papers as the package states them.
var byHand = map[string]func(h host, g, xi []float64) host{
	"sgld": func(h host, g, xi []float64) host {
		out := host{theta: make([]float64, 3)}
		for i := range g {
			out.theta[i] = h.theta[i] + lr*g[i] + math.Sqrt(temperature*lr*(2-temperature*lr*beta))*xi[i]
		}
		return out
	},
	"sghmc": func(h host, g, xi []float64) host {
		out := host{theta: make([]float64, 3), m: make([]float64, 3)}
		for i := range g {
			out.theta[i] = h.theta[i] + lr*inverse*h.m[i]
			out.m[i] = h.m[i] + lr*g[i] - lr*inverse*alpha*h.m[i] + math.Sqrt(temperature*lr*(2*alpha-temperature*lr*beta))*xi[i]
		}
		return out
	},
	"sgnht": func(h host, g, xi []float64) host {
		out := host{theta: make([]float64, 3), m: make([]float64, 3), x: []float64{h.x[0]}}
		mean := 0.0
		for i := range g {
			out.theta[i] = h.theta[i] + lr*inverse*h.m[i]
			out.m[i] = h.m[i] + lr*g[i] - lr*inverse*h.x[0]*h.m[i] + math.Sqrt(temperature*lr*(2*alpha-temperature*lr*beta))*xi[i]
			mean += h.m[i] * h.m[i] / 3
		}
		out.x[0] += lr * (inverse*mean - temperature)
		return out
	},
	"baoa": func(h host, g, xi []float64) host {
		out := host{theta: make([]float64, 3), m: make([]float64, 3)}
		gamma := alpha * inverse
		for i := range g {
			kicked := h.m[i] + lr*g[i]
			out.m[i] = math.Exp(-gamma*lr)*kicked + math.Sqrt(temperature*(1-math.Exp(-2*gamma*lr)))*sigma*xi[i]
			out.theta[i] = h.theta[i] + lr/2*inverse*kicked + lr/2*inverse*out.m[i]
		}
		return out
	},
}

func parts(t testing.TB, s any) (sgmcmc.State[params, aux], host) {
	p := func(p params) []float64 {
		var out []float64
		for _, x := range append(values(t, p.W), values(t, p.B)...) {
			out = append(out, float64(x))
		}
		return out
	}
	switch s := s.(type) {
	case sgmcmc.SGLDState[params, aux]:
		return s.State, host{theta: p(s.Params)}
	case sgmcmc.SGHMCState[params, aux]:
		return s.State, host{p(s.Params), p(s.Momenta), nil}
	case sgmcmc.SGNHTState[params, aux]:
		return s.State, host{p(s.Params), p(s.Momenta), []float64{float64(values(t, s.Thermostat)[0])}}
	case sgmcmc.BAOAState[params, aux]:
		return s.State, host{p(s.Params), p(s.Momenta), nil}
	}
	panic("no state of this package")
}

// each calls the check of an algorithm with every algorithm: swapping it is a line.
func each(t *testing.T, dev *gpu.Device) {
	t.Run("sgld", func(t *testing.T) {
		holds(t, dev, "sgld", sgmcmc.SGLD(logPosterior, sgmcmc.SGLDConfig{LR: lr, Temperature: temperature, Beta: beta}))
	})
	t.Run("sghmc", func(t *testing.T) {
		holds(t, dev, "sghmc", sgmcmc.SGHMC(logPosterior, sgmcmc.SGHMCConfig{LR: lr, Temperature: temperature, Alpha: alpha, Beta: beta, Sigma: sigma}))
	})
	t.Run("sgnht", func(t *testing.T) {
		holds(t, dev, "sgnht", sgmcmc.SGNHT(logPosterior,
			sgmcmc.SGNHTConfig{LR: lr, Temperature: temperature, Alpha: alpha, Beta: beta, Sigma: sigma, Thermostat: 0, Momenta: 0.5}))
	})
	t.Run("baoa", func(t *testing.T) {
		holds(t, dev, "baoa", sgmcmc.BAOA(logPosterior, sgmcmc.BAOAConfig{LR: lr, Temperature: temperature, Alpha: alpha, Sigma: sigma}))
	})
}

func TestAlgorithms(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) { each(t, dev) })
}

// holds is what every algorithm must do.
func holds[S any](t *testing.T, dev *gpu.Device, name string, transform *posterior.Transform[params, batch, S]) {
	ctx := context.Background()
	p, b := problem(t, dev)
	seed := random.NewKey(7)
	state, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	s, h := parts(t, state)
	assert.Equal(t, []float64{0.5, -1, 0.25}, h.theta)
	assert.True(t, math.IsNaN(float64(values(t, s.LogPosterior)[0])), "no log posterior before the first step")
	assert.Nil(t, s.Aux)
	if name == "sgnht" {
		assert.Equal(t, []float64{0}, h.x, "a thermostat of 0 is one")
		assert.Equal(t, []float64{0.5, 0.5, 0.5}, h.m)
	}

	var made []S // pure states of all steps
	next := state
	for k := range 3 {
		_, before := parts(t, next)
		made = append(made, next)
		next, err = transform.Update(ctx, next, b)
		require.NoError(t, err)
		s, after := parts(t, next)
		var xi []float64
		for i, n := range []int{2, 1} {
			for _, x := range values(t, random.NormalStep(graph.Float32, random.FoldIn(random.NewKey(7), i), graph.Int(k), n)) {
				xi = append(xi, float64(x))
			}
		}
		g, value := gradient(before.theta)
		want := byHand[name](before, g, xi)
		assert.InDeltaSlice(t, want.theta, after.theta, 2e-6)
		if want.m != nil {
			assert.InDeltaSlice(t, want.m, after.m, 2e-6)
		}
		if want.x != nil {
			assert.InDeltaSlice(t, want.x, after.x, 2e-6)
		}
		assert.InDelta(t, value, values(t, s.LogPosterior)[0], 1e-5)
		require.NotNil(t, s.Aux)
		assert.Len(t, values(t, s.Aux.Residual), 3)
		count, err := s.Count.Ints(ctx)
		require.NoError(t, err)
		assert.Equal(t, []int32{int32(k + 1)}, count)
	}
	_, pure := parts(t, next)
	_, untouched := parts(t, state)
	assert.Equal(t, h, untouched, "a pure update leaves its argument")

	// In place: the same bits in the same tensors, and no memory.
	over := state
	for k := range 3 {
		s, _ := parts(t, over)
		over, err = transform.Update(ctx, over, b, posterior.InPlace)
		require.NoError(t, err)
		o, _ := parts(t, over)
		assert.True(t, s.Params == o.Params && s.Count == o.Count && s.LogPosterior == o.LogPosterior, "step %d: the same tensors", k)
		if k < 2 {
			require.NoError(t, graph.Close(*o.Aux))
		}
	}
	_, inPlace := parts(t, over)
	_, old := parts(t, state)
	assert.Equal(t, pure, inPlace)
	assert.Equal(t, pure, old, "the old handle sees the new value")

	// As a pure function in a scan.
	out, err := graph.Jit2(dev, func(s S, b batch) S {
		s, _ = graph.Scan(func(s S, _ struct{}) (S, struct{}) {
			return transform.Bare(transform.Step(s, b)), struct{}{}
		}, transform.Bare(s), struct{}{}, graph.Rounds(3))
		return s
	})(ctx, made[0], b)
	require.NoError(t, err)
	require.NoError(t, graph.Close(out))
	first, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	runner := posterior.NewRunner(transform, func(b batch, _ graph.Tensor) batch { return b }, func(s S) params {
		v, _ := anyState(s)
		return v
	})
	var seen []int
	last, kept, err := runner.Run(ctx, first, b, posterior.RunConfig{Steps: 6, Thin: 2, Chunk: 2, Progress: func(done, total int) error {
		assert.Equal(t, 6, total)
		seen = append(seen, done)
		return nil
	}})
	require.NoError(t, err)
	assert.Equal(t, []int{4, 6}, seen)
	want := first
	for k := range 6 {
		after, err := transform.Update(ctx, want, b)
		require.NoError(t, err)
		if k > 0 {
			require.NoError(t, graph.Close(want))
		}
		want = after
		if k%2 == 1 {
			_, w := parts(t, want)
			got := append(values(t, kept.W)[k/2*2:k/2*2+2:k/2*2+2], values(t, kept.B)[k/2])
			for i, x := range got {
				assert.InDelta(t, w.theta[i], x, 1e-5)
			}
		}
	}
	require.NoError(t, graph.Close(kept))
	require.NoError(t, graph.Close([]S{last, first, want}))

	// Many chains at once: chain i is what it is alone.
	const n = 5
	chains := transform.Chains()
	start := params{graph.Stack(0, p.W, p.W, p.W, p.W, p.W), graph.Stack(0, p.B, p.B, p.B, p.B, p.B)}
	keys := random.Split(random.NewKey(3), n)
	many, err := chains.Init(ctx, dev, start, keys)
	require.NoError(t, err)
	require.NoError(t, graph.Close(start))
	manyNext, err := chains.Update(ctx, many, b)
	require.NoError(t, err)
	last4 := keys.At(4)
	one, err := transform.Init(ctx, dev, p, last4)
	require.NoError(t, err)
	oneNext, err := transform.Update(ctx, one, b)
	require.NoError(t, err)
	_, alone := parts(t, oneNext)
	w, _ := anyState(manyNext)
	assert.InDelta(t, alone.theta[0], values(t, w.W)[4*2], 1e-6)
	assert.InDelta(t, alone.theta[2], values(t, w.B)[4], 1e-6)
	require.NoError(t, graph.Close([]S{many, manyNext, one, oneNext, next, over}))
	require.NoError(t, graph.Close(made))
	require.NoError(t, graph.Close([]random.Key{keys, last4, seed}))
}

func anyState(s any) (params, *aux) {
	switch s := s.(type) {
	case sgmcmc.SGLDState[params, aux]:
		return s.Params, s.Aux
	case sgmcmc.SGHMCState[params, aux]:
		return s.Params, s.Aux
	case sgmcmc.SGNHTState[params, aux]:
		return s.Params, s.Aux
	case sgmcmc.BAOAState[params, aux]:
		return s.Params, s.Aux
	}
	panic("no state of this package")
}
