package vi_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/vi"
)

type none = posterior.None

type params struct{ W, B graph.Tensor }

type aux struct{ Residual graph.Tensor }

type batch struct{ X, Y graph.Tensor }

// logPosterior is a linear regression with a normal prior.
func logPosterior(p params, b batch) (graph.Tensor, aux) {
	r := b.X.MatMul(p.W).Add(p.B).Sub(b.Y)
	return r.Square().Mean().Add(p.W.Square().Sum().Scale(0.1)).Neg(), aux{r}
}

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

func doubles(t testing.TB, x ...graph.Tensor) []float64 {
	t.Helper()
	var out []float64
	for _, x := range x {
		for _, v := range values(t, x) {
			out = append(out, float64(v))
		}
	}
	return out
}

func problem(t testing.TB, dev *gpu.Device) (params, batch) {
	return params{upload(t, dev, []float32{0.5, -1}, 2), upload(t, dev, []float32{0.25}, 1)},
		batch{upload(t, dev, []float32{1, 2, -1, 0.5, 0, 3}, 3, 2), upload(t, dev, []float32{1, -1, 2})}
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

// The numbers of the steps by hand.
const lr, temperature = 0.02, 0.8

// host is a q in float64: the leaves of params one after the other, and log sd or L's triangle.
type host struct{ mean, scale []float64 }

// objective is NELBO and its gradient from draws xi, a row each, for N(mean, L L^T). With stl the density's parameters are constants.
func objective(mean []float64, l *mat.Dense, xi [][]float64, stl bool) (nelbo float64, dMean []float64, dL *mat.Dense) {
	n := len(mean)
	dMean, dL = make([]float64, n), mat.NewDense(n, n, nil)
	k := float64(len(xi))
	for _, xi := range xi {
		x := mat.NewVecDense(n, xi)
		var theta, back mat.VecDense
		theta.MulVec(l, x)
		theta.AddVec(&theta, mat.NewVecDense(n, mean))
		g, logp := gradient(theta.RawVector().Data)
		logq := -mat.Dot(x, x)/2 - float64(n)/2*math.Log(2*math.Pi)
		for i := range n {
			logq -= math.Log(math.Abs(l.At(i, i)))
		}
		nelbo -= (logp - temperature*logq) / k
		if err := back.SolveVec(l.T(), x); err != nil { // -d log q / d theta
			panic(err)
		}
		for i := range n {
			u := g[i]
			if stl {
				u += temperature * back.AtVec(i)
			} else {
				dL.Set(i, i, dL.At(i, i)-temperature/l.At(i, i)/k)
			}
			dMean[i] -= u / k
			for j := range i + 1 {
				dL.Set(i, j, dL.At(i, j)-u*xi[j]/k)
			}
		}
	}
	return nelbo, dMean, dL
}

// byHand makes a step of plain descent.
func (h host) byHand(dense bool, xi [][]float64, stl bool) (next host, nelbo float64) {
	n := len(h.mean)
	l := mat.NewDense(n, n, nil)
	if dense {
		for i := range n {
			for j := range i + 1 {
				l.Set(i, j, h.scale[i*(i+1)/2+j])
			}
		}
	} else {
		for i, s := range h.scale {
			l.Set(i, i, math.Exp(s))
		}
	}
	nelbo, dMean, dL := objective(h.mean, l, xi, stl)
	for i := range n {
		next.mean = append(next.mean, h.mean[i]-lr*dMean[i])
		if !dense {
			next.scale = append(next.scale, h.scale[i]-lr*dL.At(i, i)*l.At(i, i))
			continue
		}
		for j := range i + 1 {
			next.scale = append(next.scale, h.scale[i*(i+1)/2+j]-lr*dL.At(i, j))
		}
	}
	return next, nelbo
}

func parts(t testing.TB, s any) (vi.State[params, aux], host) {
	switch s := s.(type) {
	case vi.DiagState[params, aux]:
		return s.State, host{doubles(t, s.Params.W, s.Params.B), doubles(t, s.LogSD.W, s.LogSD.B)}
	case vi.DenseState[params, aux]:
		return s.State, host{doubles(t, s.Params.W, s.Params.B), doubles(t, s.L)}
	}
	panic("no state of this package")
}

func TestAlgorithms(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range []struct {
			name    string
			samples int
			noSTL   bool
		}{{"one draw", 0, false}, {"draws, whole gradient", 3, true}} {
			opt := optim.SGD(lr)
			t.Run("diag "+c.name, func(t *testing.T) {
				holds(t, dev, false, c.samples, !c.noSTL, vi.Diag(logPosterior,
					vi.DiagConfig{Optimizer: opt, Temperature: temperature, Samples: c.samples, NoSTL: c.noSTL, InitLogSD: -0.5}))
			})
			t.Run("dense "+c.name, func(t *testing.T) {
				holds(t, dev, true, c.samples, !c.noSTL, vi.Dense(logPosterior,
					vi.DenseConfig{Optimizer: opt, Temperature: temperature, Samples: c.samples, NoSTL: c.noSTL, InitScale: 0.5}))
			})
		}
	})
}

