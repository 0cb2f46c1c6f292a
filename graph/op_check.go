package graph

import (
	"math"
	"slices"
)

// checkOp is its first operand; a run fails when the second, bool, has a false element. The compiler
// gives every check one hidden int32 output: the position of the first false element.
type checkOp struct {
	identityRules
	message string
	mapped  int // leading axes of the condition that vmap has added
}

func (checkOp) Name() string { return "check" }

func (checkOp) Infer(in []Spec) (Spec, error) {
	if in[1].DType != Bool {
		return Spec{}, dtypeError("the condition must be a comparison", "the condition is %v, want bool", in[1])
	}
	return in[0], nil
}

// JVP and VJP keep the check: a program that reads only the derivative fails as well.
func (o checkOp) JVP(c Call, t []Tensor) Tensor {
	if !t[0].Valid() {
		return t[0]
	}
	return apply(o, t[0], c.In[1])
}

func (o checkOp) VJP(c Call, ct Tensor) []Tensor { return []Tensor{apply(o, ct, c.In[1]), {}} }

func (o checkOp) Batch(_ Call, in []Tensor, batched []bool, size int) Tensor {
	if !batched[0] {
		in = slices.Clone(in)
		in[0] = in[0].stretch(in[0].Shape().prepend(size))
	}
	if batched[1] {
		o.mapped++
	}
	return apply(o, in...)
}

// firstFalse is the position of the condition's first false element, MaxInt32 when there is none.
func (o checkOp) firstFalse(cond Tensor) Tensor {
	if cond.Size() == 0 {
		return Int(math.MaxInt32)
	}
	flat := cond.Flatten()
	pos := Iota(0, flat.Size())
	return Where(flat, pos.Like(math.MaxInt32), pos).ReduceMin()
}

// failure is the error for a check whose first false element is at pos of the given shape.
func (o checkOp) failure(n *node, shape Shape, pos int) error {
	idx := make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		idx[i] = pos % shape[i]
		pos /= shape[i]
	}
	e := &Error{Op: "check", Pos: position(n.pc), Kind: ErrCheck, Detail: o.message}
	switch {
	case o.mapped > 0 && len(idx) > o.mapped:
		e.Detail += " is false for sample " + Shape(idx[:o.mapped]).String() + ", element " + Shape(idx[o.mapped:]).String()
	case o.mapped > 0:
		e.Detail += " is false for sample " + Shape(idx).String()
	case len(idx) > 0:
		e.Detail += " is false for element " + Shape(idx).String()
	default:
		e.Detail += " is false"
	}
	e.Fix = "mend the data, or leave checks out with graph.WithoutChecks"
	return e
}

// Check is t, but a run in which an element of ok (bool, any shape) is false returns ErrCheck with
// the message and the position of the first such element. The message states what must hold, for
// example "label in [0, 10)". Checks work under grad and vmap, where the error names the sample.
func (t Tensor) Check(ok Tensor, message string) Tensor {
	return apply(checkOp{message: message}, t, ok)
}
