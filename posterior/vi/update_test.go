package vi_test

import (
	"context"
	"errors"
	"flag"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distmv"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/internal/transformtest"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/posterior/vi"
)

// With -long 10 memory is watched over a thousand updates.
var long = flag.Int("long", 1, "how many times as many updates to watch memory for")

// Draws have q's moments, the sample shape in front of each leaf's own; densities are q's. On states in memory and on traced ones.
func TestSampleAndLogProb(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n = 20000
		ctx := context.Background()
		l := []float32{0.5, 0.3, 0.8, -0.2, 0.4, 1.2}
		dense := vi.DenseState[pair, none]{L: upload(t, dev, l)}
		dense.Params = pair{upload(t, dev, []float32{1, -2}, 1, 2), upload(t, dev, []float32{0.5}).Reshape()}
		diag := vi.DiagState[pair, none]{State: dense.State, LogSD: pair{upload(t, dev, []float32{-1, 0}, 1, 2), graph.Scalar(0.5)}}
		var cov mat.Dense
		m := mat.NewDense(3, 3, []float64{0.5, 0, 0, 0.3, 0.8, 0, -0.2, 0.4, 1.2})
		cov.Mul(m, m.T())
		separate := mat.NewDense(3, 3, []float64{math.Exp(-2), 0, 0, 0, 1, 0, 0, 0, math.E})
		at := pair{graph.Literal([]float32{0.5, -1}, 1, 2), graph.Scalar(1)}
		seed := random.NewKey(4)
		for name, c := range map[string]struct {
			cov     *mat.Dense
			sample  func(random.Key, ...int) pair
			logProb func(pair) graph.Tensor
		}{"diag": {separate, diag.Sample, diag.LogProb}, "dense": {&cov, dense.Sample, dense.LogProb}} {
			x := c.sample(seed, n/2, 2)
			require.Equal(t, graph.Shape{n / 2, 2, 1, 2}, x.W.Shape(), name)
			require.Equal(t, graph.Shape{n / 2, 2}, x.B.Shape(), name)
			require.NoError(t, graph.EvalOn(ctx, dev, x))
			w, b := doubles(t, x.W), doubles(t, x.B)
			row := func(k, i int) float64 {
				if i == 2 {
					return b[k]
				}
				return w[2*k+i]
			}
			for i := range 3 {
				mean := 0.0
				for k := range n {
					mean += row(k, i) / n
				}
				assert.InDelta(t, center[i], mean, 5*math.Sqrt(c.cov.At(i, i)/n), "%s mean %d", name, i)
				for j := range i + 1 {
					s := 0.0
					for k := range n {
						s += (row(k, i) - center[i]) * (row(k, j) - center[j]) / n
					}
					assert.InDelta(t, c.cov.At(i, j), s, 5*math.Sqrt(2*c.cov.At(i, i)*c.cov.At(j, j)/n), "%s covariance %d %d", name, i, j)
				}
			}
			require.NoError(t, graph.Close(x))
			one, err := graph.Jit(dev, func(k random.Key) pair { return c.sample(k) })(ctx, seed)
			require.NoError(t, err)
			assert.Equal(t, graph.Shape{1, 2}, one.W.Shape(), name)
			assert.Zero(t, one.B.Rank(), name)
			again := c.sample(seed)
			assert.InDeltaSlice(t, values(t, again.W), values(t, one.W), 1e-6, "a draw depends on key and shape")
			require.NoError(t, graph.Close([]pair{one, again}))

			sym := mat.NewSymDense(3, nil)
			for i := range 3 {
				for j := range 3 {
					sym.SetSym(i, j, c.cov.At(i, j))
				}
			}
			normal, ok := distmv.NewNormal(center, sym, nil)
			require.True(t, ok)
			y := c.logProb(at)
			assert.InDelta(t, normal.LogProb([]float64{0.5, -1, 1}), doubles(t, y)[0], 2e-5, name)
			require.NoError(t, y.Close())
		}
		require.NoError(t, graph.Close([]graph.Tensor{seed.Bits, diag.LogSD.B, dense.Params.B, at.W, at.B}))
	})
}

