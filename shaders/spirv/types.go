package spirv

import "fmt"

// Kind is the kind of a value's lanes.
type Kind uint8

// The kinds of lanes. Every kind but Bool and Float64 is 32 bits wide. Float64 needs a device with shaderFloat64.
const (
	Bool Kind = iota + 1
	Int32
	Uint32
	Float32
	Float64
)

// String returns the kind's short name: bool, i32, u32, f32 or f64.
func (k Kind) String() string {
	switch k {
	case Bool:
		return "bool"
	case Int32:
		return "i32"
	case Uint32:
		return "u32"
	case Float32:
		return "f32"
	case Float64:
		return "f64"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Type is a scalar (Lanes 1) or a vector of 2 to 4 lanes. Types are comparable.
type Type struct {
	Kind  Kind
	Lanes int
}

// The scalar types.
var (
	B1  = Type{Bool, 1}
	I32 = Type{Int32, 1}
	U32 = Type{Uint32, 1}
	F32 = Type{Float32, 1}
	F64 = Type{Float64, 1}
)

// Vec returns the type with the same kind and the given number of lanes, 1 to 4.
func (t Type) Vec(lanes int) Type { return Type{t.Kind, lanes} }

// Scalar returns the type of one lane.
func (t Type) Scalar() Type { return Type{t.Kind, 1} }

// IsVector reports whether the type has more than one lane.
func (t Type) IsVector() bool { return t.Lanes > 1 }

// Bytes returns the size in a buffer: 4 a lane, or 8.
func (t Type) Bytes() int { return t.Kind.Bytes() * t.Lanes }

// Bytes returns the size of a lane in a buffer: 8 for Float64, 4 for the others (a buffer has no Bool).
func (k Kind) Bytes() int {
	if k == Float64 {
		return 8
	}
	return 4
}

// String returns f32 for a scalar and f32x4 for a vector.
func (t Type) String() string {
	if t.Lanes == 1 {
		return t.Kind.String()
	}
	return fmt.Sprintf("%vx%d", t.Kind, t.Lanes)
}

func (t Type) valid() bool {
	return t.Kind >= Bool && t.Kind <= Float64 && t.Lanes >= 1 && t.Lanes <= 4
}

// isFloat reports a floating-point kind.
func (k Kind) isFloat() bool { return k == Float32 || k == Float64 }

// isInt reports a 32-bit integer kind.
func (k Kind) isInt() bool { return k == Int32 || k == Uint32 }

// Value is the result of an instruction, or a constant. The zero Value is no value.
type Value struct {
	ID   uint32
	Type Type
}

// Valid reports whether v is the result of something.
func (v Value) Valid() bool { return v.ID != 0 }

// typeKey identifies a SPIR-V type instruction: aggregates and pointers
// included, which have no Type of their own.
type typeKey struct {
	op   opcode
	args [7]uint32
	tag  uint32 // tells types apart that differ in their decorations only
}

// typeOf returns the id of t, declaring it at first use.
func (b *Builder) typeOf(t Type) uint32 {
	if !t.valid() {
		bug("invalid type %v", t)
	}
	if t.Lanes > 1 {
		return b.declareType(opTypeVector, 0, b.typeOf(t.Scalar()), uint32(t.Lanes))
	}
	switch t.Kind {
	case Bool:
		return b.declareType(opTypeBool, 0)
	case Int32:
		return b.declareType(opTypeInt, 0, 32, 1)
	case Uint32:
		return b.declareType(opTypeInt, 0, 32, 0)
	case Float64:
		b.doubleUsed = true
		return b.declareType(opTypeFloat, 0, 64)
	default:
		return b.declareType(opTypeFloat, 0, 32)
	}
}

func (b *Builder) pointerTo(class, elem uint32) uint32 {
	return b.declareType(opTypePointer, 0, class, elem)
}

func (b *Builder) declareType(op opcode, tag uint32, args ...uint32) uint32 {
	key := typeKey{op: op, tag: tag}
	copy(key.args[:], args)
	if id, ok := b.types[key]; ok {
		return id
	}
	id := b.newID()
	b.types[key] = id
	b.globals.add(op, append([]uint32{id}, args...)...)
	return id
}

// bug reports a broken invariant of the code generator.
func bug(format string, args ...any) {
	panic("BUG: spirv: " + fmt.Sprintf(format, args...))
}
