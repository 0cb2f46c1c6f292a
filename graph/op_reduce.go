package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// reduceOp folds the named axes (sorted) with sum, max, min or prod, and drops them.
type reduceOp struct {
	kind shaders.Reducer
	axes []int
}

func (o reduceOp) Name() string { return "reduce " + o.kind.String() }
func (reduceOp) Class() Class   { return Reduction }

func (o reduceOp) Infer(in []Spec) (Spec, error) {
	if _, err := sameNumber(in); err != nil {
		return Spec{}, err
	}
	out := Shape{}
	for i, d := range in[0].Shape {
		if !slices.Contains(o.axes, i) {
			out = append(out, d)
		} else if d == 0 && (o.kind == shaders.Max || o.kind == shaders.Min) {
			return Spec{}, shapeError("reduce over at least one element", "%s over axis %d of %v has no elements and no neutral value", o.kind, i, in[0].Shape)
		}
	}
	return Spec{in[0].DType, out}, nil
}

func (o reduceOp) Eval(out *Host, in []*Host) {
	st := make([]int, len(in[0].Shape))
	outer := out.Shape.strides()
	k := 0
	for i := range st {
		if !slices.Contains(o.axes, i) {
			st[i] = outer[k]
			k++
		}
	}
	if o.kind == shaders.Prod {
		for i := range out.V {
			out.V[i] = 1
		}
	}
	seen := make([]bool, len(out.V))
	each(in[0].Shape, func(pos int, idx []int) {
		i, v := offset(idx, st), in[0].V[pos]
		switch {
		case o.kind == shaders.Sum:
			out.V[i] = out.DType.wrap(out.V[i] + v)
		case o.kind == shaders.Prod:
			out.V[i] = out.DType.wrap(out.V[i] * v)
		case !seen[i]:
			out.V[i] = v
		case o.kind == shaders.Max:
			out.V[i] = maxNaN(out.V[i], v)
		default:
			out.V[i] = -maxNaN(-out.V[i], -v)
		}
		seen[i] = true
	})
}

// keep is the shape with the reduced axes left in as length 1.
func (o reduceOp) keep(in Shape) Shape {
	s := slices.Clone(in)
	for _, a := range o.axes {
		s[a] = 1
	}
	return s
}

func (o reduceOp) JVP(c Call, t []Tensor) Tensor {
	if o.kind == shaders.Sum {
		return apply(o, t[0])
	}
	return t[0].Mul(o.weights(c)).Sum(o.axes...)
}

func (o reduceOp) VJP(c Call, ct Tensor) []Tensor {
	in := c.In[0].Shape()
	wide := ct.Reshape(o.keep(in)...).stretch(in)
	if o.kind == shaders.Sum {
		return []Tensor{wide}
	}
	return []Tensor{wide.Mul(o.weights(c))}
}

// weights is the derivative by the operand: of a maximum, the elements that equal it share evenly; of a product, each element's is the product
// of all others, from both sides, so that zeros need no division.
func (o reduceOp) weights(c Call) Tensor {
	x := c.In[0]
	if o.kind == shaders.Prod {
		return o.others(x)
	}
	top := x.Eq(c.Out.Reshape(o.keep(x.Shape())...)).Convert(x.DType())
	return top.Div(top.Sum(o.axes...).Reshape(o.keep(x.Shape())...))
}

// others is for every element the product of all others that are folded with it.
func (o reduceOp) others(x Tensor) Tensor {
	var perm, kept []int
	for i := range x.Rank() {
		if !slices.Contains(o.axes, i) {
			perm = append(perm, i)
			kept = append(kept, x.Dim(i))
		}
	}
	perm = append(perm, o.axes...)
	moved := x.Transpose(perm...)
	n := 1
	for _, a := range o.axes {
		n *= x.Dim(a)
	}
	line := moved.Reshape(append(kept, n)...)
	last := len(kept)
	left := preceding(line.cumulative(shaders.ScanProd, last, false), last, false, 1)
	right := preceding(line.cumulative(shaders.ScanProd, last, true), last, true, 1)
	inverse := make([]int, len(perm))
	for i, p := range perm {
		inverse[p] = i
	}
	return left.Mul(right).Reshape(moved.Shape()...).Transpose(inverse...)
}