// In place as pure, no memory, chains as alone.
func TestTransform(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		p, b := problem(t, dev)
		plain := func(p params, b batch) (graph.Tensor, none) {
			y, _ := logPosterior(p, b)
			return y, none{}
		}
		chain := func(i int) params {
			return params{p.W.AddScalar(float64(i)), p.B.Scale(float64(i + 1))}
		}
		adam := optim.Adam(0.1)
		diag := vi.Diag(plain, vi.DiagConfig{Optimizer: adam, Samples: 2})
		transformtest.InPlace(t, dev, diag, p, b, 3)
		transformtest.Chains(t, dev, diag, chain, b, 2, 1e-5)
		dense := vi.Dense(plain, vi.DenseConfig{Optimizer: adam})
		transformtest.InPlace(t, dev, dense, p, b, 3)
		transformtest.Chains(t, dev, dense, chain, b, 2, 1e-5)
		flat(t, dev, diag, p, b)
		flat(t, dev, dense, p, b)
	})
}

// flat holds the device to the same memory after many updates as after one.
func flat[S any](t *testing.T, dev *gpu.Device, transform *posterior.Transform[params, batch, S], p params, b batch) {
	t.Helper()
	ctx := context.Background()
	seed := random.NewKey(1)
	state, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	updates := func(n int) gpu.Stats {
		for range n {
			_, err = transform.Update(ctx, state, b, posterior.InPlace)
			require.NoError(t, err)
		}
		require.NoError(t, dev.Wait(ctx))
		return dev.Stats()
	}
	one := updates(1)
	many := updates(99 * *long)
	assert.Equal(t, one.LiveArrays, many.LiveArrays)
	// Less where programs that nobody holds any more have given their memory back.
	assert.LessOrEqual(t, many.LiveBytes, one.LiveBytes)
	assert.LessOrEqual(t, many.SlabBytes, one.SlabBytes)
	require.NoError(t, graph.Close(state))
	require.NoError(t, graph.Close(seed))
}

// Temperatures are leaves of the state or schedules; learning rates live in the optimizer's state.
func TestRates(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p, b := problem(t, dev)
		seed := random.NewKey(1)
		transform := vi.Diag(logPosterior, vi.DiagConfig{Optimizer: optim.SGD(0.1), Temperature: schedule.Linear(1, 0, 2)})
		s, err := transform.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		for _, want := range []float32{1, 0.5, 0} {
			assert.Equal(t, []float32{want}, values(t, s.Temperature))
			s, err = transform.Update(ctx, s, b, posterior.InPlace)
			require.NoError(t, err)
			require.NoError(t, graph.Close(*s.Aux))
		}
		programs := dev.Stats().Programs
		before := values(t, s.Params.W)
		still := s
		still.Optimizer = s.Optimizer.WithRate(0)
		next, err := transform.Update(ctx, still, b)
		require.NoError(t, err)
		assert.Equal(t, before, values(t, next.Params.W))
		assert.LessOrEqual(t, dev.Stats().Programs, programs+1, "the pure update alone")
		require.NoError(t, graph.Close(next))
		require.NoError(t, still.Optimizer.Parts[0].Values["lr"].Close())

		mine := aux{upload(t, dev, []float32{1})}
		other := s.WithAux(mine)
		assert.True(t, other.Params == s.Params && other.LogSD == s.LogSD)
		assert.Equal(t, []float32{1}, values(t, other.Aux.Residual))
		assert.NotEqual(t, s.Aux, other.Aux, "the original's aux stays")
		d := vi.DenseState[params, aux]{}.WithAux(mine)
		assert.Equal(t, mine, *d.Aux)
		s.Aux = nil
		require.NoError(t, graph.Close(s))
		require.NoError(t, graph.Close(seed))
	})
}

