package graph

import (
	"fmt"

	"github.com/lavagrad/lavagrad/shaders"
)

// Op is an operation: a Go type whose fields are its attributes and whose methods are all of its
// rules. An op that lacks a rule does not compile. To add one, write one file like op_slice.go and
// name it in the table of ops.go.
type Op interface {
	// Name is the field's term for the op, in lower case.
	Name() string

	// Class tells the compiler how the op's kernel code relates operand and result elements.
	Class() Class

	// Infer gives the result's spec, or says why the operands do not fit.
	Infer(in []Spec) (Spec, error)

	// Eval computes the result in float64 on the host. It is the definition of the op: everything
	// else is tested against it.
	Eval(out *Host, in []*Host)

	// JVP gives the tangent of the result from the tangents of the operands. The zero Tensor
	// stands for "no tangent"; at least one is given. Written in ops, so it differentiates again.
	JVP(c Call, tangents []Tensor) Tensor

	// VJP gives the cotangent of every operand from that of the result; the zero Tensor where none flows.
	VJP(c Call, cotangent Tensor) []Tensor

	// Batch applies the op to operands that carry one more axis of the given length in front
	// where batched says so; the result must carry it in front too.
	Batch(c Call, in []Tensor, batched []bool, size int) Tensor

	// Lower gives the kernel expression of the result's element at an index.
	Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr

	// Cases are sample operands that drive the conformance tests.
	Cases() []Case
}

// Class is how an op's result elements depend on operand elements.
type Class uint8

// The classes of ops.
const (
	// Leaf ops have no operands.
	Leaf Class = iota
	// View ops only move elements: every result element is one operand element or a constant.
	View
	// Pointwise ops compute each result element from the operands' elements at the same index.
	Pointwise
	// Reduction ops compute each result element from many operand elements.
	Reduction
	// Opaque ops bring kernels of their own (kernelop.go): no expression describes them.
	Opaque
)

// Call is an op's application as the differentiation rules see it.
type Call struct {
	In  []Tensor
	Out Tensor
}

// Operands gives a Lower rule its node's specs.
type Operands struct{ n *node }

// In is the spec of operand i.
func (o Operands) In(i int) Spec { return o.n.in()[i].spec }

// Out is the spec of the result.
func (o Operands) Out() Spec { return o.n.spec }

// Len is the number of operands.
func (o Operands) Len() int { return len(o.n.in()) }

// Case is one sample application of an op.
type Case struct {
	Op Op
	In []Sample
	// Tolerance is the allowed relative error of the device against the evaluator; 0 means exact
	// for integers and 1e-6 for floats.
	Tolerance float64
	// Smooth is false where the op has kinks at its sample points, so that central differences
	// cannot check its gradients.
	Kinked bool
}

// Sample describes an operand of a case: its spec, and the range its pseudo-random values are drawn
// from (the default is -2 to 2).
type Sample struct {
	Spec   Spec
	Lo, Hi float64
	// Prepare, where given, changes the drawn values of an operand so that the op is defined there.
	Prepare func(s Shape, v []float64)
}

// sample is shorthand for a float operand.
func sample(dims ...int) Sample { return Sample{Spec: Spec{Float32, dims}} }

func sampleIn(lo, hi float64, dims ...int) Sample {
	return Sample{Spec: Spec{Float32, dims}, Lo: lo, Hi: hi}
}

func sampleOf(d DType, lo, hi float64, dims ...int) Sample {
	return Sample{Spec: Spec{d, dims}, Lo: lo, Hi: hi}
}

// opKey identifies op and attributes: equal keys on equal operands give equal results.
func opKey(op Op) string {
	if k, ok := op.(interface{ Key() string }); ok {
		return k.Key()
	}
	return fmt.Sprintf("%T%v", op, op)
}

// shapeError and dtypeError are what Infer rules return.
func shapeError(fix, format string, args ...any) error {
	return &ruleError{ErrShape, fmt.Sprintf(format, args...), fix}
}

func dtypeError(fix, format string, args ...any) error {
	return &ruleError{ErrDType, fmt.Sprintf(format, args...), fix}
}

func argumentError(fix, format string, args ...any) error {
	return &ruleError{ErrArgument, fmt.Sprintf(format, args...), fix}
}

// leafRules are the rules that never run for ops without operands.
type leafRules struct{}

func (leafRules) Class() Class                                     { return Leaf }
func (leafRules) JVP(Call, []Tensor) Tensor                        { return Tensor{} }
func (leafRules) VJP(Call, Tensor) []Tensor                        { return nil }
func (leafRules) Batch(c Call, _ []Tensor, _ []bool, _ int) Tensor { return c.Out }
func (leafRules) Cases() []Case                                    { return nil }
