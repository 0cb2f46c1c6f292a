package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders"
)

var lowPrecisions = []Precision{PrecisionBFloat16, PrecisionFloat16}

// precisionCase is a function with products whose operands are no products' results but where a tolerance is given: a result on the edge between two
// 16-bit numbers may be rounded to either.
type precisionCase struct {
	name string
	in   []Sample
	f    func(x []Tensor) []Tensor
	tol  float64
}

// perSample maps the gradient of a layer, a product over the positions of a sample, over samples.
func perSample(x []Tensor) []Tensor {
	return Vectorize("vmap", func(v []Tensor) []Tensor {
		_, pull := VJP(func(w Tensor) Tensor { return v[0].MatMul(w) }, v[1])
		return []Tensor{pull(v[2])}
	}, x, []int{0, Shared, 0}, func(int, int) (int, bool) { return 0, false })
}

var precisionCases = []precisionCase{
	{name: "product", in: []Sample{sample(90, 77), sample(77, 101)}, f: func(x []Tensor) []Tensor { return []Tensor{x[0].MatMul(x[1])} }},
	{name: "small product", in: []Sample{sample(5, 7), sample(7, 6)}, f: func(x []Tensor) []Tensor { return []Tensor{x[0].MatMul(x[1])} }},
	{name: "inner product", in: []Sample{sample(300), sample(300)}, f: func(x []Tensor) []Tensor { return []Tensor{x[0].Dot(x[1])} }},
	{name: "batch", in: []Sample{sample(3, 40, 66), sample(3, 66, 70)}, f: func(x []Tensor) []Tensor { return []Tensor{x[0].MatMul(x[1])} }},
	{name: "transposed", in: []Sample{sample(77, 90), sample(101, 77)}, f: func(x []Tensor) []Tensor {
		return []Tensor{x[0].Transpose(1, 0).MatMul(x[1].Transpose(1, 0))}
	}},
	{name: "convolution", in: []Sample{sample(2, 5, 12, 13), sample(16, 5, 3, 3)}, f: func(x []Tensor) []Tensor {
		return []Tensor{Conv(x[0], x[1], ConvOptions{Padding: [][2]int{{1, 1}, {1, 1}}})}
	}},
	{name: "gradients", in: []Sample{sample(90, 77), sample(77, 101), sample(90, 101)}, f: func(x []Tensor) []Tensor {
		return Grad(func(v []Tensor) Tensor { return v[0].MatMul(v[1]).Mul(x[2]).Sum() })(x[:2])
	}},
	{name: "norms of samples", in: []Sample{sample(6, 20, 30), sample(30, 40), sample(6, 20, 40)}, f: func(x []Tensor) []Tensor {
		return []Tensor{perSample(x)[0].Square().Sum(1, 2)}
	}, tol: 1e-5}, // by way of Gram matrices
	{name: "summed squares of samples", in: []Sample{sample(9, 40, 64), sample(64, 48), sample(9, 40, 48)}, f: func(x []Tensor) []Tensor {
		return []Tensor{perSample(x)[0].Square().Sum(0)}
	}},
	{name: "sums over a loop", in: []Sample{sample(12, 30, 40), sample(12, 30, 50)}, f: func(x []Tensor) []Tensor {
		sum, _ := Scan(func(sum Tensor, v []Tensor) (Tensor, struct{}) {
			return sum.Add(v[0].Sin().Transpose(1, 0).MatMul(v[1])), struct{}{}
		}, Zeros(40, 50), x, Rolled())
		return []Tensor{sum}
	}, tol: 4e-4},
	{name: "loop", in: []Sample{sampleIn(-0.3, 0.3, 40, 40), sample(16, 40)}, f: func(x []Tensor) []Tensor {
		last := Fori(0, 3, func(_, h Tensor) Tensor { return h.MatMul(x[0]).Tanh() }, x[1])
		return []Tensor{last}
	}, tol: 2e-3},
	{name: "branches", in: []Sample{sample(30, 40), sample(40, 50)}, f: func(x []Tensor) []Tensor {
		return []Tensor{Cond(x[0].Sum().Gt(Scalar(0)), func(v []Tensor) Tensor { return v[0].MatMul(v[1]) }, func(v []Tensor) Tensor { return v[0].MatMul(v[1]).Neg() }, x)}
	}},
}

