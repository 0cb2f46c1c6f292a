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

// TestFromWords64 compares what becomes of two words with the definitions, where the device has float64.
func TestFromWords64(t *testing.T) {
	cases := []struct {
		name      string
		host      func(high, low uint32) float64
		emit      func(b *spirv.Builder, high, low spirv.Value) spirv.Value
		tolerance float64 // relative
		low, high float64 // the range of the results
	}{
		{"uniform", variates.Uniform64, variates.EmitUniform64, 0, 0, 1 - 0x1p-53},
		{"probability", variates.Probability64, variates.EmitProbability64, 0, 0x1p-65, 1},
		{"exponential", variates.Exponential64, variates.EmitExponential64, 5e-16, 0x1p-65, 45.055},
		{"normal", variates.Normal64, variates.EmitNormal64, 2e-15, -9.2, 9.2},
	}
	const n = 1 << 14
	hi, lo := words(n, 5), words(n, 6)
	rng := rand.New(rand.NewPCG(8, 9))
	for i := 16; i < n; i++ { // the hard words of both meet in the first places only
		if rng.IntN(2) == 0 {
			lo[i] = rng.Uint32()
		}
	}
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, c := range cases {
			b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{localSize}})
			b.Push(1)
			in := spirv.U32.Vec(2)
			out := b.StorageBuffer(2, spirv.F64.Vec(2), spirv.WriteOnly)
			i := b.GlobalID(0)
			b.If(b.Lt(i, b.PushU32(0)), func() {
				b.Store(out, i, c.emit(b, b.Load(b.StorageBuffer(0, in, spirv.ReadOnly), i), b.Load(b.StorageBuffer(1, in, spirv.ReadOnly), i)))
			})
			code := b.Module()
			spirvtest.Validate(t, code)
			if !d.Info().Features.Float64 {
				continue // graph tells users that the device cannot run it
			}
			got := spirvrun.Run(t, d, code, [3]uint32{n / 2 / localSize, 1, 1}, []uint32{n / 2}, 2*n, hi, lo)
			for i := range n {
				want, y := c.host(hi[i], lo[i]), math.Float64frombits(uint64(got[2*i])|uint64(got[2*i+1])<<32)
				require.True(t, y >= c.low && y <= c.high, "%s of %#x %#x is %v", c.name, hi[i], lo[i], y)
				require.LessOrEqual(t, math.Abs(y-want), c.tolerance*math.Abs(want), "%s of %#x %#x is %v, want %v", c.name, hi[i], lo[i], y, want)
			}
		}
	})
}

// TestWords64Refine: the draw of two words is that of the first with more digits, symmetric as it is.
func TestWords64Refine(t *testing.T) {
	hi, lo := words(1<<12, 7), words(1<<12, 8)
	for i, h := range hi {
		l := lo[len(lo)-1-i]
		u := variates.Uniform64(h, l)
		require.Equal(t, variates.Uniform(h), math.Floor(u*0x1p24)*0x1p-24)
		require.InDelta(t, float64(h)*0x1p-32, variates.Probability64(h, l), 0x1p-32)
		require.Equal(t, -variates.Normal64(^h, ^l), variates.Normal64(h, l))
		if h > 1<<20 && h < math.MaxUint32-1<<20 {
			require.InEpsilon(t, variates.Exponential(h), variates.Exponential64(h, l), 1e-5)
			require.InDelta(t, variates.Normal(h), variates.Normal64(h, l), 1e-5)
		}
	}
	assert.Equal(t, 0x1p-65, variates.Probability64(0, 0))
	assert.Equal(t, 1.0, variates.Probability64(math.MaxUint32, math.MaxUint32))
	assert.Equal(t, 0x1p-65, variates.Exponential64(math.MaxUint32, math.MaxUint32))
}
