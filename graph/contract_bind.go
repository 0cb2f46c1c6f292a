package graph

import (
	"cmp"
	"fmt"
	mathbits "math/bits"
	"slices"
	"strings"
)

// boundTerm is a product with its operands laid out one label an axis, as the planner and the emitter want them.
type boundTerm struct {
	planner
	scale    float64
	arrays   []boundArray
	number   map[int]int // label of the form -> label of the planner
	labels   []int       // and back
	tree     *planTree
	keys     []string // of the intermediates that the tree computes
	complete bool     // the result is the whole product: no factor, no part, no other term
}

// boundArray is an operand: an array and the views that lay it out.
type boundArray struct {
	n     *node
	views []viewStep
}

// viewStep cuts a part out of an axis, or reshapes.
type viewStep struct {
	shape        Shape
	axis         int
	from, length int
}

// bind lays out the operands of a term.
func (s *sumProduct) bind(t product, m machine) *boundTerm {
	b := &boundTerm{planner: planner{m: m, single: s.root.spec.DType == Float32}, scale: t.scale, number: map[int]int{}}
	bit := func(l int) int {
		i, ok := b.number[l]
		if !ok {
			i = len(b.labels)
			b.number[l] = i
			b.labels = append(b.labels, l)
			b.lens = append(b.lens, float64(s.lens[l]))
		}
		return i
	}
	for _, o := range t.ops {
		a, labels := s.layOut(t, o)
		f := factor{name: a.name(), stored: inMemory(o.n), image: m.imageBytes(o.n)}
		for _, l := range labels {
			f.axes = append(f.axes, bit(l))
			f.labels |= 1 << bit(l)
		}
		b.arrays, b.factors = append(b.arrays, a), append(b.factors, f)
	}
	out := s.labels(t, s.out)
	if t.scatter != nil {
		out = append(out, t.scatter.labels...)
	}
	for _, l := range out {
		if i, ok := b.number[l]; ok {
			b.out |= 1 << i
		}
	}
	b.complete = t.scale == 1 && t.scatter == nil && len(s.terms) == 1 && len(t.within) == 0
	return b
}

// inMemory reports whether n, as far as the planner knows, is an array in memory rather than computed where it is read.
func inMemory(n *node) bool {
	n = storage(n)
	return n.isParam() || isTable(n) || n.op.Class() == Reduction || n.op.Class() == Opaque
}

// layOut finds the views that give an operand one label an axis.
func (s *sumProduct) layOut(t product, o operand) (boundArray, []int) {
	a := boundArray{n: o.n}
	shape := o.n.spec.Shape
	reshape := func(labels []int) {
		want := make(Shape, len(labels))
		for i, l := range labels {
			want[i] = s.lens[l]
		}
		if !want.Equal(shape) {
			a.views = append(a.views, viewStep{shape: want})
		}
		shape = slices.Clone(want)
	}
	var labels []int
	for _, ls := range o.axes {
		labels = append(labels, s.resolve(ls)...)
	}
	reshape(labels)
	for {
		at := slices.IndexFunc(labels, func(l int) bool { _, ok := t.within[l]; return ok })
		if at < 0 {
			return a, labels
		}
		p := t.within[labels[at]]
		a.views = append(a.views, viewStep{axis: at, from: p.from, length: p.length})
		shape[at] = p.length
		labels = slices.Replace(slices.Clone(labels), at, at+1, s.resolve([]int{s.parts[p]})...)
		reshape(labels)
	}
}

// name tells arrays with different layouts apart. Names sort as the nodes were made, so that a program traced again is planned alike.
func (a boundArray) name() string {
	if len(a.views) == 0 {
		return fmt.Sprintf("%016d", a.n.id)
	}
	return fmt.Sprintf("%016d %v", a.n.id, a.views)
}

// emit is the array with its layout, given the node computed for a.n.
func (a boundArray) emit(n *node) *node {
	t := Tensor{n}
	for _, v := range a.views {
		if v.shape != nil {
			t = t.Reshape(v.shape...)
		} else {
			t = t.Slice(v.axis, v.from, v.from+v.length)
		}
	}
	return t.n
}

// choose plans the term, with the intermediates that known reports for free.
func (b *boundTerm) choose(known func(string) bool) {
	b.known = known
	b.tree = b.plan()
	b.keys = nil
	b.steps(b.tree, func(t *planTree) {
		if t != b.tree && t.stored && t.left != nil {
			b.keys = append(b.keys, b.name(t.set).key)
		}
	})
}

// letters writes labels in einsum's notation.
func (b *boundTerm) letters(labels []int) string {
	var s strings.Builder
	for _, l := range labels {
		if l < 26 {
			s.WriteByte(byte('a' + l))
		} else {
			s.WriteByte(byte('A' + l - 26))
		}
	}
	return s.String()
}

// axes lists the labels of a tree's result in the order in which it is stored.
func (b *boundTerm) axes(t *planTree) []int {
	if t.left != nil {
		return b.name(t.set).kept
	}
	var axes []int
	for _, l := range b.factors[mathbits.TrailingZeros32(uint32(t.set))].axes {
		if t.labels>>l&1 != 0 {
			axes = append(axes, l)
		}
	}
	return axes
}

// notation writes a step of the term's tree: ab,bc->ac.
func (b *boundTerm) notation(t *planTree) string {
	if t.left == nil {
		return b.letters(b.factors[mathbits.TrailingZeros32(uint32(t.set))].axes) + "->" + b.letters(b.axes(t))
	}
	if t.squared {
		return "(" + b.notation(t.left) + ")^2->" + b.letters(b.axes(t))
	}
	return b.letters(b.axes(t.left)) + "," + b.letters(b.axes(t.right)) + "->" + b.letters(b.axes(t))
}

// arrange orders the labels of an intermediate: first those of most operands, as the samples' are, so that batches of all sizes share kernels
// and lie as their operands do; else as they come in the operands.
func (b *boundTerm) arrange(kept, operands []int) []int {
	uses := func(l int) int {
		n := 0
		for _, f := range b.factors {
			n += int(f.labels >> l & 1)
		}
		return n
	}
	labels := slices.Clone(kept)
	slices.SortStableFunc(labels, func(x, y int) int {
		return cmp.Or(uses(y)-uses(x), slices.Index(operands, x)-slices.Index(operands, y))
	})
	return labels
}
