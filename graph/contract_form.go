package graph

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// sumProduct is the normal form of a node that sums products: the sum of terms, each a number times the sum, over all labels that
// the result lacks, of a product of operands whose axes carry labels. Contractions, products with broadcasting, divisions by what does not
// depend on the sum, small powers, sums, transposes, broadcasts, reshapes that merge or split axes, joined and zero-padded axes are
// all of that form. What is not is an operand, an array like any other.
type sumProduct struct {
	root  *node
	lens  []int         // of each label
	split map[int][]int // labels that a reshape has cut, with their parts, outer first
	parts map[part]int  // the label that runs along a part of another
	out   [][]int       // labels of each axis of the result: none where the length is 1, several where the axis was split
	terms []product

	opened int // how many nodes were taken apart that it gains by; without any, it is the root as it stands
}

// product is one term. It is zero where a label of within lies outside of its span.
type product struct {
	scale  float64
	ops    []operand
	within map[int]part

	scatter *scattering // the last step, nil without
}

// operand is an array with the labels of its axes.
type operand struct {
	n    *node
	axes [][]int

	// A one-hot operand is 1 where n, an index, names the position along row, which has so many rows.
	hot  bool
	row  []int
	rows int
}

// part is a stretch of a label's range.
type part struct{ label, from, length int }

// Limits of what is planned as one expression: beyond them sums, and then products, stay as they are.
const (
	maxTerms    = 6  // in one part of the joined axes
	maxJoined   = 96 // in all parts: leaves of a model that were ravelled
	maxOperands = 12
	maxLabels   = 60 // sets of labels are words
	maxVisits   = 20 * maxJoined
)

// former brings nodes into normal form.
type former struct {
	info   map[*node]nodeInfo
	recips map[*node]*node // denominators as factors
	*sumProduct
	openings
	summed    []int // labels that the root sums itself
	innerSums int   // how many sums inside the root's were taken apart
	visits    int
	failed    bool
}

// openings says what is taken apart, rather than an operand.
type openings struct {
	sums  bool // sums, joined and padded axes: products distribute over them
	inner bool // contractions and sums inside others
}

// nodeInfo says how a node takes part in the expressions that use it.
type nodeInfo struct {
	open    bool // computed as part of them: larger than all that it is made of, or a product or view of such
	grows   bool // and larger than its operands, which its own product or sum makes
	largest int  // elements of the largest array that it is made of, the node itself where it is not open
}

// lookInside fills in the info of n and of all that it is made of.
func (f *former) lookInside(n *node) nodeInfo {
	if i, ok := f.info[n]; ok {
		return i
	}
	size := n.spec.Shape.Size()
	i := nodeInfo{largest: size}
	f.info[n] = i
	if !n.spec.DType.IsFloat() || size == 0 {
		return i
	}
	if c, ok := n.op.(constOp); ok && c.splat() {
		i.largest = 0
		f.info[n] = i
		return i
	}
	made := nodeInfo{} // of the operands
	join := func(x *node) {
		in := f.lookInside(x)
		made.open = made.open || in.open
		made.largest = max(made.largest, in.largest)
	}
	for i, x := range n.in() {
		if _, ok := n.op.(scatterOp); !ok || i == 0 {
			join(x)
		}
	}
	grows := size > made.largest
	switch o := n.op.(type) {
	case transposeOp, broadcastOp, reshapeOp, concatOp:
		i = made
	case padOp:
		if o.dense() {
			i = made
		}
	case elementwise:
		switch {
		case o.rule == mulRule || o.rule == divRule:
			i.open = made.open || grows
		case o.rule == negRule || o.rule == addRule || o.rule == powRule && smallPower(n) > 0:
			i.open = made.open
		}
	case reduceOp:
		i.open = o.kind == shaders.Sum && grows
	case contractOp:
		// Without a label of both operands and the result it is a layer applied to a batch, not a product of every sample.
		i.open = grows && o.paired() || len(o.summed()) == 0 && (grows || made.open)
	case scatterOp:
		i.open = o.kind == shaders.Sum && grows && n.in()[0].spec.Shape.Size() > 0
	}
	if i.open {
		i.largest, i.grows = made.largest, true
		for _, x := range n.in() {
			i.grows = i.grows && size > repeated(x).spec.Shape.Size()
		}
	}
	f.info[n] = i
	return i
}

// repeated is what n repeats, or lays out in another way.
func repeated(n *node) *node {
	for {
		switch n.op.(type) {
		case broadcastOp, reshapeOp, transposeOp:
			n = n.in()[0]
		default:
			return n
		}
	}
}

// dense reports a padding around the operand, with nothing between neighbours.
func (o padOp) dense() bool { return !slices.ContainsFunc(o.inner, func(i int) bool { return i != 0 }) }

// smallPower is n's exponent where that is a constant 2, 3 or 4, else 0.
func smallPower(n *node) int {
	c, ok := n.in()[1].op.(constOp)
	if !ok || !c.splat() || c.values[0] != math.Trunc(c.values[0]) || c.values[0] < 2 || c.values[0] > 4 {
		return 0
	}
	return int(c.values[0])
}

