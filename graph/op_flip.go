package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// flipOp reverses the order of the elements along its axes (sorted).
type flipOp struct{ axes []int }

func (flipOp) Name() string                    { return "flip" }
func (flipOp) Class() Class                    { return View }
func (o flipOp) Key() string                   { return fmt.Sprintf("flip %v", o.axes) }
func (o flipOp) Infer(in []Spec) (Spec, error) { return in[0], nil }

func (o flipOp) Eval(out *Host, in []*Host) {
	st := out.Shape.strides()
	each(out.Shape, func(pos int, idx []int) {
		at := pos
		for _, a := range o.axes {
			at += (out.Shape[a] - 1 - 2*idx[a]) * st[a]
		}
		out.V[pos] = in[0].V[at]
	})
}

func (o flipOp) JVP(_ Call, t []Tensor) Tensor  { return apply(o, t[0]) }
func (o flipOp) VJP(_ Call, ct Tensor) []Tensor { return []Tensor{apply(o, ct)} }

func (o flipOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor {
	axes := make([]int, len(o.axes))
	for i, a := range o.axes {
		axes[i] = a + 1
	}
	return apply(flipOp{axes}, in[0])
}

func (o flipOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	src := slices.Clone(at)
	for _, a := range o.axes {
		src[a] = at[a].Scale(-1).Add(shaders.Const(n.Out().Shape[a] - 1))
	}
	return l.At(0, src)
}

func (flipOp) Cases() []Case {
	return []Case{
		{Op: flipOp{[]int{0}}, In: []Sample{sample(7)}},
		{Op: flipOp{[]int{0, 2}}, In: []Sample{sample(2, 3, 4)}},
		{Op: flipOp{[]int{0}}, In: []Sample{sampleOf(Int32, -9, 9, 1, 3)}},
		{Op: flipOp{[]int{1}}, In: []Sample{sample(2, 0)}},
	}
}

// Flip reverses the order of the elements along the given axes, all of them when none is named.
func (t Tensor) Flip(axes ...int) Tensor {
	a, err := normalAxes(axes, t.Rank())
	if err != nil {
		fail("flip", ErrArgument, "", "%v of %v", err, t.Shape())
	}
	if len(a) == 0 {
		return t
	}
	return apply(flipOp{a}, t)
}
