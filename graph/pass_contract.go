package graph

import (
	"cmp"
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
)

// planOptions are what callers may say about plans.
type planOptions struct {
	plain  bool  // leave contractions as they were written
	noGram bool  // never take apart sums that the result is not linear in
	whole  bool  // no chunks of samples
	budget int64 // bytes of temporaries; 0: what the device allocates

	precision Precision // of products (precision.go)
}

// contractor plans the sum-products of a graph together, so that what several of them need is computed once.
type contractor struct {
	machine machine
	gram    bool
	info    map[*node]nodeInfo
	recips  map[*node]*node
	seen    map[*node]bool
	plans   map[*node]*contractPlan // of the nodes that are computed; nil for others
	order   []*contractPlan
	uses    map[string]int  // how many need an intermediate
	whole   map[string]view // nodes that are computed as they are, by the name of their product
	done    map[*node]*node
	made    map[string]made // intermediates emitted
}

// made is an intermediate, with its axes as positions in the order of its name.
type made struct {
	n    *node
	axes []int
}

// contractPlan is a node's normal form and the orders of its terms.
type contractPlan struct {
	form  *sumProduct
	terms []*boundTerm
}

// contract rewrites sums of products below outputs, such as norms and sums of per-sample gradients, to the cheapest order of multiplying and
// summing, by the shapes and the device alone. What is returned is changed in rounding only, but where a product or a
// square in the other order leaves the range of the type.
func contract(outputs []*node, p gpu.Profile, opts planOptions) []*node {
	if opts.plain {
		return outputs
	}
	c := planContractions(outputs, machineOf(p, opts.budget), !opts.noGram)
	if len(c.order) == 0 {
		return outputs
	}
	return c.rewrite(outputs)
}

// view is a node with its axes in another order.
type view struct {
	n    *node
	perm []int
}

// rewrite is the outputs as the plans compute them.
func (c *contractor) rewrite(outputs []*node) []*node {
	out := make([]*node, len(outputs))
	for i, n := range outputs {
		out[i] = c.build(n)
	}
	return simplify(out)
}

// planContractions chooses the plans. Each is chosen alone first, and then knowing what the others compute.
func planContractions(outputs []*node, m machine, gram bool) *contractor {
	c := &contractor{machine: m, gram: gram, info: map[*node]nodeInfo{}, recips: map[*node]*node{},
		seen: map[*node]bool{}, plans: map[*node]*contractPlan{}, uses: map[string]int{}, whole: map[string]view{},
		done: map[*node]*node{}, made: map[string]made{}}
	for _, n := range outputs {
		c.collect(n)
	}
	for _, n := range outputs {
		if o, ok := n.op.(contractOp); ok && len(o.summed()) == 0 {
			c.register(n, form(n, c.info, c.recips, c.gram))
		}
	}
	for _, p := range c.order {
		for _, t := range p.terms {
			t.choose(nil)
			c.count(t, 1)
		}
	}
	for _, p := range c.order {
		for _, t := range p.terms {
			c.count(t, -1)
			t.choose(func(key string) bool { return c.uses[key] > 0 })
			c.count(t, 1)
		}
	}
	return c
}

func (c *contractor) count(t *boundTerm, by int) {
	for _, k := range t.keys {
		c.uses[k] += by
	}
}

// collect finds the nodes that are computed, from n on: the operands of plans, and of what has none.
func (c *contractor) collect(n *node) {
	if c.seen[n] {
		return
	}
	c.seen[n] = true
	if summing(n) {
		f := form(n, c.info, c.recips, c.gram)
		if f != nil && f.opened > 0 {
			p := &contractPlan{form: f}
			for _, t := range f.terms {
				p.terms = append(p.terms, f.bind(t, c.machine))
				for _, o := range t.ops {
					c.collect(o.n)
				}
				if t.scatter != nil {
					c.collect(t.scatter.index)
				}
			}
			c.plans[n] = p
			c.order = append(c.order, p)
		}
		c.register(n, f)
		if c.plans[n] != nil {
			return
		}
	}
	for _, x := range n.in() {
		c.collect(x)
	}
}

