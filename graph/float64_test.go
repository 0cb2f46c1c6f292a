package graph

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// inFloat64 is a case with float64 for every float32; false when it has none.
func (c Case) inFloat64() (Case, bool) {
	found := false
	in := make([]Sample, len(c.In))
	for i, s := range c.In {
		if s.Spec.DType == Float32 {
			s.Spec.DType, found = Float64, true
		}
		in[i] = s
	}
	c.In = in
	return c, found
}

// withDouble are the ops beside the elementwise ones that must have a float64 form, with their derivatives. Of any
// other the error must say that it has none.
var withDouble = map[string]bool{
	"where": true, "convert": true, "reshape": true, "transpose": true, "broadcast": true, "slice": true, "pad": true, "concat": true,
	"sum": true, "max": true, "min": true, "contract": true, "stop gradient": true, "check": true, "windows": true, "fold": true,
	"cholesky": true, "solve triangular": true,
	"gather": true, "scatter sum": true, "dynamic slice": true, "dynamic place": true, "flip": true, "argsort": true, "reduce prod": true,
	"cumulative sum": true, "cumulative prod": true, "cumulative max": true, "cumulative min": true, "cumulative logsumexp": true,
	"linear recurrence": true,
}

// needsDouble reports ops that must have a float64 form: those named and all rows of doubleForms.
func needsDouble(op Op) bool {
	_, ok := doubleForms[op.Name()]
	return ok || withDouble[op.Name()]
}

// TestConformanceFloat64 runs the cases of all ops in float64 where the device has it: value, both derivatives and
// vmap against the evaluator. Ops without a float64 form must say so.
func TestConformanceFloat64(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		if !hasFloat64(dev) {
			requireFloat64Missing(t, dev)
			return
		}
		eachCase(func(c Case) {
			c, ok := c.inFloat64()
			if !ok {
				return
			}
			t.Run(caseName(c), func(t *testing.T) { c.checkFloat64(t, dev) })
		})
	})
}

func requireFloat64Missing(t *testing.T, dev *gpu.Device) {
	t.Helper()
	_, err := FromSlice(dev, []float64{1, 2})
	require.ErrorIs(t, err, ErrDType)
	assert.ErrorContains(t, err, "lacks the feature shaderFloat64")
	assert.ErrorContains(t, err, "float64_test.go")
	x := upload(t, dev, Spec{Float32, Shape{2}}, []float64{1, 2})
	defer x.Close()
	_, err = x.Convert(Float64).Sum().Convert(Float32).Float(context.Background())
	require.ErrorIs(t, err, ErrDType)
	assert.ErrorContains(t, err, "lacks the feature shaderFloat64")
}

func (c Case) checkFloat64(t *testing.T, dev *gpu.Device) {
	in, _ := c.build(t, dev)
	t.Cleanup(func() { closeAll(in) })
	var err error
	if e := Try(func() { err = c.inFloat64On(t, dev, in) }); e != nil {
		err = e
	}
	if err == nil {
		return
	}
	require.ErrorIs(t, err, ErrDType)
	require.Contains(t, err.Error(), "no float64 form")
	require.False(t, needsDouble(c.Op), "%s: %v", c.Op.Name(), err)
}

// inFloat64On compares value, derivatives and vmap with the evaluator, and returns the error of an op that has no
// float64 form.
func (c Case) inFloat64On(t *testing.T, dev *gpu.Device, in []Tensor) error {
	ctx := context.Background()
	f := func(x []Tensor) Tensor { return apply(c.Op, x...) }
	y := f(in)
	tol := c.tolerance() * 1e-7 // tolerances of cases are for float32
	rng := rand.New(rand.NewPCG(21, 22))
	results := map[string]Tensor{"value": y}
	if y.DType().IsFloat() {
		var ts []Tensor
		for _, s := range c.In {
			ts = append(ts, upload(t, dev, Spec{Float64, s.Spec.Shape}, draw(rng, Sample{Spec: Spec{Float64, s.Spec.Shape}})))
		}
		ct := upload(t, dev, y.Spec(), draw(rng, Sample{Spec: y.Spec()}))
		t.Cleanup(func() { closeAll(ts, ct) })
		_, results["jvp"] = JVP(f, in, ts)
		_, pull := VJP(f, in)
		for i, g := range pull(ct) {
			if c.In[i].Spec.DType.IsFloat() {
				require.Equal(t, Float64, g.DType(), "gradient")
			}
			results[fmt.Sprintf("vjp by operand %d", i)] = g
		}
	}
	for what, x := range results {
		t.Cleanup(func() { x.Close() }) // a gradient may be the cotangent itself
		if err := EvalOn(ctx, dev, x); err != nil {
			return err
		}
		want, err := Reference(ctx, x)
		require.NoError(t, err, what)
		if x.DType() == Float32 {
			requireClose(t, want, readAny(t, dev, x), 1e-6, what)
		} else {
			requireCloseTo(t, 1e-6, want, readAny(t, dev, x), tol, what)
		}
	}
	if y.DType() != Float32 {
		c.Tolerance = tol
	}
	c.checkVmap(t, dev, 1<<len(c.In)-1, 3)
	return nil
}