// A step is differentiated through, with the landing stuck as well: against central differences of the step itself.
func TestDifferentiateThroughSteps(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		quartic := func(x graph.Tensor, _ none) (graph.Tensor, none) {
			return x.Square().Square().Sum().Scale(-0.1).Sub(x.Square().Sum().Scale(0.3)), none{}
		}
		type input struct{ Mean, LogSD, L graph.Tensor }
		diag := vi.Diag(quartic, vi.DiagConfig{Optimizer: optim.SGD(0.1)})
		dense := vi.Dense(quartic, vi.DenseConfig{Optimizer: optim.SGD(0.1), Samples: 2})
		f := func(in input) graph.Tensor {
			a, b := diag.Start(in.Mean, random.NewKey(1)), dense.Start(in.Mean, random.NewKey(2))
			a.LogSD, b.L = in.LogSD, in.L
			a, b = diag.Step(a, none{}), dense.Step(b, none{})
			w := graph.Literal([]float32{1, -2})
			return a.Params.Add(a.LogSD).Add(b.Params).Mul(w).Sum().Add(b.L.Mul(graph.Literal([]float32{1, 2, 3})).Sum())
		}
		value, slope := graph.Jit(dev, f), graph.Jit(dev, graph.Grad(f))
		at := [][]float32{{0.4, -0.7}, {-0.3, 0.2}, {0.9, 0.3, 0.6}}
		tensors := func(v [][]float32) input { return input{graph.Literal(v[0]), graph.Literal(v[1]), graph.Literal(v[2])} }
		in := tensors(at)
		g, err := slope(ctx, in)
		require.NoError(t, err)
		for i, got := range [][]float32{values(t, g.Mean), values(t, g.LogSD), values(t, g.L)} {
			for j := range got {
				var y [2]float64
				for k, h := range []float32{0.01, -0.01} {
					v := [][]float32{append([]float32{}, at[0]...), append([]float32{}, at[1]...), append([]float32{}, at[2]...)}
					v[i][j] += h
					x := tensors(v)
					r, err := value(ctx, x)
					require.NoError(t, err)
					y[k] = doubles(t, r)[0]
					require.NoError(t, errors.Join(graph.Close(x), r.Close()))
				}
				assert.InDelta(t, (y[0]-y[1])/0.02, float64(got[j]), 2e-3, "argument %d element %d", i, j)
			}
		}
		require.NoError(t, errors.Join(graph.Close(g), graph.Close(in)))
	})
}

// Parameters may be float64; objective, temperature and draws stay float32.
func TestFloat64Params(t *testing.T) {
	dev := gputest.Open(t, gpu.WithDevice("lavapipe"))
	ctx := context.Background()
	x, err := graph.FromSlice(dev, []float64{1, -1})
	require.NoError(t, err)
	seed := random.NewKey(0)
	far := func(x graph.Tensor, _ none) (graph.Tensor, none) {
		return x.AddScalar(1e-9).Square().Sum().Scale(-0.5), none{}
	}
	diag := vi.Diag(far, vi.DiagConfig{Optimizer: optim.SGD(1.0)})
	s, err := diag.Init(ctx, dev, x, seed)
	require.NoError(t, err)
	s, err = diag.Update(ctx, s, none{}, posterior.InPlace)
	require.NoError(t, err)
	got, err := graph.Read[float64](ctx, s.Params)
	require.NoError(t, err)
	assert.InDelta(t, -1e-9, got[0], 1e-14, "the optimum of a quadratic takes one step, from any draw")
	assert.Equal(t, graph.Float32, s.NELBO.DType())
	require.NoError(t, graph.Close(s))
	dense := vi.Dense(far, vi.DenseConfig{Optimizer: optim.SGD(1.0)})
	d, err := dense.Init(ctx, dev, x, seed)
	require.NoError(t, err)
	d, err = dense.Update(ctx, d, none{}, posterior.InPlace)
	require.NoError(t, err)
	got, err = graph.Read[float64](ctx, d.Params)
	require.NoError(t, err)
	assert.InDelta(t, -1e-9, got[1], 1e-14)
	require.NoError(t, graph.Close(d))
	require.NoError(t, errors.Join(x.Close(), seed.Bits.Close()))
}
