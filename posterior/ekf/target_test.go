package ekf_test

import (
	"context"
	"math"
	"math/rand/v2"
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
	"github.com/lavagrad/lavagrad/posterior/schedule"
)

// observation is y = h theta + noise of variance R, one in a batch.
type observation struct{ H, Y graph.Tensor }

// For a linear model with normal noise the filter is Kalman's, wherever the empirical Fisher matrix is the true one: h h' r^2/R^2 = h h'/R, when
// residuals are one standard deviation. Such observations are made here from the textbook's filter in float64, gain and all.
func TestIsKalmanFilter(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		const variance = 0.25
		logp := func(x graph.Tensor, b observation) (graph.Tensor, none) {
			r := b.Y.Sub(b.H.MatMul(x))
			return r.Square().Scale(-0.5 / variance).Mean(), none{}
		}
		move := mat.NewDense(2, 2, []float64{0.125, 0.0625, 0.0625, 0.25})
		transform := ekf.DenseFisher(logp, ekf.DenseConfig{LR: 1, TransitionCov: upload(t, dev, []float32{0.125, 0.0625, 0.0625, 0.25}, 2, 2), InitCov: 2})
		seed := random.NewKey(0)
		defer graph.Close(seed)
		state, err := transform.Init(ctx, dev, upload(t, dev, []float32{1, -1}, 2), seed)
		require.NoError(t, err)
		m, p := mat.NewVecDense(2, []float64{1, -1}), diagonal(2, 2)
		rng := rand.New(rand.NewPCG(1, 2))
		for k := range 12 {
			h := mat.NewVecDense(2, []float64{float64(float32(rng.NormFloat64())), float64(float32(rng.NormFloat64()))})
			y := mat.Dot(h, m) + math.Sqrt(variance)*float64(1-2*(k%2))
			// Predict and update: S = h'Ph + R, K = P h / S, m += K r, P -= K h'P.
			p.Add(p, move)
			var ph, gain mat.VecDense
			ph.MulVec(p, h)
			s := mat.Dot(h, &ph) + variance
			gain.ScaleVec(1/s, &ph)
			m.AddScaledVec(m, y-mat.Dot(h, m), &gain)
			var less mat.Dense
			less.Outer(1, &gain, &ph)
			p.Sub(p, &less)

			b := observation{upload(t, dev, []float32{float32(h.AtVec(0)), float32(h.AtVec(1))}, 1, 2), upload(t, dev, []float32{float32(y)}, 1)}
			state, err = transform.Update(ctx, state, b, posterior.InPlace)
			require.NoError(t, err)
			assert.InDeltaSlice(t, m.RawVector().Data, doubles(t, state.Params), 3e-5, "mean, step %d", k)
			assert.InDeltaSlice(t, p.RawMatrix().Data, doubles(t, state.Covariance), 3e-5, "covariance, step %d", k)
		}
		require.NoError(t, graph.Close(state))
	})
}

// reaches runs a filter over draws from N(1, -2 | covariance [1 0.4; 0.4 0.5]) and gives the mean that it ends with.
func reaches[S any](t *testing.T, dev *gpu.Device, transform *posterior.Transform[graph.Tensor, graph.Tensor, S], mean func(S) graph.Tensor, n, size int) (last, sample []float64) {
	t.Helper()
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(3, 4))
	data := make([]float32, 2*n)
	sample = make([]float64, 2)
	for i := range n {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		data[2*i], data[2*i+1] = float32(1+a), float32(-2+0.4*a+math.Sqrt(0.5-0.16)*b)
		sample[0] += float64(data[2*i]) / float64(n)
		sample[1] += float64(data[2*i+1]) / float64(n)
	}
	seed := random.NewKey(0)
	defer graph.Close(seed)
	state, err := transform.Init(ctx, dev, upload(t, dev, []float32{5, 5}, 2), seed)
	require.NoError(t, err)
	defer graph.Close(state)
	run := posterior.NewRunner(transform, func(d, step graph.Tensor) graph.Tensor { return d.DynamicIndex(0, step) }, mean)
	end, kept, err := run.Run(ctx, state, upload(t, dev, data, n/size, size, 2), posterior.RunConfig{Steps: n / size, Thin: n / size})
	require.NoError(t, err)
	defer graph.Close(end)
	defer graph.Close(kept)
	return doubles(t, kept), sample
}

