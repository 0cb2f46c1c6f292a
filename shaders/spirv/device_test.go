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

// laneOp is an instruction and what it computes, on the bits of its operands.
type laneOp struct {
	name string
	kind spirv.Kind // of the operands
	emit func(b *spirv.Builder, x, y spirv.Value) spirv.Value
	want func(x, y uint32) uint32
}

func bit(c bool) uint32 {
	if c {
		return 1
	}
	return 0
}

func float(f func(x, y float32) float32) func(x, y uint32) uint32 {
	return func(x, y uint32) uint32 {
		return math.Float32bits(f(math.Float32frombits(x), math.Float32frombits(y)))
	}
}

func test32(f func(x, y float32) bool) func(x, y uint32) uint32 {
	return func(x, y uint32) uint32 { return bit(f(math.Float32frombits(x), math.Float32frombits(y))) }
}

func rounding(f func(float64) float64) func(x, y uint32) uint32 {
	return float(func(x, _ float32) float32 { return float32(f(float64(x))) })
}

func extremum(first func(x, y float32) bool) func(x, y uint32) uint32 {
	return float(func(x, y float32) float32 {
		if x != x || first(x, y) {
			return x
		}
		return y
	})
}

func toInt(x, _ uint32) uint32 {
	f := float64(math.Float32frombits(x))
	switch {
	case f != f:
		return 0
	case f >= 1<<31:
		return 1<<31 - 1
	case f < -1<<31:
		return 1 << 31
	}
	return uint32(int32(f))
}

func toUint(x, _ uint32) uint32 {
	f := float64(math.Float32frombits(x))
	switch {
	case f != f || f < 0:
		return 0
	case f >= 1<<32:
		return 1<<32 - 1
	}
	return uint32(f)
}

func unary(f func(b *spirv.Builder, x spirv.Value) spirv.Value) func(b *spirv.Builder, x, y spirv.Value) spirv.Value {
	return func(b *spirv.Builder, x, _ spirv.Value) spirv.Value { return f(b, x) }
}

func convert(kind spirv.Kind) func(b *spirv.Builder, x, y spirv.Value) spirv.Value {
	return func(b *spirv.Builder, x, _ spirv.Value) spirv.Value { return b.Convert(x, kind) }
}

const (
	f32 = spirv.Float32
	i32 = spirv.Int32
	u32 = spirv.Uint32
)