// reference is f at values by the evaluator, with products of a precision.
func (c precisionCase) reference(t *testing.T, p Precision, values [][]float64) [][]float64 {
	like := make([]Tensor, len(c.in))
	for i, s := range c.in {
		like[i] = Placeholder(s.Spec.DType, s.Spec.Shape...)
	}
	params, _, outs := traceLike("test", c.f, like)
	l, err := lift(params, outs)
	require.NoError(t, err)
	given := map[*node]*Host{}
	for i, n := range l.params {
		given[n] = &Host{n.spec, values[i]}
	}
	hosts, err := evaluate(t.Context(), p.apply(l.outputs), given)
	require.NoError(t, err)
	var out [][]float64
	for _, h := range hosts {
		out = append(out, h.V)
	}
	return out
}

// check compares the function on a device with the evaluator.
func (c precisionCase) check(t *testing.T, dev *gpu.Device, p Precision) {
	rng := rand.New(rand.NewPCG(5, 6))
	in, values := make([]Tensor, len(c.in)), make([][]float64, len(c.in))
	for i, s := range c.in {
		values[i] = draw(rng, s)
		in[i] = upload(t, dev, s.Spec, values[i])
	}
	defer closeAll(in)
	got, err := Jit(dev, c.f, ProductPrecision(p))(t.Context(), in)
	require.NoError(t, err)
	defer closeAll(got)
	tol := c.tol
	if tol == 0 {
		tol = 2e-6
	}
	if tol > 1e-5 && p == PrecisionFloat16 { // three bits more
		tol /= 8
	}
	want, exact := c.reference(t, p, values), c.reference(t, PrecisionHighest, values)
	for i := range want {
		requireClose(t, want[i], readAny(t, dev, got[i]), tol, fmt.Sprint("result ", i))
		if p.rounds() != nil {
			require.Greater(t, difference(want[i], exact[i]), 2*tol, "the rounding should be seen")
		}
	}
}

// difference is the largest difference in units of the largest value.
func difference(a, b []float64) float64 {
	d, scale := 0.0, 0.0
	for i := range a {
		d, scale = max(d, math.Abs(a[i]-b[i])), max(scale, math.Abs(a[i]))
	}
	return d / scale
}

// Products of every kind have rounded operands and nothing else, on every driver, whatever the compiler makes of them.
func TestPrecisionRoundsOperands(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, p := range lowPrecisions {
			for _, c := range precisionCases {
				t.Run(p.String()+"/"+c.name, func(t *testing.T) {
					c.check(t, dev, p)
				})
			}
		}
	})
}

// The same on cooperative matrices, where the driver has them.
func TestPrecisionOnCooperativeMatrices(t *testing.T) {
	units := gpu.WithProfile(func(p *gpu.Profile) { p.RoundedMatrices, p.SplitMatrices, p.MatrixTile = true, true, 32 })
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, p := range []Precision{PrecisionBFloat16, PrecisionFloat16, PrecisionHigh} {
			t.Run(p.String(), func(t *testing.T) {
				rounding := map[Precision]shaders.Rounding{PrecisionBFloat16: shaders.RoundBFloat16, PrecisionFloat16: shaders.RoundFloat16, PrecisionHigh: shaders.SplitBFloat16}[p]
				if target := productTarget(dev.Profile(), PrecisionHighest); !target.Cooperative(rounding) {
					t.Skipf("%s enumerates no cooperative matrices for %v operands", dev.Name(), rounding)
				}
				product := precisionCases[0]
				tr := newTrace("test")
				y := product.f([]Tensor{tr.param(product.in[0].Spec), tr.param(product.in[1].Spec)})
				used := false
				for _, n := range reach(planMatmuls(p.apply(nodes(y)), dev.Profile(), p), nil) {
					o, ok := n.op.(matmulOp)
					used = used || ok && o.target.Rounding == rounding
				}
				assert.True(t, used, "the kernels on cooperative matrices should serve this")
				for _, c := range precisionCases {
					t.Run(c.name, func(t *testing.T) { c.check(t, dev, p) })
				}
			})
		}
	}, units)
}