// What float32 cannot tell apart.
func TestFloat64Precision(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		if !hasFloat64(dev) {
			requireFloat64Missing(t, dev)
			return
		}
		ctx := context.Background()
		const n = 100_003
		v := make([]float64, n)
		want := 0.0
		for i := range v {
			v[i] = 1 + float64(i)*1e-12
			want += v[i] * v[i]
		}
		x, err := FromSlice(dev, v)
		require.NoError(t, err)
		defer x.Close()
		g := Grad(func(x Tensor) Tensor { return x.Square().Sum() })(x)
		grad, err := Read[float64](ctx, g)
		require.NoError(t, err)
		g.Close()
		for i := range v {
			require.Equal(t, 2*v[i], grad[i])
		}
		s := x.Dot(x)
		defer s.Close()
		sum, err := Read[float64](ctx, s)
		require.NoError(t, err)
		assert.InEpsilon(t, want, sum[0], 1e-14)
		_, err = s.Float(ctx)
		require.ErrorIs(t, err, ErrDType, "it is not read as float32")

		m, err := FromSlice(dev, v[:90_000], 300, 300) // large enough for the float32 kernels, which must not take it
		require.NoError(t, err)
		defer m.Close()
		p := m.MatMul(m)
		got, err := Read[float64](ctx, p)
		require.NoError(t, err)
		p.Close()
		for _, at := range [][2]int{{0, 0}, {17, 299}, {299, 3}} {
			dot := 0.0
			for k := range 300 {
				dot += v[at[0]*300+k] * v[k*300+at[1]]
			}
			assert.InEpsilon(t, dot, got[at[0]*300+at[1]], 1e-14)
		}
	})
}

func TestFloat64Conversions(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		if !hasFloat64(dev) {
			requireFloat64Missing(t, dev)
			return
		}
		ctx := context.Background()
		v := []float64{0, math.Copysign(0, -1), 1.5, -2.5, 1e300, -1e300, 1e-300, math.Inf(1), math.NaN(), 3e9, -3e9, 1.0000000001,
			0.5, -0.5, 2.5, 3.5, 1<<30 + 0.5, -(1<<40 + 0.75), 1<<51 + 0.5, 1<<51 + 1.5, 1 << 53}
		x, err := FromSlice(dev, v)
		require.NoError(t, err)
		defer x.Close()
		for _, to := range []DType{Float32, Int32, Uint32, Bool} {
			y := x.Convert(to)
			want, err := Reference(ctx, y)
			require.NoError(t, err)
			for i, w := range readAny(t, dev, y) {
				if to == Float32 {
					want[i] = float64(float32(want[i]))
				}
				if math.IsNaN(want[i]) {
					require.True(t, math.IsNaN(w))
				} else {
					require.Equal(t, want[i], w, "%v to %v", v[i], to)
				}
			}
			back := y.Convert(Float64)
			again := readAny(t, dev, back)
			want, err = Reference(ctx, back)
			require.NoError(t, err)
			if to != Float32 {
				require.Equal(t, want, again, "%v and back", to)
			}
			closeAll([]Tensor{y, back})
		}
		for name, y := range map[string]Tensor{"isnan": x.IsNaN(), "max": x.Max(x.Like(1)), "largest": x.Slice(0, 0, 8).ReduceMax(), "with NaN": x.ReduceMin(), "sign": x.Sign(),
			"floor": x.Floor(), "ceil": x.Ceil(), "round": x.Round(), "trunc": x.Trunc()} {
			want, err := Reference(ctx, y)
			require.NoError(t, err)
			requireClose(t, want, readAny(t, dev, y), 0, name)
			y.Close()
		}
		require.ErrorIs(t, Try(func() { x.Add(x.AsFloat()) }), ErrDType, "types do not mix")
	})
}

// Loops carry float64, and differentiate.
func TestFloat64Scan(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		if !hasFloat64(dev) {
			requireFloat64Missing(t, dev)
			return
		}
		in := []float64{0.5, 1e-9, 2, -3}
		x, err := FromSlice(dev, in)
		require.NoError(t, err)
		defer x.Close()
		f := func(x Tensor) Tensor {
			last, ys := Scan(func(c Tensor, _ struct{}) (Tensor, Tensor) {
				c = c.Mul(x.Tanh()).Add(x)
				return c, c.Square().Sum()
			}, x.Scale(0), struct{}{}, Rounds(150))
			return last.Sum().Add(ys.Mean())
		}
		for _, y := range []Tensor{f(x), Grad(f)(x)} {
			want, err := Reference(context.Background(), y)
			require.NoError(t, err)
			requireClose(t, want, readAny(t, dev, y), 1e-13, "scan")
			y.Close()
		}
	})
}
