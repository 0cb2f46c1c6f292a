package spirv

import "math"

type constKey struct {
	typ  Type
	bits [4]uint32
}

// ConstF32 returns the constant x.
func (b *Builder) ConstF32(x float32) Value { return b.Const(F32, math.Float32bits(x)) }

// ConstI32 returns the constant x.
func (b *Builder) ConstI32(x int32) Value { return b.Const(I32, uint32(x)) }

// ConstU32 returns the constant x.
func (b *Builder) ConstU32(x uint32) Value { return b.Const(U32, x) }

// ConstBool returns the constant x.
func (b *Builder) ConstBool(x bool) Value {
	if x {
		return b.Const(B1, 1)
	}
	return b.Const(B1, 0)
}

// Const returns the constant of type t, not of Float64, whose every lane has the
// given bits (for Bool: 0 is false, anything else true).
func (b *Builder) Const(t Type, bits uint32) Value {
	lanes := make([]uint32, t.Lanes)
	for i := range lanes {
		lanes[i] = bits
	}
	return b.ConstLanes(t, lanes...)
}

// ConstLanes returns the constant of type t with one word of bits a lane.
func (b *Builder) ConstLanes(t Type, lanes ...uint32) Value {
	if !t.valid() || t.Kind == Float64 || len(lanes) != t.Lanes {
		bug("constant of type %v with %d lanes", t, len(lanes))
	}
	key := constKey{typ: t}
	for i, bits := range lanes {
		if t.Kind == Bool && bits != 0 {
			bits = 1
		}
		key.bits[i] = bits
	}
	if v, ok := b.consts[key]; ok {
		return v
	}
	var words []uint32
	op := opConstant
	switch {
	case t.Lanes > 1:
		op = opConstantComposite
		for _, bits := range key.bits[:t.Lanes] {
			words = append(words, b.Const(t.Scalar(), bits).ID)
		}
	case t.Kind == Bool && key.bits[0] == 1:
		op = opConstantTrue
	case t.Kind == Bool:
		op = opConstantFalse
	default:
		words = []uint32{key.bits[0]}
	}
	typeID := b.typeOf(t)
	v := Value{b.newID(), t}
	b.globals.add(op, append([]uint32{typeID, v.ID}, words...)...)
	b.consts[key] = v
	b.constBits[v.ID] = append([]uint32(nil), key.bits[:t.Lanes]...)
	return v
}

// SpecU32 returns specialization constant number id with the given default.
// It is not folded: its value is chosen when the pipeline is made. Declare
// each id once.
func (b *Builder) SpecU32(id, def uint32) Value {
	typeID := b.typeOf(U32)
	v := Value{b.newID(), U32}
	b.globals.add(opSpecConstant, typeID, v.ID, def)
	b.decorate(v.ID, decSpecID, id)
	return v
}

// Splat returns a vector whose every lane is the scalar v; a constant stays
// one. A vector of that many lanes is returned as it is.
func (b *Builder) Splat(v Value, lanes int) Value {
	if v.Type.Lanes == lanes {
		return v
	}
	if v.Type.Lanes != 1 {
		bug("splat of %v to %d lanes", v.Type, lanes)
	}
	if bits, ok := b.constBits[v.ID]; ok {
		return b.Const(v.Type.Vec(lanes), bits[0])
	}
	vals := make([]Value, lanes)
	for i := range vals {
		vals[i] = v
	}
	return b.Vector(vals...)
}

// IntConst returns the value of an integer or boolean constant; for a vector
// all of whose lanes are equal, theirs. The result is false for anything else.
func (b *Builder) IntConst(v Value) (int64, bool) {
	bits, ok := b.uniformBits(v)
	if !ok {
		return 0, false
	}
	switch v.Type.Kind {
	case Int32:
		return int64(int32(bits)), true
	case Uint32, Bool:
		return int64(bits), true
	}
	return 0, false
}

// Zero returns the bits of a float32 constant that is 0, or -0, in all lanes.
func (b *Builder) Zero(v Value) (bits uint32, ok bool) {
	bits, ok = b.uniformBits(v)
	return bits, ok && v.Type.Kind == Float32 && bits&math.MaxInt32 == 0
}

// uniformBits returns the bits all lanes of a constant share.
func (b *Builder) uniformBits(v Value) (uint32, bool) {
	lanes, ok := b.constBits[v.ID]
	if !ok {
		return 0, false
	}
	for _, bits := range lanes[1:] {
		if bits != lanes[0] {
			return 0, false
		}
	}
	return lanes[0], true
}
