package graph

import "slices"

// placeholder is what the trace of a Placeholder is called.
const placeholder = "placeholder"

// Placeholder is a tensor of a type and shape without values or memory: an argument for EvalShape, Cost and Dump, and for compiled functions, which then
// only compile. Ops may be
// applied to it; asking for a value that depends on it is ErrTraced.
func Placeholder(d DType, shape ...int) Tensor {
	checkDims(placeholder, shape)
	return newTrace(placeholder).param(Spec{d, slices.Clone(shape)})
}

// isPlaceholder reports a tensor that Placeholder made.
func (t Tensor) isPlaceholder() bool {
	return t.n.isParam() && t.n.trace != nil && t.n.trace.what == placeholder
}

// EvalShape gives the result that f would have for an argument like a, as a tree of placeholders, whose DType and Shape tell
// what to expect. It runs nothing, takes no memory and needs no device: a may be made of Placeholders. The error
// is that of an op in f that does not fit.
func EvalShape[A, R any](f func(A) R, a A) (result R, err error) {
	defer Recover(&err)
	_, result, _ = traceLike("eval shape", f, a)
	outs := leavesOf("eval shape", result)
	for i, o := range outs {
		outs[i] = Placeholder(o.DType(), o.Shape()...)
	}
	return rebuild("eval shape", result, outs), nil
}

// traceLike runs f on stand-ins for the tensors of a.
func traceLike[A, R any](what string, f func(A) R, a A) (params []*node, result R, outs []*node) {
	tr := newTrace(what)
	defer tr.close()
	leaves := leavesOf(what, a)
	stand := make([]Tensor, len(leaves))
	for i, l := range leaves {
		stand[i] = tr.param(l.Spec())
	}
	result = f(rebuild(what, a, stand))
	return nodes(stand), result, nodes(leavesOf(what, result))
}
