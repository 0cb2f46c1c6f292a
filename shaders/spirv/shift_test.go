package spirv_test

import (
	"fmt"
	"math/bits"
	"testing"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvrun"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvtest"
	"github.com/stretchr/testify/require"
)

// TestScalarShifts: shifts made of multiplications are shifts, for all amounts and words with ones where a float would lose them.
func TestScalarShifts(t *testing.T) {
	var in []uint32
	for i := range 32 {
		one := uint32(1) << i
		in = append(in, one, one-1, ^one, -one, 0x55555555>>i, 0xdeadbeef*one+uint32(i))
	}
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{64, 1, 1}, ScalarShifts: true})
		x := b.StorageBuffer(0, spirv.U32, spirv.ReadOnly)
		out := b.StorageBuffer(1, spirv.U32, spirv.ReadWrite)
		i := b.LocalID(0)
		i = b.Add(b.Mul(b.WorkgroupID(0), b.ConstU32(64)), i)
		v := b.Load(x, i)
		at := b.Mul(i, b.ConstU32(96))
		for n := range uint32(32) {
			for k, y := range []spirv.Value{
				b.Shl(v, b.ConstU32(n)), b.Shr(v, b.ConstU32(n)), b.Bitcast(b.Shr(b.Bitcast(v, spirv.Int32), b.ConstU32(n)), spirv.Uint32),
			} {
				b.Store(out, b.Add(at, b.ConstU32(3*n+uint32(k))), y)
			}
		}
		code := b.Module()
		spirvtest.Validate(t, code)
		got := spirvrun.Run(t, d, code, [3]uint32{uint32(len(in) / 64), 1, 1}, nil, 96*len(in), in)
		for i, x := range in {
			for n := range 32 {
				want := []uint32{x << n, x >> n, uint32(int32(x) >> n)}
				require.Equal(t, want, got[96*i+3*n:96*i+3*n+3], fmt.Sprintf("%#x by %d", x, n))
			}
		}
	})
}

// TestMix: a round of a cipher is its definition, for all rotations, with shifts and with multiplications.
func TestMix(t *testing.T) {
	in := make([]uint32, 64)
	for i := range in {
		in[i] = 0xdeadbeef*uint32(i*i+1) ^ uint32(i)<<27
	}
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, scalar := range []bool{false, true} {
			b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{64, 1, 1}, ScalarShifts: scalar})
			x := b.StorageBuffer(0, spirv.U32, spirv.ReadOnly)
			out := b.StorageBuffer(1, spirv.U32, spirv.ReadWrite)
			i := b.LocalID(0)
			x0, x1 := b.Load(x, i), b.Load(x, b.Sub(b.ConstU32(63), i))
			at := b.Mul(i, b.ConstU32(62))
			for n := range 31 {
				y0, y1 := b.Mix(x0, x1, n+1)
				b.Store(out, b.Add(at, b.ConstU32(uint32(2*n))), y0)
				b.Store(out, b.Add(at, b.ConstU32(uint32(2*n+1))), y1)
			}
			code := b.Module()
			spirvtest.Validate(t, code)
			got := spirvrun.Run(t, d, code, [3]uint32{1, 1, 1}, nil, 62*64, in)
			for i := range in {
				x0, x1 := in[i], in[63-i]
				for n := range 31 {
					require.Equal(t, []uint32{x0 + x1, bits.RotateLeft32(x1, n+1) ^ (x0 + x1)}, got[62*i+2*n:62*i+2*n+2], "%#x, %#x by %d", x0, x1, n+1)
				}
			}
		}
	})
}
