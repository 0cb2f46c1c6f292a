package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// labelledProduct is a contraction as products of matrices: the axes of the operands by what they are to the product.
type labelledProduct struct {
	target                 shaders.MatMulTarget
	a, b                   Tensor
	la, lb                 []int
	batch, rows, cols, sum []int
	ofA                    []int // the batch labels that a has
	shared                 bool  // as in matmulOp
	parts                  int   // so many products are summed for one result; 0 for none
	size                   map[int]int
	out                    []int
	pc                     uintptr
}

// labelled brings n into the form of products.
func (o contractOp) labelled(n *node, target shaders.MatMulTarget) *labelledProduct {
	target, a, b := onUnits(target, Tensor{n.in()[0]}, Tensor{n.in()[1]})
	la, lb := o.a, o.b
	// The operand whose free axes come last in the result gives the columns.
	for i := len(o.out) - 1; i >= 0; i-- {
		l := o.out[i]
		if inA, inB := slices.Contains(la, l), slices.Contains(lb, l); inA != inB {
			if inA {
				a, b, la, lb = b, a, lb, la
			}
			break
		}
	}
	p := &labelledProduct{target: target, a: a, b: b, la: la, lb: lb, out: o.out, pc: n.pc}
	for _, l := range o.out {
		switch inA, inB := slices.Contains(la, l), slices.Contains(lb, l); {
		case inA && inB:
			p.batch = append(p.batch, l)
		case inA:
			p.rows = append(p.rows, l)
		default:
			p.cols = append(p.cols, l)
		}
	}
	for _, l := range la {
		if !slices.Contains(o.out, l) {
			p.sum = append(p.sum, l)
		}
	}
	p.size, _ = contractOp{a: la, b: lb, out: o.out}.sizes(a.Shape(), b.Shape())
	p.ofA = p.batch
	lead := leading(o.out, p.cols)
	first, rest := outermost(la, lb, p.sum)
	outer := slices.Concat(first, p.batch)
	switch rows, cols := p.count(p.rows), p.count(p.cols); {
	case len(lead) > 0 && len(p.batch) == 0 && p.count(p.cols[len(lead):]) >= sharedColumns && slices.Equal(lb[:len(lead)], lead):
		// Columns of which some lead in the result, as the samples of a convolution do, would be gathered before the product and
		// scattered after it: instead these number products that share the first operand.
		p.shared = true
		p.batch, p.cols = lead, p.cols[len(lead):]
	case len(first) > 0 && lies(la, outer, p.rows, rest) && lies(lb, outer, p.cols, rest) && !slices.Equal(la, slices.Concat(p.batch, p.sum, p.rows)) &&
		rows*cols < (rows+cols)*p.count(rest):
		// Samples that are summed over, as in the gradient of a convolution's kernel: a product for each, added up, moves fewer
		// bytes than operands rearranged so that the samples lie side by side.
		p.parts = p.count(first)
		p.batch, p.ofA, p.sum = outer, outer, rest
	}
	return p
}

// count is how many elements an array with these labels has.
func (p *labelledProduct) count(labels []int) int {
	c := 1
	for _, l := range labels {
		c *= p.size[l]
	}
	return c
}

// op is the matmul for so many columns and products of an element, or false where it does not pay.
func (p *labelledProduct) op(limit, n, k int) (m matmulOp, ok bool) {
	m = matmulOp{shared: p.shared, batch: p.count(p.batch), m: p.count(p.rows), n: n, k: k, limit: limit, target: p.target}
	return m, m.m >= 4 && n >= 4 && k >= 4 && k <= p.target.MostK() && m.batch*m.m*n*k >= matmulWork
}

