package sgmcmc_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
)

// Bayesian linear regression, whose posterior is Gaussian in closed form, by the convention for data sets: the log posterior is the mean over
// the data, with the prior divided by their number, and the temperature one over it.
func TestLinearRegression(t *testing.T) {
	const data, d, noise, width = 60, 3, 0.5, 2.
	r := rand.New(rand.NewPCG(4, 2))
	x, y := mat.NewDense(data, d, nil), mat.NewVecDense(data, nil)
	for i := range data {
		x.SetRow(i, []float64{1, float64(float32(r.NormFloat64())), float64(float32(r.Float64()))})
		y.SetVec(i, float64(float32(0.7*x.At(i, 0)-x.At(i, 1)+0.4*x.At(i, 2)+noise*r.NormFloat64())))
	}
	// The posterior has precision X'X / noise^2 + 1 / width^2, and mean precision^-1 X'y / noise^2.
	var precision mat.SymDense
	precision.SymOuterK(1/(noise*noise), x.T())
	for i := range d {
		precision.SetSym(i, i, precision.At(i, i)+1/(width*width))
	}
	var factor mat.Cholesky
	require.True(t, factor.Factorize(&precision))
	var want mat.VecDense
	want.MulVec(x.T(), y)
	require.NoError(t, factor.SolveVecTo(&want, &want))
	want.ScaleVec(1/(noise*noise), &want)

	logPosterior := func(w graph.Tensor, b batch) (graph.Tensor, none) {
		likelihood := b.X.MatMul(w).Sub(b.Y).Square().Mean().Scale(-1 / (2 * noise * noise))
		return likelihood.Sub(w.Square().Sum().Scale(1 / (2 * width * width * data))), none{}
	}
	n := 256 * *long
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		float := func(v []float64) []float32 {
			out := make([]float32, len(v))
			for i := range v {
				out[i] = float32(v[i])
			}
			return out
		}
		b := batch{upload(t, dev, float(x.RawMatrix().Data), data, d), upload(t, dev, float(y.RawVector().Data), data)}
		chains := sgmcmc.SGHMC(logPosterior, sgmcmc.SGHMCConfig{LR: 0.03, Alpha: 2, Temperature: 1. / data, Momenta: 0}).Chains()
		keys := random.Split(random.NewKey(3), n)
		defer graph.Close(keys)
		state, err := chains.Init(ctx, dev, graph.Zeros(n, d), keys)
		require.NoError(t, err)
		defer graph.Close(state)
		run := posterior.NewRunner(chains, func(b batch, _ graph.Tensor) batch { return b },
			func(s sgmcmc.SGHMCState[graph.Tensor, none]) graph.Tensor { return s.Params })
		last, kept, err := run.Run(ctx, state, b, posterior.RunConfig{Steps: 1000, Thin: 250})
		require.NoError(t, err)
		defer graph.Close(last)
		defer graph.Close(kept)
		got := values(t, kept)[n*d:] // the first 250 steps forget the start
		draws := mat.NewDense(len(got)/d, d, nil)
		for i, v := range got {
			draws.Set(i/d, i%d, float64(v))
		}
		var cov mat.SymDense
		stat.CovarianceMatrix(&cov, draws, nil)
		var product mat.Dense
		product.Mul(&precision, &cov)
		away := mat.NewVecDense(d, nil)
		for i := range d {
			away.SetVec(i, stat.Mean(mat.Col(nil, i, draws), nil)-want.AtVec(i))
		}
		// KL(sampled || posterior) = (tr(P S) + a' P a - d - log det(P S)) / 2
		kl := (mat.Trace(&product) + mat.Inner(away, &precision, away) - d - math.Log(mat.Det(&product))) / 2
		t.Logf("divergence %.5f", kl)
		// 9 numbers estimated from n draws give about 9/(2n); steps of finite size give 2e-3.
		assert.Less(t, kl, 4e-3+20/float64(3*n), "away by %v, covariance %v", away, cov)
	})
}
