package emath_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/internal/special"
	"github.com/lavagrad/lavagrad/shaders/emath"
	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvrun"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	localSize = 64
	minNormal = 0x1p-126
)

// samples is the number of arguments each function is tested with on each device.
func samples() int {
	if testing.Short() {
		return 1 << 16
	}
	return 1 << 20
}

// kernel applies f to float4s: binding i is argument i, the last the result.
// Push word 0 is the number of float4s.
func kernel(f emath.Function) []uint32 {
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{localSize}})
	b.Push(1)
	t := spirv.F32.Vec(4)
	out := b.StorageBuffer(f.Args, t, spirv.WriteOnly)
	i := b.GlobalID(0)
	b.If(b.Lt(i, b.PushU32(0)), func() {
		args := make([]spirv.Value, f.Args)
		for k := range args {
			args[k] = b.Load(b.StorageBuffer(k, t, spirv.ReadOnly), i)
		}
		b.Store(out, i, f.Emit(b, args...))
	})
	return b.Module()
}

func run(tb testing.TB, d *gpu.Device, code []uint32, args [][]float32) []float32 {
	inputs := make([][]uint32, len(args))
	for k, a := range args {
		inputs[k] = make([]uint32, len(a))
		for i, x := range a {
			inputs[k][i] = math.Float32bits(x)
		}
	}
	n := len(args[0])
	groups := [3]uint32{uint32((n/4 + localSize - 1) / localSize), 1, 1}
	words := spirvrun.Run(tb, d, code, groups, []uint32{uint32(n / 4)}, n, inputs...)
	out := make([]float32, n)
	for i, w := range words {
		out[i] = math.Float32frombits(w)
	}
	return out
}

// TestAccuracy checks the claims of Functions: special values in all
// combinations, bit patterns spread over all floats, and the hard intervals.
func TestAccuracy(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, f := range emath.Functions {
			t.Run(f.Name, func(t *testing.T) {
				code := kernel(f)
				spirvtest.Validate(t, code)
				args := arguments(f, samples())
				got := run(t, d, code, args)
				worst, wrong := 0.0, 0
				var worstAt []float64
				for i, y := range got {
					x := make([]float64, f.Args)
					for k := range x {
						x[k] = float64(args[k][i])
					}
					ulp, ok := judge(f, x, float64(y))
					if !ok {
						if wrong++; wrong <= 10 {
							t.Errorf("%s(%v) = %v, want %v: %.3g ULP", f.Name, x, y, f.Reference(x...), ulp)
						}
					} else if ulp > worst {
						worst, worstAt = ulp, x
					}
				}
				assert.Zero(t, wrong, "wrong results of %d", len(got))
				t.Logf("%s: at most %.3f ULP, at %v", f.Name, worst, worstAt)
			})
		}
	})
}

// TestGammaFunctionsOfPositives: the bounds that Functions gives for lgamma and
// digamma are those of negative arguments.
func TestGammaFunctionsOfPositives(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, f := range emath.Functions {
			if f.Name != "lgamma" && f.Name != "digamma" {
				continue
			}
			f.MaxULP, f.Magnitude = 2, nil
			args := arguments(f, samples())
			tested := 0
			for i, y := range run(t, d, kernel(f), args) {
				if x := float64(args[0][i]); x > 0 {
					ulp, ok := judge(f, []float64{x}, float64(y))
					require.True(t, ok, "%s(%v) = %v, want %v: %.3g ULP", f.Name, x, y, f.Reference(x), ulp)
					tested++
				}
			}
			require.Greater(t, tested, len(args[0])/4)
		}
	})
}

// TestPolygammaOfHighOrder goes up to the highest, where factorials and powers leave the floats on the way.
func TestPolygammaOfHighOrder(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, n := range []int{8, 13, emath.MaxPolygamma} {
			f := emath.Function{
				Name: fmt.Sprintf("polygamma%d", n), Args: 1, MaxULP: float64(2*n + 2),
				Emit:      func(b *spirv.Builder, a ...spirv.Value) spirv.Value { return emath.Polygamma(b, n, a[0]) },
				Reference: func(a ...float64) float64 { return special.Polygamma(n, a[0]) },
			}
			code := kernel(f)
			spirvtest.Validate(t, code)
			xs := make([]float32, 1<<12)
			for i := range xs {
				xs[i] = -3.9 + float32(i)/64
			}
			for i, y := range run(t, d, code, [][]float32{xs}) {
				x := float64(xs[i])
				f.Magnitude = func(...float64) float64 { return max(math.Abs(f.Reference(x)), math.Abs(f.Reference(1-x))) }
				ulp, ok := judge(f, []float64{x}, float64(y))
				require.True(t, ok, "%s(%v) = %v, want %v: %.3g ULP", f.Name, x, y, f.Reference(x), ulp)
			}
		}
	})
}

