package graph

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// sortedOrder is the stable order of x with NaN last, by Go's sort.
func sortedOrder(x []float64, descending bool) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := x[i], x[j]
		switch {
		case math.IsNaN(a) || math.IsNaN(b):
			switch {
			case !math.IsNaN(a):
				return -1
			case !math.IsNaN(b):
				return 1
			}
			return 0
		case a == b:
			return 0
		case a < b != descending:
			return -1
		}
		return 1
	})
	out := make([]float64, len(x))
	for i, o := range order {
		out[i] = float64(o)
	}
	return out
}

// sortInput has equal elements, both zeros, infinities and NaN.
func sortInput(rng *rand.Rand, d DType, n int) []float64 {
	odd := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1e-40, -1e-40}
	v := make([]float64, n)
	for i := range v {
		switch {
		case d == Bool:
			v[i] = float64(rng.IntN(2))
		case d == Uint32:
			v[i] = float64(rng.Uint32() >> (rng.Uint32() % 32))
		case d == Int32:
			v[i] = float64(int32(rng.Uint32()) >> (rng.Uint32() % 32))
		case rng.IntN(8) == 0:
			v[i] = float64(float32(odd[rng.IntN(len(odd))]))
		case rng.IntN(2) == 0:
			v[i] = float64(rng.IntN(9) - 4)
		case d == Float64: // also what only the low words tell apart
			v[i] = 1 + float64(rng.IntN(9)-4)*0x1p-52
		default:
			v[i] = float64(float32(rng.NormFloat64()))
		}
	}
	return v
}

func TestArgSortAgainstGo(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(11, 12))
		types := []DType{Float32, Int32, Uint32, Bool}
		if hasFloat64(dev) {
			types = append(types, Float64)
		}
		for _, n := range []int{0, 1, 2, 3, 5, 64, 200, 1000, 5000} {
			for _, d := range types {
				for _, descending := range []bool{false, true} {
					const rows = 3
					v := sortInput(rng, d, rows*n)
					x := upload(t, dev, Spec{d, Shape{rows, n}}, v)
					y := x.ArgSort(1)
					if descending {
						y = x.ArgSortDescending(-1)
					}
					var want []float64
					for r := range rows {
						want = append(want, sortedOrder(v[r*n:(r+1)*n], descending)...)
					}
					require.Equal(t, want, append([]float64(nil), readAny(t, dev, y)...), "%v, %d elements, descending %v", d, n, descending)
					closeAll(nil, x, y)
				}
			}
		}
	})
}

func TestSortAlongFirstAxis(t *testing.T) {
	x := Literal([]float32{3, 1, 2, 5, 4, 0}, 3, 2)
	v, err := Reference(context.Background(), x.Sort(0))
	require.NoError(t, err)
	assert.Equal(t, []float64{2, 0, 3, 1, 4, 5}, v)
	top := x.TopK(0, 2)
	v, err = Reference(context.Background(), top.Values)
	require.NoError(t, err)
	assert.Equal(t, []float64{4, 5, 3, 1}, v)
	v, err = Reference(context.Background(), top.Indices)
	require.NoError(t, err)
	assert.Equal(t, []float64{2, 1, 0, 0}, v)
}

func TestSortGradientFollowsElements(t *testing.T) {
	x := Literal([]float32{3, 1, 2})
	w := Literal([]float32{10, 20, 30})
	g := Grad(func(x Tensor) Tensor { return x.Sort(0).Mul(w).Sum() })(x)
	v, err := Reference(context.Background(), g)
	require.NoError(t, err)
	assert.Equal(t, []float64{30, 10, 20}, v)
	// Second order: of sum(sort(x)^3) it is 6x on the diagonal.
	h := Grad(func(x Tensor) Tensor {
		return Grad(func(x Tensor) Tensor { s := x.SortDescending(0); return s.Mul(s).Mul(s).Sum() })(x).Sum()
	})(x)
	v, err = Reference(context.Background(), h)
	require.NoError(t, err)
	assert.Equal(t, []float64{18, 6, 12}, v)
}

func TestTopKWantsAsManyAsThereAre(t *testing.T) {
	err := Try(func() { Ones(3).TopK(0, 4) })
	require.ErrorIs(t, err, ErrArgument)
	assert.ErrorContains(t, err, "k is 4")
}
