package spirv_test

import (
	"testing"

	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvtest"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestConstantsAreFolded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edges := rapid.SampledFrom([]uint32{0, 1, 2, 3, 7, 8, 31, 1 << 30, 1<<31 - 1, 1 << 31, 1<<32 - 1})
		word := rapid.OneOf(edges, rapid.Uint32())
		x, y := word.Draw(t, "x"), word.Draw(t, "y")
		lanes := rapid.IntRange(1, 4).Draw(t, "lanes")
		b := spirv.NewBuilder(spirv.Config{})
		want := func(expected int64, v spirv.Value) {
			got, ok := b.IntConst(v)
			require.True(t, ok, "not folded")
			require.Equal(t, expected, got)
		}
		bit := func(c bool) int64 {
			if c {
				return 1
			}
			return 0
		}
		u, v := b.Const(spirv.U32.Vec(lanes), x), b.Const(spirv.U32.Vec(lanes), y)
		want(int64(x+y), b.Add(u, v))
		want(int64(x-y), b.Sub(u, v))
		want(int64(x*y), b.Mul(u, v))
		want(int64(x&y), b.And(u, v))
		want(int64(x|y), b.Or(u, v))
		want(int64(x^y), b.Xor(u, v))
		want(int64(^x), b.Not(u))
		want(int64(x<<(y&31)), b.Shl(u, b.ConstU32(y&31)))
		want(int64(x>>(y&31)), b.Shr(u, b.ConstU32(y&31)))
		want(bit(x < y), b.Lt(u, v))
		want(bit(x <= y), b.Le(u, v))
		want(bit(x > y), b.Gt(u, v))
		want(bit(x >= y), b.Ge(u, v))
		want(bit(x == y), b.Eq(u, v))
		want(bit(x != y), b.Ne(u, v))
		lo, hi := b.UMulExtended(u, v)
		want(int64(uint32(uint64(x)*uint64(y))), lo)
		want(int64(uint64(x)*uint64(y)>>32), hi)
		if y != 0 {
			want(int64(x/y), b.Div(u, v))
			want(int64(x%y), b.Rem(u, v))
		}
		s, r := int32(x), int32(y)
		i, j := b.Const(spirv.I32.Vec(lanes), x), b.Const(spirv.I32.Vec(lanes), y)
		want(int64(s+r), b.Add(i, j))
		want(int64(s-r), b.Sub(i, j))
		want(int64(s*r), b.Mul(i, j))
		want(int64(-s), b.Neg(i))
		want(int64(s>>(y&31)), b.Shr(i, b.ConstI32(int32(y&31))))
		want(bit(s < r), b.Lt(i, j))
		want(bit(s <= r), b.Le(i, j))
		want(bit(s > r), b.Gt(i, j))
		want(bit(s >= r), b.Ge(i, j))
		if r != 0 && (s != -1<<31 || r != -1) {
			want(int64(s/r), b.Div(i, j))
			want(int64(s%r), b.Rem(i, j))
		}
		want(int64(x), b.Convert(i, spirv.Uint32))
		want(bit(x != 0), b.Convert(i, spirv.Bool))
		want(int64(x), b.Select(b.Ge(u, v), u, b.Select(b.Lt(u, v), u, v)))
		require.Equal(t, b.Splat(b.ConstF32(float32(x)), lanes), b.Convert(u, spirv.Float32))
		require.Equal(t, b.Splat(b.ConstF32(float32(s)), lanes), b.Convert(i, spirv.Float32))
	})
}

func TestNeutralElements(t *testing.T) {
	b := spirv.NewBuilder(spirv.Config{})
	b.Push(2)
	x, y := b.PushU32(0), b.PushU32(1)
	zero, one := b.ConstU32(0), b.ConstU32(1)
	start := len(b.Module())
	for i, v := range []spirv.Value{
		b.Add(x, zero), b.Add(zero, x), b.Sub(x, zero), b.Mul(x, one), b.Mul(one, x), b.Div(x, one), b.Or(x, zero), b.Xor(zero, x),
		b.And(x, b.ConstU32(1<<32-1)), b.Shl(x, zero), b.Shr(x, zero), b.And(x, x), b.Or(x, x),
		b.Select(b.ConstBool(true), x, y), b.Select(b.ConstBool(false), y, x), b.Select(b.Eq(y, one), x, x),
	} {
		require.Equal(t, x, v, "case %d", i)
	}
	for i, v := range []spirv.Value{
		b.Mul(x, zero), b.Mul(zero, x), b.And(x, zero), b.Rem(x, one), b.Sub(x, x), b.Xor(x, x), b.Div(zero, x), b.Rem(zero, x),
	} {
		require.Equal(t, zero, v, "case %d", i)
	}
	for i, v := range []spirv.Value{b.Lt(x, zero), b.Lt(x, x), b.Ne(x, x), b.Gt(x, x)} {
		require.Equal(t, b.ConstBool(false), v, "case %d", i)
	}
	for i, v := range []spirv.Value{b.Ge(x, zero), b.Le(x, x), b.Eq(x, x)} {
		require.Equal(t, b.ConstBool(true), v, "case %d", i)
	}
	c := b.Lt(x, y)
	require.Equal(t, c, b.And(c, b.ConstBool(true)))
	require.Equal(t, c, b.Or(b.ConstBool(false), c))
	require.Equal(t, b.ConstBool(false), b.And(b.ConstBool(false), c))
	require.Equal(t, b.ConstBool(true), b.Or(c, b.ConstBool(true)))
	require.Equal(t, c, b.Ne(c, b.ConstBool(false)))
	require.Equal(t, b.Shr(x, b.ConstU32(3)), b.Div(x, b.ConstU32(8)))
	require.Equal(t, b.And(x, b.ConstU32(7)), b.Rem(x, b.ConstU32(8)))
	require.Greater(t, len(b.Module()), start)
	require.Zero(t, count(b.Module(), opIAdd, -1, 0))
}

func TestLanesOfJoinedVectors(t *testing.T) {
	b := spirv.NewBuilder(spirv.Config{})
	b.Push(2)
	x, y := b.PushF32(0), b.PushF32(1)
	v := b.Vector(x, y, x)
	require.Equal(t, y, b.Lane(v, 1))
	require.Equal(t, b.Vector(y, x), b.Shuffle(v, spirv.Value{}, 1, 2))
	require.Equal(t, x, b.Lane(b.Splat(x, 4), 3))
	k := b.ConstLanes(spirv.I32.Vec(3), 1, 2, 3)
	require.Equal(t, b.ConstI32(2), b.Lane(k, 1))
	_, ok := b.IntConst(k)
	require.False(t, ok, "lanes differ")
	require.Equal(t, b.ConstLanes(spirv.I32.Vec(3), 11, 12, 13), b.Add(k, b.ConstI32(10)))
	out := b.StorageBuffer(0, spirv.F32.Vec(2), spirv.WriteOnly)
	b.Store(out, b.GlobalID(0), b.Shuffle(v, v, 5, 1))
	spirvtest.Validate(t, b.Module())
}
