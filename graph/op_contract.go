package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// contractOp is the sum-product of two operands: every axis carries a label, axes with one label
// run together, and labels missing from the result are summed. Each label stands in at least two of
// a, b and out, and in each of them at most once; so the rules are symmetric in the three.
// Matrix products, outer products and per-sample weight gradients are all this.
type contractOp struct{ a, b, out []int }

func (contractOp) Name() string { return "contract" }

// Class: without a summed label it is a product of broadcasts.
func (o contractOp) Class() Class {
	if len(o.summed()) == 0 {
		return Pointwise
	}
	return Reduction
}

// summed lists the labels of a and b that the result lacks.
func (o contractOp) summed() []int {
	var s []int
	for _, l := range o.a {
		if !slices.Contains(o.out, l) {
			s = append(s, l)
		}
	}
	return s
}

// String writes the contraction in the usual notation, such as ik,kj->ij.
func (o contractOp) String() string {
	name := func(labels []int) string {
		s := ""
		for _, l := range labels {
			s += string(rune('a' + l%26))
		}
		return s
	}
	return name(o.a) + "," + name(o.b) + "->" + name(o.out)
}

// Key tells contractions apart.
func (o contractOp) Key() string { return fmt.Sprintf("contract %v %v %v", o.a, o.b, o.out) }

// sizes maps labels to lengths.
func (o contractOp) sizes(a, b Shape) (map[int]int, error) {
	if len(a) != len(o.a) || len(b) != len(o.b) {
		return nil, shapeError("", "shapes %v and %v do not have the ranks of %v", a, b, o)
	}
	size := map[int]int{}
	for i, l := range o.a {
		size[l] = a[i]
	}
	for i, l := range o.b {
		if n, ok := size[l]; ok && n != b[i] {
			return nil, shapeError("the lengths of contracted or paired axes must agree",
				"%v and %v: axis %d of the second has length %d, its partner in the first has %d", a, b, i, b[i], n)
		}
		size[l] = b[i]
	}
	return size, nil
}

func (o contractOp) Infer(in []Spec) (Spec, error) {
	if _, err := sameNumber(in); err != nil {
		return Spec{}, err
	}
	size, err := o.sizes(in[0].Shape, in[1].Shape)
	if err != nil {
		return Spec{}, err
	}
	out := make(Shape, len(o.out))
	for i, l := range o.out {
		out[i] = size[l]
	}
	return Spec{in[0].DType, out}, nil
}

func (o contractOp) Eval(out *Host, in []*Host) {
	size, _ := o.sizes(in[0].Shape, in[1].Shape)
	labels := append(slices.Clone(o.out), o.summed()...)
	shape := make(Shape, len(labels))
	for i, l := range labels {
		shape[i] = size[l]
	}
	walk := func(axes []int, s Shape) []int {
		st := make([]int, len(labels))
		for i, n := range s.strides() {
			st[slices.Index(labels, axes[i])] = n
		}
		return st
	}
	sa, sb, so := walk(o.a, in[0].Shape), walk(o.b, in[1].Shape), walk(o.out, out.Shape)
	each(shape, func(_ int, idx []int) {
		i := offset(idx, so)
		out.V[i] = out.DType.wrap(out.V[i] + out.DType.wrap(in[0].V[offset(idx, sa)]*in[1].V[offset(idx, sb)]))
	})
}

func (o contractOp) JVP(c Call, t []Tensor) Tensor {
	var sum Tensor
	if t[0].Valid() {
		sum = apply(o, t[0], c.In[1])
	}
	if t[1].Valid() {
		sum = addTangent(sum, apply(o, c.In[0], t[1]))
	}
	return sum
}

func (o contractOp) VJP(c Call, ct Tensor) []Tensor {
	return []Tensor{
		contractOp{o.out, o.b, o.a}.apply(ct, c.In[1]),
		contractOp{o.out, o.a, o.b}.apply(ct, c.In[0]),
	}
}

// apply leaves out summed labels of length 1. A layer's gradient for a batch of one so is a product of broadcasts, which under vmap, where there
// are many such batches, is computed where it is read instead of being written for each sample.
func (o contractOp) apply(a, b Tensor) Tensor {
	size, err := o.sizes(a.Shape(), b.Shape())
	if err != nil {
		panic("BUG: graph: contraction of operands that do not fit: " + err.Error())
	}
	for _, l := range o.summed() {
		if size[l] == 1 {
			i, j := slices.Index(o.a, l), slices.Index(o.b, l)
			a, b = a.Squeeze(i), b.Squeeze(j)
			o.a, o.b = slices.Delete(slices.Clone(o.a), i, i+1), slices.Delete(slices.Clone(o.b), j, j+1)
		}
	}
	return apply(o, a, b)
}

// Batch adds one label: in both operands it pairs samples, in one of them it is one more free axis.
func (o contractOp) Batch(_ Call, in []Tensor, batched []bool, _ int) Tensor {
	label := slices.Max(slices.Concat(o.a, o.b, o.out, []int{-1})) + 1
	add := func(labels []int, yes bool) []int {
		if !yes {
			return labels
		}
		return append([]int{label}, labels...)
	}
	return apply(contractOp{add(o.a, batched[0]), add(o.b, batched[1]), add(o.out, true)}, in...)
}