func (o reduceOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor {
	axes := make([]int, len(o.axes))
	for i, a := range o.axes {
		axes[i] = a + 1
	}
	return apply(reduceOp{o.kind, axes}, in[0])
}

func (o reduceOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	in := n.In(0).Shape
	src := make([]shaders.Index, len(in))
	extents := make([]int, len(o.axes))
	for i, a := range o.axes {
		extents[i] = in[a]
	}
	inner := l.ReductionAxes(extents...)
	for i, k, r := 0, 0, 0; i < len(in); i++ {
		if slices.Contains(o.axes, i) {
			src[i] = inner[r]
			r++
		} else {
			src[i] = at[k]
			k++
		}
	}
	return l.Reduce(o.kind, l.At(0, src), inner)
}

func (reduceOp) Cases() []Case {
	return []Case{
		{Op: reduceOp{shaders.Sum, []int{1}}, In: []Sample{sample(4, 9)}},
		{Op: reduceOp{shaders.Sum, []int{0}}, In: []Sample{sample(9, 8)}},
		{Op: reduceOp{shaders.Sum, []int{0, 2}}, In: []Sample{sample(3, 4, 5)}},
		{Op: reduceOp{shaders.Sum, []int{0}}, In: []Sample{sample(0, 3)}},
		{Op: reduceOp{shaders.Max, []int{1}}, In: []Sample{sample(3, 8)}},
		{Op: reduceOp{shaders.Min, []int{0}}, In: []Sample{sampleOf(Int32, -9, 9, 5, 3)}},
		{Op: reduceOp{shaders.Prod, []int{0, 2}}, In: []Sample{sample(3, 4, 2)}},
		{Op: reduceOp{shaders.Prod, []int{0}}, In: []Sample{sample(0, 3)}},
		{Op: reduceOp{shaders.Prod, []int{0}}, In: []Sample{sampleOf(Int32, -3, 4, 9)}},
	}
}

func (t Tensor) reduce(kind shaders.Reducer, axes []int) Tensor {
	a, err := normalAxes(axes, t.must(kind.String()).rank())
	if err != nil {
		fail("reduce "+kind.String(), ErrArgument, "", "%v of shape %v", err, t.Shape())
	}
	if len(a) == 0 {
		return t
	}
	return apply(reduceOp{kind, a}, t)
}

func (n *node) rank() int { return len(n.spec.Shape) }

// Sum adds over the given axes, all of them when none is named. Negative axes count from the end.
// The sum over no elements is 0. Accumulation is in float32, in an order fixed by device and shape.
func (t Tensor) Sum(axes ...int) Tensor { return t.reduce(shaders.Sum, axes) }

// Mean is the sum over the number of elements, of floats; of no elements it is NaN.
func (t Tensor) Mean(axes ...int) Tensor {
	if !t.must("mean").spec.DType.IsFloat() {
		fail("mean", ErrDType, "convert with AsFloat", "%v", t.Spec())
	}
	s := t.Sum(axes...)
	n := 1
	if s.Size() > 0 {
		n = t.Size() / s.Size()
	}
	return s.Scale(1 / float64(n))
}

// ReduceMax is the largest element over the given axes (all when none is named), NaN when any is.
// Equal largest elements share the gradient.
func (t Tensor) ReduceMax(axes ...int) Tensor { return t.reduce(shaders.Max, axes) }

// ReduceMin is the smallest element over the given axes (all when none is named), NaN when any is.
func (t Tensor) ReduceMin(axes ...int) Tensor { return t.reduce(shaders.Min, axes) }

// ArgMax is the int32 position of the largest element along an axis: the first of equals, the
// first NaN when there is one.
func (t Tensor) ArgMax(axis int) Tensor { return positionOf("argmax", t, axis, Tensor.ReduceMax) }

// LogSumExp is log(sum(exp(t))) over the given axes (all when none is named) without overflow; over
// no elements, or elements that are all -Inf, it is -Inf, and +Inf where one is. Its gradient is the softmax of
// t; where the largest element is infinite, the elements equal to it share it evenly.
func (t Tensor) LogSumExp(axes ...int) Tensor {
	a, err := normalAxes(axes, t.must("logsumexp").rank())
	if err != nil {
		fail("logsumexp", ErrArgument, "", "%v of shape %v", err, t.Shape())
	}
	keep := reduceOp{axes: a}.keep(t.Shape())
	if t.Size() == 0 {
		return t.Exp().Sum(a...).Log()
	}
	top := StopGradient(t.ReduceMax(a...))
	// Not Sub: an infinite maximum would make Inf - Inf.
	return t.center(top.Reshape(keep...)).Exp().Sum(a...).Log().Add(top)
}
