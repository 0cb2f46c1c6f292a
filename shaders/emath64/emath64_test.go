package emath64_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders/emath64"
	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvrun"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvtest"
)

const localSize = 64

// samples is the number of arguments that each function is tested with.
func samples() int {
	if testing.Short() {
		return 1 << 12
	}
	return 1 << 15
}

// kernel applies f to vectors of the given lanes: binding i is argument i, the last the result.
func kernel(f emath64.Function, lanes int) []uint32 {
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{localSize}})
	b.Push(1)
	t := spirv.F64.Vec(lanes)
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

func run(tb testing.TB, d *gpu.Device, code []uint32, lanes int, args [][]float64) []float64 {
	inputs := make([][]uint32, len(args))
	for k, a := range args {
		for _, x := range a {
			bits := math.Float64bits(x)
			inputs[k] = append(inputs[k], uint32(bits), uint32(bits>>32))
		}
	}
	n := len(args[0])
	groups := [3]uint32{uint32((n/lanes + localSize - 1) / localSize), 1, 1}
	words := spirvrun.Run(tb, d, code, groups, []uint32{uint32(n / lanes)}, 2*n, inputs...)
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Float64frombits(uint64(words[2*i]) | uint64(words[2*i+1])<<32)
	}
	return out
}

var special = []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1, -1, 2, -2, 3, 0.5, -0.5, 1.5, 0x1p-1074, -0x1p-1074,
	0x1p-1022, 0x1.fffffffffffffp1023, -0x1.fffffffffffffp1023, 1e-300, 1e300, 0x1p52, 0x1p53 + 2, 1 + 0x1p-52, 1 - 0x1p-53, math.Pi, -math.Pi / 2}

// arguments are the special values in all combinations, bit patterns spread over all floats, and the hard intervals.
func arguments(f emath64.Function) [][]float64 {
	rng := rand.New(rand.NewPCG(1, 64))
	args := make([][]float64, f.Args)
	for i := range special {
		if f.Args == 1 {
			args[0] = append(args[0], special[i])
			continue
		}
		for _, y := range special {
			args[0], args[1] = append(args[0], special[i]), append(args[1], y)
		}
	}
	draw := func() float64 {
		if len(f.Hard) > 0 && rng.IntN(3) > 0 {
			h := f.Hard[rng.IntN(len(f.Hard))]
			return h[0] + (h[1]-h[0])*rng.Float64()
		}
		if rng.IntN(2) == 0 {
			return math.Float64frombits(rng.Uint64())
		}
		return math.Copysign(math.Exp2(60*rng.Float64()-30), rng.Float64()-0.5)
	}
	n := samples()
	if f.Costly {
		n /= 16
	}
	for len(args[0]) < n {
		for k := range args {
			args[k] = append(args[k], draw())
		}
	}
	return args
}

// difference is that of y from f(x) in ULP.
func difference(f emath64.Function, x []float64, y float64) float64 {
	want := f.Reference(x...)
	switch {
	case math.IsNaN(want) && math.IsNaN(y), want == y && math.Signbit(want) == math.Signbit(y):
		return 0
	case math.IsNaN(want) != math.IsNaN(y), want == 0 && y == 0:
		return math.Inf(1) // zeros of the wrong sign
	}
	size := math.Abs(want)
	if f.Magnitude != nil {
		size = f.Magnitude(x...)
	}
	if math.IsInf(size, 0) {
		size = math.MaxFloat64 // rounding at the edge of overflow
		if math.Abs(y) < 0x1.fffffffffffff0p1023 {
			return math.Inf(1)
		}
		return 1
	}
	ulp := max(math.Nextafter(size, math.Inf(1))-size, 0x1p-1074)
	if math.IsInf(ulp, 0) {
		ulp = 0x1p971
	}
	return math.Abs(y-want) / ulp
}

// TestAccuracy checks the claims of Functions, on scalars and on vectors, where the device has float64.
func TestAccuracy(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, f := range emath64.Functions {
			t.Run(f.Name, func(t *testing.T) {
				args := arguments(f)
				scalar := kernel(f, 1)
				spirvtest.Validate(t, scalar)
				vector := kernel(f, 4)
				spirvtest.Validate(t, vector)
				if !d.Info().Features.Float64 {
					return // the module is valid; graph tells users that the device cannot run it
				}
				got := run(t, d, vector, 4, args)
				worst, wrong := 0.0, 0
				var worstAt []float64
				for i, y := range got {
					x := make([]float64, f.Args)
					for k := range x {
						x[k] = args[k][i]
					}
					ulp := difference(f, x, y)
					if ulp > f.MaxULP {
						if wrong++; wrong <= 8 {
							t.Errorf("%s(%v) = %v, want %v: %.3g ULP", f.Name, x, y, f.Reference(x...), ulp)
						}
					} else if ulp > worst {
						worst, worstAt = ulp, x
					}
				}
				assert.Zero(t, wrong, "wrong results of %d", len(got))
				t.Logf("%s: at most %.3f ULP, at %v", f.Name, worst, worstAt)
				for k := range args {
					args[k] = args[k][:min(1024, len(args[k]))]
				}
				for i, y := range run(t, d, scalar, 1, args) {
					require.Equal(t, math.Float64bits(got[i]), math.Float64bits(y), "lanes and scalars agree")
				}
			})
		}
	})
}
