package graph

import (
	"sync/atomic"

	"github.com/lavagrad/lavagrad/gpu"
)

// node is one application of an op. It never changes after it was made, but that it may be evaluated:
// then array is set, once, and the operands are let go. In-place calls may change what the array holds (overwrite.go).
type node struct {
	id    uint64 // order of creation: operands always have smaller ids than their users
	op    Op
	ins   atomic.Pointer[[]*node]
	spec  Spec
	pc    uintptr // the user's line
	trace *trace  // of parameters and aliases: what made them; nil for parameters of the compiler's copies
	array atomic.Pointer[gpu.Array]
	over  overwrites // of the array
}

func newNode(op Op, in []*node, spec Spec, pc uintptr) *node {
	n := &node{id: nodeIDs.Add(1), op: op, spec: spec, pc: pc}
	if len(in) > 0 {
		n.ins.Store(&in)
	}
	return n
}

// in lists the operands; none once the node has been evaluated and nothing differentiates through it.
func (n *node) in() []*node {
	if p := n.ins.Load(); p != nil {
		return *p
	}
	return nil
}

// evaluated is true for nodes whose value is on a device: what they were computed from is history.
func evaluated(n *node) bool { return n.array.Load() != nil }

// isParam reports a stand-in for a value that does not exist yet.
func (n *node) isParam() bool { _, ok := n.op.(paramOp); return ok }

var nodeIDs atomic.Uint64

// Tensor is a handle either to an array on a device or to a node of the graph being traced. It is a
// small immutable value: copy it freely. The zero Tensor stands for "none" and is no operand.
type Tensor struct{ n *node }

// Valid reports whether t is a tensor at all, that is, not the zero Tensor.
func (t Tensor) Valid() bool { return t.n != nil }

// Shape gives the axis lengths. The caller must not change them.
func (t Tensor) Shape() Shape { return t.must("shape").spec.Shape }

// DType gives the element type.
func (t Tensor) DType() DType { return t.must("dtype").spec.DType }

// Spec gives element type and shape.
func (t Tensor) Spec() Spec { return t.must("spec").spec }

// Rank is the number of axes.
func (t Tensor) Rank() int { return len(t.Shape()) }

// Size is the number of elements.
func (t Tensor) Size() int { return t.Shape().Size() }

// Dim is the length of an axis; negative axes count from the end.
func (t Tensor) Dim(axis int) int {
	a, err := normalAxis(axis, t.Rank())
	if err != nil {
		fail("dim", ErrArgument, "", "%v", err)
	}
	return t.Shape()[a]
}

func (t Tensor) must(what string) *node {
	if t.n == nil {
		fail(what, ErrArgument, "make tensors with graph.FromSlice, graph.Scalar or an op", "the zero Tensor has no value")
	}
	return t.n
}

// apply makes the node of op on the given operands, after op's own rule has checked them.
func apply(op Op, in ...Tensor) Tensor {
	nodes := make([]*node, len(in))
	specs := make([]Spec, len(in))
	for i, t := range in {
		n := t.must(op.Name())
		if n.isParam() && n.trace != nil && n.trace.closed.Load() {
			fail(op.Name(), ErrForeign, "return values from the traced function instead of storing them outside it",
				"operand %d is a parameter of the %s at %s, which has ended", i, n.trace.what, position(n.trace.pc))
		}
		nodes[i], specs[i] = n, n.spec
	}
	spec, err := op.Infer(specs)
	if err != nil {
		ruleFailed(op, err)
	}
	if spec.Shape.overflows() {
		fail(op.Name(), ErrShape, "work in smaller parts", "the result %v has more than 2^63-1 elements", spec)
	}
	return Tensor{newNode(op, nodes, spec, callerPC())}
}

// ruleError is what an op's Infer returns; ruleFailed adds name and position.
type ruleError struct {
	kind   error
	detail string
	fix    string
}

func (e *ruleError) Error() string { return e.detail }

func ruleFailed(op Op, err error) {
	if re, ok := err.(*ruleError); ok {
		panic(&Error{Op: op.Name(), Pos: position(callerPC()), Kind: re.kind, Detail: re.detail, Fix: re.fix})
	}
	panic(&Error{Op: op.Name(), Pos: position(callerPC()), Kind: ErrShape, Detail: err.Error()})
}

// trace is one running of a user's function with stand-in parameters.
type trace struct {
	what   string // jit, vmap, grad, ...
	pc     uintptr
	closed atomic.Bool
}

func newTrace(what string) *trace { return &trace{what: what, pc: callerPC()} }

// param makes a fresh stand-in of the given spec.
func (tr *trace) param(s Spec) Tensor {
	n := newNode(paramOp{}, nil, s, tr.pc)
	n.trace = tr
	return Tensor{n}
}

// alias gives t a name of its own for as long as the trace lasts.
func (tr *trace) alias(t Tensor) Tensor {
	a := apply(aliasOp{}, t)
	a.n.trace = tr
	return a
}

func (tr *trace) close() { tr.closed.Store(true) }

// applied is a node with its operands as they were when the graph was walked: another goroutine may
// evaluate the node, and let them go, at any time.
type applied struct {
	*node
	from []*node
}

// record returns the nodes from which outputs are computed, operands before users, stopping at (and
// including) nodes for which stop is true.
func record(outputs []*node, stop func(*node) bool) []applied {
	var order []applied
	seen := map[*node]bool{}
	type frame struct {
		applied
		next int
	}
	var stack []frame
	push := func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		f := frame{applied: applied{node: n}}
		if stop == nil || !stop(n) {
			f.from = n.in()
		}
		stack = append(stack, f)
	}
	for _, o := range outputs {
		push(o)
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			if f.next < len(f.from) {
				f.next++
				push(f.from[f.next-1])
				continue
			}
			order = append(order, f.applied)
			stack = stack[:len(stack)-1]
		}
	}
	return order
}

// reach is record for a graph that nobody else holds.
func reach(outputs []*node, stop func(*node) bool) []*node {
	order := record(outputs, stop)
	out := make([]*node, len(order))
	for i, a := range order {
		out[i] = a.node
	}
	return out
}

// dependents returns those of order that are computed from one of from, these included.
func dependents(order []applied, from []*node) map[*node]bool {
	dep := make(map[*node]bool, len(order))
	for _, n := range from {
		dep[n] = true
	}
	for _, a := range order {
		dep[a.node] = dep[a.node] || anyOf(dep, a.from)
	}
	return dep
}

func anyOf(set map[*node]bool, in []*node) bool {
	for _, n := range in {
		if set[n] {
			return true
		}
	}
	return false
}