// A profile of a large GPU: the products of a training step, rounded, all go to cooperative matrices, which round as they read.
func TestProductsGoToCooperativeMatrices(t *testing.T) {
	p := gpu.Profile{Kind: gpu.Discrete, Driver: "nvidia", LocalSize: 256, VecPerInvocation: 1, SharedMemory: true, Cores: 132, SubgroupSize: 32, MatMul: gpu.MatMulShared,
		Rates: gpu.BuiltInRates(gpu.Discrete, ""), PreserveNaN: true, MaxBindings: 24, MaxStorageRange: math.MaxInt32, MaxAllocation: math.MaxInt64, MaxShared: 48 << 10,
		MaxWorkgroup: 1024, MaxWorkgroupSize: [3]int{1024, 1024, 64}, RoundedMatrices: true, SplitMatrices: true, Matrices: []gpu.MatrixProduct{
			{M: 16, N: 16, K: 16, A: gpu.MatrixFloat16, B: gpu.MatrixFloat16, C: gpu.MatrixFloat16, Result: gpu.MatrixFloat16},
			{M: 16, N: 16, K: 16, A: gpu.MatrixFloat16, B: gpu.MatrixFloat16, C: gpu.MatrixFloat32, Result: gpu.MatrixFloat32},
			{M: 16, N: 16, K: 16, A: gpu.MatrixBFloat16, B: gpu.MatrixBFloat16, C: gpu.MatrixFloat32, Result: gpu.MatrixFloat32}}}
	step := func(x []Tensor) []Tensor {
		return Grad(func(w []Tensor) Tensor { return x[0].MatMul(w[0]).ReLU().MatMul(w[1]).Square().Sum() })(x[1:])
	}
	like := []Tensor{Placeholder(Float32, 256, 784), Placeholder(Float32, 784, 128), Placeholder(Float32, 128, 64)}
	for precision, want := range map[Precision]shaders.Rounding{PrecisionHighest: shaders.Unrounded, PrecisionHigh: shaders.SplitBFloat16,
		PrecisionBFloat16: shaders.RoundBFloat16, PrecisionFloat16: shaders.RoundFloat16} {
		params, _, outs := traceLike("test", step, like)
		l, err := lift(params, outs)
		require.NoError(t, err)
		products := 0
		for _, n := range reach(planMatmuls(simplify(precision.apply(l.outputs)), p, precision), nil) {
			switch o := n.op.(type) {
			case matmulOp:
				products++
				assert.Equal(t, want, o.target.Rounding, "%v", precision)
			case elementwise:
				assert.True(t, o.rule != bfloat16Rule && o.rule != float16Rule, "%v: a rounding of its own", precision)
			}
		}
		assert.Equal(t, 5, products, "%v", precision)
	}
}

// PrecisionHigh keeps its bound for numbers of all sizes, whatever computes it.
func TestPrecisionHigh(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const m, k, n = 80, 96, 112
		rng := rand.New(rand.NewPCG(2, 9))
		numbers := func(count int) []float64 {
			v := make([]float64, count)
			for i := range v {
				v[i] = float64(float32(rng.NormFloat64() * math.Exp2(float64(rng.IntN(40)-20))))
			}
			return v
		}
		a, b := numbers(m*k), numbers(k*n)
		x, y := upload(t, dev, Spec{Float32, Shape{m, k}}, a), upload(t, dev, Spec{Float32, Shape{k, n}}, b)
		defer closeAll([]Tensor{x, y})
		c, err := Jit2(dev, Tensor.MatMul, ProductPrecision(PrecisionHigh))(t.Context(), x, y)
		require.NoError(t, err)
		defer c.Close()
		for i, got := range readAny(t, dev, c) {
			sum, size := 0.0, 0.0
			for l := range k {
				v := a[i/n*k+l] * b[l*n+i%n]
				sum, size = sum+v, size+math.Abs(v)
			}
			require.InDelta(t, sum, got, (k+2)*0x1p-23*size)
		}
	})
}

