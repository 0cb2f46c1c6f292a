package graph

import (
	"fmt"
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// DType is the element type of a tensor. Float64 takes 64 bits on the device, every other type one 32-bit word;
// Bool is 0 or 1 in such a word, because not every driver has byte storage.
type DType uint8

// The element types.
const (
	Float32 DType = iota + 1
	Int32
	Uint32
	Bool
	// Float64 needs a device with the feature shaderFloat64: most GPUs and lavapipe have it, SwiftShader has not.
	// Ops without a float64 form say so when they are called, or when the function is compiled.
	Float64
)

// String gives the type's name as Go spells it.
func (d DType) String() string {
	switch d {
	case Float32:
		return "float32"
	case Int32:
		return "int32"
	case Uint32:
		return "uint32"
	case Bool:
		return "bool"
	case Float64:
		return "float64"
	}
	if d == tuple {
		return "tuple"
	}
	return fmt.Sprintf("DType(%d)", uint8(d))
}

// IsFloat reports whether gradients flow through tensors of this type.
func (d DType) IsFloat() bool { return d == Float32 || d == Float64 }

// bytes is the size of an element on the device.
func (d DType) bytes() int {
	if d == Float64 {
		return 8
	}
	return 4
}

// IsInt reports whether d is a signed or unsigned integer.
func (d DType) IsInt() bool { return d == Int32 || d == Uint32 }

// holds reports whether an integer type has the number v.
func (d DType) holds(v float64) bool { return v == math.Trunc(v) && v == d.wrap(v) }

// kind is the type of d's values in a kernel's registers.
func (d DType) kind() spirv.Kind {
	switch d {
	case Float32:
		return spirv.Float32
	case Int32:
		return spirv.Int32
	case Uint32:
		return spirv.Uint32
	case Bool:
		return spirv.Bool
	case Float64:
		return spirv.Float64
	}
	panic("BUG: graph: no register kind for " + d.String())
}

// bits encodes v as the bits that a device stores for d: 64 for Float64, else 32.
func (d DType) bits(v float64) uint64 {
	switch d {
	case Float64:
		return math.Float64bits(v)
	case Float32:
		return uint64(math.Float32bits(float32(v)))
	case Int32:
		return uint64(uint32(int32(v)))
	case Uint32:
		return uint64(uint32(v))
	default:
		if v != 0 {
			return 1
		}
		return 0
	}
}

// value decodes a device's bits; the inverse of bits.
func (d DType) value(w uint64) float64 {
	switch d {
	case Float64:
		return math.Float64frombits(w)
	case Float32:
		return float64(math.Float32frombits(uint32(w)))
	case Int32:
		return float64(int32(w))
	default:
		return float64(w)
	}
}

// wrap brings the result of integer arithmetic done in float64 back into d's range, as 32-bit
// two's complement does; floats pass through unrounded, since the evaluator works in float64.
func (d DType) wrap(v float64) float64 {
	switch d {
	case Int32:
		return float64(int32(int64(math.Mod(v, 1<<32))))
	case Uint32:
		return float64(uint32(int64(math.Mod(v, 1<<32))))
	}
	return v
}

// leastNormal is the least positive float of full precision.
func leastNormal(d DType) float64 {
	if d == Float64 {
		return 0x1p-1022
	}
	return 0x1p-126
}