// From far off both filters reach the data's mean. The empirical Fisher matrix is too large there, and the filter too sure: a transition that
// fades lets it forget that.
func TestReachesTheMean(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		logp := func(x, batch graph.Tensor) (graph.Tensor, none) {
			precision := graph.Literal([]float32{0.5 / 0.34, -0.4 / 0.34, -0.4 / 0.34, 1 / 0.34}, 2, 2)
			d := batch.Sub(x)
			return d.Mul(d.MatMul(precision)).Sum(-1).Scale(-0.5), none{}
		}
		const n, size = 4000, 20
		for name, run := range map[string]func() ([]float64, []float64){
			"dense": func() ([]float64, []float64) {
				return reaches(t, dev, ekf.DenseFisher(logp, ekf.DenseConfig{LR: size, TransitionCov: schedule.Exponential(0.1, 0.5, 20), PerSample: true}),
					func(s ekf.DenseState[graph.Tensor, none]) graph.Tensor { return s.Params }, n, size)
			},
			"diag": func() ([]float64, []float64) {
				return reaches(t, dev, ekf.DiagFisher(logp, ekf.DiagConfig{LR: size, TransitionSD: schedule.Exponential(0.3, 0.5, 40), PerSample: true}),
					func(s ekf.DiagState[graph.Tensor, none]) graph.Tensor { return s.Params }, n, size)
			},
		} {
			got, sample := run()
			t.Logf("%s: %.3f, mean of the data %.3f", name, got, sample)
			assert.InDeltaSlice(t, sample, got, 0.1, name)
		}
	})
}

// Draws have the state's covariance, in leaves of any rank, with the sample shape in front.
func TestSample(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		type leaves struct{ A, B graph.Tensor }
		const n = 4000
		cov := []float32{2, 0.5, -0.25, 0, 0.5, 1, 0, 0.25, -0.25, 0, 0.5, 0.125, 0, 0.25, 0.125, 1}
		mean := leaves{upload(t, dev, []float32{1, 2, 3}, 3, 1), upload(t, dev, []float32{-1})}
		seed := random.NewKey(4)
		defer graph.Close(seed)
		dense := ekf.DenseState[leaves, none]{State: ekf.State[leaves, none]{Params: mean}, Covariance: upload(t, dev, cov, 4, 4)}
		diag := ekf.DiagState[leaves, none]{State: ekf.State[leaves, none]{Params: mean},
			SD: leaves{upload(t, dev, []float32{1, 0.5, 0}, 3, 1), upload(t, dev, []float32{2})}}
		diagonal := []float32{1, 0, 0, 0, 0, 0.25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4}
		for name, c := range map[string]struct {
			draws leaves
			cov   []float32
		}{"dense": {dense.Sample(seed, n/2, 2), cov}, "diag": {diag.Sample(seed, n/2, 2), diagonal}} {
			require.Equal(t, graph.Shape{n / 2, 2, 3, 1}, c.draws.A.Shape())
			require.Equal(t, graph.Shape{n / 2, 2, 1}, c.draws.B.Shape())
			a, b := doubles(t, c.draws.A), doubles(t, c.draws.B)
			rows := make([][]float64, n)
			for i := range n {
				rows[i] = []float64{a[3*i] - 1, a[3*i+1] - 2, a[3*i+2] - 3, b[i] + 1}
			}
			for i := range 4 {
				for j := range 4 {
					got := 0.0
					for _, r := range rows {
						got += r[i] * r[j] / n
					}
					sd := math.Sqrt(float64(c.cov[5*i]*c.cov[5*j]+c.cov[4*i+j]*c.cov[4*i+j]) / n)
					assert.InDelta(t, c.cov[4*i+j], got, 4.5*sd+1e-9, "%s [%d %d]", name, i, j)
				}
			}
			require.NoError(t, graph.Close(c.draws))
		}
		one := dense.Sample(seed)
		assert.Equal(t, graph.Shape{3, 1}, one.A.Shape())
		require.NoError(t, graph.Close(one))
	})
}
