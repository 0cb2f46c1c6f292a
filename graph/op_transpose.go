package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// transposeOp permutes axes: axis i of the result is axis perm[i] of the operand.
type transposeOp struct{ perm []int }

func (transposeOp) Name() string { return "transpose" }
func (transposeOp) Class() Class { return View }

func (o transposeOp) Infer(in []Spec) (Spec, error) {
	rank := len(in[0].Shape)
	sorted := slices.Sorted(slices.Values(o.perm))
	if len(sorted) != rank {
		return Spec{}, argumentError("name every axis once", "permutation %v for shape %v", o.perm, in[0].Shape)
	}
	out := make(Shape, rank)
	for i, p := range o.perm {
		if sorted[i] != i {
			return Spec{}, argumentError("name every axis once", "permutation %v for shape %v", o.perm, in[0].Shape)
		}
		out[i] = in[0].Shape[p]
	}
	return Spec{in[0].DType, out}, nil
}

func (o transposeOp) Eval(out *Host, in []*Host) {
	st := in[0].Shape.strides()
	each(out.Shape, func(pos int, idx []int) {
		src := 0
		for i, p := range o.perm {
			src += idx[i] * st[p]
		}
		out.V[pos] = in[0].V[src]
	})
}

func (o transposeOp) JVP(_ Call, t []Tensor) Tensor { return apply(o, t[0]) }

func (o transposeOp) VJP(_ Call, ct Tensor) []Tensor {
	inverse := make([]int, len(o.perm))
	for i, p := range o.perm {
		inverse[p] = i
	}
	return []Tensor{ct.Transpose(inverse...)}
}

func (o transposeOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor {
	perm := []int{0}
	for _, p := range o.perm {
		perm = append(perm, p+1)
	}
	return apply(transposeOp{perm}, in[0])
}

func (o transposeOp) Lower(l *Lowering, _ Operands, at []shaders.Index) *shaders.Expr {
	src := make([]shaders.Index, len(at))
	for i, p := range o.perm {
		src[p] = at[i]
	}
	return l.At(0, src)
}

func (transposeOp) Cases() []Case {
	return []Case{
		{Op: transposeOp{[]int{1, 0}}, In: []Sample{sample(3, 4)}},
		{Op: transposeOp{[]int{2, 0, 1}}, In: []Sample{sample(2, 3, 4)}},
	}
}

// Transpose permutes the axes: axis i of the result is axis perm[i] of t. Without arguments it
// reverses them, which is the usual transpose of a matrix.
func (t Tensor) Transpose(perm ...int) Tensor {
	p := slices.Clone(perm)
	if len(p) == 0 {
		for i := t.Rank() - 1; i >= 0; i-- {
			p = append(p, i)
		}
	}
	if slices.IsSorted(p) && len(p) == t.Rank() && (len(p) == 0 || p[0] == 0 && p[len(p)-1] == len(p)-1) {
		return t
	}
	return apply(transposeOp{p}, t)
}

// MoveAxis moves one axis to another place, the others keeping their order; negative axes count from the end.
func (t Tensor) MoveAxis(from, to int) Tensor {
	f, err := normalAxis(from, t.Rank())
	if err == nil {
		to, err = normalAxis(to, t.Rank())
	}
	if err != nil {
		fail("move axis", ErrArgument, "", "%v", err)
	}
	perm := make([]int, 0, t.Rank())
	for i := range t.Rank() {
		if i != f {
			perm = append(perm, i)
		}
	}
	return t.Transpose(slices.Insert(perm, to, f)...)
}