// holds is what both must do.
func holds[S any](t *testing.T, dev *gpu.Device, dense bool, samples int, stl bool, transform *posterior.Transform[params, batch, S]) {
	ctx := context.Background()
	p, b := problem(t, dev)
	seed := random.NewKey(7)
	state, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	s, h := parts(t, state)
	assert.Equal(t, []float64{0.5, -1, 0.25}, h.mean)
	if dense {
		assert.Equal(t, []float64{0.5, 0, 0.5, 0, 0, 0.5}, h.scale)
	} else {
		assert.Equal(t, []float64{-0.5, -0.5, -0.5}, h.scale)
	}
	assert.True(t, math.IsNaN(float64(values(t, s.NELBO)[0])), "no objective before the first step")
	assert.Nil(t, s.Aux)

	next := state
	for k := range 3 {
		_, before := parts(t, next)
		after, err := transform.Update(ctx, next, b)
		require.NoError(t, err)
		if k > 0 {
			require.NoError(t, graph.Close(next))
		}
		next = after
		s, got := parts(t, next)
		want, nelbo := before.byHand(dense, draws(t, k, samples, dense), stl)
		assert.InDeltaSlice(t, want.mean, got.mean, 3e-6)
		assert.InDeltaSlice(t, want.scale, got.scale, 3e-6)
		assert.InDelta(t, nelbo, values(t, s.NELBO)[0], 2e-5)
		require.NotNil(t, s.Aux)
		if samples == 0 {
			assert.Equal(t, graph.Shape{3}, s.Aux.Residual.Shape())
		} else {
			assert.Equal(t, graph.Shape{samples, 3}, s.Aux.Residual.Shape())
		}
		count, err := s.Count.Ints(ctx)
		require.NoError(t, err)
		assert.Equal(t, []int32{int32(k + 1)}, count)
	}
	_, pure := parts(t, next)
	_, untouched := parts(t, state)
	assert.Equal(t, h, untouched, "a pure update leaves its argument")
	// The same steps in one call of the device.
	runner := posterior.NewRunner(transform, func(b batch, _ graph.Tensor) batch { return b }, transform.Params)
	last, kept, err := runner.Run(ctx, state, b, posterior.RunConfig{Steps: 3})
	require.NoError(t, err)
	_, ran := parts(t, last)
	assert.InDeltaSlice(t, pure.mean, ran.mean, 1e-5)
	assert.InDeltaSlice(t, pure.scale, ran.scale, 1e-5)
	assert.Equal(t, graph.Shape{3, 2}, kept.W.Shape())
	require.NoError(t, graph.Close(kept))
	require.NoError(t, graph.Close([]S{last, state, next}))
	require.NoError(t, graph.Close(seed))
}

// draws are the xi of a step.
func draws(t *testing.T, step, samples int, dense bool) [][]float64 {
	key := random.FoldIn(random.NewKey(7), step)
	n := max(samples, 1)
	out := make([][]float64, n)
	if dense {
		x := doubles(t, random.Normal(key, n, 3))
		for k := range n {
			out[k] = x[3*k : 3*k+3]
		}
		return out
	}
	w, b := doubles(t, random.Normal(random.FoldIn(key, 0), n, 2)), doubles(t, random.Normal(random.FoldIn(key, 1), n, 1))
	for k := range n {
		out[k] = []float64{w[2*k], w[2*k+1], b[k]}
	}
	return out
}
