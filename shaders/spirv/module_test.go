package spirv_test

import (
	"testing"

	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvtest"
	"github.com/stretchr/testify/require"
)

// everything emits each instruction the builder knows, for each type it takes.
func everything(cfg spirv.Config) []uint32 {
	b := spirv.NewBuilder(cfg)
	b.Push(4)
	out := b.StorageBuffer(9, spirv.U32, spirv.ReadWrite)
	texel := b.TexelBuffer(8)
	n := b.PushU32(0)
	i := b.GlobalID(0)
	fold := func(v spirv.Value) {
		for lane := range v.Type.Lanes {
			s := b.Lane(v, lane)
			switch s.Type.Kind {
			case spirv.Bool:
				s = b.Convert(s, spirv.Uint32)
			default:
				s = b.Bitcast(s, spirv.Uint32)
			}
			b.Store(out, i, b.Add(b.Load(out, i), s))
		}
	}
	binding := 0
	for _, kind := range []spirv.Kind{spirv.Float32, spirv.Int32, spirv.Uint32} {
		for _, lanes := range []int{1, 2, 4} {
			t := spirv.Type{Kind: kind, Lanes: lanes}
			buf := b.StorageBuffer(binding, t, spirv.ReadOnly)
			x, y := b.Load(buf, i), b.Load(buf, b.Add(i, n))
			for _, f := range []func(x, y spirv.Value) spirv.Value{
				b.Add, b.Sub, b.Mul, b.Div, b.Rem, b.Min, b.Max, b.Eq, b.Ne, b.Lt, b.Le, b.Gt, b.Ge,
			} {
				fold(f(x, y))
				fold(f(x, b.Lane(y, 0)))
			}
			for _, f := range []func(x spirv.Value) spirv.Value{b.Neg, b.Abs, b.Sign} {
				fold(f(x))
			}
			for _, k := range []spirv.Kind{spirv.Bool, spirv.Float32, spirv.Int32, spirv.Uint32} {
				fold(b.Convert(x, k))
				fold(b.Convert(b.Gt(x, y), k))
				if k != spirv.Bool {
					fold(b.Bitcast(x, k))
				}
			}
			c := b.Lt(x, y)
			fold(b.Select(c, x, y))
			fold(b.Select(b.Any(c), x, y))
			fold(b.Select(b.Not(b.All(c)), x, b.Const(t, 1)))
			fold(b.Shuffle(x, y, lanes, 0, 2*lanes-1))
			fold(b.Vector(b.Lane(x, 0), b.Lane(y, lanes-1)))
			if kind == spirv.Float32 {
				for _, f := range []func(x spirv.Value) spirv.Value{
					b.Floor, b.Ceil, b.Trunc, b.RoundEven, b.Sqrt, b.InverseSqrt, b.IsNaN, b.IsInf, b.IsFinite,
				} {
					fold(f(x))
				}
				fold(b.Fma(x, y, b.PushF32(1)))
				b.Precise(func() { fold(b.MulAdd(x, y, x)) })
				fold(b.Add(x, b.Shuffle(b.Fetch(texel, i), spirv.Value{}, []int{3, 2, 1, 0}[:lanes]...)))
			} else {
				for _, f := range []func(x, y spirv.Value) spirv.Value{b.And, b.Or, b.Xor, b.Shl, b.Shr} {
					fold(f(x, b.And(y, b.Const(t, 7))))
				}
				fold(b.Not(x))
				fold(b.BitCount(x))
			}
			if kind == spirv.Uint32 {
				lo, hi := b.UMulExtended(x, y)
				fold(lo)
				fold(hi)
			}
			binding++
		}
	}
	for axis := range 3 {
		for _, f := range []func(int) spirv.Value{b.GlobalID, b.LocalID, b.WorkgroupID, b.NumWorkgroups} {
			fold(f(axis))
		}
	}
	fold(b.LocalIndex())
	fold(b.SpecU32(0, 7))
	fold(b.Splat(b.SpecU32(1, 7), 3))
	fold(b.PushI32(3))
	shared := b.Shared(spirv.F32.Vec(3), 64)
	b.StoreShared(shared, b.LocalIndex(), b.Const(spirv.F32.Vec(3), 0))
	b.Barrier()
	fold(b.LoadShared(shared, b.ConstU32(5)))
	return b.Module()
}

func TestEverythingIsValid(t *testing.T) {
	spirvtest.Validate(t, everything(spirv.Config{Name: "everything", LocalSize: [3]uint32{8, 4, 2}}))
	spirvtest.Validate(t, everything(spirv.Config{Overlap: true, PreserveNaN: true}))
}

func TestSameCallsGiveSameWords(t *testing.T) {
	cfg := spirv.Config{Name: "everything", LocalSize: [3]uint32{64}}
	require.Equal(t, everything(cfg), everything(cfg))
}