// judge tells whether y will do for f(x), and its error. A device may take
// denormal arguments for zeros, and give zeros for denormal results.
func judge(f emath.Function, x []float64, y float64) (ulp float64, ok bool) {
	ulp = math.Inf(1)
	for flush := range 1 << len(x) {
		arg := make([]float64, len(x))
		copy(arg, x)
		for k := range arg {
			if flush>>k&1 == 1 && math.Abs(arg[k]) < minNormal {
				arg[k] = math.Copysign(0, arg[k])
			}
		}
		e, good := judgeExact(f, arg, y)
		if ok = ok || good; e < ulp {
			ulp = e
		}
	}
	return ulp, ok
}

func judgeExact(f emath.Function, x []float64, y float64) (ulp float64, ok bool) {
	want := f.Reference(x...)
	wrong, almostMax := math.Inf(1), math.MaxFloat32*(1-0x1p-22)
	switch {
	case math.IsNaN(want) || math.IsNaN(y):
		return 0, math.IsNaN(want) && math.IsNaN(y)
	case math.Signbit(want) != math.Signbit(y) && (want == 0 || math.Abs(want) > f.AbsError):
		return wrong, false
	case math.Abs(want) < minNormal && y == 0: // flushed
		return 0, true
	case want == y:
		return 0, true
	case math.IsInf(want, 0) || want == 0:
		return wrong, false
	case math.IsInf(y, 0):
		return 0, math.Abs(want) > almostMax
	case math.Abs(want) > math.MaxFloat32: // rounds to infinity, or nearly
		return 0, math.Abs(y) > almostMax && math.Abs(want) < math.MaxFloat32*(1+0x1p-22)
	}
	magnitude := math.Abs(want)
	if f.Magnitude != nil {
		magnitude = f.Magnitude(x...)
	}
	_, exponent := math.Frexp(max(magnitude, minNormal))
	unit := math.Ldexp(1, exponent-24)
	ulp = max(math.Abs(y-want)-f.AbsError, 0) / unit
	return ulp, ulp <= f.MaxULP
}

var specials = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1.5, -1.5, 10000001, 16777216, -16777215,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32, -math.MaxFloat32,
	1e-45, -1e-45, 1e-38, -1e-38, minNormal, -minNormal, 1 + 0x1p-23, 1 - 0x1p-24,
	88.72283, 88.72284, -87.33655, -103.97, 1e9, -1e9,
	16367173 * 0x1p72, // the float nearest to a multiple of pi/2, relative to itself
}

// arguments returns n arguments for f, n a multiple of 4.
func arguments(f emath.Function, n int) [][]float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	args := make([][]float32, f.Args)
	for k := range args {
		args[k] = make([]float32, 0, n)
	}
	if f.Args == 1 {
		xs := append(args[0], specials...)
		for _, h := range f.Hard {
			steps := n / 2 / len(f.Hard)
			for i := range steps - len(specials) {
				xs = append(xs, float32(h[0]+(h[1]-h[0])*float64(i)/float64(steps)))
			}
		}
		for rest, i := n-len(xs), 0; i < rest; i++ { // one of each stratum of bit patterns
			pattern := (float64(i) + rng.Float64()) / float64(rest) * (1 << 32)
			xs = append(xs, math.Float32frombits(uint32(pattern)))
		}
		return [][]float32{xs}
	}
	for _, x := range specials {
		for _, y := range specials {
			args[0], args[1] = append(args[0], x), append(args[1], y)
		}
	}
	for len(args[0]) < n {
		x, y := math.Float32frombits(rng.Uint32()), math.Float32frombits(rng.Uint32())
		within := func(h [2]float64) float32 { return float32(h[0] + (h[1]-h[0])*rng.Float64()) }
		switch mode := rng.IntN(4); {
		case mode == 0:
			x, y = float32(10*rng.NormFloat64()), float32(10*rng.NormFloat64())
		case mode == 1 && len(f.Hard) > 0:
			h := f.Hard[rng.IntN(len(f.Hard))]
			x, y = within(h), within(h)
		case mode < 3: // powers across the whole range of results
			if mode == 1 || len(f.Hard) == 0 {
				x = float32(math.Abs(float64(x)))
			} else {
				x = within(f.Hard[rng.IntN(len(f.Hard))])
			}
			y = float32((2*rng.Float64() - 1) * 150 / math.Log2(math.Abs(float64(x))))
		}
		args[0], args[1] = append(args[0], x), append(args[1], y)
	}
	return args
}

