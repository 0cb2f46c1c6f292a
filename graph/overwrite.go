package graph

import (
	"fmt"
	"sync/atomic"
)

// overwrites notes that an in-place call gave an array other values. Node numbers grow with creation, so an op recorded before means the old
// values and one recorded after the new ones. The zero value: no call did.
type overwrites struct {
	id atomic.Uint64  // the number that the next node would have had at the last such call
	pc atomic.Uintptr // the in-place function's line
}

// outdated is the error for a node without a value that was recorded before one of its operands was overwritten.
func (a applied) outdated() error {
	if evaluated(a.node) {
		return nil
	}
	for _, x := range a.from {
		if x.over.id.Load() > a.id {
			return overwrittenError(a.node, x)
		}
	}
	return nil
}

// checkOutdated fails where derivatives are to be taken at values that are gone.
func checkOutdated(order []applied) {
	for _, a := range order {
		if err := a.outdated(); err != nil {
			panic(err)
		}
	}
}

func overwrittenError(n, operand *node) error {
	return &Error{Op: n.op.Name(), Pos: position(n.pc), Kind: ErrOverwritten,
		Detail: fmt.Sprintf("it is to be computed from the old values of %v, which the in-place function made at %s has overwritten since", operand.spec, position(operand.over.pc.Load())),
		Fix:    "evaluate it with graph.Eval before the in-place call, or use the pure call"}
}
