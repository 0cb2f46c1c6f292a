package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// indexed labels the one axis of a gather's operand, or of a scatter's result, that the indices speak of.
const indexed = -1

// gatherOp picks elements of its first operand along one axis by its second, int32: axes carry labels as in
// a contraction, x has the label indexed on the axis that is looked up, and every other label of x and all of
// the indices' stand in the result. Labels of both pair the axes (TakeAlong), others are free (Take). Indices
// out of range are held at the ends. scatterOp is the transpose.
type gatherOp struct{ x, idx, out []int }

func (gatherOp) Name() string { return "gather" }
func (gatherOp) Class() Class { return View }

// Key tells gathers apart.
func (o gatherOp) Key() string { return fmt.Sprintf("gather %v %v %v", o.x, o.idx, o.out) }

// labelSizes maps the labels of several shapes to lengths.
func labelSizes(labels [][]int, shapes []Shape) (map[int]int, error) {
	size := map[int]int{}
	for i, ls := range labels {
		if len(ls) != len(shapes[i]) {
			return nil, shapeError("", "operand %d has shape %v, want rank %d", i, shapes[i], len(ls))
		}
		for j, l := range ls {
			if n, ok := size[l]; ok && n != shapes[i][j] {
				return nil, shapeError("paired axes must have one length", "%v: axis %d of operand %d has length %d, its partner %d",
					shapes, j, i, shapes[i][j], n)
			}
			size[l] = shapes[i][j]
		}
	}
	return size, nil
}

func sizesOf(labels []int, size map[int]int) Shape {
	s := make(Shape, len(labels))
	for i, l := range labels {
		s[i] = size[l]
	}
	return s
}

func (o gatherOp) Infer(in []Spec) (Spec, error) {
	if in[1].DType != Int32 {
		return Spec{}, dtypeError("convert the indices with AsInt", "the indices are %v, want int32", in[1])
	}
	size, err := labelSizes([][]int{o.x, o.idx}, []Shape{in[0].Shape, in[1].Shape})
	if err != nil {
		return Spec{}, err
	}
	out := sizesOf(o.out, size)
	if size[indexed] == 0 && out.Size() > 0 {
		return Spec{}, shapeError("index an axis that has elements", "%v has nothing at axis %d to pick %v from",
			in[0], slices.Index(o.x, indexed), out)
	}
	return Spec{in[0].DType, out}, nil
}

// labelStrides gives the strides of an array with the given labels along axes with others.
func labelStrides(labels, along []int, s Shape) []int {
	st := make([]int, len(along))
	for i, n := range s.strides() {
		if k := slices.Index(along, labels[i]); k >= 0 {
			st[k] = n
		}
	}
	return st
}

func (o gatherOp) Eval(out *Host, in []*Host) {
	axis := slices.Index(o.x, indexed)
	last := float64(in[0].Shape[axis] - 1)
	step := in[0].Shape.strides()[axis]
	sx, si := labelStrides(o.x, o.out, in[0].Shape), labelStrides(o.idx, o.out, in[1].Shape)
	each(out.Shape, func(pos int, idx []int) {
		k := min(max(in[1].V[offset(idx, si)], 0), last)
		out.V[pos] = in[0].V[offset(idx, sx)+int(k)*step]
	})
}

func (o gatherOp) JVP(c Call, t []Tensor) Tensor {
	if !t[0].Valid() {
		return Tensor{}
	}
	return apply(o, t[0], c.In[1])
}

// VJP adds up the cotangents of every element that was picked.
func (o gatherOp) VJP(c Call, ct Tensor) []Tensor {
	rows := c.In[0].Shape()[slices.Index(o.x, indexed)]
	at := c.In[1].Max(Int(0)).Min(Int(rows - 1)) // where the gather has read
	return []Tensor{apply(scatterOp{shaders.Sum, o.out, o.idx, o.x, rows}, ct, at), {}}
}

// newLabel is a label that none of the lists has.
func newLabel(lists ...[]int) int { return slices.Max(append(slices.Concat(lists...), indexed)) + 1 }

// withLabel puts a label in front where yes.
func withLabel(label int, labels []int, yes bool) []int {
	if !yes {
		return labels
	}
	return append([]int{label}, labels...)
}

func (o gatherOp) Batch(_ Call, in []Tensor, batched []bool, _ int) Tensor {
	l := newLabel(o.x, o.idx, o.out)
	return apply(gatherOp{withLabel(l, o.x, batched[0]), withLabel(l, o.idx, batched[1]), withLabel(l, o.out, true)}, in...)
}

// atLabels gives the positions that labels name.
func atLabels(labels []int, index map[int]shaders.Index) []shaders.Index {
	at := make([]shaders.Index, len(labels))
	for i, l := range labels {
		at[i] = index[l]
	}
	return at
}

// byLabel maps labels to the positions along their axes.
func byLabel(labels []int, at []shaders.Index) map[int]shaders.Index {
	index := map[int]shaders.Index{}
	for i, l := range labels {
		index[l] = at[i]
	}
	return index
}

func (o gatherOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	rows := n.In(0).Shape[slices.Index(o.x, indexed)]
	if rows == 0 {
		return l.Literal(n.Out().DType, 0) // the result has no elements
	}
	index := byLabel(o.out, at)
	index[indexed] = l.Position(l.At(1, atLabels(o.idx, index)), 0, rows-1)
	return l.At(0, atLabels(o.x, index))
}

// Position is an int32 value as an index, held in [lo, hi].
func (l *Lowering) Position(e *shaders.Expr, lo, hi int) shaders.Index {
	if lo == hi {
		return shaders.Const(lo)
	}
	clamped := l.k.f.Apply(spirv.Int32, clampFn, e, l.Literal(Int32, float64(lo)), l.Literal(Int32, float64(hi)))
	return shaders.ValueIndex(clamped, lo, hi)
}

var clampFn = &shaders.Fn{Name: "clamp position", Cost: 2, Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value {
	return b.Min(b.Max(x[0], x[1]), x[2])
}}

func (gatherOp) Cases() []Case {
	i := func(dims ...int) Sample { return sampleOf(Int32, -1, 6, dims...) } // also out of range
	return []Case{
		{Op: gatherOp{[]int{indexed}, []int{0}, []int{0}}, In: []Sample{sample(5), i(8)}},
		{Op: gatherOp{[]int{indexed, 0}, []int{1, 2}, []int{1, 2, 0}}, In: []Sample{sample(5, 4), i(3, 2)}},
		{Op: gatherOp{[]int{0, indexed}, []int{0, 1}, []int{0, 1}}, In: []Sample{sample(3, 5), i(3, 4)}},
		{Op: gatherOp{[]int{0, indexed, 1}, []int{}, []int{0, 1}}, In: []Sample{sample(3, 5, 4), i()}},
		{Op: gatherOp{[]int{indexed}, []int{0}, []int{0}}, In: []Sample{sampleOf(Bool, 0, 2, 5), i(0)}},
		{Op: gatherOp{[]int{indexed, 0}, []int{1}, []int{1, 0}}, In: []Sample{sample(1, 3), i(2)}},
		{Op: gatherOp{[]int{indexed, 0}, []int{1}, []int{1, 0}}, In: []Sample{sample(5, 0), i(2)}},
	}
}
