package mcmc_test

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
	"github.com/lavagrad/lavagrad/posterior/internal/transformtest"
	"github.com/lavagrad/lavagrad/posterior/mcmc"
)

type none = posterior.None

type params struct{ W, B graph.Tensor }

type aux struct{ Residual graph.Tensor }

type batch struct{ X, Y graph.Tensor }

// logPosterior is a linear regression with a normal prior.
func logPosterior(p params, b batch) (graph.Tensor, aux) {
	r := b.X.MatMul(p.W).Add(p.B).Sub(b.Y)
	return r.Square().Sum().Add(p.W.Square().Sum().Scale(0.1)).Neg(), aux{r}
}

func upload(t testing.TB, dev *gpu.Device, v []float32, shape ...int) graph.Tensor {
	t.Helper()
	x, err := graph.FromSlice(dev, v, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

// doubles are the elements of tensors, one after the other.
func doubles(t testing.TB, x ...graph.Tensor) []float64 {
	t.Helper()
	var out []float64
	for _, x := range x {
		v, err := x.Floats(context.Background())
		require.NoError(t, err)
		for _, v := range v {
			out = append(out, float64(v))
		}
	}
	return out
}

func problem(t testing.TB, dev *gpu.Device) (params, batch) {
	return params{upload(t, dev, []float32{0.5, -1}, 2), upload(t, dev, []float32{0.25}, 1)},
		batch{upload(t, dev, []float32{1, 2, -1, 0.5, 0, 3}, 3, 2), upload(t, dev, []float32{1, -1, 2})}
}

// gradient of logPosterior by hand, for W [2] and B [1], its value, and the residual of the first row.
func gradient(theta []float64) (g []float64, value, residual float64) {
	x, y := [][]float64{{1, 2}, {-1, 0.5}, {0, 3}}, []float64{1, -1, 2}
	g = make([]float64, 3)
	for n := range y {
		r := x[n][0]*theta[0] + x[n][1]*theta[1] + theta[2] - y[n]
		value -= r * r
		g[0], g[1], g[2] = g[0]-2*r*x[n][0], g[1]-2*r*x[n][1], g[2]-2*r
		if n == 0 {
			residual = r
		}
	}
	for i := range 2 {
		value -= 0.1 * theta[i] * theta[i]
		g[i] -= 0.2 * theta[i]
	}
	return g, value, residual
}

// host is a state in float64.
type host struct{ theta, s []float64 }

// step is HMC's by hand, given a step's draws: the next position and the probability to accept.
func (h host) step(steps int, eps, t float64, xi []float64, u float64) (next []float64, chance float64) {
	m, theta := make([]float64, 3), append([]float64{}, h.theta...)
	energy := func() float64 {
		_, logp, _ := gradient(theta)
		e := -logp / t
		for i := range m {
			e += h.s[i] * m[i] * m[i] / 2
		}
		return e
	}
	for i := range m {
		m[i] = xi[i] / math.Sqrt(h.s[i])
	}
	before := energy()
	for range steps {
		g, _, _ := gradient(theta)
		for i := range m {
			m[i] += eps / 2 * g[i] / t
			theta[i] += eps * h.s[i] * m[i]
		}
		g, _, _ = gradient(theta)
		for i := range m {
			m[i] += eps / 2 * g[i] / t
		}
	}
	if chance = math.Min(1, math.Exp(before-energy())); u < chance {
		return theta, chance
	}
	return h.theta, chance
}

// dualAveraging is Hoffman and Gelman's, by hand: the step size after each step, and the average.
type dualAveraging struct{ m, mu, h, logAverage float64 }

func (d *dualAveraging) next(target, chance float64) (size float64) {
	d.m++
	d.h = (1-1/(d.m+10))*d.h + (target-chance)/(d.m+10)
	log := d.mu - math.Sqrt(d.m)/0.05*d.h
	eta := math.Pow(d.m, -0.75)
	d.logAverage = eta*log + (1-eta)*d.logAverage
	return math.Exp(log)
}

// Steps against float64, with a tree of masses, a temperature and jitter, while the step size adapts and after.
func TestStepsByHand(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p, b := problem(t, dev)
		const steps, warmup, temperature, target, jitter = 3, 6, 0.8, 0.7, 0.25
		masses := params{upload(t, dev, []float32{0.5, 0.25}, 2), upload(t, dev, []float32{2}, 1)}
		transform := mcmc.HMC(logPosterior, mcmc.HMCConfig{StepSize: 0.3, Steps: steps, Temperature: temperature, InverseMass: masses, Jitter: jitter,
			Warmup: warmup, TargetAcceptance: target})
		seed := random.NewKey(7)
		state, err := transform.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		assert.True(t, math.IsNaN(doubles(t, state.LogPosterior)[0]))
		assert.Nil(t, state.Aux)
		average := dualAveraging{mu: math.Log(10 * 0.3)}
		accepted, rejected, sum := 0, 0, 0.0
		for k := range warmup + 4 {
			h := host{doubles(t, state.Params.W, state.Params.B), doubles(t, state.InverseMass.W, state.InverseMass.B)}
			assert.Equal(t, []float64{0.5, 0.25, 2}, h.s)
			stream := func(i int) random.Key { return random.FoldIn(random.NewKey(7), i) }
			leaf := func(i, n int) graph.Tensor {
				return random.NormalStep(graph.Float32, random.FoldIn(stream(0), i), graph.Int(k), n)
			}
			xi := doubles(t, leaf(0, 2), leaf(1, 1))
			u := doubles(t, random.Uniform(random.FoldIn(stream(1), k), 0, 1))[0]
			eps := doubles(t, state.StepSize)[0]
			j := doubles(t, random.Uniform(random.FoldIn(stream(2), k), -jitter, jitter))[0]
			want, chance := h.step(steps, eps*(1+j), temperature, xi, u)
			require.Greater(t, math.Abs(u-chance), 1e-3, "choose another seed: rounding decides")
			next, err := transform.Update(ctx, state, b)
			require.NoError(t, err)
			require.NoError(t, graph.Close(state))
			state = next
			got := doubles(t, state.Params.W, state.Params.B)
			assert.InDeltaSlice(t, want, got, 2e-5, "step %d", k)
			assert.InDelta(t, chance, doubles(t, state.Acceptance)[0], 1e-4, "step %d", k)
			if u < chance {
				accepted++
			} else {
				rejected++
			}
			_, value, residual := gradient(got)
			assert.InDelta(t, value, doubles(t, state.LogPosterior)[0], 1e-4, "of the params after the step")
			assert.InDelta(t, residual, doubles(t, state.Aux.Residual)[0], 1e-5, "aux of the params after the step")
			switch size := doubles(t, state.StepSize)[0]; {
			case k < warmup-1:
				assert.InEpsilon(t, average.next(target, chance), size, 1e-3)
			case k == warmup-1:
				average.next(target, chance)
				assert.InEpsilon(t, math.Exp(average.logAverage), size, 1e-3, "the average at the end of the warm-up")
			default:
				assert.Equal(t, eps, size, "no adaptation after the warm-up")
				sum += chance
				assert.InDelta(t, sum/float64(k-warmup+1), doubles(t, state.MeanAcceptance)[0], 1e-4)
			}
		}
		assert.NotZero(t, accepted)
		assert.NotZero(t, rejected)
		require.NoError(t, graph.Close(state))
		require.NoError(t, graph.Close(seed))
	})
}

