package shaders

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Literal zeros in products and quotients. Drivers built on gallivm (lavapipe) take x * 0 and 0 / x for 0 and x / 0 for
// anything, whatever x is, where the 0 is a constant. So such kernels get their zero from a push constant, which no driver can look
// through.

// scalesBy reports that the driver must not see a, an operand of x, for the constant 0 that it is.
func (x *Expr) scalesBy(a *Expr) bool {
	if x.kind != applyExpr || a.kind != literalExpr || !x.scales() {
		return false
	}
	switch a.dtype {
	case spirv.Float32:
		return a.bits&math.MaxInt32 == 0
	case spirv.Float64:
		return a.bits&math.MaxInt64 == 0
	}
	return false
}

// scales reports a product or quotient.
func (x *Expr) scales() bool { return x.fn.Name == "mul" || x.fn.Name == "div" }

// scalesByZero reports that some product or quotient of the kernel has a literal zero.
func (f *Fused) scalesByZero() bool {
	found := false
	f.walk(func(x *Expr) {
		for _, a := range x.args {
			found = found || x.scalesBy(a)
		}
	})
	return found
}

// hiddenZero is a zero given by its bits, sign included, as a value that is not known when the kernel is compiled.
func (e *emitter) hiddenZero(k spirv.Kind, bits uint64) spirv.Value {
	b := e.b
	if k == spirv.Float64 {
		v := b.Convert(e.zero, spirv.Float64)
		if bits != 0 {
			v = b.Neg(v)
		}
		return v
	}
	return b.Bitcast(b.Or(e.zero, b.ConstU32(uint32(bits))), spirv.Float32)
}
