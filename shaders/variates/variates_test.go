package variates_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvrun"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvtest"
	"github.com/lavagrad/lavagrad/shaders/variates"
)

const localSize = 64

// apply runs an elementwise function of words, four a vector, over its arguments.
func apply(t testing.TB, d *gpu.Device, emit func(b *spirv.Builder, x []spirv.Value) spirv.Value, args ...[]uint32) []uint32 {
	t.Helper()
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{localSize}})
	b.Push(1)
	vec := spirv.U32.Vec(4)
	out := b.StorageBuffer(len(args), vec, spirv.WriteOnly)
	i := b.GlobalID(0)
	b.If(b.Lt(i, b.PushU32(0)), func() {
		x := make([]spirv.Value, len(args))
		for k := range x {
			x[k] = b.Load(b.StorageBuffer(k, vec, spirv.ReadOnly), i)
		}
		b.Store(out, i, b.Bitcast(emit(b, x), spirv.Uint32))
	})
	code := b.Module()
	spirvtest.Validate(t, code)
	n := len(args[0])
	return spirvrun.Run(t, d, code, [3]uint32{uint32((n/4 + localSize - 1) / localSize), 1, 1}, []uint32{uint32(n / 4)}, n, args...)
}

// words are random words with the hard ones among them.
func words(n int, seed uint64) []uint32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := []uint32{0, 1, 2, 3, 255, 256, 1<<24 - 1, 1 << 24, 1<<31 - 2, 1<<31 - 1, 1 << 31, 1<<31 + 1, math.MaxUint32 - 255, math.MaxUint32 - 2, math.MaxUint32 - 1, math.MaxUint32}
	for len(out) < n {
		out = append(out, rng.Uint32()>>(rng.Uint32()%24))
		out = append(out, ^(rng.Uint32() >> (rng.Uint32() % 24)), rng.Uint32(), rng.Uint32())
	}
	return out[:n]
}

// The known answers of Random123 (tests/kat_vectors, threefry2x32, 20 rounds): counter, key, result.
var knownAnswers = [][6]uint32{
	{0, 0, 0, 0, 0x6b200159, 0x99ba4efe},
	{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x1cb996fc, 0xbb002be7},
	{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xc4923a9c, 0x483df7a0},
}

func TestThreefryKnownAnswers(t *testing.T) {
	for _, v := range knownAnswers {
		x0, x1 := variates.Threefry(v[2], v[3], v[0], v[1])
		assert.Equal(t, [2]uint32{v[4], v[5]}, [2]uint32{x0, x1}, "%x", v)
	}
}

func TestThreefryOnDevices(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 1 << 14
		args := [][]uint32{words(n, 1), words(n, 2), words(n, 3), words(n, 4)}
		for i := range n {
			args[0][i] ^= args[2][(i*7)%n] // the hard words of one do not always meet those of another
		}
		for i, v := range knownAnswers {
			args[0][i], args[1][i], args[2][i], args[3][i] = v[2], v[3], v[0], v[1]
		}
		for which := range 2 {
			got := apply(t, d, func(b *spirv.Builder, x []spirv.Value) spirv.Value {
				x0, x1 := variates.EmitThreefry(b, x[0], x[1], x[2], x[3])
				return [2]spirv.Value{x0, x1}[which]
			}, args...)
			for i, v := range knownAnswers {
				require.Equal(t, v[4+which], got[i])
			}
			for i := range n {
				x0, x1 := variates.Threefry(args[0][i], args[1][i], args[2][i], args[3][i])
				require.Equal(t, [2]uint32{x0, x1}[which], got[i])
			}
		}
	})
}

// TestFromWords compares what becomes of words on the devices with the definitions.
func TestFromWords(t *testing.T) {
	cases := []struct {
		name      string
		host      func(uint32) float64
		emit      func(b *spirv.Builder, x spirv.Value) spirv.Value
		tolerance float64 // relative
		low, high float64 // the range of the results
	}{
		{"uniform", variates.Uniform, variates.EmitUniform, 0, 0, 1 - 0x1p-24},
		{"probability", variates.Probability, variates.EmitProbability, 0, 0x1p-33, 1},
		{"exponential", variates.Exponential, variates.EmitExponential, 3e-7, 0x1p-33, 22.8739},
		{"normal", variates.Normal, variates.EmitNormal, 8e-7, -6.34, 6.34},
	}
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		in := words(1<<18, 5)
		for _, c := range cases {
			got := apply(t, d, func(b *spirv.Builder, x []spirv.Value) spirv.Value { return c.emit(b, x[0]) }, in)
			worst := 0.0
			for i, w := range in {
				want, y := c.host(w), float64(math.Float32frombits(got[i]))
				require.True(t, y >= c.low && y <= c.high, "%s of %#x is %v", c.name, w, y)
				e := math.Abs(y-want) / math.Abs(want)
				if want == y {
					e = 0
				}
				require.LessOrEqual(t, e, c.tolerance, "%s of %#x is %v, want %v", c.name, w, y, want)
				worst = max(worst, e)
			}
			t.Logf("%s: largest relative error %.2g", c.name, worst)
		}
	})
}

