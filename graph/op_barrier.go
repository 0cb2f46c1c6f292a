package graph

import "github.com/lavagrad/lavagrad/shaders"

// barrierOp is its first operand; the others are values that must have been computed before anything computed from the
// result is. The simplifier cannot see through it, so a recomputation behind it stays one. It costs no kernel.
type barrierOp struct{}

func (barrierOp) Name() string                   { return "barrier" }
func (barrierOp) Class() Class                   { return View }
func (barrierOp) Infer(in []Spec) (Spec, error)  { return in[0], nil }
func (barrierOp) Eval(out *Host, in []*Host)     { copy(out.V, in[0].V) }
func (barrierOp) JVP(_ Call, t []Tensor) Tensor  { return t[0] }
func (barrierOp) VJP(c Call, ct Tensor) []Tensor { return padded([]Tensor{ct}, len(c.In)) }

func (o barrierOp) Batch(_ Call, in []Tensor, batched []bool, size int) Tensor {
	if !batched[0] {
		in = append([]Tensor{in[0].stretch(in[0].Shape().prepend(size))}, in[1:]...)
	}
	return apply(o, in...)
}

func (barrierOp) Lower(l *Lowering, _ Operands, at []shaders.Index) *shaders.Expr { return l.At(0, at) }

func (o barrierOp) Cases() []Case {
	return []Case{
		{Op: o, In: []Sample{sample(3, 5)}},
		{Op: o, In: []Sample{sample(4), sample(2, 3), sampleOf(Int32, 0, 5, 3)}},
		{Op: o, In: []Sample{sample(0), sample()}},
	}
}
