package graph

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mathext"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// quantileDerivative is d log x / d a at a fixed probability, by central differences of gonum's incomplete gamma
// functions; the tail with less probability keeps the digits.
func quantileDerivative(a, x float64) float64 {
	f, sign := mathext.GammaIncReg, 1.0
	if x > a {
		f, sign = mathext.GammaIncRegComp, -1.0
	}
	richardson := func(g func(float64) float64, at, h float64) float64 {
		d := func(h float64) float64 { return (g(at+h) - g(at-h)) / (2 * h) }
		return (4*d(h/2) - d(h)) / 3
	}
	da := richardson(func(a float64) float64 { return f(a, x) }, a, 0.01*math.Min(a, math.Sqrt(a)))
	lg, _ := math.Lgamma(a)
	density := math.Exp(a*math.Log(x) - x - lg) // of log x
	return -sign * da / density
}

func TestGammaDerivative(t *testing.T) {
	var as, xs, want []float64
	for _, a := range []float64{0.001, 0.01, 0.1, 0.3, 0.9, 1, 1.5, 3, 10, 100, 1000, 10_000} {
		for _, z := range []float64{-3, -2, -1, -0.3, 0, 0.2, 1, 2, 3.5} {
			// Wilson and Hilferty's quantile for a >= 1; else a spread of logarithms.
			x := a * math.Pow(1-1/(9*a)+z/(3*math.Sqrt(a)), 3)
			if a < 1 {
				x = math.Exp((z - 3) / a / 3)
				if z > 0 {
					x = z
				}
			}
			if x < 1e-12 {
				continue
			}
			as, xs, want = append(as, a), append(xs, x), append(want, quantileDerivative(a, x))
		}
	}
	s := Spec{Float32, Shape{len(as)}}
	logs := make([]float64, len(xs))
	for i, x := range xs {
		logs[i] = math.Log(x)
	}
	ctx := context.Background()
	exact, err := Reference(ctx, logGammaDerivative(constant(s, as...), constant(s, xs...), constant(s, logs...)))
	require.NoError(t, err)
	for i := range want {
		require.InEpsilon(t, want[i], exact[i], 1e-6, "concentration %v, draw %v", as[i], xs[i])
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		a, x, log := upload(t, dev, s, as), upload(t, dev, s, xs), upload(t, dev, s, logs)
		y := logGammaDerivative(a, x, log)
		want, err := Reference(ctx, y) // of the rounded operands
		require.NoError(t, err)
		got := readAny(t, dev, y)
		worst := 0.0
		for i := range want {
			require.InEpsilon(t, want[i], got[i], 1e-5, "concentration %v, draw %v", as[i], xs[i])
			worst = max(worst, math.Abs(got[i]/want[i]-1))
		}
		t.Logf("largest relative error %.2g", worst)
		closeAll([]Tensor{a, x, log}, y)
	})
}

// TestGammaDerivatives differentiates draws twice by the concentration, against differences of gonum's quantiles.
func TestGammaDerivatives(t *testing.T) {
	ctx := context.Background()
	for _, a := range []float64{0.4, 0.9, 1.5, 4, 30} {
		draw := func(a Tensor) Tensor {
			k := Full(Uint32, 7)
			return GammaOfCounter(k, k, Full(Uint32, 3), a)
		}
		first := func(a Tensor) Tensor { return Grad(draw)(a) }
		at := constant(Spec{Float32, Shape{}}, a)
		var got [3]float64
		for i, f := range []func(Tensor) Tensor{draw, first, Grad(first)} {
			v, err := Reference(ctx, f(at))
			require.NoError(t, err)
			got[i] = v[0]
		}
		p := mathext.GammaIncReg(a, got[0])
		q := func(d float64) float64 { return mathext.GammaIncRegInv(a+d, p) }
		h := 0.01 * a
		require.InEpsilon(t, (8*(q(h)-q(-h))-(q(2*h)-q(-2*h)))/(12*h), got[1], 1e-5, "concentration %v", a)
		second := (16*(q(h)+q(-h)) - (q(2*h) + q(-2*h)) - 30*q(0)) / (12 * h * h)
		require.InDelta(t, second, got[2], 1e-4*math.Max(math.Abs(second), got[1]), "concentration %v", a)

		log, err := Reference(ctx, Grad(func(a Tensor) Tensor {
			k := Full(Uint32, 7)
			return LogGammaOfCounter(k, k, Full(Uint32, 3), a)
		})(at))
		require.NoError(t, err)
		require.InEpsilon(t, got[1]/got[0], log[0], 1e-9)
	}
}