// laneOps are the operations that promise more than the instruction of their
// name does, or something else.
var laneOps = []laneOp{
	{"min f32", f32, (*spirv.Builder).Min, extremum(func(x, y float32) bool { return x < y })},
	{"max f32", f32, (*spirv.Builder).Max, extremum(func(x, y float32) bool { return x > y })},
	{"isnan", f32, unary((*spirv.Builder).IsNaN), test32(func(x, _ float32) bool { return x != x })},
	{"isinf", f32, unary((*spirv.Builder).IsInf), test32(func(x, _ float32) bool { return math.IsInf(float64(x), 0) })},
	{"isfinite", f32, unary((*spirv.Builder).IsFinite), test32(func(x, _ float32) bool { return x-x == 0 })},
	{"eq f32", f32, (*spirv.Builder).Eq, test32(func(x, y float32) bool { return x == y })},
	{"ne f32", f32, (*spirv.Builder).Ne, test32(func(x, y float32) bool { return x != y })},
	{"lt f32", f32, (*spirv.Builder).Lt, test32(func(x, y float32) bool { return x < y })},
	{"le f32", f32, (*spirv.Builder).Le, test32(func(x, y float32) bool { return x <= y })},
	{"gt f32", f32, (*spirv.Builder).Gt, test32(func(x, y float32) bool { return x > y })},
	{"ge f32", f32, (*spirv.Builder).Ge, test32(func(x, y float32) bool { return x >= y })},
	{"neg f32", f32, unary((*spirv.Builder).Neg), float(func(x, _ float32) float32 { return -x })},
	{"abs f32", f32, unary((*spirv.Builder).Abs), rounding(math.Abs)},
	{"sign f32", f32, unary((*spirv.Builder).Sign), float(func(x, _ float32) float32 {
		if x > 0 {
			return 1
		} else if x < 0 {
			return -1
		}
		return x
	})},
	{"floor", f32, unary((*spirv.Builder).Floor), rounding(math.Floor)},
	{"ceil", f32, unary((*spirv.Builder).Ceil), rounding(math.Ceil)},
	{"trunc", f32, unary((*spirv.Builder).Trunc), rounding(math.Trunc)},
	{"roundeven", f32, unary((*spirv.Builder).RoundEven), rounding(math.RoundToEven)},
	{"f32 to i32", f32, convert(i32), toInt},
	{"f32 to u32", f32, convert(u32), toUint},
	{"f32 to bool", f32, convert(spirv.Bool), test32(func(x, _ float32) bool { return x != 0 })},
	{"i32 to f32", i32, convert(f32), func(x, _ uint32) uint32 { return math.Float32bits(float32(int32(x))) }},
	{"u32 to f32", u32, convert(f32), func(x, _ uint32) uint32 { return math.Float32bits(float32(x)) }},
	{"min i32", i32, (*spirv.Builder).Min, func(x, y uint32) uint32 { return uint32(min(int32(x), int32(y))) }},
	{"max u32", u32, (*spirv.Builder).Max, func(x, y uint32) uint32 { return max(x, y) }},
	{"sign i32", i32, unary((*spirv.Builder).Sign), func(x, _ uint32) uint32 { return bit(int32(x) > 0) - bit(int32(x) < 0) }},
	{"sign u32", u32, unary((*spirv.Builder).Sign), func(x, _ uint32) uint32 { return bit(x > 0) }},
	{"rem i32", i32, nonZero((*spirv.Builder).Rem), func(x, y uint32) uint32 { return uint32(int32(x>>1) % int32(y|1)) }},
	{"div i32", i32, nonZero((*spirv.Builder).Div), func(x, y uint32) uint32 { return uint32(int32(x>>1) / int32(y|1)) }},
	{"rem u32", u32, nonZero((*spirv.Builder).Rem), func(x, y uint32) uint32 { return (x >> 1) % (y | 1) }},
	{"div u32", u32, nonZero((*spirv.Builder).Div), func(x, y uint32) uint32 { return (x >> 1) / (y | 1) }},
	{"shr i32", i32, shift((*spirv.Builder).Shr), func(x, y uint32) uint32 { return uint32(int32(x) >> (y & 31)) }},
	{"shr u32", u32, shift((*spirv.Builder).Shr), func(x, y uint32) uint32 { return x >> (y & 31) }},
	{"shl u32", u32, shift((*spirv.Builder).Shl), func(x, y uint32) uint32 { return x << (y & 31) }},
	{"umulextended", u32, func(b *spirv.Builder, x, y spirv.Value) spirv.Value {
		lo, hi := b.UMulExtended(x, y)
		return b.Xor(lo, hi)
	}, func(x, y uint32) uint32 { p := uint64(x) * uint64(y); return uint32(p) ^ uint32(p>>32) }},
}

// nonZero keeps division defined: the divisor is odd and the dividend halved
// as an unsigned number.
func nonZero(f func(b *spirv.Builder, x, y spirv.Value) spirv.Value) func(b *spirv.Builder, x, y spirv.Value) spirv.Value {
	return func(b *spirv.Builder, x, y spirv.Value) spirv.Value {
		half := b.Shr(b.Bitcast(x, u32), b.ConstU32(1))
		return f(b, b.Bitcast(half, x.Type.Kind), b.Or(y, b.Const(y.Type, 1)))
	}
}

func shift(f func(b *spirv.Builder, x, y spirv.Value) spirv.Value) func(b *spirv.Builder, x, y spirv.Value) spirv.Value {
	return func(b *spirv.Builder, x, y spirv.Value) spirv.Value { return f(b, x, b.And(y, b.Const(y.Type, 31))) }
}

