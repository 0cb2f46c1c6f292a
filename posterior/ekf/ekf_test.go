package ekf_test

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
	"github.com/lavagrad/lavagrad/posterior/ekf"
	"github.com/lavagrad/lavagrad/posterior/internal/transformtest"
)

type none = posterior.None

type params struct{ W, B graph.Tensor }

type aux struct{ Residual graph.Tensor }

type batch struct{ X, Y graph.Tensor }

// logLikelihoods are those of a linear regression with noise of variance 1/2, one for each sample.
func logLikelihoods(p params, b batch) (graph.Tensor, aux) {
	r := b.X.MatMul(p.W).Add(p.B).Sub(b.Y)
	return r.Square().Neg(), aux{r}
}

// logLikelihood is their mean.
func logLikelihood(p params, b batch) (graph.Tensor, aux) {
	y, a := logLikelihoods(p, b)
	return y.Mean(), a
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

// gradients of the problem's samples by hand [3 3], their log likelihoods' mean and the residuals.
func gradients(theta []float64) (j *mat.Dense, mean float64, r []float64) {
	x, y := [][]float64{{1, 2}, {-1, 0.5}, {0, 3}}, []float64{1, -1, 2}
	j = mat.NewDense(3, 3, nil)
	for n := range y {
		e := x[n][0]*theta[0] + x[n][1]*theta[1] + theta[2] - y[n]
		mean -= e * e / 3
		r = append(r, e)
		j.SetRow(n, []float64{-2 * e * x[n][0], -2 * e * x[n][1], -2 * e})
	}
	return j, mean, r
}

// filter is a normal distribution in float64.
type filter struct {
	mean []float64
	cov  *mat.Dense
}

func diagonal(v ...float64) *mat.Dense {
	out := mat.NewDense(len(v), len(v), nil)
	for i, x := range v {
		out.Set(i, i, x)
	}
	return out
}

// next is the update by its definition: P^-1 is inverted. Without full, only the Fisher matrix's diagonal counts.
func (f filter) next(t testing.TB, j *mat.Dense, move *mat.Dense, lr float64, full bool) filter {
	n, d := j.Dims()
	var p, fisher, inverse mat.Dense
	p.Add(f.cov, move)
	fisher.Mul(j.T(), j)
	for a := range d {
		for b := range d {
			if a != b && !full {
				fisher.Set(a, b, 0)
			}
		}
	}
	fisher.Scale(lr/float64(n), &fisher)
	require.NoError(t, inverse.Inverse(&p))
	inverse.Add(&inverse, &fisher)
	out := filter{append([]float64{}, f.mean...), mat.NewDense(d, d, nil)}
	require.NoError(t, out.cov.Inverse(&inverse))
	for a := range d {
		for b := range d {
			for k := range n {
				out.mean[a] += lr * out.cov.At(a, b) * j.At(k, b) / float64(n)
			}
		}
	}
	return out
}

// Both filters against their definitions in float64, with a log likelihood of either kind, in chunks, and transitions and covariances of all kinds.
func TestStepsByHand(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		p, b := problem(t, dev)
		sds := params{upload(t, dev, []float32{0.5, 0.75}, 2), upload(t, dev, []float32{1.5}, 1)}
		moves := params{upload(t, dev, []float32{0.1, 0.2}, 2), upload(t, dev, []float32{0.3}, 1)}
		decay := func(step graph.Tensor) graph.Tensor { return graph.Scalar(0.4).Div(step.AsFloat().AddScalar(1)) }
		const lr = 0.7
		constant := func(m *mat.Dense) func(int) *mat.Dense { return func(int) *mat.Dense { return m } }
		for name, c := range map[string]struct {
			config ekf.DiagConfig
			f      func(params, batch) (graph.Tensor, aux)
			cov    *mat.Dense
			move   func(k int) *mat.Dense
			lr     func(k int) float64
		}{
			"numbers": {ekf.DiagConfig{LR: lr, TransitionSD: 0.2, InitSD: 0.5}, logLikelihood, diagonal(0.25, 0.25, 0.25), constant(diagonal(0.04, 0.04, 0.04)), nil},
			"trees": {ekf.DiagConfig{LR: lr, TransitionSD: moves, InitSD: sds, PerSample: true, Chunk: 2}, logLikelihoods,
				diagonal(0.25, 0.5625, 2.25), constant(diagonal(0.01, 0.04, 0.09)), nil},
			"schedules": {ekf.DiagConfig{LR: decay, TransitionSD: decay}, logLikelihood, diagonal(1, 1, 1), func(k int) *mat.Dense {
				v := 0.16 / float64((k+1)*(k+1))
				return diagonal(v, v, v)
			}, func(k int) float64 { return 0.4 / float64(k+1) }},
		} {
			t.Run("diag "+name, func(t *testing.T) {
				follow(t, dev, ekf.DiagFisher(c.f, c.config), p, b, filter{[]float64{0.5, -1, 0.25}, c.cov}, false, c.move, c.lr,
					func(s ekf.DiagState[params, aux]) (ekf.State[params, aux], *mat.Dense) {
						v := doubles(t, s.SD.W, s.SD.B)
						for i := range v {
							v[i] *= v[i]
						}
						return s.State, diagonal(v...)
					})
			})
		}
		cov := mat.NewDense(3, 3, []float64{1, 0.25, 0, 0.25, 0.5, -0.125, 0, -0.125, 2})
		move := mat.NewDense(3, 3, []float64{0.125, 0.0625, 0, 0.0625, 0.25, 0, 0, 0, 0})
		matrix := func(m *mat.Dense) graph.Tensor {
			var v []float32
			for _, x := range m.RawMatrix().Data {
				v = append(v, float32(x))
			}
			return upload(t, dev, v, 3, 3)
		}
		for name, c := range map[string]struct {
			config ekf.DenseConfig
			f      func(params, batch) (graph.Tensor, aux)
			cov    *mat.Dense
			move   func(k int) *mat.Dense
			lr     func(k int) float64
		}{
			"numbers": {ekf.DenseConfig{LR: lr, TransitionCov: 0.04, InitCov: 0.25}, logLikelihood, diagonal(0.25, 0.25, 0.25), constant(diagonal(0.04, 0.04, 0.04)), nil},
			"vectors": {ekf.DenseConfig{LR: lr, TransitionCov: upload(t, dev, []float32{0.125, 0, 0.25}), InitCov: upload(t, dev, []float32{0.5, 1, 2}), PerSample: true},
				logLikelihoods, diagonal(0.5, 1, 2), constant(diagonal(0.125, 0, 0.25)), nil},
			"matrices": {ekf.DenseConfig{LR: lr, TransitionCov: matrix(move), InitCov: matrix(cov), Chunk: 2}, logLikelihood, cov, constant(move), nil},
			"schedules": {ekf.DenseConfig{LR: decay, TransitionCov: decay}, logLikelihood, diagonal(1, 1, 1), func(k int) *mat.Dense {
				v := 0.4 / float64(k+1)
				return diagonal(v, v, v)
			}, func(k int) float64 { return 0.4 / float64(k+1) }},
		} {
			t.Run("dense "+name, func(t *testing.T) {
				follow(t, dev, ekf.DenseFisher(c.f, c.config), p, b, filter{[]float64{0.5, -1, 0.25}, c.cov}, true, c.move, c.lr,
					func(s ekf.DenseState[params, aux]) (ekf.State[params, aux], *mat.Dense) {
						return s.State, mat.NewDense(3, 3, doubles(t, s.Covariance))
					})
			})
		}
	})
}

