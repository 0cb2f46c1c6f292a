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

// The conformance suite is driven by the ops' own cases: the device against the float64 evaluator for values, JVP, VJP and
// vmap; derivatives of first and second order in the evaluator against central differences (derivatives_test.go); vmap
// against a loop over samples. TestMain prints what ran as a table (table_test.go).

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

// eachCaseOn gives the cases that dev has the types for.
func eachCaseOn(dev *gpu.Device, f func(c Case)) {
	eachCase(func(c Case) {
		if !c.float64() || hasFloat64(dev) {
			f(c)
		}
	})
}

// float64 reports whether a case needs a device with float64, as it stands.
func (c Case) float64() bool {
	specs := make([]Spec, len(c.In))
	for i, s := range c.In {
		specs[i] = s.Spec
	}
	if _, ok := c.Op.(multiOp); !ok {
		if out, err := c.Op.Infer(specs); err == nil {
			specs = append(specs, out)
		}
	}
	return firstFloat64(specs) >= 0
}

// apply applies the case's op, which may have several results.
func (c Case) apply(in []Tensor) []Tensor {
	if op, ok := c.Op.(multiOp); ok {
		return applyMulti(op, in...)
	}
	return []Tensor{apply(c.Op, in...)}
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
		eachCaseOn(dev, func(c Case) {
			table.run(t, c, driver(dev), "value", func(t *testing.T) {
				in, _ := c.build(t, dev)
				outs := c.apply(in)
				compareOnDevice(t, dev, outs, 1e-6, c.tolerance(), "value")
				closeAll(in, outs...)
			})
		})
	})
}

// compareOnDevice evaluates all tensors in one program and compares with the evaluator.
func compareOnDevice(t *testing.T, dev *gpu.Device, outs []Tensor, scale, tol float64, what string) {
	t.Helper()
	want := make([][]float64, len(outs))
	for i, y := range outs {
		v, err := Reference(context.Background(), y)
		require.NoError(t, err)
		want[i] = v
	}
	require.NoError(t, EvalOn(context.Background(), dev, outs))
	for i, y := range outs {
		requireCloseTo(t, scale, want[i], readAny(t, dev, y), tol, fmt.Sprintf("%s %d", what, i))
	}
}

func closeAll(in []Tensor, more ...Tensor) {
	for _, t := range append(in, more...) {
		t.Close()
	}
}

// TestConformanceVmap maps every combination of operands, for batches of 0, 1 and 3, and compares with
// a loop over samples.
func TestConformanceVmap(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		eachCaseOn(dev, func(c Case) {
			if len(c.In) == 0 {
				return
			}
			table.run(t, c, driver(dev), "vmap", func(t *testing.T) {
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
		in[i] = upload(t, dev, Spec{s.Spec.DType, shape}, draw(rng, Sample{Spec: Spec{s.Spec.DType, shape}, Lo: s.Lo, Hi: s.Hi, Prepare: s.Prepare}))
	}
	got := Vectorize("vmap", c.apply, in, axes, func(int, int) (int, bool) { return 0, false })
	want := make([][]float64, len(got))
	for s := range b {
		one := make([]Tensor, len(in))
		for i, x := range in {
			one[i] = x
			if axes[i] != Shared {
				one[i] = x.Index(axes[i], s)
			}
		}
		for i, y := range c.apply(one) {
			v, err := Reference(ctx, y)
			require.NoError(t, err)
			want[i] = append(want[i], v...)
		}
	}
	require.NoError(t, EvalOn(ctx, dev, got))
	for i, y := range got {
		requireClose(t, want[i], readAny(t, dev, y), 2*c.tolerance(), fmt.Sprintf("vmap, mapped operands %b, batch %d, result %d", mask, b, i))
	}
	closeAll(in, got...)
}
