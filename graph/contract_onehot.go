package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// A scatter is the contraction of its updates with a one-hot array, which is never written: two of them summed over the rows compare
// their indices, one and another array gather, and one whose rows the result keeps is a scatter of all the rest.

// oneHot takes a scatter apart: its updates times a one-hot operand.
func (f *former) oneHot(n *node, o scatterOp, axes [][]int) []product {
	in := n.in()
	at := map[int][]int{}
	for i, l := range o.out {
		at[l] = axes[i]
	}
	shape := in[0].spec.Shape
	var summed [][]int
	for i, l := range o.up {
		if _, kept := at[l]; !kept {
			at[l] = f.axis(shape[i])
			summed = append(summed, at[l])
		}
	}
	pick := func(labels []int) [][]int {
		a := make([][]int, len(labels))
		for i, l := range labels {
			a[i] = at[l]
		}
		return a
	}
	hot := operand{n: in[1], axes: pick(o.idx), hot: true, row: at[indexed], rows: o.rows}
	return f.fold(n, summed, func() []product {
		return f.times(f.expand(in[0], pick(o.up)), []product{{scale: 1, ops: []operand{hot}}})
	})
}

// settle replaces the one-hot operands of every term by comparisons and gathers, but for one that the result keeps the rows of. It
// fails where rows are split or joined with others.
func (f *former) settle() bool {
	for i := range f.terms {
		for {
			at := slices.IndexFunc(f.terms[i].ops, func(o operand) bool { return o.hot })
			if at < 0 {
				break
			}
			if !f.settleRows(&f.terms[i], at) {
				return false
			}
		}
	}
	return true
}

// settleRows does so for the rows of the one-hot operand at.
func (f *former) settleRows(t *product, at int) bool {
	hot := t.ops[at]
	rows := f.labels(*t, [][]int{hot.row})
	if len(rows) != 1 || f.lens[rows[0]] != hot.rows {
		return false
	}
	row := rows[0]
	index, labels := f.index(*t, hot)
	kept := slices.Contains(f.labels(*t, f.out), row)
	if kept && t.scatter != nil {
		return false
	}
	var ops []operand
	for i, o := range t.ops {
		switch {
		case i == at:
		case o.hot && slices.Contains(f.labels(*t, o.axes), row):
			return false // rows of rows
		case o.hot:
			if own := f.labels(*t, [][]int{o.row}); !slices.Equal(own, rows) {
				ops = append(ops, o)
				break
			}
			other, theirs := f.index(*t, o)
			all := slices.Clone(labels)
			for _, l := range theirs {
				if !slices.Contains(all, l) {
					all = append(all, l)
				}
			}
			same := f.along(index, labels, all).Eq(f.along(other, theirs, all)).Convert(f.root.spec.DType)
			ops = append(ops, one(same.n, all))
		case slices.Contains(f.labels(*t, o.axes), row):
			a, have := f.layOut(*t, o)
			g := gatherOp{idx: labels, out: slices.Clone(labels)}
			for _, l := range have {
				if l == row {
					g.x = append(g.x, indexed)
					continue
				}
				g.x = append(g.x, l)
				if !slices.Contains(g.out, l) {
					g.out = append(g.out, l)
				}
			}
			ops = append(ops, one(apply(g, Tensor{a.emit(a.n)}, index).n, g.out))
		default:
			ops = append(ops, o)
		}
	}
	inside := clamped(hot.n, hot.rows) && !slices.ContainsFunc(labels, func(l int) bool {
		return !slices.ContainsFunc(ops, func(o operand) bool { return slices.Contains(f.labels(*t, o.axes), l) })
	})
	if !inside && !kept {
		in := index.Ge(Int(0)).And(index.Lt(Int(hot.rows))).Convert(f.root.spec.DType)
		ops = append(ops, one(in.n, labels))
	}
	if kept {
		t.scatter = &scattering{index: index.n, labels: labels, row: row, rows: hot.rows}
	}
	if len(ops) == 0 {
		return false
	}
	t.ops = ops
	return true
}

// scattering is the last step of a term: its product is added up in rows that an index names.
type scattering struct {
	index  *node
	labels []int // of the index
	row    int
	rows   int
}

// one is an operand with a label for each axis.
func one(n *node, labels []int) operand {
	o := operand{n: n}
	for _, l := range labels {
		o.axes = append(o.axes, []int{l})
	}
	return o
}

// index is the index of a one-hot operand with a label for each axis.
func (f *former) index(t product, hot operand) (Tensor, []int) {
	a, labels := f.layOut(t, operand{n: hot.n, axes: hot.axes})
	return Tensor{a.emit(a.n)}, labels
}

// along repeats x, with the labels have, along all.
func (f *former) along(x Tensor, have, all []int) Tensor {
	var perm []int
	narrow, wide := make([]int, len(all)), make([]int, len(all))
	for i, l := range all {
		narrow[i], wide[i] = 1, f.lens[l]
		if k := slices.Index(have, l); k >= 0 {
			perm = append(perm, k)
			narrow[i] = f.lens[l]
		}
	}
	return x.Transpose(perm...).Reshape(narrow...).stretch(wide)
}

// clamped reports an index that is held within the rows, as the gradient of a gather holds it.
func clamped(n *node, rows int) bool {
	n = repeated(n)
	if e, ok := n.op.(elementwise); !ok || e.rule != minRule || !isSplat(repeated(n.in()[1]), float64(rows-1)) {
		return false
	}
	low := repeated(n.in()[0])
	e, ok := low.op.(elementwise)
	return ok && e.rule == maxRule && isSplat(repeated(low.in()[1]), 0)
}

// addRows adds up x, with the given labels, in the rows that the term's index names.
func addRows(s *sumProduct, p product, index *node, x Tensor, labels []int) (Tensor, []int) {
	wide := slices.Clone(x.Shape())
	for _, l := range p.scatter.labels {
		if !slices.Contains(labels, l) { // nothing else depends on it
			labels = append(labels, l)
			wide = append(wide, s.lens[l])
			x = x.ExpandDims(-1)
		}
	}
	o := scatterOp{kind: shaders.Sum, up: labels, idx: p.scatter.labels, rows: p.scatter.rows}
	var out []int
	for _, l := range s.labels(p, s.out) {
		switch {
		case l == p.scatter.row:
			o.out, out = append(o.out, indexed), append(out, l)
		case slices.Contains(labels, l):
			o.out, out = append(o.out, l), append(out, l)
		}
	}
	return apply(o, x.stretch(wide), Tensor{index}), out
}
