package spirv_test

import (
	"math"
	"testing"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvrun"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvtest"
	"github.com/stretchr/testify/require"
)

// doubling is a module that stores twice its input, and the negative of that one place on.
func doubling() []uint32 {
	b := spirv.NewBuilder(spirv.Config{})
	v4 := spirv.F32.Vec(4)
	x, y := b.StorageBuffer(0, v4, spirv.ReadOnly), b.StorageBuffer(1, v4, spirv.WriteOnly)
	i := b.GlobalID(0)
	v := b.Load(x, i)
	at := b.Mul(i, b.ConstU32(2))
	b.Store(y, at, b.Add(v, v))
	b.If(b.Lt(i, b.ConstU32(2)), func() { b.Store(y, b.Add(at, b.ConstU32(1)), b.Neg(v)) })
	return b.Module()
}

// A graft runs in the place of every store, with its element and value.
func TestGraft(t *testing.T) {
	in := make([]uint32, 12)
	for i := range in {
		in[i] = math.Float32bits(float32(i))
	}
	var want []float32
	for i := range 3 {
		for _, f := range []float32{2, -1} {
			for l := range 4 {
				v := f*float32(4*i+l) + float32(2*i)
				if f < 0 {
					if v++; i == 2 {
						v = 0 // not stored
					}
				}
				want = append(want, v)
			}
		}
	}
	for _, config := range []spirv.Config{{}, {PreserveNaN: true}} {
		gputest.Each(t, func(t *testing.T, d *gpu.Device) {
			if config.PreserveNaN && !d.Profile().PreserveNaN {
				return
			}
			b, at, v := spirv.NewGraft(config, doubling(), 1)
			out := b.StorageBuffer(1, spirv.F32, spirv.WriteOnly)
			sum := b.Add(v, b.Splat(b.Convert(at, spirv.Float32), 4))
			b.If(b.Lt(at, b.ConstU32(100)), func() {
				for l := range 4 {
					b.Store(out, b.Add(b.Mul(at, b.ConstU32(4)), b.ConstU32(uint32(l))), b.Floor(b.Lane(sum, l))) // of the extended set
				}
			})
			code := b.Module()
			spirvtest.Validate(t, code)
			require.Len(t, b.Module(), len(code), "the module may be taken again")
			got := spirvrun.Run(t, d, code, [3]uint32{3, 1, 1}, nil, len(want), in)
			for i, w := range got {
				require.Equal(t, want[i], math.Float32frombits(w), "element %d", i)
			}
		})
	}
}

func TestGraftMisuse(t *testing.T) {
	b, _, _ := spirv.NewGraft(spirv.Config{}, doubling(), 7)
	require.PanicsWithValue(t, "BUG: spirv: no buffer at binding 7", func() { b.Module() })
	b, _, _ = spirv.NewGraft(spirv.Config{}, doubling(), 0)
	require.PanicsWithValue(t, "BUG: spirv: no store to binding 0", func() { b.Module() })
	b, _, _ = spirv.NewGraft(spirv.Config{}, doubling(), 1)
	b.Push(1)
	require.PanicsWithValue(t, "BUG: spirv: push constants or inputs in a graft", func() { b.Module() })
}
