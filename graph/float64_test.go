package graph

import (
	"context"
	"errors"
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

// noDouble are the ops that have no float64 form: their errors must say so.
var noDouble = map[string]bool{
	"pow": true, "sin": true, "cos": true, "tan": true, "asin": true, "acos": true, "atan": true, "atan2": true, "sinh": true, "cosh": true,
	"asinh": true, "acosh": true, "atanh": true, "exp2": true, "log2": true, "erf": true, "erfc": true, "erfinv": true,
	"lgamma": true, "digamma": true, "polygamma(1)": true, "polygamma(2)": true, "polygamma(3)": true, "normal cdf": true, "normal quantile": true,
	"gamma draw": true, "log gamma draw": true, "poisson draw": true,
	"argsort": true, "cumulative sum": true, "cumulative prod": true, "cumulative max": true, "cumulative min": true,
	"cumulative logsumexp": true, "linear recurrence": true,
}

// TestConformanceFloat64 runs the cases of all ops in float64 where the device has it: value, both derivatives and
// vmap against the evaluator. Ops without a float64 form must say so, and only those listed have none.
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
	ctx := context.Background()
	in, _ := c.build(t, dev)
	defer closeAll(in)
	f := func(x []Tensor) Tensor { return apply(c.Op, x...) }
	var y Tensor
	err := Try(func() { y = f(in) })
	if err == nil {
		err = EvalOn(ctx, dev, y)
	}
	var e *Error
	if errors.As(err, &e) {
		require.ErrorIs(t, err, ErrDType)
		require.Contains(t, err.Error(), "no float64 form", "%v", err)
		require.True(t, noDouble[c.Op.Name()], "%s has lost its float64 form", c.Op.Name())
		return
	}
	require.NoError(t, err)
	require.False(t, noDouble[c.Op.Name()], "%s has a float64 form now: take it off the list", c.Op.Name())
	// Tolerances of cases are for float32.
	tol := c.tolerance() * 1e-7
	same := func(what string, x Tensor) {
		if errors.As(EvalOn(ctx, dev, x), &e) && noDouble[e.Op] {
			return // a derivative by an op that has no float64 form
		}
		want, err := Reference(ctx, x)
		require.NoError(t, err, what)
		scale := 1e-6
		if x.DType() == Float32 {
			scale, tol = 1, max(tol, 1e-6)
		}
		requireCloseTo(t, scale, want, readAny(t, dev, x), tol, what)
		t.Cleanup(func() { x.Close() }) // a gradient may be the cotangent itself
	}
	rng := rand.New(rand.NewPCG(21, 22))
	if y.DType().IsFloat() {
		var ts []Tensor
		for _, s := range c.In {
			ts = append(ts, upload(t, dev, Spec{Float64, s.Spec.Shape}, draw(rng, Sample{Spec: Spec{Float64, s.Spec.Shape}})))
		}
		defer closeAll(ts)
		_, dy := JVP(f, in, ts)
		same("jvp", dy)
		ct := upload(t, dev, y.Spec(), draw(rng, Sample{Spec: y.Spec()}))
		defer ct.Close()
		_, pull := VJP(f, in)
		for i, g := range pull(ct) {
			if c.In[i].Spec.DType.IsFloat() {
				require.Equal(t, Float64, g.DType(), "gradient")
			}
			same("vjp", g)
		}
	}
	same("value", y)
	if len(c.In) > 0 {
		c.Tolerance = tol
		c.checkVmap(t, dev, 1<<len(c.In)-1, 3)
	}
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
		v := []float64{0, math.Copysign(0, -1), 1.5, -2.5, 1e300, -1e300, 1e-300, math.Inf(1), math.NaN(), 3e9, -3e9, 1.0000000001}
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
		for name, y := range map[string]Tensor{"isnan": x.IsNaN(), "max": x.Max(x.Like(1)), "largest": x.Slice(0, 0, 8).ReduceMax(), "with NaN": x.ReduceMin(), "sign": x.Sign()} {
			want, err := Reference(ctx, y)
			require.NoError(t, err)
			requireClose(t, want, readAny(t, dev, y), 0, name)
			y.Close()
		}
		require.ErrorIs(t, Try(func() { x.Add(x.AsFloat()) }), ErrDType, "types do not mix")
	})
}