func TestTransform(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		p, b := problem(t, dev)
		plain := mcmc.HMC(logPosterior, mcmc.HMCConfig{StepSize: 0.2, Steps: 4})
		warm := mcmc.HMC(logPosterior, mcmc.HMCConfig{StepSize: 0.2, Steps: 2, Warmup: 20, AdaptMass: true})
		transformtest.InPlace(t, dev, plain, p, b, 3)
		transformtest.InPlace(t, dev, warm, p, b, 22)
		transformtest.Chains(t, dev, plain, func(i int) params {
			w, err := graph.FromSlice(dev, []float32{float32(i), -1})
			require.NoError(t, err)
			c, err := graph.FromSlice(dev, []float32{0.25})
			require.NoError(t, err)
			return params{w, c}
		}, b, 3, 1e-4)
	})
}

// WithAux gives a state of the same tensors.
func TestWithAux(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	p, b := problem(t, dev)
	seed := random.NewKey(1)
	transform := mcmc.HMC(logPosterior, mcmc.HMCConfig{StepSize: 0.1, Steps: 2})
	first, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	state, err := transform.Update(ctx, first, b)
	require.NoError(t, err)
	mine := aux{upload(t, dev, []float32{1})}
	other := state.WithAux(mine)
	assert.True(t, other.Params == state.Params && other.Aux.Residual == mine.Residual && state.Aux.Residual != mine.Residual)
	require.NoError(t, graph.Close([]mcmc.HMCState[params, aux]{first, state}))
	require.NoError(t, graph.Close(seed))
}

