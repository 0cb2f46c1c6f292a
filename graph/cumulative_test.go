package graph

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// sameValues wants equal values, NaN where NaN is wanted, and equal signs of zeros.
func sameValues(t *testing.T, want, got []float64, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i, w := range want {
		same := got[i] == w || math.Abs(got[i]-w) < 1e-6
		if math.IsNaN(w) {
			same = math.IsNaN(got[i])
		} else {
			same = same && math.Signbit(w) == math.Signbit(got[i])
		}
		assert.True(t, same, "%s: element %d is %v, want %v", what, i, got[i], w)
	}
}

func TestScansOfSpecialValues(t *testing.T) {
	inf, nan, zero := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range []struct {
			name     string
			f        func(Tensor) Tensor
			in, want []float64
		}{
			{"cumsum", func(x Tensor) Tensor { return x.CumSum(0) }, []float64{zero, zero, 1, inf, 2, -inf, 3}, []float64{zero, zero, 1, inf, inf, nan, nan}},
			{"cumprod", func(x Tensor) Tensor { return x.CumProd(0) }, []float64{zero, 2, inf, 1}, []float64{zero, zero, nan, nan}},
			{"cumprod of infinity", func(x Tensor) Tensor { return x.CumProd(0) }, []float64{inf, -2, 0.5}, []float64{inf, -inf, -inf}},
			{"cummax", func(x Tensor) Tensor { return x.CumMax(0) }, []float64{-inf, -3, nan, 5}, []float64{-inf, -3, nan, nan}},
			{"cummin from the end", func(x Tensor) Tensor { return x.CumMinReverse(0) }, []float64{1, nan, 4, inf}, []float64{nan, nan, 4, inf}},
			{"cumlogsumexp", func(x Tensor) Tensor { return x.CumLogSumExp(0) }, []float64{-inf, -inf, 0, 0, inf, 1}, []float64{-inf, -inf, 0, math.Ln2, inf, inf}},
			{"cumlogsumexp of NaN", func(x Tensor) Tensor { return x.CumLogSumExp(0) }, []float64{1, nan, inf}, []float64{1, nan, nan}},
		} {
			x := upload(t, dev, Spec{Float32, Shape{len(c.in)}}, c.in)
			y := c.f(x)
			sameValues(t, c.want, reference(t, y), c.name+" (evaluator)")
			sameValues(t, c.want, readAny(t, dev, y), c.name)
			closeAll([]Tensor{x, y})
		}
	})
}

// Elements of probability 0 get the gradient 0, not NaN.
func TestCumLogSumExpGradientAtMinusInfinity(t *testing.T) {
	x := literalOf(Spec{Float32, Shape{4}}, []float64{math.Inf(-1), 0, math.Inf(-1), 0})
	g := Grad(func(x Tensor) Tensor { return x.CumLogSumExp(0).Index(0, 3) })(x)
	assert.InDeltaSlice(t, []float64{0, 0.5, 0, 0.5}, reference(t, g), 1e-12)
}

func TestCumMaxGradientGoesToTheLastOfEquals(t *testing.T) {
	x := Literal([]float32{2, 1, 2, 0})
	sum := func(f func(Tensor) Tensor) []float64 {
		return reference(t, Grad(func(x Tensor) Tensor { return f(x).Sum() })(x))
	}
	assert.Equal(t, []float64{2, 0, 2, 0}, sum(func(x Tensor) Tensor { return x.CumMax(0) }))
	assert.Equal(t, []float64{1, 0, 2, 1}, sum(func(x Tensor) Tensor { return x.CumMaxReverse(0) }))
}

// Scans of every length round the sizes of chunks, against loops.
func TestScansInChunks(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(5, 6))
		for _, n := range []int{1, 63, 511, 512, 513, 2049, 100_003} {
			for _, inner := range []int{1, 3} {
				s := Spec{Int32, Shape{n, inner}}
				x := upload(t, dev, s, draw(rng, Sample{Spec: s, Lo: -100, Hi: 100}))
				up, down, top := x.CumSum(0), x.CumSumReverse(0), x.CumMax(0)
				for _, y := range []Tensor{up, down, top} {
					require.Equal(t, reference(t, y), readAny(t, dev, y), "%d elements, inner length %d", n, inner)
				}
				closeAll([]Tensor{x, up, down, top})
			}
		}
	})
}

// Float sums of chunks agree with float64 sums to rounding.
func TestLongCumSumIsAccurate(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(5, 6))
		x := upload(t, dev, Spec{Float32, Shape{200_000}}, draw(rng, sampleIn(0, 1, 200_000)))
		y := x.CumSum(0)
		got := readAny(t, dev, y)
		for i, want := range reference(t, y) {
			if math.Abs(got[i]-want) > 1e-4*want {
				require.InEpsilon(t, want, got[i], 1e-4, "element %d", i)
			}
		}
		closeAll([]Tensor{x, y})
	})
}
