package graph

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Rows of the table of elementwise ops for the bits of integers. And and Or stand in op_table.go.
var xorRule, shiftLeftRule, shiftRightRule *rule

func bitRules() []*rule { return []*rule{xorRule, shiftLeftRule, shiftRightRule} }

func init() {
	xorRule = &rule{name: "xor", types: bits, cost: 1, cases: bitCases,
		eval: eval2(func(a, b float64) float64 { return math.Abs(a - b) }), // of booleans
		ints: func(x []int64) int64 { return x[0] ^ x[1] },
		emit: emit2((*builder).Xor)}
	shiftLeftRule = &rule{name: "shift left", types: sameInt, cost: 2, cases: shiftCases,
		ints: func(x []int64) int64 {
			if n := uint32(x[1]); n < 32 {
				return x[0] << n
			}
			return 0
		},
		emit: emit2(shiftLeft)}
	shiftRightRule = &rule{name: "shift right", types: sameInt, cost: 2, cases: shiftCases,
		ints: func(x []int64) int64 { return x[0] >> min(uint32(x[1]), 63) },
		emit: emit2(shiftRight)}
}

// bits: booleans or integers of one type.
func bits(in []Spec) (DType, error) {
	if in[0].DType.IsFloat() {
		return 0, dtypeError("compare first, for example x.Ne(x.Like(0)), or convert with AsInt", "operand 0 is %v, want bool or integers", in[0])
	}
	return sameType(in)
}

// shiftLeft is x << n, 0 for n outside [0, 31], where the instruction is undefined. By constants it is a
// product: SwiftShader shifts lane by lane.
func shiftLeft(b *builder, x, n value) value {
	if c, ok := b.IntConst(n); ok {
		if uint32(c) > 31 {
			return b.Const(x.Type, 0)
		}
		return b.Mul(x, b.Const(x.Type, 1<<uint32(c)))
	}
	in := b.Lt(b.Bitcast(n, spirv.Uint32), b.ConstU32(32))
	return b.Select(in, b.Shl(x, b.And(n, b.Const(n.Type, 31))), b.Const(x.Type, 0))
}

// shiftRight is x >> n, as by 31 twice for n outside [0, 31].
func shiftRight(b *builder, x, n value) value {
	rest := b.Const(x.Type, 0)
	if x.Type.Kind == spirv.Int32 {
		rest = b.Shr(x, b.ConstI32(31))
	}
	if c, ok := b.IntConst(n); ok {
		if uint32(c) > 31 {
			return rest
		}
		return b.Shr(x, n)
	}
	in := b.Lt(b.Bitcast(n, spirv.Uint32), b.ConstU32(32))
	return b.Select(in, b.Shr(x, b.And(n, b.Const(n.Type, 31))), rest)
}

func bitCases(o Op) []Case {
	word := sampleOf(Uint32, 0, 1<<32, 9)
	signed := sampleOf(Int32, -(1 << 31), 1<<31, 2, 8)
	return []Case{
		{Op: o, In: []Sample{sampleOf(Bool, 0, 2, 8), sampleOf(Bool, 0, 2, 8)}},
		{Op: o, In: []Sample{word, word}},
		{Op: o, In: []Sample{signed, signed}},
	}
}

func shiftCases(o Op) []Case {
	return []Case{
		{Op: o, In: []Sample{sampleOf(Uint32, 0, 1<<32, 40), sampleOf(Uint32, 0, 36, 40)}},
		{Op: o, In: []Sample{sampleOf(Int32, -(1 << 31), 1<<31, 5, 8), sampleOf(Int32, -3, 36, 5, 8)}},
	}
}

// And is logical on bool tensors and bit by bit on integers.
func (t Tensor) And(u Tensor) Tensor { return pointwise(andRule, t, u) }

// Or is logical on bool tensors and bit by bit on integers.
func (t Tensor) Or(u Tensor) Tensor { return pointwise(orRule, t, u) }

// Xor is the exclusive or: inequality of bool tensors, bit by bit on integers.
func (t Tensor) Xor(u Tensor) Tensor { return pointwise(xorRule, t, u) }

// Not is the complement of bool tensors, and that of all bits of integers.
func (t Tensor) Not() Tensor {
	switch t.must("not").spec.DType {
	case Int32:
		return t.Xor(t.Like(-1))
	case Uint32:
		return t.Xor(t.Like(math.MaxUint32))
	}
	return pointwise(notRule, t)
}

// ShiftLeft is t << n, for integers of one type: zeros come in. Counts n outside [0, 31] give 0.
func (t Tensor) ShiftLeft(n Tensor) Tensor { return pointwise(shiftLeftRule, t, n) }

// ShiftRight is t >> n, for integers of one type: copies of the sign come in for int32, zeros for uint32. Counts n
// outside [0, 31] give what is left after all bits are gone: 0, or -1 for negative t.
func (t Tensor) ShiftRight(n Tensor) Tensor { return pointwise(shiftRightRule, t, n) }