// register notes that n, of form f, is computed anyway.
func (c *contractor) register(n *node, f *sumProduct) {
	if f == nil {
		return
	}
	var b *boundTerm
	if p := c.plans[n]; p != nil {
		b = p.terms[0]
	} else {
		b = f.bind(f.terms[0], c.machine)
	}
	labels := f.labels(f.terms[0], f.out)
	if !b.complete || len(labels) != len(n.spec.Shape) {
		return
	}
	for _, l := range labels {
		if _, ok := b.number[l]; !ok {
			return // repeated along an axis
		}
	}
	b.names = map[factorSet]naming{}
	name := b.name(1<<len(b.factors) - 1)
	if _, ok := c.whole[name.key]; ok {
		return
	}
	perm := make([]int, len(name.kept))
	for i, l := range name.kept {
		perm[i] = slices.Index(labels, b.labels[l])
	}
	c.whole[name.key] = view{n, perm}
	c.uses[name.key]++
}

// build is n as the plans compute it.
func (c *contractor) build(n *node) *node {
	if r, ok := c.done[n]; ok {
		return r
	}
	r := n
	if p := c.plans[n]; p != nil {
		r = c.emit(p)
	} else if old := n.in(); len(old) > 0 {
		in := make([]*node, len(old))
		for i, x := range old {
			in[i] = c.build(x)
		}
		if !slices.Equal(in, old) {
			r = newNode(n.op, in, n.spec, n.pc)
		}
	}
	c.done[n] = r
	return r
}

// emit is the planned node.
func (c *contractor) emit(p *contractPlan) *node {
	s := p.form
	axis, label, parts := s.tiles()
	sums := make([]Tensor, max(len(parts), 1))
	for i, alike := range p.alike() {
		if alike == nil {
			continue
		}
		at := 0
		if len(parts) > 0 {
			from, inner := s.innermost(s.terms[i], label)
			at = slices.Index(parts, part{label, from, s.lens[inner]})
		}
		v := c.value(s, s.terms[i], alike, label)
		if sums[at].Valid() {
			v = sums[at].Add(v)
		}
		sums[at] = v
	}
	result := sums[0]
	if len(parts) > 0 {
		result = Concat(axis, sums...)
	}
	result = result.stretch(s.root.spec.Shape)
	return at(result.n, s.root.pc)
}

// at is n with the user's line pc: what the passes make has it from the node that it stands for.
func at(n *node, pc uintptr) *node {
	return newNode(n.op, n.in(), n.spec, pc)
}

// tiles finds an axis of the result with a label of which every term is a part, where these parts lie side by side and make up all of it: the
// results of parts are joined. Without such an axis there are no parts, and the label is -1.
func (s *sumProduct) tiles() (axis, label int, parts []part) {
	for axis, ls := range s.out {
		ls = s.resolve(ls)
		if len(ls) != 1 {
			continue
		}
		l := ls[0]
		var parts []part
		for _, t := range s.terms {
			from, inner := s.innermost(t, l)
			if p := (part{l, from, s.lens[inner]}); !slices.Contains(parts, p) {
				parts = append(parts, p)
			}
		}
		slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.from, b.from) })
		end := 0
		for _, p := range parts {
			if p.from != end {
				end = -1
				break
			}
			end += p.length
		}
		if len(parts) > 1 && end == s.lens[l] {
			return axis, l, parts
		}
	}
	return 0, -1, nil
}

// value is a term, with those that share its last product (contract_factor.go), with the axes of the root, of which the one with the label tiled is
// as long as the term's part.
func (c *contractor) value(s *sumProduct, p product, alike []factoring, tiled int) Tensor {
	b := alike[0].term
	var x Tensor
	var have []int
	if len(alike) > 1 {
		x, have = c.factored(alike)
	} else {
		n, labels := c.compute(b, b.tree, true)
		x, have = scaled(Tensor{n}, b.scale), labels
	}
	labels := make([]int, len(have))
	for i, l := range have {
		labels[i] = b.labels[l]
	}
	if p.scatter != nil {
		x, labels = addRows(s, p, c.build(p.scatter.index), x, labels)
	}
	var perm []int
	for _, l := range s.labels(p, s.out) {
		if i := slices.Index(labels, l); i >= 0 {
			perm = append(perm, i)
		}
	}
	return c.place(s, p, labels, x.Transpose(perm...), tiled)
}

