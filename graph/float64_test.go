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

// TestConformanceFloat64 runs the cases of all ops on floats in float64 where the device has it: value, both derivatives and
// vmap against the evaluator.
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
			table.run(t, c, driver(dev), "float64", func(t *testing.T) { c.checkFloat64(t, dev) })
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
	ctx := context.Background()
	ys := c.apply(in)
	tol := c.tolerance() * precision(Float64)
	rng := rand.New(rand.NewPCG(21, 22))
	results := map[string]Tensor{}
	floats := false
	for i, y := range ys {
		results[fmt.Sprintf("value %d", i)] = y
		floats = floats || y.DType().IsFloat()
	}
	if floats {
		var ts, cts []Tensor
		for _, s := range c.In {
			ts = append(ts, upload(t, dev, Spec{Float64, s.Spec.Shape}, draw(rng, Sample{Spec: Spec{Float64, s.Spec.Shape}})))
		}
		for _, y := range ys {
			s := Spec{y.DType().orFloat32(), y.Shape()}
			cts = append(cts, upload(t, dev, s, draw(rng, Sample{Spec: s})))
		}
		t.Cleanup(func() { closeAll(ts, cts...) })
		_, dy := JVP(c.apply, in, ts)
		for i, y := range dy {
			results[fmt.Sprintf("jvp %d", i)] = y
		}
		_, pull := VJP(c.apply, in)
		for i, g := range pull(cts) {
			if c.In[i].Spec.DType.IsFloat() {
				require.Equal(t, Float64, g.DType(), "gradient")
			}
			results[fmt.Sprintf("vjp by operand %d", i)] = g
		}
	}
	for what, x := range results {
		t.Cleanup(func() { x.Close() }) // a gradient may be the cotangent itself
		require.NoError(t, EvalOn(ctx, dev, x), what)
		want, err := Reference(ctx, x)
		require.NoError(t, err, what)
		if x.DType() == Float32 {
			requireClose(t, want, readAny(t, dev, x), 1e-6, what)
		} else {
			requireCloseTo(t, 1e-6, want, readAny(t, dev, x), tol, what)
		}
	}
	if ys[0].DType() != Float32 {
		c.Tolerance = tol
	}
	c.checkVmap(t, dev, 1<<len(c.In)-1, 3)
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