func TestNormalQuantile(t *testing.T) {
	for _, z := range []float64{-8, -3, -1, -0.1, 0, 0.5, 1, 2, 4} {
		assert.InDelta(t, z, variates.NormalQuantile(0.5*math.Erfc(-z/math.Sqrt2)), 1e-11)
	}
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		in := make([]uint32, 1<<16)
		rng := rand.New(rand.NewPCG(9, 9))
		for i := range in {
			p := float32(math.Exp(-87 * rng.Float64()))
			if i%2 == 0 {
				p = rng.Float32()
			}
			in[i] = math.Float32bits(p)
		}
		nan, inf := math.NaN(), math.Inf(1)
		edges := [][2]float64{{0, -inf}, {1, inf}, {-0.1, nan}, {1.1, nan}, {nan, nan}, {inf, nan}, {-inf, nan}, {0.5, 0}}
		for i, e := range edges {
			in[i] = math.Float32bits(float32(e[0]))
		}
		got := apply(t, d, func(b *spirv.Builder, x []spirv.Value) spirv.Value {
			return variates.EmitNormalQuantile(b, b.Bitcast(x[0], spirv.Float32))
		}, in)
		for i, w := range in {
			p, y := float64(math.Float32frombits(w)), float64(math.Float32frombits(got[i]))
			if want := variates.NormalQuantile(p); math.IsNaN(want) {
				require.True(t, math.IsNaN(y), "quantile of %v is %v", p, y)
			} else if want != y {
				require.InDelta(t, want, y, 8e-7*max(1e-7, math.Abs(want)), "quantile of %v", p)
			}
			if i < len(edges) && !math.IsNaN(edges[i][1]) {
				require.Equal(t, edges[i][1], y)
			}
		}
	})
}

func TestBelow(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 1 << 14
		high, low, span := words(n, 6), words(n, 7), words(n, 8)
		for i := range n { // shift them against each other
			span[i] ^= high[(i*5)%n]
		}
		got := apply(t, d, func(b *spirv.Builder, x []spirv.Value) spirv.Value { return variates.EmitBelow(b, x[0], x[1], x[2]) }, high, low, span)
		for i := range n {
			want := variates.Below(high[i], low[i], span[i])
			require.Equal(t, want, got[i])
			require.True(t, want < span[i] || span[i] == 0)
		}
	})
}

// TestGamma compares draws over all sizes of concentrations. A draw whose acceptance is decided by less than a
// float32's rounding may differ: no more than a handful.
func TestGamma(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 1 << 15
		k0, k1, c0, a := make([]uint32, n), make([]uint32, n), make([]uint32, n), make([]uint32, n)
		rng := rand.New(rand.NewPCG(2, 3))
		for i := range n {
			k0[i], k1[i], c0[i] = 17, 4, uint32(i)
			a[i] = math.Float32bits(float32(math.Exp(-4 + 12*rng.Float64())))
		}
		for i, v := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1), 1, 1e-4, 1e6} {
			a[i] = math.Float32bits(float32(v))
		}
		for _, logarithm := range []bool{false, true} {
			got := apply(t, d, func(b *spirv.Builder, x []spirv.Value) spirv.Value {
				return variates.EmitGamma(b, x[0], x[1], x[2], b.Bitcast(x[3], spirv.Float32), logarithm)
			}, k0, k1, c0, a)
			differ := 0
			for i := range n {
				alpha := float64(math.Float32frombits(a[i]))
				want, y := variates.Gamma(k0[i], k1[i], c0[i], alpha, logarithm), float64(math.Float32frombits(got[i]))
				if math.IsNaN(want) {
					require.True(t, math.IsNaN(y), "alpha %v gives %v", alpha, y)
					continue
				}
				// exp of a number of size 80 has lost two digits
				if e := math.Abs(want - y); !(e <= 2e-6*max(math.Abs(want), 1e-30) || e <= 1e-6 && logarithm || math.Abs(want) < 1e-2 && e <= 1e-5*want) {
					differ++
					t.Logf("alpha %v: %v, want %v", alpha, y, want)
				}
			}
			require.LessOrEqual(t, differ, 4)
		}
	})
}

// TestPoisson compares draws over all sizes of rates; as with Gamma, a few may differ.
func TestPoisson(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 1 << 15
		k0, k1, c0, rate := make([]uint32, n), make([]uint32, n), make([]uint32, n), make([]uint32, n)
		rng := rand.New(rand.NewPCG(2, 3))
		for i := range n {
			k0[i], k1[i], c0[i] = 3, 5, uint32(i)
			rate[i] = math.Float32bits(float32(math.Exp(-2 + 12*rng.Float64())))
		}
		for i, v := range []float64{0, -1, math.NaN(), math.Inf(1), 1 << 25, 1 << 24, 10, 9.999999, 1e-30} {
			rate[i] = math.Float32bits(float32(v))
		}
		got := apply(t, d, func(b *spirv.Builder, x []spirv.Value) spirv.Value {
			return variates.EmitPoisson(b, x[0], x[1], x[2], b.Bitcast(x[3], spirv.Float32))
		}, k0, k1, c0, rate)
		differ := 0
		for i := range n {
			if want := variates.Poisson(k0[i], k1[i], c0[i], float64(math.Float32frombits(rate[i]))); want != float64(int32(got[i])) {
				differ++
				t.Logf("rate %v: %d, want %v", math.Float32frombits(rate[i]), int32(got[i]), want)
			}
		}
		// Floor of a rounded candidate of size 10^4 is another one in a thousand cases.
		require.LessOrEqual(t, differ, 10)
		require.Equal(t, []int32{0, -1, -1, -1, -1}, []int32{int32(got[0]), int32(got[1]), int32(got[2]), int32(got[3]), int32(got[4])})
	})
}