func scaled(x Tensor, by float64) Tensor {
	if by == 1 {
		return x
	}
	return x.Scale(by)
}

// place gives a term the root's axes: labels that it lacks are repeated, parts stand between zeros, but for those of the label tiled.
func (c *contractor) place(s *sumProduct, p product, have []int, x Tensor, tiled int) Tensor {
	// One axis for each label, those that the term lacks repeated, and for each outer label that the term is a part of.
	var narrow, wide []int
	for _, l := range s.labels(p, s.out) {
		n := 1
		if slices.Contains(have, l) {
			n = s.lens[l]
		}
		narrow, wide = append(narrow, n), append(wide, s.lens[l])
	}
	x = x.Reshape(narrow...).stretch(wide)
	labels := s.resolve(slices.Concat(s.out...))
	outer := make([]int, len(labels))
	from := make([]int, len(labels))
	for i, l := range labels {
		var inner int
		from[i], inner = s.innermost(p, l)
		outer[i] = s.lens[inner]
	}
	x = x.Reshape(outer...)
	shape := slices.Clone(s.root.spec.Shape)
	for i, l := range labels {
		switch {
		case l == tiled:
			axis := slices.IndexFunc(s.out, func(ls []int) bool { return slices.Equal(s.resolve(ls), []int{l}) })
			shape[axis] = outer[i]
		case outer[i] < s.lens[l]:
			x = x.Pad(i, from[i], s.lens[l]-from[i]-outer[i])
		}
	}
	return x.Reshape(shape...)
}

// compute is the array of a tree with the labels of its axes.
func (c *contractor) compute(b *boundTerm, t *planTree, top bool) (*node, []int) {
	if t.left == nil {
		return c.load(b, t)
	}
	name := b.name(t.set)
	if !top {
		if v, ok := c.whole[name.key]; ok {
			return Tensor{c.build(v.n)}.Transpose(v.perm...).n, name.kept
		}
	}
	if m, ok := c.made[name.key]; ok {
		labels := make([]int, len(m.axes))
		for i, a := range m.axes {
			labels[i] = name.kept[a]
		}
		return m.n, labels
	}
	var m made
	var labels []int
	if t.squared {
		m.n, labels = c.sumSquares(b, t)
	} else {
		x, lx := c.compute(b, t.left, false)
		y, ly := c.compute(b, t.right, false)
		if x.spec.Shape.Size() < y.spec.Shape.Size() {
			x, lx, y, ly = y, ly, x, lx
		}
		labels = b.arrange(name.kept, slices.Concat(lx, ly))
		m.n = pairwise(x, lx, y, ly, labels)
	}
	for _, l := range labels {
		m.axes = append(m.axes, slices.Index(name.kept, l))
	}
	c.made[name.key] = m
	return m.n, labels
}

// pairwise contracts two arrays; labels may be any numbers.
func pairwise(x *node, lx []int, y *node, ly, out []int) *node {
	number := map[int]int{}
	rename := func(labels []int) []int {
		r := make([]int, len(labels))
		for i, l := range labels {
			if _, ok := number[l]; !ok {
				number[l] = len(number)
			}
			r[i] = number[l]
		}
		return r
	}
	o := contractOp{out: rename(out)}
	o.a, o.b = rename(lx), rename(ly)
	return apply(o, Tensor{x}, Tensor{y}).n
}

// load is an operand, summed over the labels that nothing else has.
func (c *contractor) load(b *boundTerm, t *planTree) (*node, []int) {
	i := 0
	for t.set>>i&1 == 0 {
		i++
	}
	f := b.factors[i]
	x := Tensor{b.arrays[i].emit(c.build(b.arrays[i].n))}
	var kept, axes []int
	for axis, l := range f.axes {
		if t.labels>>l&1 == 0 {
			axes = append(axes, axis)
		} else {
			kept = append(kept, l)
		}
	}
	if len(axes) > 0 {
		x = x.Sum(axes...)
	}
	return x.n, kept
}