// follow compares four steps.
func follow[S any](t *testing.T, dev *gpu.Device, transform *posterior.Transform[params, batch, S], p params, b batch, want filter, full bool,
	move func(k int) *mat.Dense, lr func(k int) float64, parts func(S) (ekf.State[params, aux], *mat.Dense)) {
	ctx := context.Background()
	seed := random.NewKey(0)
	defer graph.Close(seed)
	state, err := transform.Init(ctx, dev, p, seed)
	require.NoError(t, err)
	s, cov := parts(state)
	assert.True(t, math.IsNaN(doubles(t, s.LogLikelihood)[0]))
	assert.Nil(t, s.Aux)
	for k := range 4 {
		assert.InDeltaSlice(t, want.mean, doubles(t, s.Params.W, s.Params.B), 1e-5, "mean, step %d", k)
		assert.InDeltaSlice(t, want.cov.RawMatrix().Data, cov.RawMatrix().Data, 4e-5, "covariance, step %d", k)
		rate := 0.7
		if lr != nil {
			rate = lr(k)
		}
		j, mean, r := gradients(want.mean)
		want = want.next(t, j, move(k), rate, full)
		next, err := transform.Update(ctx, state, b)
		require.NoError(t, err)
		require.NoError(t, graph.Close(state))
		state = next
		s, cov = parts(state)
		assert.InDelta(t, mean, doubles(t, s.LogLikelihood)[0], 1e-4, "of the mean before the step")
		assert.InDeltaSlice(t, r, doubles(t, s.Aux.Residual), 1e-4, "aux of the whole batch")
		count, err := s.Count.Ints(ctx)
		require.NoError(t, err)
		assert.Equal(t, []int32{int32(k + 1)}, count)
	}
	require.NoError(t, graph.Close(state))
}

