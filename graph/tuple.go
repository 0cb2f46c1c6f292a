package graph

import (
	"context"
	"fmt"

	"github.com/lavagrad/lavagrad/shaders"
)

// multiOp is an op with several results: control flow, and functions with derivatives of the user's own. Its
// node is a tuple without elements of its own, and pick nodes are the results. The rules of Op that speak of one
// result are replaced by the ones here; embed multiRules for the rest.
type multiOp interface {
	Op
	// InferAll gives the results' specs.
	InferAll(in []Spec) ([]Spec, error)
	// EvalAll computes all results in float64 on the host.
	EvalAll(ctx context.Context, out, in []*Host) error
	// JVPAll gives the results' tangents; zero Tensors stand for none.
	JVPAll(c MultiCall, tangents []Tensor) []Tensor
	// VJPAll gives the operands' cotangents from the results', of which those that nobody uses are zero Tensors.
	VJPAll(c MultiCall, cotangents []Tensor) []Tensor
	// BatchAll gives the results with one more axis in front, all of them.
	BatchAll(c MultiCall, in []Tensor, batched []bool, size int) []Tensor
}

// MultiCall is the application of an op with several results as the differentiation rules see it.
type MultiCall struct {
	In  []Tensor
	Out []Tensor
}

// multiRules are the rules of Op that an op with several results does not use.
type multiRules struct{}

func (multiRules) Class() Class { return Opaque }
func (multiRules) Infer([]Spec) (Spec, error) {
	return Spec{tuple, Shape{0}}, nil
}
func (multiRules) Eval(*Host, []*Host)                                      { panic(oneResult) }
func (multiRules) JVP(Call, []Tensor) Tensor                                { panic(oneResult) }
func (multiRules) VJP(Call, Tensor) []Tensor                                { panic(oneResult) }
func (multiRules) Batch(Call, []Tensor, []bool, int) Tensor                 { panic(oneResult) }
func (multiRules) Cases() []Case                                            { return nil }
func (multiRules) Lower(*Lowering, Operands, []shaders.Index) *shaders.Expr { panic(oneResult) }

const oneResult = "BUG: graph: an op with several results was treated as one with one"

// tuple is the dtype of nodes with several results. No user sees it.
const tuple DType = 0xff

// pickOp is one of the results of a multiOp.
type pickOp struct {
	opaqueRules
	i    int
	spec Spec
}

func (o pickOp) Name() string               { return fmt.Sprintf("result %d", o.i) }
func (o pickOp) Key() string                { return fmt.Sprintf("pick %d %v", o.i, o.spec) }
func (o pickOp) Infer([]Spec) (Spec, error) { return o.spec, nil }
func (pickOp) Cases() []Case                { return nil }

// Kernels: the tuple's kernels have written it.
func (pickOp) Kernels(*Kernels, Operands) {}

// float64Kernels: nothing is computed here.
func (pickOp) float64Kernels() {}

func (pickOp) Eval(*Host, []*Host)                      { panic(pickAlone) }
func (pickOp) JVP(Call, []Tensor) Tensor                { panic(pickAlone) }
func (pickOp) VJP(Call, Tensor) []Tensor                { panic(pickAlone) }
func (pickOp) Batch(Call, []Tensor, []bool, int) Tensor { panic(pickAlone) }

const pickAlone = "BUG: graph: a result was transformed without its op"

// applyMulti makes the node of op on the given operands and gives its results.
func applyMulti(op multiOp, in ...Tensor) []Tensor {
	specs := make([]Spec, len(in))
	for i, t := range in {
		specs[i] = t.must(op.Name()).spec
	}
	outs, err := op.InferAll(specs)
	if err != nil {
		ruleFailed(op, err)
	}
	return picks(apply(op, in...).n, outs)
}

func picks(n *node, specs []Spec) []Tensor {
	out := make([]Tensor, len(specs))
	for i, s := range specs {
		out[i] = Tensor{newNode(pickOp{i: i, spec: s}, []*node{n}, s, n.pc)}
	}
	return out
}

// results collects what belongs to the results of a multiOp while its pick nodes are visited.
type results map[*node][]Tensor

// set stores t for a pick of a tuple.
func (r results) set(tuple *node, p pickOp, t Tensor) {
	for len(r[tuple]) <= p.i {
		r[tuple] = append(r[tuple], Tensor{})
	}
	r[tuple][p.i] = t
}

// call is a multiOp's application; its results are picked anew, which the compiler merges with those in use.
func (a applied) multiCall(op multiOp) MultiCall {
	c := MultiCall{In: tensors(a.from)}
	specs := make([]Spec, len(a.from))
	for i, x := range a.from {
		specs[i] = x.spec
	}
	outs, err := op.InferAll(specs)
	if err != nil {
		panic("BUG: graph: " + err.Error())
	}
	c.Out = picks(a.node, outs)
	return c
}

// padded is ts with zero Tensors behind, n in all.
func padded(ts []Tensor, n int) []Tensor { return append(ts, make([]Tensor, n-len(ts))...) }