// TestLanesAgree: a vector of any width gives lane by lane what scalars give.
func TestLanesAgree(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, f := range emath.Functions {
			f.Hard = nil
			args := arguments(f, 1<<12)
			byParts := f
			byParts.Emit = func(b *spirv.Builder, args ...spirv.Value) spirv.Value {
				part := func(idx ...int) spirv.Value {
					lanes := make([]spirv.Value, len(args))
					for k, a := range args {
						lanes[k] = b.Shuffle(a, spirv.Value{}, idx...)
					}
					return f.Emit(b, lanes...)
				}
				two, three, one := part(0, 1), part(1, 2, 3), part(2)
				return b.Vector(b.Lane(two, 0), b.Lane(two, 1), one, b.Lane(three, 2))
			}
			whole, parts := run(t, d, kernel(f), args), run(t, d, kernel(byParts), args)
			for i := range whole {
				a, b := math.Float32bits(whole[i]), math.Float32bits(parts[i])
				bothNaN := whole[i] != whole[i] && parts[i] != parts[i]
				require.True(t, a == b || bothNaN, "%s, argument %d: %#x as a vector, %#x by parts", f.Name, i, a, b)
			}
		}
	})
}

func TestSinCosAgreesWithBoth(t *testing.T) {
	pick := func(want func(sin, cos, s, c spirv.Value, b *spirv.Builder) spirv.Value) emath.Function {
		return emath.Function{Name: "sincos", Args: 1, Emit: func(b *spirv.Builder, a ...spirv.Value) spirv.Value {
			s, c := emath.SinCos(b, a[0])
			return want(emath.Sin(b, a[0]), emath.Cos(b, a[0]), s, c, b)
		}}
	}
	differ := pick(func(sin, cos, s, c spirv.Value, b *spirv.Builder) spirv.Value {
		same := func(x, y spirv.Value) spirv.Value {
			return b.Eq(b.Bitcast(x, spirv.Uint32), b.Bitcast(y, spirv.Uint32))
		}
		return b.Convert(b.Not(b.And(same(sin, s), same(cos, c))), spirv.Float32)
	})
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for i, y := range run(t, d, kernel(differ), arguments(differ, 1<<14)) {
			require.Zero(t, y, "argument %d", i)
		}
	})
}

func TestSinCosBounded(t *testing.T) {
	differ := emath.Function{Name: "sincosbounded", Args: 1, Emit: func(b *spirv.Builder, a ...spirv.Value) spirv.Value {
		s, c := emath.SinCosBounded(b, a[0])
		return b.Add(b.Abs(b.Sub(s, emath.Sin(b, a[0]))), b.Abs(b.Sub(c, emath.Cos(b, a[0]))))
	}}
	xs := make([]float32, 1<<14)
	for i := range xs {
		xs[i] = float32(i-len(xs)/2) * 802 / float32(len(xs)/2)
	}
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for i, y := range run(t, d, kernel(differ), [][]float32{xs}) {
			require.Zero(t, y, "argument %v", xs[i])
		}
	})
}

func TestSinCosReduced(t *testing.T) {
	xs := make([]float32, 1<<16)
	for i := range xs {
		xs[i] = float32((float64(i-len(xs)/2) + 0.5) * math.Pi / 2 / float64(len(xs)))
		if i%8 == 0 {
			xs[i] *= 1e-3
		}
	}
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for which, reference := range []func(float64) float64{math.Sin, math.Cos} {
			f := emath.Function{Name: "sincosreduced", Args: 1, Emit: func(b *spirv.Builder, a ...spirv.Value) spirv.Value {
				s, c := emath.SinCosReduced(b, a[0])
				return []spirv.Value{s, c}[which]
			}}
			for i, y := range run(t, d, kernel(f), [][]float32{xs}) {
				want := reference(float64(xs[i]))
				ulp := math.Abs(float64(math.Nextafter32(float32(want), 2)) - float64(float32(want)))
				require.LessOrEqual(t, math.Abs(float64(y)-want), 1.5*ulp, "argument %v", xs[i])
			}
		}
	})
}

func TestSameCallsGiveSameWords(t *testing.T) {
	for _, f := range emath.Functions {
		require.Equal(t, kernel(f), kernel(f), f.Name)
	}
}

func TestOnlyFloatsAreTaken(t *testing.T) {
	b := spirv.NewBuilder(spirv.Config{})
	require.PanicsWithValue(t, "BUG: emath: function of u32, want f32", func() { emath.Exp(b, b.ConstU32(1)) })
	require.Panics(t, func() { emath.Polygamma(b, -1, b.ConstF32(1)) })
	require.Panics(t, func() { emath.Polygamma(b, emath.MaxPolygamma+1, b.ConstF32(1)) })
}

func ExampleFunction() {
	for _, f := range emath.Functions {
		if f.Name == "tanh" {
			fmt.Printf("%s: %d argument, at most %v ULP, tanh(1) = %.6f\n", f.Name, f.Args, f.MaxULP, f.Reference(1))
		}
	}
	// Output: tanh: 1 argument, at most 2 ULP, tanh(1) = 0.761594
}