// overMatrices is the product of operands that are written out as matrices.
func (p *labelledProduct) overMatrices(planner *productPlanner) *node {
	m, ok := p.op(planner.limit, p.count(p.cols), p.count(p.sum))
	if !ok {
		return nil
	}
	a, b, la, lb := p.a, p.b, p.la, p.lb
	plainA, turnedA := slices.Concat(p.ofA, p.rows, p.sum), slices.Concat(p.ofA, p.sum, p.rows)
	plainB, turnedB := slices.Concat(p.batch, p.sum, p.cols), slices.Concat(p.batch, p.cols, p.sum)
	switch {
	case slices.Equal(la, turnedA) && !slices.Equal(la, plainA):
		m.form = shaders.MatMulTN
	case slices.Equal(lb, turnedB) && !slices.Equal(lb, plainB):
		m.form = shaders.MatMulNT
	}
	if _, err := shaders.MatMul(m.form, m.arguments(), m.batch, p.target); err != nil {
		return nil
	}
	if p.target.Rounding == shaders.Unrounded { // kernels on cooperative matrices take operands as they are
		a, m.squareA = squareRoot(a)
		b, m.squareB = squareRoot(b)
	}
	if m.form == shaders.MatMulTN {
		a = arrange(a, la, turnedA, p.count(p.ofA), m.k, m.m)
	} else {
		a = arrange(a, la, plainA, p.count(p.ofA), m.m, m.k)
	}
	if m.form == shaders.MatMulNT {
		b = arrange(b, lb, turnedB, m.batch, m.n, m.k)
	} else {
		b = arrange(b, lb, plainB, m.batch, m.k, m.n)
	}
	if !storable(a.n) || !storable(b.n) {
		return nil
	}
	return p.result(p.products(m, a, b))
}

// products is [batch, rows, columns], added up where several make one result.
func (p *labelledProduct) products(m matmulOp, a, b Tensor) Tensor {
	c := Tensor{newNode(m, []*node{a.n, b.n}, Spec{Float32, Shape{m.batch, m.m, roundUp4(m.n)}}, p.pc)}.Slice(2, 0, m.n)
	if p.parts > 0 {
		c = c.Reshape(p.parts, m.batch/p.parts*m.m, m.n).Sum(0)
	}
	return c
}

// result brings products into the order of the contraction's axes.
func (p *labelledProduct) result(c Tensor) *node {
	batch := p.batch
	if p.parts > 0 {
		batch = slices.DeleteFunc(slices.Clone(batch), func(l int) bool { return !slices.Contains(p.out, l) })
	}
	labels := slices.Concat(batch, p.rows, p.cols)
	shape := make([]int, len(labels))
	perm := make([]int, len(labels))
	for i, l := range labels {
		shape[i] = p.size[l]
		perm[slices.Index(p.out, l)] = i
	}
	return c.Reshape(shape...).Transpose(perm...).n
}

// squareRoot is what t is the square of, element by element, if it is: kernels square what they read, and a diagonal's squared inputs and
// cotangents take no memory.
func squareRoot(t Tensor) (Tensor, bool) {
	in := t.n.in()
	switch o := t.n.op.(type) {
	case reshapeOp:
		if x, ok := squareRoot(Tensor{in[0]}); ok {
			return x.Reshape(t.Shape()...), true
		}
	case elementwise:
		if o.rule == mulRule && in[0] == in[1] && storable(in[0]) {
			return Tensor{in[0]}, true
		}
	case contractOp:
		if in[0] == in[1] && slices.Equal(o.a, o.b) && slices.Equal(o.a, o.out) && storable(in[0]) {
			return Tensor{in[0]}, true
		}
	}
	return t, false
}

// sharedColumns is from how many columns a product of its own pays for each of a batch with one first operand: fewer leave too
// much of the kernels' tiles empty.
const sharedColumns = 16

// lies reports whether labels are those of batch, then of rows and columns one way or the other.
func lies(labels, batch, rows, cols []int) bool {
	return slices.Equal(labels, slices.Concat(batch, rows, cols)) || slices.Equal(labels, slices.Concat(batch, cols, rows))
}

// outermost splits the summed labels into those that both operands begin with and the rest.
func outermost(la, lb, sum []int) (lead, rest []int) {
	n := 0
	for n < len(sum)-1 && n < len(lb) && la[n] == sum[n] && lb[n] == sum[n] {
		n++
	}
	return sum[:n], sum[n:]
}

// leading is the part of cols with which out begins, where the other axes of out lie between that part and the rest of cols.
func leading(out, cols []int) []int {
	n := 0
	for n < len(cols) && n < len(out) && out[n] == cols[n] {
		n++
	}
	if n == len(cols) || slices.Contains(cols, out[n]) {
		return nil
	}
	return cols[:n]
}

// arrange brings an operand into [batch, rows, columns] with rows padded to whole vectors.
func arrange(t Tensor, have, want []int, batch, rows, cols int) Tensor {
	perm := make([]int, len(want))
	for i, l := range want {
		perm[i] = slices.Index(have, l)
	}
	return t.Transpose(perm...).Reshape(batch, rows, cols).Pad(2, 0, roundUp4(cols)-cols)
}