// What becomes infinite, and what infinities and NaN become.
func TestPrecisionOfSpecialValues(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		p          Precision
		x, y, want float64
	}{
		{PrecisionFloat16, 65504, 1, 65504}, {PrecisionFloat16, 65519, 1, 65504}, {PrecisionFloat16, 65520, 1, inf}, {PrecisionFloat16, -1e30, 2, -inf},
		{PrecisionFloat16, 70000, 0, nan}, {PrecisionFloat16, 60001, 60031, 60000 * 60032}, {PrecisionFloat16, 0x1p-25, 1, 0}, {PrecisionFloat16, 0x1.8p-24, 1, 0x1p-23},
		{PrecisionFloat16, 1 + 0x1p-11, 1, 1}, {PrecisionFloat16, 1 + 3*0x1p-11, 1, 1 + 0x1p-9}, {PrecisionFloat16, inf, -1, -inf}, {PrecisionFloat16, nan, 1, nan},
		{PrecisionBFloat16, 65520, 1, 65536}, {PrecisionBFloat16, 1e30, 1, 0x1.94p+99}, {PrecisionBFloat16, 3.39e38, 1, 0x1.fep+127}, {PrecisionBFloat16, 3.4e38, 1, inf},
		{PrecisionBFloat16, 1 + 0x1p-8, 1, 1}, {PrecisionBFloat16, 1 + 3*0x1p-8, 1, 1 + 0x1p-6}, {PrecisionBFloat16, 1e30, 1e30, inf}, {PrecisionBFloat16, -inf, 0, nan},
		{PrecisionBFloat16, nan, 0, nan}, {PrecisionHigh, inf, 1, inf}, {PrecisionHigh, 3.4e38, 0.5, float64(float32(3.4e38)) / 2},
		{PrecisionHigh, inf, 0, nan}, {PrecisionHigh, 70000, 0, 0},
	} {
		test := precisionCase{in: []Sample{sample(2, 2), sample(2, 2)}, f: func(x []Tensor) []Tensor { return []Tensor{x[0].MatMul(x[1])} }}
		values := [][]float64{{float64(float32(c.x)), 0, 0, 0}, {float64(float32(c.y)), 0, 0, 0}}
		same := func(got float64, what string) {
			assert.True(t, got == c.want || got != got && c.want != c.want, "%s: %v: %v times %v is %v, not %v", what, c.p, c.x, c.y, got, c.want)
		}
		if c.p != PrecisionHigh && !math.IsInf(c.want, 0) { // float64 does not overflow
			same(test.reference(t, c.p, values)[0][0], "evaluator")
		}
		gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
			in := []Tensor{upload(t, dev, Spec{Float32, Shape{2, 2}}, values[0]), upload(t, dev, Spec{Float32, Shape{2, 2}}, values[1])}
			defer closeAll(in)
			got, err := Jit(dev, test.f, ProductPrecision(c.p))(t.Context(), in)
			require.NoError(t, err)
			defer closeAll(got)
			same(readAny(t, dev, got[0])[0], dev.Name())
		})
	}
}

func TestPrecisionErrors(t *testing.T) {
	dev := gputest.Open(t)
	x := uploadFloats(t, dev, []float32{1, 2, 3, 4}, 2, 2)
	defer x.Close()
	_, err := Jit2(dev, Tensor.MatMul, ProductPrecision(9))(t.Context(), x, x)
	require.ErrorContains(t, err, "ProductPrecision is precision(9)")
	require.ErrorContains(t, err, "precision_test.go")
}

// Random programs, and their gradients, with rounded products: what the compiler fuses and moves around them changes nothing.
func TestRandomProgramsRounded(t *testing.T) {
	n := (*randomPrograms + 5) / 6
	if testing.Short() {
		n = min(n, 4)
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rounded := 0
		for seed := range n {
			p := lowPrecisions[seed%2]
			t.Run(fmt.Sprint(seed, " ", p), func(t *testing.T) {
				const limit = 1000
				r, rng := seeded(uint64(seed)), rand.New(rand.NewPCG(1, 2))
				var in []Tensor
				for _, s := range r.inputs(Float32, limit) {
					in = append(in, upload(t, dev, s, draw(rng, Sample{Spec: s, Lo: -1, Hi: 1})))
				}
				outs := r.build(Float32, limit, in)
				grads, ok := reversible(t, func() []Tensor {
					return Grad(func(in []Tensor) Tensor {
						total := Scalar(0)
						for _, y := range r.build(Float32, limit, in) {
							if y.DType().IsFloat() {
								total = total.Add(y.Mean())
							}
						}
						return total
					})(in)
				})
				if ok {
					outs = append(outs, grads...)
				}
				outs = tensors(p.apply(nodes(outs)))
				for _, x := range reach(nodes(outs), nil) {
					if e, is := x.op.(elementwise); is && e.rule == p.rounds() {
						rounded++
					}
				}
				requireAgreement(t, dev, outs, p.String())
				closeAll(in, outs...)
			})
		}
		assert.Positive(t, rounded, "some of the programs should have products")
	})
}