func (o contractOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	size, _ := o.sizes(n.In(0).Shape, n.In(1).Shape)
	index := map[int]shaders.Index{}
	for i, label := range o.out {
		index[label] = at[i]
	}
	summed := o.summed()
	extents := make([]int, len(summed))
	for i, label := range summed {
		extents[i] = size[label]
	}
	inner := l.ReductionAxes(extents...)
	for i, label := range summed {
		index[label] = inner[i]
	}
	pick := func(labels []int) []shaders.Index {
		src := make([]shaders.Index, len(labels))
		for i, label := range labels {
			src[i] = index[label]
		}
		return src
	}
	product := l.Apply(n.Out().DType, mulFn, l.At(0, pick(o.a)), l.At(1, pick(o.b)))
	if len(summed) == 0 {
		return product
	}
	return l.Reduce(shaders.Sum, product, inner)
}

func (contractOp) Cases() []Case {
	return []Case{
		{Op: contractOp{[]int{0, 1}, []int{1, 2}, []int{0, 2}}, In: []Sample{sample(5, 7), sample(7, 6)}},
		{Op: contractOp{[]int{1, 0}, []int{1, 2}, []int{0, 2}}, In: []Sample{sample(7, 5), sample(7, 3)}},
		{Op: contractOp{[]int{0, 1}, []int{2, 1}, []int{0, 2}}, In: []Sample{sample(4, 8), sample(5, 8)}},
		{Op: contractOp{[]int{3, 0, 1}, []int{3, 1, 2}, []int{3, 0, 2}}, In: []Sample{sample(2, 3, 4), sample(2, 4, 5)}},
		{Op: contractOp{[]int{0}, []int{1}, []int{0, 1}}, In: []Sample{sample(6), sample(8)}},
		{Op: contractOp{[]int{0}, []int{0}, []int{}}, In: []Sample{sample(9), sample(9)}},
	}
}

// MatMul is the matrix product over t's last and u's second-last axis (its only one for a vector).
// Axes before those are batch axes, broadcast by NumPy's rule: [n]·[n] is a scalar, [m n]·[n] is [m],
// [n]·[n k] is [k], [m n]·[n k] is [m k], [b m n]·[b n k] and [b m n]·[n k] are [b m k].
func (t Tensor) MatMul(u Tensor) Tensor {
	a, b := t.Shape(), u.Shape()
	if len(a) == 0 || len(b) == 0 {
		fail("matmul", ErrShape, "multiply by scalars with Mul", "shapes %v and %v: both need at least one axis", a, b)
	}
	inner := b[0]
	if len(b) > 1 {
		inner = b[len(b)-2]
	}
	if a[len(a)-1] != inner {
		fail("matmul", ErrShape, "the last axis of the first must be as long as the second-last of the second",
			"%v by %v: inner lengths %d and %d", a, b, a[len(a)-1], inner)
	}
	batchA, batchB := a[:max(len(a)-2, 0)], b[:max(len(b)-2, 0)]
	if len(batchA) > 0 && len(batchB) > 0 && !batchA.Equal(batchB) {
		s, err := broadcastShapes(batchA, batchB)
		if err != nil {
			fail("matmul", ErrShape, "batch axes must broadcast", "%v by %v: %v", a, b, err)
		}
		t = t.stretch(slices.Concat(s, a[len(batchA):]))
		u = u.stretch(slices.Concat(s, b[len(batchB):]))
		batchA, batchB = s, s
	}
	// Labels: 0 rows, 1 inner, 2 columns, 3.. batch axes.
	var o contractOp
	batch := func(n int) (labels []int) {
		for i := range n {
			labels = append(labels, 3+i)
		}
		return labels
	}
	o.a, o.b = batch(len(batchA)), batch(len(batchB))
	o.out = batch(max(len(batchA), len(batchB)))
	if len(a) > 1 {
		o.a, o.out = append(o.a, 0), append(o.out, 0)
	}
	o.a, o.b = append(o.a, 1), append(o.b, 1)
	if len(b) > 1 {
		o.b, o.out = append(o.b, 2), append(o.out, 2)
	}
	return apply(o, t, u)
}

// Dot is the sum of the products of two tensors of one shape.
func (t Tensor) Dot(u Tensor) Tensor {
	if !t.Shape().Equal(u.Shape()) {
		fail("dot", ErrShape, "both shapes must agree", "%v and %v", t.Shape(), u.Shape())
	}
	return t.Flatten().MatMul(u.Flatten())
}

// Outer is the product of every element of t with every element of u: shape t's axes, then u's.
func (t Tensor) Outer(u Tensor) Tensor {
	var o contractOp
	for i := range t.Rank() {
		o.a = append(o.a, i)
	}
	for i := range u.Rank() {
		o.b = append(o.b, t.Rank()+i)
	}
	o.out = slices.Concat(o.a, o.b)
	return apply(o, t, u)
}