func TestTransform(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		p, b := problem(t, dev)
		diag := ekf.DiagFisher(logLikelihood, ekf.DiagConfig{LR: 0.5, TransitionSD: 0.1})
		dense := ekf.DenseFisher(logLikelihood, ekf.DenseConfig{LR: 0.5, TransitionCov: 0.01})
		transformtest.InPlace(t, dev, diag, p, b, 3)
		transformtest.InPlace(t, dev, dense, p, b, 3)
		start := func(i int) params {
			w, err := graph.FromSlice(dev, []float32{float32(i), -1})
			require.NoError(t, err)
			c, err := graph.FromSlice(dev, []float32{0.25})
			require.NoError(t, err)
			return params{w, c}
		}
		transformtest.Chains(t, dev, diag, start, b, 3, 1e-5)
		transformtest.Chains(t, dev, dense, start, b, 3, 1e-5)
	})
}

// Chains may differ in learning rate and transition: a search over both is one call.
func TestChainsOfHyperparameters(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p, b := problem(t, dev)
		transform := ekf.DiagFisher(logLikelihood, ekf.DiagConfig{LR: 0.5, TransitionSD: 0.1})
		start := params{graph.Stack(0, p.W, p.W), graph.Stack(0, p.B, p.B)}
		keys := random.Split(random.NewKey(0), 2)
		state, err := transform.Chains().Init(ctx, dev, start, keys)
		require.NoError(t, err)
		defer graph.Close(state)
		other := state
		other.LR = upload(t, dev, []float32{0.5, 0.25}, 2)
		other.TransitionSD = params{upload(t, dev, []float32{0.1, 0.3}, 2), upload(t, dev, []float32{0.1, 0.4}, 2)}
		next, err := transform.Chains().Update(ctx, other, b)
		require.NoError(t, err)
		defer graph.Close(next.Aux)
		defer graph.Close([]graph.Tensor{next.Params.W, next.Params.B, next.SD.W, next.SD.B, next.LogLikelihood, next.Count, next.LR, next.TransitionSD.W, next.TransitionSD.B})
		j, _, _ := gradients([]float64{0.5, -1, 0.25})
		first := filter{[]float64{0.5, -1, 0.25}, diagonal(1, 1, 1)}
		for i, want := range []filter{first.next(t, j, diagonal(0.01, 0.01, 0.01), 0.5, false), first.next(t, j, diagonal(0.09, 0.09, 0.16), 0.25, false)} {
			w, c := doubles(t, next.Params.W), doubles(t, next.Params.B)
			assert.InDeltaSlice(t, want.mean, []float64{w[2*i], w[2*i+1], c[i]}, 1e-5)
		}
		require.NoError(t, graph.Close(start))
		require.NoError(t, graph.Close(keys))
	})
}

