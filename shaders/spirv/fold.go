package spirv

import "math/bits"

// intOp emits an integer or boolean instruction of two operands of one width,
// or the constant or operand it is known to equal.
func (b *Builder) intOp(op opcode, x, y Value) Value {
	t := x.Type
	if compares(op) {
		t = B1.Vec(t.Lanes)
	}
	xs, xok := b.constBits[x.ID]
	ys, yok := b.constBits[y.ID]
	if xok && yok {
		lanes := make([]uint32, len(xs))
		ok := true
		for i := range xs {
			lanes[i], ok = foldLane(op, xs[i], ys[i])
			if !ok {
				break
			}
		}
		if ok {
			return b.ConstLanes(t, lanes...)
		}
	}
	if v, ok := b.simplify(op, t, x, y); ok {
		return v
	}
	return b.pure(op, t, x.ID, y.ID)
}

func compares(op opcode) bool { return op >= opIEqual && op <= opSLessThanEqual }

// foldLane computes one lane; false where the instruction is undefined.
func foldLane(op opcode, x, y uint32) (uint32, bool) {
	switch op {
	case opIAdd:
		return x + y, true
	case opISub:
		return x - y, true
	case opIMul:
		return x * y, true
	case opUDiv:
		if y == 0 {
			return 0, false
		}
		return x / y, true
	case opSDiv:
		if y == 0 || (x == 1<<31 && int32(y) == -1) {
			return 0, false
		}
		return uint32(int32(x) / int32(y)), true
	case opUMod:
		if y == 0 {
			return 0, false
		}
		return x % y, true
	case opBitwiseAnd, opLogicalAnd:
		return x & y, true
	case opBitwiseOr, opLogicalOr:
		return x | y, true
	case opBitwiseXor, opLogicalNotEqual:
		return x ^ y, true
	case opShiftLeftLogical:
		return x << y, true
	case opShiftRightLogical:
		return x >> y, true
	case opShiftRightArithmetic:
		return uint32(int32(x) >> y), true
	case opIEqual, opLogicalEqual:
		return boolBit(x == y), true
	case opINotEqual:
		return boolBit(x != y), true
	case opULessThan:
		return boolBit(x < y), true
	case opULessThanEqual:
		return boolBit(x <= y), true
	case opUGreaterThan:
		return boolBit(x > y), true
	case opUGreaterThanEqual:
		return boolBit(x >= y), true
	case opSLessThan:
		return boolBit(int32(x) < int32(y)), true
	case opSLessThanEqual:
		return boolBit(int32(x) <= int32(y)), true
	case opSGreaterThan:
		return boolBit(int32(x) > int32(y)), true
	case opSGreaterThanEqual:
		return boolBit(int32(x) >= int32(y)), true
	}
	return 0, false
}

func boolBit(x bool) uint32 {
	if x {
		return 1
	}
	return 0
}

// simplify uses the neutral and absorbing elements of op, and turns unsigned
// division by a power of two into shifts and masks. Products stay products: on
// SwiftShader a shift is done lane by lane, a vector multiplication is not.
func (b *Builder) simplify(op opcode, t Type, x, y Value) (Value, bool) {
	if commutes(op) {
		if _, ok := b.constBits[x.ID]; ok {
			x, y = y, x
		}
	}
	if x.ID == y.ID {
		switch op {
		case opISub, opBitwiseXor, opLogicalNotEqual:
			return b.Const(t, 0), true
		case opBitwiseAnd, opBitwiseOr, opLogicalAnd, opLogicalOr:
			return x, true
		case opIEqual, opLogicalEqual, opULessThanEqual, opUGreaterThanEqual, opSLessThanEqual, opSGreaterThanEqual:
			return b.Const(t, 1), true
		case opINotEqual, opULessThan, opUGreaterThan, opSLessThan, opSGreaterThan:
			return b.Const(t, 0), true
		}
	}
	if v, ok := b.uniformBits(x); ok && v == 0 {
		switch op { // 0 / y and 0 % y are 0 or undefined
		case opUDiv, opSDiv, opUMod, opShiftLeftLogical, opShiftRightLogical, opShiftRightArithmetic:
			return x, true
		}
	}
	c, ok := b.uniformBits(y)
	if !ok {
		return Value{}, false
	}
	switch op {
	case opIAdd, opISub, opBitwiseOr, opBitwiseXor, opLogicalNotEqual,
		opShiftLeftLogical, opShiftRightLogical, opShiftRightArithmetic:
		if c == 0 {
			return x, true
		}
		if op == opBitwiseOr && c == ^uint32(0) {
			return y, true
		}
	case opLogicalOr:
		if c == 0 {
			return x, true
		}
		return y, true
	case opLogicalAnd:
		if c == 0 {
			return y, true
		}
		return x, true
	case opLogicalEqual:
		if c == 1 {
			return x, true
		}
	case opBitwiseAnd:
		if c == 0 {
			return y, true
		}
		if c == ^uint32(0) {
			return x, true
		}
	case opULessThan:
		if c == 0 { // nothing is below 0
			return b.Const(t, 0), true
		}
	case opUGreaterThanEqual:
		if c == 0 {
			return b.Const(t, 1), true
		}
	case opIMul, opUDiv, opUMod, opSDiv:
		return b.byConstant(op, x, y, c)
	}
	return Value{}, false
}

// byConstant simplifies products and quotients by the constant c, which is y.
func (b *Builder) byConstant(op opcode, x, y Value, c uint32) (Value, bool) {
	power := bits.OnesCount32(c) == 1
	log2 := b.ConstU32(uint32(bits.TrailingZeros32(c)) & 31)
	switch {
	case op == opIMul && c == 0:
		return y, true
	case op == opUMod && c == 1:
		return b.Const(x.Type, 0), true
	case c == 1:
		return x, true
	case op == opUDiv && power:
		return b.Shr(x, log2), true
	case op == opUMod && power:
		return b.And(x, b.Const(x.Type, c-1)), true
	}
	return Value{}, false
}

// mapLanes returns the constant with f applied to each lane's bits.
func (b *Builder) mapLanes(t Type, lanes []uint32, f func(uint32) uint32) Value {
	out := make([]uint32, len(lanes))
	for i, u := range lanes {
		out[i] = f(u)
	}
	return b.ConstLanes(t, out...)
}
