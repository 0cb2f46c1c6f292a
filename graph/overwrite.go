package graph

import "fmt"

// overwrite notes that an in-place call gave an array other values. Node numbers grow with creation, so an op recorded before means the old
// values and one recorded after the new ones.
type overwrite struct {
	id uint64  // the number that the next node would have had
	pc uintptr // the in-place function's line
}

// outdated is the error for a node without a value that was recorded before one of its operands was overwritten.
func (a applied) outdated() error {
	if evaluated(a.node) {
		return nil
	}
	for _, x := range a.from {
		if o := x.over.Load(); o != nil && o.id > a.id {
			return overwrittenError(a.node, x, o)
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

func overwrittenError(n, operand *node, o *overwrite) error {
	return &Error{Op: n.op.Name(), Pos: position(n.pc), Kind: ErrOverwritten,
		Detail: fmt.Sprintf("it is to be computed from the old values of %v, which the in-place function made at %s has overwritten since", operand.spec, position(o.pc)),
		Fix:    "evaluate it with graph.Eval before the in-place call, or use the pure call"}
}
