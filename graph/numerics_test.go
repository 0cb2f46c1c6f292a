package graph_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

var inf = float32(math.Inf(1))
var nan = float32(math.NaN())

// evaluated reads y and lets it go.
func evaluated(t *testing.T, y graph.Tensor) []float32 {
	t.Helper()
	v, err := y.Floats(context.Background())
	require.NoError(t, err)
	y.Close()
	return v
}

func requireSame(t *testing.T, want, got []float32, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i, w := range want {
		same := w == got[i] || w != w && got[i] != got[i]
		require.True(t, same || math.Abs(float64(w)-float64(got[i])) <= 1e-6*math.Abs(float64(w)), "%s: %v, want %v", what, got, want)
	}
}

// A NaN anywhere is the largest and the smallest element, also where the reduction runs in vectors, in
// several invocations, or in two kernels.
func TestExtremaPropagateNaN(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, n := range []int{1, 2, 5, 64, 1000, 70_001} {
			for _, at := range []int{0, n / 2, n - 1} {
				v := make([]float32, 2*n) // the first row without a NaN
				for i := range v {
					v[i] = float32(i%7) - 3
				}
				v[n+at] = nan
				rows := slice(t, dev, v, 2, n)
				clean := func(f func(float32, float32) bool) float32 {
					best := v[0]
					for _, x := range v[:n] {
						if f(x, best) {
							best = x
						}
					}
					return best
				}
				what := fmt.Sprintf("length %d, NaN at %d", n, at)
				largest := clean(func(a, b float32) bool { return a > b })
				least := clean(func(a, b float32) bool { return a < b })
				requireSame(t, []float32{largest, nan}, evaluated(t, rows.ReduceMax(1)), "max, "+what)
				requireSame(t, []float32{least, nan}, evaluated(t, rows.ReduceMin(1)), "min, "+what)
				requireSame(t, []float32{nan}, evaluated(t, rows.ReduceMax()), "max of all, "+what)
				columns := evaluated(t, rows.Transpose().ReduceMax(0))
				requireSame(t, []float32{largest, nan}, columns, "max of columns, "+what)
				require.Equal(t, float32(at), evaluated(t, rows.ArgMax(1).AsFloat())[1], "argmax, "+what)
				requireSame(t, []float32{nan}, evaluated(t, rows.LogSumExp()), "logsumexp, "+what)
			}
		}
		// The first of several NaN.
		require.Equal(t, []float32{1}, evaluated(t, slice(t, dev, []float32{3, nan, inf, nan}).ArgMax(0).AsFloat()))
	})
}

func TestLogSumExpOfInfinities(t *testing.T) {
	cases := []struct {
		in, gradient []float32
		value        float32
	}{
		{[]float32{-inf, -inf, -inf, -inf}, []float32{0.25, 0.25, 0.25, 0.25}, -inf},
		{[]float32{-inf, 1, -inf, 1}, []float32{0, 0.5, 0, 0.5}, 1.6931472},
		{[]float32{inf, 1, -inf, 3}, []float32{1, 0, 0, 0}, inf},
		{[]float32{inf, 1, inf, -2}, []float32{0.5, 0, 0.5, 0}, inf},
		{[]float32{nan, 1, inf, -inf}, []float32{nan, nan, nan, nan}, nan},
		{[]float32{3e38, -3e38, 3e38, 0}, []float32{0.5, 0, 0.5, 0}, 3e38},
		{[]float32{1000, 1000, 999, -1000}, []float32{0.42231882, 0.42231882, 0.15536241, 0}, 1000.8619948},
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range cases {
			what := fmt.Sprint(c.in)
			x := slice(t, dev, c.in)
			requireSame(t, []float32{c.value}, evaluated(t, x.LogSumExp()), "value of "+what)
			g := graph.Grad(func(x graph.Tensor) graph.Tensor { return x.LogSumExp() })(x)
			requireSame(t, c.gradient, evaluated(t, g), "gradient at "+what)
		}
		requireSame(t, []float32{-inf, -inf}, evaluated(t, graph.Zeros(2, 0).Add(slice(t, dev, []float32{1}).Reshape()).LogSumExp(1)), "no elements")
		pair := func(a, b float32) []float32 {
			x := slice(t, dev, []float32{a, b})
			return evaluated(t, graph.Grad(func(x graph.Tensor) graph.Tensor { return x.Index(0, 0).LogAddExp(x.Index(0, 1)) })(x))
		}
		requireSame(t, []float32{0.5, 0.5}, pair(-inf, -inf), "gradient of logaddexp")
		requireSame(t, []float32{0.5, 0.5}, pair(inf, inf), "gradient of logaddexp")
		requireSame(t, []float32{0, 1}, pair(-inf, 4), "gradient of logaddexp")
		requireSame(t, []float32{1, 0}, pair(inf, 4), "gradient of logaddexp")
	})
}

