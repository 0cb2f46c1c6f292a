package graph

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// The conformance suite is driven by the ops' own cases: the device against the float64 evaluator, JVP
// and VJP against central differences in float64, vmap against a loop over samples.

func draw(rng *rand.Rand, s Sample) []float64 {
	lo, hi := s.Lo, s.Hi
	if lo == hi {
		lo, hi = -2, 2
	}
	v := make([]float64, s.Spec.Shape.Size())
	for i := range v {
		x := lo + (hi-lo)*rng.Float64()
		switch s.Spec.DType {
		case Float32:
			v[i] = float64(float32(x))
		case Float64:
			v[i] = x
		case Bool:
			v[i] = float64(rng.IntN(2))
		default:
			v[i] = math.Floor(x)
		}
	}
	if s.Prepare != nil {
		s.Prepare(s.Spec.Shape, v)
	}
	return v
}

func upload(t *testing.T, dev *gpu.Device, s Spec, v []float64) Tensor {
	t.Helper()
	a, err := dev.Upload(context.Background(), encode(s.DType, v))
	require.NoError(t, err)
	return wrap(a, s, 0)
}

func readAny(t *testing.T, dev *gpu.Device, x Tensor) []float64 {
	t.Helper()
	require.NoError(t, EvalOn(context.Background(), dev, x))
	h, err := hostOf(context.Background(), x.n.array.Load(), x.Spec())
	require.NoError(t, err)
	return h.V
}

func requireClose(t *testing.T, want, got []float64, tol float64, what string) {
	t.Helper()
	requireCloseTo(t, 1e-6, want, got, tol, what)
}

// requireCloseTo allows a difference of tol times the largest value, or times scale where all are smaller.
func requireCloseTo(t *testing.T, scale float64, want, got []float64, tol float64, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for _, v := range want {
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			scale = max(scale, math.Abs(v))
		}
	}
	for i := range want {
		if math.IsNaN(want[i]) {
			require.True(t, math.IsNaN(got[i]), "%s: element %d is %v, want NaN", what, i, got[i])
			continue
		}
		if want[i] != got[i] && !(math.Abs(want[i]-got[i]) <= tol*scale) {
			require.Failf(t, "values differ", "%s: element %d is %v, want %v (scale %v, tolerance %v)", what, i, got[i], want[i], scale, tol)
		}
	}
}

func (c Case) tolerance() float64 {
	if c.Tolerance > 0 {
		return c.Tolerance
	}
	return 1e-6
}

func caseName(c Case) string {
	s := opKey(c.Op)
	for _, in := range c.In {
		s += " " + in.Spec.String()
	}
	return s
}

func eachCase(f func(c Case)) {
	for _, op := range Ops() {
		for _, c := range op.Cases() {
			f(c)
		}
	}
}

// build makes the case's operands as arrays of dev and applies the op.
func (c Case) build(t *testing.T, dev *gpu.Device) (in []Tensor, values [][]float64) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range c.In {
		v := draw(rng, s)
		values = append(values, v)
		in = append(in, upload(t, dev, s.Spec, v))
	}
	return in, values
}

func TestConformanceValue(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		eachCase(func(c Case) {
			t.Run(caseName(c), func(t *testing.T) {
				in, _ := c.build(t, dev)
				y := apply(c.Op, in...)
				want, err := Reference(context.Background(), y)
				require.NoError(t, err)
				requireClose(t, want, readAny(t, dev, y), c.tolerance(), "value")
				closeAll(in, y)
			})
		})
	})
}

func closeAll(in []Tensor, more ...Tensor) {
	for _, t := range append(in, more...) {
		t.Close()
	}
}