// summing reports a node that sums products: where an expression may begin.
func summing(n *node) bool {
	if !n.spec.DType.IsFloat() || n.spec.Shape.Size() == 0 {
		return false
	}
	switch o := n.op.(type) {
	case reduceOp:
		return o.kind == shaders.Sum && n.in()[0].spec.Shape.Size() > 0
	case contractOp:
		return len(o.summed()) > 0 && n.in()[0].spec.Shape.Size() > 0 && n.in()[1].spec.Shape.Size() > 0
	}
	return false
}

// form is the normal form of n, nil beyond the limits. Without gram, sums are taken apart only where the result is
// linear in them.
func form(n *node, info map[*node]nodeInfo, recips map[*node]*node, gram bool) *sumProduct {
	// The least that is taken apart comes last: a form beyond the limits gives way to a smaller one.
	ways := []openings{{true, true}, {false, true}, {false, false}}
	for i := 0; i < len(ways); i++ {
		f := &former{info: info, recips: recips, openings: ways[i],
			sumProduct: &sumProduct{root: n, split: map[int][]int{}, parts: map[part]int{}}}
		for _, d := range n.spec.Shape {
			f.out = append(f.out, f.axis(d))
		}
		for _, x := range n.in() {
			f.lookInside(x)
		}
		f.terms = f.open(n, f.out)
		if f.innerSums > 1 && !gram {
			for j := range ways {
				ways[j].inner = false
			}
			gram = true
			i = -1
		} else if !f.failed && f.fits() {
			return f.sumProduct
		} else if f.opened == 0 {
			return nil
		}
	}
	return nil
}

// fits reports that the form is within the planner's limits, and sets what it is made of straight.
func (f *former) fits() bool {
	if crowded(f.terms, maxTerms, maxJoined) || len(f.terms) == 0 || !f.settle() {
		return false
	}
	for i, t := range f.terms {
		if len(t.ops) > maxOperands || len(t.ops) == 0 {
			return false
		}
		seen := map[int]bool{}
		for _, o := range t.ops {
			own := map[int]bool{}
			for _, l := range f.labels(f.terms[i], o.axes) {
				if own[l] {
					return false // a diagonal
				}
				own[l], seen[l] = true, true
			}
		}
		for l := range t.within {
			if len(f.resolve([]int{l})) != 1 || f.split[l] != nil {
				return false // a part of an axis that another operand has split
			}
		}
		for _, l := range f.resolve(slices.Concat(f.out...)) {
			_, inner := f.innermost(t, l)
			for _, x := range f.resolve([]int{inner}) {
				if _, ok := t.within[x]; ok {
					return false // a part of an axis that was made by splitting a part
				}
			}
		}
		if len(seen) > maxLabels {
			return false
		}
	}
	return true
}

// crowded reports more than so many terms in one part of the joined axes, or in all.
func crowded(terms []product, each, all int) bool {
	if len(terms) <= each {
		return false
	}
	count := map[string]int{}
	for _, t := range terms {
		var spans []part
		for _, s := range t.within {
			spans = append(spans, s)
		}
		slices.SortFunc(spans, func(a, b part) int { return cmp.Or(cmp.Compare(a.label, b.label), cmp.Compare(a.from, b.from)) })
		key := fmt.Sprint(spans)
		if count[key]++; count[key] > each {
			return true
		}
	}
	return len(terms) > all
}

// newLabel is a label for an axis of length d.
func (s *sumProduct) newLabel(d int) int {
	s.lens = append(s.lens, d)
	return len(s.lens) - 1
}

// axis is the labels of a new axis of length d.
func (s *sumProduct) axis(d int) []int {
	if d == 1 {
		return nil
	}
	return []int{s.newLabel(d)}
}

// resolve replaces labels that have been split by their parts.
func (s *sumProduct) resolve(labels []int) []int {
	var out []int
	for _, l := range labels {
		if p, ok := s.split[l]; ok {
			out = append(out, s.resolve(p)...)
		} else {
			out = append(out, l)
		}
	}
	return out
}

// innermost is the label that runs along the part of l's range where t is not zero, and where that part begins.
func (s *sumProduct) innermost(t product, l int) (from, inner int) {
	for {
		p, ok := t.within[l]
		if !ok {
			return from, l
		}
		from, l = from+p.from, s.parts[p]
	}
}

// labels lists the labels of an operand of t, in the order of its elements.
func (s *sumProduct) labels(t product, axes [][]int) []int {
	var out []int
	var add func(l int)
	add = func(l int) {
		if p, ok := s.split[l]; ok {
			for _, x := range p {
				add(x)
			}
		} else if w, ok := t.within[l]; ok {
			add(s.parts[w])
		} else {
			out = append(out, l)
		}
	}
	for _, a := range axes {
		for _, l := range a {
			add(l)
		}
	}
	return out
}