func TestWrongInput(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p, b := problem(t, dev)
		seed := random.NewKey(0)
		defer graph.Close(seed)
		for says, c := range map[string]ekf.DiagConfig{
			"LR is not given":          {},
			"LR is -1":                 {LR: -1},
			"TransitionSD is -0.1":     {LR: 1, TransitionSD: -0.1},
			"TransitionSD is a string": {LR: 1, TransitionSD: "far"},
			"TransitionSD has":         {LR: 1, TransitionSD: params{p.B, p.B}},
			"InitSD is -2":             {LR: 1, InitSD: -2},
			"Chunk is -1":              {LR: 1, Chunk: -1},
		} {
			_, err := ekf.DiagFisher(logLikelihood, c).Init(ctx, dev, p, seed)
			require.ErrorContains(t, err, says)
			assert.ErrorContains(t, err, "ekf diag fisher")
		}
		for says, c := range map[string]ekf.DenseConfig{
			"LR is not given":          {},
			"TransitionCov is -0.1":    {LR: 1, TransitionCov: -0.1},
			"TransitionCov is Tensor(": {LR: 1, TransitionCov: p.W},
			"InitCov is NaN":           {LR: 1, InitCov: math.NaN()},
			"InitCov is Tensor(":       {LR: 1, InitCov: b.X},
			"InitCov is a schedule":    {LR: 1, InitCov: func(step graph.Tensor) graph.Tensor { return step.AsFloat() }},
		} {
			_, err := ekf.DenseFisher(logLikelihood, c).Init(ctx, dev, p, seed)
			require.ErrorContains(t, err, says)
			assert.ErrorContains(t, err, "ekf dense fisher")
		}

		// What only the device sees; the state is as before.
		diag := ekf.DiagFisher(logLikelihood, ekf.DiagConfig{LR: 1})
		state, err := diag.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		defer graph.Close(state)
		before := transformtest.Bits(t, state)
		for says, change := range map[string]func(s *ekf.DiagState[params, aux]) graph.Tensor{
			"learning rate >= 0": func(s *ekf.DiagState[params, aux]) graph.Tensor { s.LR = graph.Scalar(-1); return s.LR },
			"standard deviation >= 0": func(s *ekf.DiagState[params, aux]) graph.Tensor {
				s.SD.W = graph.Literal([]float32{1, -1})
				return s.SD.W
			},
			"transition sd >= 0 is false": func(s *ekf.DiagState[params, aux]) graph.Tensor {
				s.TransitionSD.B = graph.Scalar(-0.5)
				return s.TransitionSD.B
			},
			"standard deviation >= 0 is false for element [1]": func(s *ekf.DiagState[params, aux]) graph.Tensor {
				s.SD.W = graph.Literal([]float32{1, float32(math.NaN())})
				return s.SD.W
			},
		} {
			s := state
			own := change(&s)
			_, err := diag.Update(ctx, s, b, posterior.InPlace)
			require.ErrorIs(t, err, graph.ErrCheck, says)
			assert.ErrorContains(t, err, says)
			require.NoError(t, own.Close())
		}
		bad := upload(t, dev, []float32{1, float32(math.NaN()), 2})
		_, err = diag.Update(ctx, state, batch{b.X, bad}, posterior.InPlace)
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "batch .Y is not NaN is false for element [1]")
		_, err = diag.Update(ctx, state, batch{upload(t, dev, []float32{}, 0, 2), upload(t, dev, []float32{})})
		assert.ErrorContains(t, err, "the batch is empty")
		_, err = diag.Update(ctx, state, batch{b.X, upload(t, dev, []float32{1, 2})})
		assert.ErrorIs(t, err, graph.ErrShape)
		vector := ekf.DiagFisher(logLikelihood, ekf.DiagConfig{LR: 1, PerSample: true})
		_, err = vector.Update(ctx, state, b, posterior.InPlace)
		require.ErrorIs(t, err, graph.ErrShape)
		assert.ErrorContains(t, err, "leave out PerSample")
		assert.Equal(t, before, transformtest.Bits(t, state))

		dense := ekf.DenseFisher(logLikelihood, ekf.DenseConfig{LR: 1})
		full, err := dense.Init(ctx, dev, p, seed)
		require.NoError(t, err)
		defer graph.Close(full)
		before = transformtest.Bits(t, full)
		s := full
		s.Covariance = upload(t, dev, []float32{1, 2, 0, 2, 1, 0, 0, 0, 1}, 3, 3)
		_, err = dense.Update(ctx, s, b, posterior.InPlace)
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "covariance and transition covariance positive definite together, pivot > 0 is false for element [1]")
		draws := s.Sample(seed, 4)
		_, err = draws.W.Floats(ctx)
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "covariance positive definite")
		s = full
		s.TransitionCov = graph.Scalar(-0.5)
		_, err = dense.Update(ctx, s, b, posterior.InPlace)
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "transition covariance >= 0")
		require.NoError(t, s.TransitionCov.Close())
		assert.Equal(t, before, transformtest.Bits(t, full))
	})
}