// TestSmallGamma: where draws underflow, their logarithms and derivatives stay finite.
func TestSmallGamma(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		s := Spec{Uint32, Shape{256}}
		ctx := context.Background()
		word := upload(t, dev, s, make([]float64, 256))
		counter := Iota(0, 256).Convert(Uint32)
		small := func(a Tensor) Tensor { return GammaOfCounter(word, word, counter, a.BroadcastTo(256)) }
		log := func(a Tensor) Tensor { return LogGammaOfCounter(word, word, counter, a.BroadcastTo(256)) }
		at := Scalar(1e-3)
		_, dx := JVP(small, at, Scalar(1))
		y, dy := JVP(log, at, Scalar(1))
		for _, r := range []Tensor{dx, y, dy} {
			for _, v := range readAny(t, dev, r) {
				require.False(t, math.IsNaN(v) || math.IsInf(v, 0))
			}
		}
		want, err := Reference(ctx, dy)
		require.NoError(t, err)
		for i, v := range readAny(t, dev, dy) {
			require.InEpsilon(t, want[i], v, 1e-5)
		}
		closeAll(nil, word, dx, y, dy)
	})
}

// TestThreefryKnownAnswers: the vectors of Random123 (tests/kat_vectors) on evaluator and devices.
func TestThreefryKnownAnswers(t *testing.T) {
	const all = math.MaxUint32
	operands := [4][]float64{{0, all, 0x13198a2e}, {0, all, 0x03707344}, {0, all, 0x243f6a88}, {0, all, 0x85a308d3}}
	want := [2][]float64{{0x6b200159, 0x1cb996fc, 0xc4923a9c}, {0x99ba4efe, 0xbb002be7, 0x483df7a0}}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		var in []Tensor
		for _, v := range operands {
			in = append(in, upload(t, dev, Spec{Uint32, Shape{3}}, v))
		}
		w0, w1 := Threefry(in[0], in[1], in[2], in[3])
		for i, w := range []Tensor{w0, w1} {
			require.Equal(t, want[i], readAny(t, dev, w))
		}
		again, _ := Threefry(in[0], in[1], in[2], in[3])
		got, err := Reference(context.Background(), again)
		require.NoError(t, err)
		require.Equal(t, want[0], got)
		closeAll(in, w0, w1)
	})
}

func TestRandomRowErrors(t *testing.T) {
	word := Full(Uint32, 0, 2)
	require.ErrorIs(t, Try(func() { Threefry(word, word, word, Iota(0, 2)) }), ErrDType)
	require.ErrorIs(t, Try(func() { UniformOfWord(Zeros(2)) }), ErrDType)
	for _, d := range []DType{Uint32, Bool} {
		require.ErrorIs(t, Try(func() { GammaOfCounter(word, word, word, Full(d, 1, 2)) }), ErrDType)
		require.ErrorIs(t, Try(func() { PoissonOfCounter(word, word, word, Full(d, 1, 2)) }), ErrDType)
	}
	require.ErrorIs(t, Try(func() { Full(Uint32, 1, 2).NormalCDF() }), ErrDType)
	require.ErrorIs(t, Try(func() { NormalOfWords(word, Zeros(2)) }), ErrDType)
	require.ErrorIs(t, Try(func() { GammaOfCounter(word, word, word, Zeros(3)) }), ErrShape)
}
