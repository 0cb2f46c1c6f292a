package graph

import (
	"github.com/lavagrad/lavagrad/shaders"
)

// whereOp takes its second operand where the first is true, else its third.
type whereOp struct{}

func (whereOp) Name() string { return "where" }
func (whereOp) Class() Class { return Pointwise }

func (whereOp) Infer(in []Spec) (Spec, error) {
	if in[0].DType != Bool {
		return Spec{}, dtypeError("the condition must be a comparison", "the condition is %v, want bool", in[0])
	}
	if in[1].DType != in[2].DType {
		return Spec{}, dtypeError("convert one of them with AsFloat, AsInt or Convert", "the values are %v and %v", in[1], in[2])
	}
	if !in[0].Shape.Equal(in[1].Shape) || !in[1].Shape.Equal(in[2].Shape) {
		return Spec{}, shapeError("broadcast the operands first", "shapes %v, %v and %v differ", in[0].Shape, in[1].Shape, in[2].Shape)
	}
	return in[1], nil
}

func (whereOp) Eval(out *Host, in []*Host) {
	for i := range out.V {
		if in[0].V[i] != 0 {
			out.V[i] = in[1].V[i]
		} else {
			out.V[i] = in[2].V[i]
		}
	}
}

// JVP selects between the tangents; it never multiplies with the mask, so that an infinity on the
// side not taken makes no NaN.
func (whereOp) JVP(c Call, t []Tensor) Tensor {
	return Where(c.In[0], orZeros(t[1], c.Out), orZeros(t[2], c.Out))
}

func (whereOp) VJP(c Call, ct Tensor) []Tensor {
	zero := ct.Like(0)
	return []Tensor{{}, Where(c.In[0], ct, zero), Where(c.In[0], zero, ct)}
}

func (o whereOp) Batch(_ Call, in []Tensor, batched []bool, size int) Tensor {
	return apply(o, alignBatch(in, batched, size)...)
}

func (whereOp) Lower(l *Lowering, _ Operands, at []shaders.Index) *shaders.Expr {
	return l.Select(l.At(0, at), l.At(1, at), l.At(2, at))
}

func (o whereOp) Cases() []Case {
	return []Case{
		{Op: o, In: []Sample{sampleOf(Bool, 0, 2, 4, 5), sample(4, 5), sample(4, 5)}},
		{Op: o, In: []Sample{sampleOf(Bool, 0, 2, 3), sampleOf(Int32, -9, 9, 3), sampleOf(Int32, -9, 9, 3)}},
	}
}

// Where takes a where cond is true, else b; the three are broadcast. The gradient goes to the side taken.
func Where(cond, a, b Tensor) Tensor {
	x := broadcastAll("where", cond, a, b)
	return apply(whereOp{}, x...)
}

// orZeros replaces an absent tangent by zeros of like's spec.
func orZeros(t, like Tensor) Tensor {
	if t.Valid() {
		return t
	}
	return Full(like.DType(), 0, like.Shape()...)
}