// Outside of its support, or where it is NaN, the log posterior is a divergence: the proposal is rejected, and the chain goes on.
func TestDivergences(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		// p(x) = sqrt(1 - x^2) 2/pi on (-1, 1): its log is NaN outside.
		semicircle := func(x graph.Tensor, _ none) (graph.Tensor, none) {
			return x.Square().Neg().AddScalar(1).Log().Scale(0.5), none{}
		}
		const n, steps = 512, 12
		transform := mcmc.HMC(semicircle, mcmc.HMCConfig{StepSize: 0.3, Steps: 5}).Chains()
		start := upload(t, dev, make([]float32, n), n)
		keys := random.Split(random.NewKey(2), n)
		state, err := transform.Init(ctx, dev, start, keys)
		require.NoError(t, err)
		for range steps {
			state, err = transform.Update(ctx, state, none{}, posterior.InPlace)
			require.NoError(t, err)
		}
		x := doubles(t, state.Params)
		second := 0.0
		for _, v := range x {
			require.Less(t, math.Abs(v), 1.0)
			second += v * v / n
		}
		// E x^2 = 1/4, E x^4 = 1/8.
		assert.InDelta(t, 0.25, second, 4.5*math.Sqrt((0.125-0.0625)/n))
		total := 0
		d, err := state.Divergences.Ints(ctx)
		require.NoError(t, err)
		for _, v := range d {
			total += int(v)
		}
		assert.Greater(t, total, n*steps/20)
		assert.Less(t, total, n*steps*3/4)
		require.NoError(t, graph.Close(state))
		require.NoError(t, graph.Close(keys))
	})
}

func TestWrongInput(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p, b := problem(t, dev)
		seed := random.NewKey(1)
		defer graph.Close(seed)
		good := mcmc.HMCConfig{StepSize: 0.1, Steps: 3}
		for says, change := range map[string]func(c *mcmc.HMCConfig){
			"StepSize is not given":    func(c *mcmc.HMCConfig) { c.StepSize = nil },
			"StepSize is 0":            func(c *mcmc.HMCConfig) { c.StepSize = 0 },
			"StepSize is -1":           func(c *mcmc.HMCConfig) { c.StepSize = -1 },
			"Steps is 0":               func(c *mcmc.HMCConfig) { c.Steps = 0 },
			"Temperature is -1":        func(c *mcmc.HMCConfig) { c.Temperature = -1 },
			"Jitter is 1":              func(c *mcmc.HMCConfig) { c.Jitter = 1 },
			"TargetAcceptance is 1":    func(c *mcmc.HMCConfig) { c.TargetAcceptance = 1 },
			"Warmup is -5":             func(c *mcmc.HMCConfig) { c.Warmup = -5 },
			"AdaptMass needs a Warmup": func(c *mcmc.HMCConfig) { c.AdaptMass = true },
			"InverseMass is -2":        func(c *mcmc.HMCConfig) { c.InverseMass = -2 },
			"InverseMass has":          func(c *mcmc.HMCConfig) { c.InverseMass = params{p.B, p.B} },
		} {
			c := good
			change(&c)
			_, err := mcmc.HMC(logPosterior, c).Init(ctx, dev, p, seed)
			require.Error(t, err, says)
			assert.ErrorContains(t, err, "hmc")
			assert.ErrorContains(t, err, says)
		}
		transform := mcmc.HMC(logPosterior, good)
		state, err := transform.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		before := transformtest.Bits(t, state)
		for says, change := range map[string]func(s *mcmc.HMCState[params, aux]) graph.Tensor{
			"step size > 0": func(s *mcmc.HMCState[params, aux]) graph.Tensor { s.StepSize = graph.Scalar(0); return s.StepSize },
			"temperature > 0": func(s *mcmc.HMCState[params, aux]) graph.Tensor {
				s.Temperature = graph.Scalar(0)
				return s.Temperature
			},
			"inverse mass > 0": func(s *mcmc.HMCState[params, aux]) graph.Tensor {
				s.InverseMass.B = graph.Zeros(1)
				return s.InverseMass.B
			},
		} {
			s := state
			own := change(&s)
			_, err := transform.Update(ctx, s, b, posterior.InPlace)
			require.ErrorIs(t, err, graph.ErrCheck)
			assert.ErrorContains(t, err, says)
			require.NoError(t, own.Close())
		}
		bad := upload(t, dev, []float32{1, float32(math.NaN()), 2})
		_, err = transform.Update(ctx, state, batch{b.X, bad}, posterior.InPlace)
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "batch .Y is not NaN is false for element [1]")
		assert.Equal(t, before, transformtest.Bits(t, state), "the state is as before")
		require.NoError(t, graph.Close(state))
	})
}
