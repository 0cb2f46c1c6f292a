package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// iotaOp is the position along an axis, as int32.
type iotaOp struct {
	leafRules
	shape Shape
	axis  int
}

func (iotaOp) Name() string                 { return "iota" }
func (o iotaOp) Infer([]Spec) (Spec, error) { return Spec{Int32, o.shape}, nil }

func (o iotaOp) Eval(out *Host, _ []*Host) {
	each(o.shape, func(pos int, idx []int) { out.V[pos] = float64(idx[o.axis]) })
}

func (o iotaOp) Lower(l *Lowering, _ Operands, at []shaders.Index) *shaders.Expr {
	return l.FromIndex(at[o.axis])
}

func (iotaOp) Cases() []Case {
	return []Case{{Op: iotaOp{shape: Shape{5}, axis: 0}}, {Op: iotaOp{shape: Shape{2, 3, 4}, axis: 1}}}
}

// Iota is an int32 tensor of the given shape whose elements are their position along axis.
func Iota(axis int, shape ...int) Tensor {
	checkDims("iota", shape)
	a, err := normalAxis(axis, len(shape))
	if err != nil {
		fail("iota", ErrArgument, "", "%v", err)
	}
	return apply(iotaOp{shape: slices.Clone(shape), axis: a})
}

// OneHot is 1 at the position that labels (int32) name, 0 elsewhere, along a new last axis of n
// elements; a label outside 0 to n-1 gives zeros.
func OneHot(labels Tensor, n int) Tensor {
	if d := labels.DType(); !d.IsInt() {
		fail("one-hot", ErrDType, "convert the labels with AsInt", "labels are %v, want int32 or uint32", labels.Spec())
	}
	classes := Iota(0, n).Convert(labels.DType())
	return labels.ExpandDims(-1).Eq(classes).AsFloat()
}
