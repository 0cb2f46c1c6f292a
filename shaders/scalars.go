package shaders

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Scalars that the user wrote, step sizes and the 1/n of a mean, are push constants: kernels that differ in them alone, steps of an unrolled loop,
// other batch sizes and other settings of a sweep, are one module, which drivers compile once. Kernels with loops keep theirs as constants, which
// cost nothing in registers, and so do kernels with many: polynomials.

// mostScalars is how many scalars of a kernel are pushed at most, mostPushed how many words in all: what every device has.
const mostScalars, mostPushed = 8, 32

// scalar reports a literal that may be pushed. The exceptions are those that code is made simpler by.
func (x *Expr) scalar() bool {
	if x.kind != literalExpr || x.dtype != spirv.Float32 {
		return false
	}
	switch v := math.Abs(float64(math.Float32frombits(uint32(x.bits)))); v {
	case 0, 0.5, 1, 2:
		return false
	default:
		return v <= math.MaxFloat32 // no infinity, no NaN
	}
}

// pushScalars numbers the push constants that hold scalars.
func (e *emitter) pushScalars() {
	if e.f.loops > 0 {
		return
	}
	var scalars []*Expr
	e.f.walk(func(x *Expr) {
		if x.scalar() {
			scalars = append(scalars, x)
		}
	})
	if len(scalars) > mostScalars || len(e.pushed)+len(scalars) > mostPushed {
		return
	}
	e.scalars = map[*Expr]int{}
	for _, x := range scalars {
		e.scalars[x] = len(e.pushed)
		e.pushed = append(e.pushed, uint32(x.bits))
	}
}