// TestDerivativesAtEdges: where a formula would give 0 times infinity.
func TestDerivativesAtEdges(t *testing.T) {
	at := func(f func(graph.Tensor) graph.Tensor, x ...float32) []float32 {
		v, err := graph.Reference(context.Background(), graph.Grad(func(x graph.Tensor) graph.Tensor { return f(x).Sum() })(graph.Literal(x)))
		require.NoError(t, err)
		out := make([]float32, len(v))
		for i := range v {
			out[i] = float32(v[i])
		}
		return out
	}
	pow := func(base, exponent float64) func(graph.Tensor) graph.Tensor {
		return func(x graph.Tensor) graph.Tensor {
			if math.IsNaN(base) {
				return x.Pow(x.Like(exponent))
			}
			return x.Like(base).Pow(x)
		}
	}
	base := math.NaN() // the argument
	requireSame(t, []float32{0}, at(pow(base, 0), 0), "0^0 by the base")
	requireSame(t, []float32{1}, at(pow(base, 1), 0), "0^1 by the base")
	requireSame(t, []float32{-4}, at(pow(base, 2), -2), "(-2)^2 by the base")
	requireSame(t, []float32{0, 0}, at(pow(0, 0), 0, 2), "0^y by the exponent")
	requireSame(t, []float32{inf, inf}, at(graph.Tensor.Erfinv, 1, -1), "erfinv")
	requireSame(t, []float32{0, 0, 1.1283792}, at(graph.Tensor.Erf, inf, -inf, 0), "erf")
	requireSame(t, []float32{inf, -inf}, append(at(graph.Tensor.Asin, 1), at(graph.Tensor.Acos, -1)...), "asin, acos")
	clamp := func(x graph.Tensor) graph.Tensor { return x.Clamp(-1, 1) }
	requireSame(t, []float32{0, 0.5, 1, 0.5, 0}, at(clamp, -2, -1, 0.3, 1, 5), "clamp")
	requireSame(t, []float32{inf, 0.5819767, 0}, at(graph.Tensor.Log1mExp, 0, 1, inf), "log1mexp")
}

// TestHigherDerivatives: second and third derivatives against central differences of the one before.
func TestHigherDerivatives(t *testing.T) {
	functions := map[string]func(graph.Tensor) graph.Tensor{
		"erf": graph.Tensor.Erf, "erfc": graph.Tensor.Erfc, "erfinv": graph.Tensor.Erfinv, "lgamma": graph.Tensor.Lgamma,
		"digamma": graph.Tensor.Digamma, "polygamma2": polygamma(2), "sinh": graph.Tensor.Sinh, "cosh": graph.Tensor.Cosh,
		"asin": graph.Tensor.Asin, "acos": graph.Tensor.Acos, "atan": graph.Tensor.Atan, "log1mexp": graph.Tensor.Log1mExp,
		"tan": graph.Tensor.Tan, "asinh": graph.Tensor.Asinh, "atanh": graph.Tensor.Atanh, "exp2": graph.Tensor.Exp2,
		"log2":       graph.Tensor.Log2,
		"acosh":      func(x graph.Tensor) graph.Tensor { return x.AddScalar(1.5).Acosh() },
		"logaddexp":  func(x graph.Tensor) graph.Tensor { return x.LogAddExp(x.Scale(-2)) },
		"atan2":      func(x graph.Tensor) graph.Tensor { return x.Square().Atan2(x) },
		"pow":        func(x graph.Tensor) graph.Tensor { return x.Pow(x) },
		"logsumexp":  func(x graph.Tensor) graph.Tensor { return graph.Stack(0, x, x.Square(), x.Neg()).LogSumExp(0) },
		"reciprocal": graph.Tensor.Reciprocal,
	}
	derivative := func(f func(graph.Tensor) graph.Tensor) func(graph.Tensor) graph.Tensor {
		return graph.Grad(func(x graph.Tensor) graph.Tensor { return f(x).Sum() })
	}
	eval := func(f func(graph.Tensor) graph.Tensor, x float64) float64 {
		v, err := graph.Reference(context.Background(), f(graph.Scalar(x)))
		require.NoError(t, err)
		return v[0]
	}
	for name, f := range functions {
		for order := 1; order <= 3; order++ {
			g := derivative(f)
			for _, x := range []float64{0.31, 0.74} {
				const h = 1e-5
				want := (eval(f, x+h) - eval(f, x-h)) / (2 * h)
				require.InDelta(t, want, eval(g, x), 1e-6*(1+math.Abs(want)), "%s, derivative %d at %v", name, order, x)
			}
			f = g
		}
	}
}