// TestOperations runs every operation on all pairs of telling bit patterns.
func TestOperations(t *testing.T) {
	patterns := []uint32{0, 1 << 31, 1, 2, 3, 31, 0x7fffffff, 0xffffffff, 0xfffffff9, 0x80000001, 0x7f800001, 0xfffe82a7, 0x80000181}
	for _, x := range []float64{
		0.5, 1, 1.5, 2.5, -0.5, -1, -1.5, -2.5, 0.49999997, 8388607.5, 16777217, 1<<31 - 128, 1 << 31, -1 << 31, -1<<31 - 256,
		1<<32 - 256, 1 << 32, 1e10, -1e10, 3e38, math.Inf(1), math.Inf(-1), math.NaN(), 0x1p-126, -0x1p-126,
	} {
		patterns = append(patterns, math.Float32bits(float32(x)))
	}
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, lanes := range []int{1, 4} {
			var xs, ys []uint32
			for _, x := range patterns {
				for _, y := range patterns {
					xs, ys = append(xs, x), append(ys, y)
				}
			}
			require.Zero(t, len(xs)%lanes)
			n := len(xs)
			b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{64}})
			b.Push(1)
			x := b.StorageBuffer(0, spirv.U32.Vec(lanes), spirv.ReadOnly)
			y := b.StorageBuffer(1, spirv.U32.Vec(lanes), spirv.ReadOnly)
			out := b.StorageBuffer(2, spirv.U32.Vec(lanes), spirv.WriteOnly)
			i, items := b.GlobalID(0), b.PushU32(0)
			b.If(b.Lt(i, items), func() {
				for k, op := range laneOps {
					v := op.emit(b, b.Bitcast(b.Load(x, i), op.kind), b.Bitcast(b.Load(y, i), op.kind))
					if v.Type.Kind == spirv.Bool {
						v = b.Convert(v, u32)
					}
					b.Store(out, b.Add(i, b.Mul(items, b.ConstU32(uint32(k)))), b.Bitcast(v, u32))
				}
			})
			words := b.Module()
			spirvtest.Validate(t, words)
			got := spirvrun.Run(t, d, words, [3]uint32{uint32(n/lanes+63) / 64, 1, 1}, []uint32{uint32(n / lanes)}, n*len(laneOps), xs, ys)
			for k, op := range laneOps {
				for j := range n {
					if op.kind == f32 && (denormal(xs[j]) || denormal(ys[j])) {
						continue // may be flushed to zero
					}
					want, have := op.want(xs[j], ys[j]), got[k*n+j]
					if isNaN(want) && isNaN(have) && op.kind == f32 {
						continue // of any payload
					}
					if want<<1 == 0 && have<<1 == 0 && (op.name == "min f32" || op.name == "max f32") {
						continue // a zero of either sign
					}
					require.Equal(t, want, have, "%s of %#x and %#x, %d lanes: want %#x, have %#x", op.name, xs[j], ys[j], lanes, want, have)
				}
			}
		}
	})
}

func denormal(bits uint32) bool { return bits<<1 != 0 && bits&0x7f800000 == 0 }
func isNaN(bits uint32) bool    { return bits&0x7fffffff > 0x7f800000 }