func TestModuleMayBeTakenTwice(t *testing.T) {
	b := spirv.NewBuilder(spirv.Config{})
	out := b.StorageBuffer(0, spirv.U32, spirv.WriteOnly)
	b.Store(out, b.GlobalID(0), b.ConstU32(1))
	first := b.Module()
	require.Equal(t, first, b.Module())
	b.Store(out, b.GlobalID(1), b.ConstU32(2))
	longer := b.Module()
	require.Greater(t, len(longer), len(first))
	spirvtest.Validate(t, first)
	spirvtest.Validate(t, longer)
}

func TestViewsOfOneBinding(t *testing.T) {
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{64}})
	scalars := b.StorageBuffer(0, spirv.F32, spirv.ReadOnly)
	vectors := b.StorageBuffer(0, spirv.F32.Vec(4), spirv.ReadOnly)
	out := b.StorageBuffer(1, spirv.F32.Vec(4), spirv.WriteOnly)
	require.Same(t, scalars, b.StorageBuffer(0, spirv.F32, spirv.ReadOnly), "the same view is declared once")
	i := b.GlobalID(0)
	b.Store(out, i, b.Add(b.Load(vectors, i), b.Load(scalars, i)))
	spirvtest.Validate(t, b.Module())
	require.PanicsWithValue(t, "BUG: spirv: binding 0 declared with two kinds of access", func() {
		b.StorageBuffer(0, spirv.U32, spirv.ReadWrite)
	})
	require.Equal(t, []int{2, 1}, []int{count(b.Module(), opDecorate, 1, 20), count(b.Module(), opDecorate, 1, 19)},
		"Aliased on both views, Restrict on the other buffer")
}

func TestEqualInstructionsAreShared(t *testing.T) {
	b := spirv.NewBuilder(spirv.Config{})
	in := b.StorageBuffer(0, spirv.F32, spirv.ReadOnly)
	io := b.StorageBuffer(1, spirv.F32, spirv.ReadWrite)
	i := b.GlobalID(0)
	x := b.Load(in, i)
	require.Equal(t, x, b.Load(in, i))
	require.NotEqual(t, b.Load(io, i), b.Load(io, i), "a writable buffer is read anew")
	y := b.Load(io, i)
	sum := b.Add(x, y)
	require.Equal(t, sum, b.Add(y, x))
	require.NotEqual(t, b.Sub(x, y), b.Sub(y, x))
	b.Precise(func() { require.NotEqual(t, sum, b.Add(x, y), "precise is another instruction") })
	c := b.Lt(x, y)
	var inner spirv.Value
	b.If(c, func() {
		require.Equal(t, sum, b.Add(x, y), "an enclosing block's value dominates")
		inner = b.Mul(x, y)
		b.Store(io, i, inner)
	})
	outer := b.Mul(x, y)
	require.NotEqual(t, inner, outer, "a body's value does not dominate what follows")
	b.Store(io, i, outer)
	spirvtest.Validate(t, b.Module())
}

func TestMisusePanics(t *testing.T) {
	b := spirv.NewBuilder(spirv.Config{})
	one, two := b.ConstF32(1), b.ConstU32(2)
	b.Push(2)
	for text, f := range map[string]func(){
		"BUG: spirv: add of f32 and u32":            func() { b.Add(one, two) },
		"BUG: spirv: and of f32":                    func() { b.And(one, one) },
		"BUG: spirv: add of bool":                   func() { b.Add(b.ConstBool(true), b.ConstBool(true)) },
		"BUG: spirv: condition of type u32":         func() { b.If(two, func() {}) },
		"BUG: spirv: push-constant word 2 of 2":     func() { b.PushU32(2) },
		"BUG: spirv: push constants declared twice": func() { b.Push(1) },
		"BUG: spirv: storage buffer of f32x3":       func() { b.StorageBuffer(0, spirv.F32.Vec(3), spirv.ReadOnly) },
		"BUG: spirv: loop step 0":                   func() { b.Loop(two, two, b.ConstU32(0), nil, nil) },
		"BUG: spirv: shl by 32 bits":                func() { b.Shl(two, b.ConstU32(32)) },
		"BUG: spirv: lane 1 of f32":                 func() { b.Lane(one, 1) },
		"BUG: spirv: Module called inside a control-flow body, 1 deep": func() {
			b.If(b.Eq(b.PushU32(0), two), func() { b.Module() })
		},
	} {
		require.PanicsWithValue(t, text, f)
	}
}

// Numbers of instructions the tests count.
const (
	opIAdd     = 128
	opDecorate = 71
	opPhi      = 245
	opLoop     = 246
	opBranchIf = 250
)

// count returns how many instructions of a module have the given number and,
// if at is not negative, the given operand there.
func count(words []uint32, op, at int, operand uint32) int {
	n := 0
	for i := 5; i < len(words); i += int(words[i] >> 16) {
		if int(words[i]&0xffff) == op && (at < 0 || words[i+1+at] == operand) {
			n++
		}
	}
	return n
}
