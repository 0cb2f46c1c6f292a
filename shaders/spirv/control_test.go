package spirv_test

import (
	"testing"

	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvtest"
	"github.com/stretchr/testify/require"
)

func TestNestedControlFlow(t *testing.T) {
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{32}})
	b.Push(1)
	x := b.StorageBuffer(0, spirv.F32, spirv.ReadOnly)
	out := b.StorageBuffer(1, spirv.F32, spirv.WriteOnly)
	n := b.PushU32(0)
	zero, one := b.ConstU32(0), b.ConstU32(1)
	i := b.GlobalID(0)
	b.If(b.Lt(i, n), func() {
		sums := b.Loop(zero, n, one, []spirv.Value{b.ConstF32(0), b.ConstF32(1)}, func(j spirv.Value, c []spirv.Value) []spirv.Value {
			inner := b.Loop(zero, j, b.ConstU32(2), c[:1], func(k spirv.Value, c []spirv.Value) []spirv.Value {
				return b.IfElse(b.Eq(k, i), func() []spirv.Value {
					return []spirv.Value{b.Add(c[0], b.Load(x, k))}
				}, func() []spirv.Value { return c })
			})
			b.If(b.Gt(inner[0], c[1]), func() { b.Store(out, j, inner[0]) })
			return []spirv.Value{c[1], inner[0]} // swapped: phis read the old values
		})
		last := b.While(sums, func(c []spirv.Value) spirv.Value {
			both := b.IfElse(b.Gt(c[0], c[1]), func() []spirv.Value {
				return []spirv.Value{b.Lt(c[1], b.ConstF32(10))}
			}, func() []spirv.Value { return []spirv.Value{b.ConstBool(false)} })
			return both[0]
		}, func(c []spirv.Value) []spirv.Value {
			return []spirv.Value{c[0], b.Add(c[1], b.ConstF32(1))}
		})
		b.Store(out, i, last[1])
	})
	words := b.Module()
	spirvtest.Validate(t, words)
	require.Equal(t, 3, count(words, opLoop, -1, 0))
	// Outer loop i and 2 carried, inner i and 1, its if 1; while 2, its if 1.
	require.Equal(t, 9, count(words, opPhi, -1, 0))
}

func TestConstantConditionsLeaveNoBranch(t *testing.T) {
	b := spirv.NewBuilder(spirv.Config{})
	out := b.StorageBuffer(0, spirv.U32, spirv.WriteOnly)
	i := b.GlobalID(0)
	zero, one, four := b.ConstU32(0), b.ConstU32(1), b.ConstU32(4)
	b.If(b.Lt(one, four), func() { b.Store(out, i, one) })
	b.If(b.Gt(one, four), func() { t.Error("a body that never runs was emitted") })
	got := b.IfElse(b.ConstBool(false), func() []spirv.Value { return []spirv.Value{one} },
		func() []spirv.Value { return []spirv.Value{four} })
	require.Equal(t, []spirv.Value{four}, got)
	carried := []spirv.Value{i}
	require.Equal(t, carried, b.Loop(four, four, one, carried, nil), "an empty range")
	once := b.Loop(zero, four, four, carried, func(j spirv.Value, c []spirv.Value) []spirv.Value {
		require.Equal(t, zero, j)
		return []spirv.Value{b.Add(c[0], one)}
	})
	b.Store(out, i, once[0])
	words := b.Module()
	spirvtest.Validate(t, words)
	require.Zero(t, count(words, opLoop, -1, 0)+count(words, opBranchIf, -1, 0))
}