// TestControlFlow runs nested loops, branches and phis: the number of Collatz
// steps of the integers below i, summed over an inner loop with a branch.
func TestControlFlow(t *testing.T) {
	steps := func(b *spirv.Builder, n spirv.Value) spirv.Value {
		one := b.ConstU32(1)
		c := b.While([]spirv.Value{n, b.ConstU32(0)}, func(c []spirv.Value) spirv.Value {
			return b.Gt(c[0], one)
		}, func(c []spirv.Value) []spirv.Value {
			next := b.IfElse(b.Eq(b.And(c[0], one), one), func() []spirv.Value {
				return []spirv.Value{b.Add(b.Mul(c[0], b.ConstU32(3)), one)}
			}, func() []spirv.Value { return []spirv.Value{b.Shr(c[0], one)} })
			return []spirv.Value{next[0], b.Add(c[1], one)}
		})
		return c[1]
	}
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{32}})
	b.Push(1)
	out := b.StorageBuffer(0, spirv.U32.Vec(2), spirv.WriteOnly)
	i := b.GlobalID(0)
	b.If(b.Lt(i, b.PushU32(0)), func() {
		// The pair is swapped every round, so that phis must read old values.
		c := b.Loop(b.ConstU32(0), i, b.ConstU32(2), []spirv.Value{b.ConstU32(0), b.ConstU32(1000)},
			func(j spirv.Value, c []spirv.Value) []spirv.Value {
				return []spirv.Value{c[1], b.Add(c[0], steps(b, j))}
			})
		b.Store(out, i, b.Vector(c...))
	})
	words := b.Module()
	spirvtest.Validate(t, words)
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 100
		got := spirvrun.Run(t, d, words, [3]uint32{(n + 31) / 32, 1, 1}, []uint32{n}, 2*n)
		for i := range uint32(n) {
			x, y := uint32(0), uint32(1000)
			for j := uint32(0); j < i; j += 2 {
				count := uint32(0)
				for v := j; v > 1; count++ {
					if v&1 == 1 {
						v = 3*v + 1
					} else {
						v >>= 1
					}
				}
				x, y = y, x+count
			}
			require.Equal(t, []uint32{x, y}, got[2*i:2*i+2], "invocation %d", i)
		}
	})
}

// TestSharedMemory reverses each workgroup's part through workgroup memory.
func TestSharedMemory(t *testing.T) {
	const local, groups = 64, 5
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{local}})
	in := b.StorageBuffer(0, spirv.U32, spirv.ReadOnly)
	out := b.StorageBuffer(1, spirv.U32, spirv.WriteOnly)
	tile := b.Shared(spirv.U32, local)
	b.StoreShared(tile, b.LocalIndex(), b.Load(in, b.GlobalID(0)))
	b.Barrier()
	b.Store(out, b.GlobalID(0), b.LoadShared(tile, b.Sub(b.ConstU32(local-1), b.LocalID(0))))
	words := b.Module()
	spirvtest.Validate(t, words)
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		input, want := make([]uint32, local*groups), make([]uint32, local*groups)
		for i := range input {
			input[i] = uint32(i * 7)
			want[i/local*local+local-1-i%local] = input[i]
		}
		require.Equal(t, want, spirvrun.Run(t, d, words, [3]uint32{groups, 1, 1}, nil, len(input), input))
	})
}

// TestPairs stores vectors as pairs of words: every bit arrives, of NaN, denormals and whole numbers too.
func TestPairs(t *testing.T) {
	const local = 8
	for _, kind := range []spirv.Kind{spirv.Float32, spirv.Uint32} {
		b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{local}})
		in := b.StorageBuffer(0, spirv.Type{Kind: kind, Lanes: 4}, spirv.ReadOnly)
		out := b.StorageBuffer(1, spirv.F64.Vec(2), spirv.WriteOnly)
		b.Store(out, b.GlobalID(0), b.Pairs(b.Load(in, b.GlobalID(0))))
		words := b.Module()
		spirvtest.Validate(t, words)
		gputest.Each(t, func(t *testing.T, d *gpu.Device) {
			if !d.Info().Features.Float64 {
				t.Skip("needs shaderFloat64")
			}
			input := make([]uint32, 4*local)
			for i := range input {
				input[i] = []uint32{0x7fa00001, 0xffc12345, 1, 0x80000000, 0xff800000, 0x3f800000, 0x7ff00000}[i%7] // signalling and quiet NaN, denormal, ...
			}
			require.Equal(t, input, spirvrun.Run(t, d, words, [3]uint32{1, 1, 1}, nil, len(input), input))
		})
	}
}