// TestBits: shifts by constants take other code than those by tensors, which the conformance suite runs.
func TestBits(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		words := []uint32{0, 1, 0x80000001, 0xdeadbeef, 0xffffffff}
		signed := []int32{0, 1, -1, math.MinInt32, math.MaxInt32, -12345}
		u, s := slice(t, dev, words), slice(t, dev, signed)
		for _, n := range []int{0, 1, 13, 31, 32, 40} {
			gotLeft, gotRight := u.ShiftLeft(u.Like(float64(n))), u.ShiftRight(u.Like(float64(n)))
			left, err := graph.Read[uint32](ctx, gotLeft)
			require.NoError(t, err)
			right, err := graph.Read[uint32](ctx, gotRight)
			require.NoError(t, err)
			for i, w := range words {
				require.Equal(t, w<<n, left[i], "%#x << %d", w, n)
				require.Equal(t, w>>n, right[i], "%#x >> %d", w, n)
			}
			gotLeft.Close()
			gotRight.Close()
			got := s.ShiftRight(s.Like(float64(n)))
			v, err := got.Ints(ctx)
			require.NoError(t, err)
			for i, w := range signed {
				require.Equal(t, w>>n, v[i], "%d >> %d", w, n)
			}
			got.Close()
		}
		flipped, product := u.Not(), u.Mul(u)
		not, err := graph.Read[uint32](ctx, flipped)
		require.NoError(t, err)
		squares, err := graph.Read[uint32](ctx, product)
		require.NoError(t, err)
		exact, err := graph.Reference(ctx, product)
		require.NoError(t, err)
		for i, w := range words {
			require.Equal(t, ^w, not[i])
			require.Equal(t, w*w, squares[i])
			require.Equal(t, float64(w*w), exact[i], "the evaluator wraps as the device does")
		}
		flipped.Close()
		product.Close()
		negated := s.Not()
		ints, err := negated.Ints(ctx)
		require.NoError(t, err)
		for i, w := range signed {
			require.Equal(t, ^w, ints[i])
		}
		negated.Close()
	})
}

func TestClampOfIntegers(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		s, u := slice(t, dev, []int32{-7, -2, 0, 2, 3, math.MaxInt32}), slice(t, dev, []uint32{0, 1, 2, math.MaxUint32})
		for _, c := range []struct {
			lo, hi   float64
			signed   []int32
			unsigned []uint32
		}{
			{-2, 2.5, []int32{-2, -2, 0, 2, 2, 2}, []uint32{0, 1, 2, 2}},
			{0.5, math.Inf(1), []int32{1, 1, 1, 2, 3, math.MaxInt32}, []uint32{1, 1, 2, math.MaxUint32}},
			{math.Inf(-1), 1e12, []int32{-7, -2, 0, 2, 3, math.MaxInt32}, []uint32{0, 1, 2, math.MaxUint32}},
		} {
			x, y := s.Clamp(c.lo, c.hi), u.Clamp(c.lo, c.hi)
			signed, err := x.Ints(ctx)
			require.NoError(t, err)
			require.Equal(t, c.signed, signed, "[%v, %v]", c.lo, c.hi)
			unsigned, err := graph.Read[uint32](ctx, y)
			require.NoError(t, err)
			require.Equal(t, c.unsigned, unsigned, "[%v, %v]", c.lo, c.hi)
			x.Close()
			y.Close()
		}
	})
}

func TestNumericsErrors(t *testing.T) {
	x, n := graph.Scalar(1), graph.Int(1)
	cases := []struct {
		f     func() graph.Tensor
		kind  error
		words []string
	}{
		{func() graph.Tensor { return x.Clamp(2, 1) }, graph.ErrArgument, []string{"clamp", "2", "lower bound first"}},
		{func() graph.Tensor { return x.Clamp(math.NaN(), 1) }, graph.ErrArgument, []string{"clamp", "NaN"}},
		{func() graph.Tensor { return n.Clamp(0.2, 0.8) }, graph.ErrArgument, []string{"clamp", "no int32", "0.2 and 0.8"}},
		{func() graph.Tensor { return x.Polygamma(-1) }, graph.ErrArgument, []string{"polygamma", "-1"}},
		{func() graph.Tensor { return x.Polygamma(25) }, graph.ErrArgument, []string{"polygamma", "25", "[0, 24]"}},
		{func() graph.Tensor { return n.Lgamma() }, graph.ErrDType, []string{"lgamma", "int32", "AsFloat"}},
		{func() graph.Tensor { return x.Xor(x) }, graph.ErrDType, []string{"xor", "float32", "AsInt"}},
		{func() graph.Tensor { return n.And(n.Eq(n)) }, graph.ErrDType, []string{"and", "int32", "bool"}},
		{func() graph.Tensor { return x.ShiftLeft(x) }, graph.ErrDType, []string{"shift left", "float32"}},
		{func() graph.Tensor { return x.Not() }, graph.ErrDType, []string{"not", "float32"}},
		{func() graph.Tensor { return graph.Zeros(2).LogSumExp(1) }, graph.ErrArgument, []string{"logsumexp", "axis 1", "[2]"}},
	}
	for _, c := range cases {
		err := graph.Try(func() { c.f() })
		requireError(t, err, c.kind, append(c.words, "numerics_test.go:")...)
	}
}