// TestConformanceDerivatives checks JVP against central differences of the float64 evaluator, and VJP
// against JVP: <ct, J t> = <J^T ct, t>.
func TestConformanceDerivatives(t *testing.T) {
	eachCase(func(c Case) {
		if c.Kinked || len(c.In) == 0 {
			return
		}
		t.Run(caseName(c), func(t *testing.T) {
			ctx := context.Background()
			rng := rand.New(rand.NewPCG(3, 4))
			var values, tangents [][]float64
			var in, ts []Tensor
			some := false
			for _, s := range c.In {
				v, d := draw(rng, s), draw(rng, Sample{Spec: Spec{Float32, s.Spec.Shape}})
				values, tangents = append(values, v), append(tangents, d)
				in = append(in, literalOf(s.Spec, v))
				ts = append(ts, literalOf(Spec{Float32, s.Spec.Shape}, d))
				some = some || s.Spec.DType.IsFloat()
			}
			f := func(x []Tensor) Tensor { return apply(c.Op, x...) }
			if !some || !f(in).DType().IsFloat() {
				return
			}
			eval := func(h float64) []float64 {
				moved := make([]Tensor, len(in))
				for i, s := range c.In {
					v := append([]float64(nil), values[i]...)
					if s.Spec.DType.IsFloat() {
						for j := range v {
							v[j] += h * tangents[i][j]
						}
					}
					moved[i] = literalOf(s.Spec, v)
				}
				out, err := Reference(ctx, f(moved))
				require.NoError(t, err)
				return out
			}
			y, dy := JVP(f, in, ts)
			got, err := Reference(ctx, dy)
			require.NoError(t, err)
			const h = 1e-5
			up, down := eval(h), eval(-h)
			want := make([]float64, len(up))
			for i := range want {
				want[i] = (up[i] - down[i]) / (2 * h)
			}
			requireClose(t, want, got, 1e-6, "jvp")

			ctv := draw(rng, Sample{Spec: y.Spec()})
			_, pull := VJP(f, in)
			left, right := 0.0, 0.0
			for i, v := range got {
				left += v * ctv[i]
			}
			for i, g := range pull(literalOf(y.Spec(), ctv)) {
				gv, err := Reference(ctx, g)
				require.NoError(t, err)
				if c.In[i].Spec.DType.IsFloat() {
					for j, v := range gv {
						right += v * tangents[i][j]
					}
				}
			}
			require.InDelta(t, left, right, 1e-9*(1+math.Abs(left)), "vjp against jvp")
		})
	})
}

// literalOf is a host constant with float64 values, so that differences are not rounded to float32.
func literalOf(s Spec, v []float64) Tensor {
	if len(v) == 0 {
		v = []float64{0}
	}
	if len(v) == 1 && s.Shape.Size() != 1 {
		return constant(s, v...)
	}
	return constant(s, v...)
}

// TestConformanceVmap maps every combination of operands, for batches of 0, 1 and 3, and compares with
// a loop over samples.
func TestConformanceVmap(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		eachCase(func(c Case) {
			if len(c.In) == 0 {
				return
			}
			t.Run(caseName(c), func(t *testing.T) {
				for mask := 1; mask < 1<<len(c.In); mask++ {
					for _, b := range []int{0, 1, 3} {
						c.checkVmap(t, dev, mask, b)
					}
				}
			})
		})
	})
}

func (c Case) checkVmap(t *testing.T, dev *gpu.Device, mask, b int) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(5, uint64(mask)))
	axes := make([]int, len(c.In))
	in := make([]Tensor, len(c.In))
	for i, s := range c.In {
		axes[i] = Shared
		shape := s.Spec.Shape
		if mask>>i&1 == 1 {
			axes[i] = i % (len(shape) + 1) // also axes in the middle
			shape = append(append(append(Shape{}, shape[:axes[i]]...), b), shape[axes[i]:]...)
		}
		in[i] = upload(t, dev, Spec{s.Spec.DType, shape}, draw(rng, Sample{Spec{s.Spec.DType, shape}, s.Lo, s.Hi, s.Prepare}))
	}
	f := func(x []Tensor) []Tensor { return []Tensor{apply(c.Op, x...)} }
	got := Vectorize("vmap", f, in, axes, func(int, int) (int, bool) { return 0, false })[0]
	var want []float64
	for s := range b {
		one := make([]Tensor, len(in))
		for i, x := range in {
			one[i] = x
			if axes[i] != Shared {
				one[i] = x.Index(axes[i], s)
			}
		}
		v, err := Reference(ctx, f(one)[0])
		require.NoError(t, err)
		want = append(want, v...)
	}
	requireClose(t, want, readAny(t, dev, got), 2*c.tolerance(), fmt.Sprintf("vmap, mapped operands %b, batch %d", mask, b))
	closeAll(in, got)
}
