package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// scatterOp is the transpose of gatherOp. Its operands are updates and int32 indices; the result has an axis of
// the given number of rows, labelled indexed, and each of its elements folds (sum; or max, of integers) the updates whose
// index names its row. Updates carry the labels of indices and result, nothing else. Indices out of range are dropped; rows without
// updates hold 0, the least int32 for max.
type scatterOp struct {
	kind         shaders.Reducer
	up, idx, out []int
	rows         int
}

func (o scatterOp) Name() string { return "scatter " + o.kind.String() }

// Class: with no label to fold it only moves elements.
func (o scatterOp) Class() Class {
	if len(o.folded()) == 0 {
		return Pointwise
	}
	return Reduction
}

// Key tells scatters apart.
func (o scatterOp) Key() string {
	return fmt.Sprintf("scatter %v %v %v %v %d", o.kind, o.up, o.idx, o.out, o.rows)
}

// folded lists the labels that the result lacks: all of the indices' own.
func (o scatterOp) folded() []int {
	var f []int
	for _, l := range o.up {
		if !slices.Contains(o.out, l) {
			f = append(f, l)
		}
	}
	return f
}

func (o scatterOp) Infer(in []Spec) (Spec, error) {
	if in[1].DType != Int32 {
		return Spec{}, dtypeError("convert the indices with AsInt", "the indices are %v, want int32", in[1])
	}
	if in[0].DType == Bool || o.kind != shaders.Sum && in[0].DType != Int32 {
		return Spec{}, dtypeError("convert the updates with AsFloat or AsInt", "the updates are %v", in[0])
	}
	size, err := labelSizes([][]int{o.up, o.idx}, []Shape{in[0].Shape, in[1].Shape})
	if err != nil {
		return Spec{}, err
	}
	size[indexed] = o.rows
	return Spec{in[0].DType, sizesOf(o.out, size)}, nil
}

// empty is what rows without updates hold.
func (o scatterOp) empty() float64 {
	if o.kind == shaders.Sum {
		return 0
	}
	return leastInt32
}

const leastInt32 = -1 << 31

func (o scatterOp) Eval(out *Host, in []*Host) {
	for i := range out.V {
		out.V[i] = o.empty()
	}
	so, si := labelStrides(o.out, o.up, out.Shape), labelStrides(o.idx, o.up, in[1].Shape)
	step := out.Shape.strides()[slices.Index(o.out, indexed)]
	each(in[0].Shape, func(pos int, idx []int) {
		row := in[1].V[offset(idx, si)]
		if row < 0 || row >= float64(o.rows) {
			return
		}
		at := offset(idx, so) + int(row)*step
		if o.kind == shaders.Sum {
			out.V[at] = out.DType.wrap(out.V[at] + in[0].V[pos])
		} else {
			out.V[at] = max(out.V[at], in[0].V[pos])
		}
	})
}

func (o scatterOp) JVP(c Call, t []Tensor) Tensor {
	if !t[0].Valid() {
		return Tensor{}
	}
	return apply(o, t[0], c.In[1])
}

// VJP reads the cotangent where the updates went, 0 for those that were dropped. Only sums are differentiated: max
// folds integers.
func (o scatterOp) VJP(c Call, ct Tensor) []Tensor {
	if o.rows == 0 {
		return []Tensor{Full(ct.DType(), 0, c.In[0].Shape()...), {}}
	}
	at := c.In[1]
	back := apply(gatherOp{o.out, o.idx, o.up}, ct, at)
	inside := at.Ge(Int(0)).And(at.Lt(Int(o.rows)))
	// The condition gets the indices' axes in the order of the updates', length 1 where they have none.
	var perm []int
	shape := make([]int, len(o.up))
	for i, l := range o.up {
		shape[i] = 1
		if k := slices.Index(o.idx, l); k >= 0 {
			perm = append(perm, k)
			shape[i] = at.Shape()[k]
		}
	}
	return []Tensor{Where(inside.Transpose(perm...).Reshape(shape...), back, ct.Like(0)), {}}
}

func (o scatterOp) Batch(_ Call, in []Tensor, batched []bool, size int) Tensor {
	up := in[0]
	if !batched[0] {
		up = up.stretch(up.Shape().prepend(size))
	}
	l := newLabel(o.up, o.idx, o.out)
	return apply(scatterOp{o.kind, withLabel(l, o.up, true), withLabel(l, o.idx, batched[1]), withLabel(l, o.out, true), o.rows}, up, in[1])
}

func (o scatterOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	size, _ := labelSizes([][]int{o.up}, []Shape{n.In(0).Shape})
	index := byLabel(o.out, at)
	folded := o.folded()
	inner := l.ReductionAxes(sizesOf(folded, size)...)
	for i, label := range folded {
		index[label] = inner[i]
	}
	row := l.At(1, atLabels(o.idx, index))
	hit := l.k.f.Apply(Bool.kind(), eqFn, row, l.FromIndex(index[indexed]))
	value := l.Select(hit, l.At(0, atLabels(o.up, index)), l.Literal(n.Out().DType, o.empty()))
	if len(folded) == 0 {
		return value
	}
	return l.Reduce(o.kind, value, inner)
}

func (scatterOp) Cases() []Case {
	i := func(dims ...int) Sample { return sampleOf(Int32, -1, 6, dims...) } // also out of range
	sum := shaders.Sum
	return []Case{
		{Op: scatterOp{sum, []int{0}, []int{0}, []int{indexed}, 5}, In: []Sample{sample(8), i(8)}},
		{Op: scatterOp{sum, []int{1, 2, 0}, []int{1, 2}, []int{indexed, 0}, 5}, In: []Sample{sample(3, 2, 4), i(3, 2)}},
		{Op: scatterOp{sum, []int{0, 1}, []int{0, 1}, []int{0, indexed}, 5}, In: []Sample{sample(3, 4), i(3, 4)}},
		{Op: scatterOp{sum, []int{0, 1}, []int{}, []int{0, indexed, 1}, 5}, In: []Sample{sample(3, 4), i()}},
		{Op: scatterOp{sum, []int{0}, []int{0}, []int{indexed}, 5}, In: []Sample{sampleOf(Uint32, 0, 9, 7), i(7)}},
		{Op: scatterOp{sum, []int{0, 1}, []int{0}, []int{indexed, 1}, 5}, In: []Sample{sample(0, 3), i(0)}},
		{Op: scatterOp{sum, []int{0}, []int{0}, []int{indexed}, 0}, In: []Sample{sample(3), i(3)}},
		// Large enough for the kernel of its own: rows shared by a batch, in front and behind, and rows of each sample.
		{Op: scatterOp{sum, []int{0, 1}, []int{0}, []int{indexed, 1}, 5}, In: []Sample{sample(200, 68), i(200)}, Tolerance: 1e-5},
		{Op: scatterOp{sum, []int{1, 0}, []int{0}, []int{1, indexed}, 5}, In: []Sample{sample(34, 400), i(400)}, Tolerance: 1e-5},
		{Op: scatterOp{sum, []int{0, 1}, []int{0, 1}, []int{indexed, 0}, 70}, In: []Sample{sample(30, 32), sampleOf(Int32, -1, 72, 30, 32)}},
		{Op: scatterOp{shaders.Max, []int{0}, []int{0}, []int{indexed}, 90}, In: []Sample{sampleOf(Int32, -9, 9, 800), sampleOf(Int32, -5, 99, 800)}},
		{Op: scatterOp{shaders.Max, []int{0}, []int{0}, []int{indexed}, 5}, In: []Sample{sampleOf(Int32, -9, 9, 8), i(8)}},
	}
}
