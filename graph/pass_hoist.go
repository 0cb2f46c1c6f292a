package graph

import (
	"cmp"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// Sums over the rounds of a loop. The gradient of what a scan captured is such a sum: acc' = acc + f, where f is the product of a few
// values of the round, such as a layer's input and the gradient of its output, and nothing else reads acc. The scan then hands out these
// values, stacked, instead of adding to an array that is larger than they are, and one product over all rounds follows the loop: there the
// planner sees x[t b i] g[t b j] summed over t, which is a layer that reads a sequence.

const (
	// hoistGain is how many times larger than what is handed out the sum must be, where f is computed where it is read: two passes over
	// the sum in each round are then exchanged for two over the values, and for a part of the product behind the loop.
	hoistGain = 4
	// hoistMemory is how many times the bytes that the loop walks over, or holds the sums in, what is handed out may take. In reverse mode a
	// loop walks over the carry of all rounds, so memory grows by no more than that factor. A loop that adds up gradients of parts of the
	// data, to hold the activations of one part at a time, stays as it is.
	hoistMemory = 2
)

// hoister takes sums over rounds out of a scan.
type hoister struct {
	o         scanOp
	in        []Tensor                // the scan's operands
	outs      []*node                 // of the body
	dep       map[*node]bool          // differs between rounds
	walked    map[*node]Tensor        // stacked already
	handed    []*node                 // what the new scan hands out
	stacked   map[*node]Tensor        // the same, behind the loop
	frontiers map[frontierAt]frontier // what values of all rounds are made of
	below     map[frontierAt]bool     // they are made of their operands
	repeated  map[*node]Tensor        // values that are the same in all rounds
	all       map[frontierAt]Tensor   // values behind the loop
}

// frontierAt is a node of the body in all rounds, or summed over them.
type frontierAt struct {
	n   *node
	sum bool
}

// frontier is what must be handed out to compute a value behind the loop.
type frontier struct {
	nodes []*node
	size  int // elements that are not handed out anyway
	below bool
}

// roundSum is a leaf of the carry that sums terms over the rounds.
type roundSum struct {
	leaf  int
	terms []signedNode
	size  int
}

type signedNode struct {
	n        *node
	negative bool
}

// hoistSums is the scan o on the operands in, with sums over rounds that are better computed behind it taken out. history says which leaves'
// history is read. It gives the results of o, nil for histories that nobody reads, and false where there is nothing to take out.
func (o scanOp) hoistSums(in []*node, history []bool, opts planOptions) ([]*node, bool) {
	if opts.plain || o.rounds < 2 {
		return nil, false
	}
	h := &hoister{o: o, in: tensors(in), outs: simplify(o.body.outs), walked: map[*node]Tensor{}, stacked: map[*node]Tensor{},
		below: map[frontierAt]bool{}, repeated: map[*node]Tensor{}, all: map[frontierAt]Tensor{}}
	h.dep = dependents(record(h.outs, nil), o.body.params[:o.carry+o.walked])
	for i, p := range o.body.params {
		switch {
		case i >= o.carry+o.walked:
			h.repeated[p] = h.in[i]
		case i >= o.carry:
			h.walked[p] = h.in[i]
		}
	}
	sums := h.choose(h.sums(history), opts.budget)
	if len(sums) == 0 {
		return nil, false
	}
	return h.rewrite(sums), true
}

// sums finds the leaves of the carry that do nothing but sum.
func (h *hoister) sums(history []bool) []roundSum {
	readers := map[*node]int{}
	for _, n := range reach(h.outs, nil) {
		for _, x := range n.in() {
			readers[x]++
		}
	}
	for _, n := range h.outs {
		readers[n]++
	}
	var found []roundSum
	for i, p := range h.o.body.params[:h.o.carry] {
		if history[i] || !p.spec.DType.IsFloat() || readers[p] != 1 {
			continue
		}
		s := roundSum{leaf: i, size: p.spec.Shape.Size()}
		own := false
		var walk func(n *node, negative bool)
		walk = func(n *node, negative bool) {
			e, ok := n.op.(elementwise)
			switch {
			case n == p:
				own = !negative
			case ok && readers[n] == 1 && (e.rule == addRule || e.rule == subRule):
				walk(n.in()[0], negative)
				walk(n.in()[1], negative != (e.rule == subRule))
			case ok && readers[n] == 1 && e.rule == negRule:
				walk(n.in()[0], !negative)
			default:
				s.terms = append(s.terms, signedNode{n, negative})
			}
		}
		// Every node between the leaf and its next value has one reader, so nothing else sees it.
		if walk(h.outs[i], false); own {
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b roundSum) int { return cmp.Compare(b.size, a.size) })
	return found
}

// choose picks the sums that are better computed behind the loop, the largest first, and what is handed out for them.
func (h *hoister) choose(sums []roundSum, budget int64) []roundSum {
	walked, handed, held := int64(0), int64(0), int64(0)
	for p := range h.walked {
		walked += bytesOf(p.spec)
	}
	var chosen []roundSum
	for _, s := range sums {
		h.frontiers = map[frontierAt]frontier{}
		var nodes []*node
		pays := true
		work := 0
		for _, t := range s.terms {
			c := h.frontier(frontierAt{t.n, true})
			work += h.multiplied(t.n)
			for _, n := range c.nodes {
				nodes = appendNew(nodes, n)
			}
		}
		size, bytes := 0, int64(0)
		for _, n := range nodes {
			if !slices.Contains(h.handed, n) {
				size += n.spec.Shape.Size()
				bytes += bytesOf(n.spec)
				pays = pays && (budget <= 0 || int64(h.o.rounds)*bytesOf(n.spec) <= budget)
			}
		}
		own := bytesOf(h.outs[s.leaf].spec)
		rounds := int64(h.o.rounds)
		pays = pays && (size == 0 || hoistGain*size <= s.size || work >= matmulWork) &&
			rounds*(handed+bytes) <= hoistMemory*max(rounds*walked, held+own)
		if !pays {
			continue
		}
		handed, held = handed+bytes, held+own
		for _, n := range nodes {
			h.handed = appendNew(h.handed, n)
		}
		for at, c := range h.frontiers {
			h.below[at] = h.below[at] || c.below
		}
		chosen = append(chosen, s)
	}
	return chosen
}

// multiplied is the multiplications of a product that a kernel of its own computes from arrays in memory, below the views around it.
func (h *hoister) multiplied(n *node) int {
	for n.op.Class() == View && len(n.in()) == 1 {
		n = n.in()[0]
	}
	if o, ok := n.op.(contractOp); ok && len(o.summed()) > 0 {
		return n.spec.Shape.Size() * foldLength(n)
	}
	return 0
}

// frontier finds the least that must be handed out for a value.
func (h *hoister) frontier(at frontierAt) frontier {
	n := at.n
	if c, ok := h.frontiers[at]; ok {
		return c
	}
	_, stacked := h.walked[n]
	var c frontier
	switch {
	case !h.dep[n], stacked:
	case slices.Contains(h.handed, n):
		c.nodes = []*node{n}
	default:
		c = frontier{nodes: []*node{n}, size: n.spec.Shape.Size()}
		if parts, ok := h.operands(at); ok {
			b := frontier{below: true}
			for _, p := range parts {
				in := h.frontier(p)
				for _, x := range in.nodes {
					b.nodes = appendNew(b.nodes, x)
				}
			}
			for _, x := range b.nodes {
				if !slices.Contains(h.handed, x) {
					b.size += x.spec.Shape.Size()
				}
			}
			if b.size < c.size {
				c = b
			}
		}
	}
	h.frontiers[at] = c
	return c
}

// operands says what a value of all rounds is computed from behind the loop, and whether it is to be.
func (h *hoister) operands(at frontierAt) ([]frontierAt, bool) {
	n := at.n
	stacked := func() (parts []frontierAt) {
		for _, x := range n.in() {
			parts = append(parts, frontierAt{x, false})
		}
		return parts
	}
	if !at.sum {
		if len(n.in()) == 0 || n.spec.DType == tuple {
			return nil, false
		}
		e, ok := n.op.(elementwise)
		cheap := n.op.Class() == View || ok && e.cost <= 8
		switch n.op.(type) {
		case contractOp, convertOp, whereOp, gatherOp:
			cheap = n.op.Class() != Reduction
		case barrierOp:
			return nil, false // it says where to compute again
		}
		return stacked(), cheap
	}
	if h.linear(n) {
		var parts []frontierAt
		for _, x := range n.in() {
			parts = append(parts, frontierAt{x, h.dep[x]})
		}
		return parts, true
	}
	switch o := n.op.(type) {
	case contractOp:
		return stacked(), true
	case scatterOp:
		return stacked(), o.kind == shaders.Sum
	case elementwise:
		return stacked(), o.rule == mulRule || o.rule == divRule
	}
	return nil, false
}

// linear reports a node whose sum over rounds is that of its operands that differ between them.
func (h *hoister) linear(n *node) bool {
	in := n.in()
	switch o := n.op.(type) {
	case transposeOp, reshapeOp, broadcastOp, sliceOp, padOp:
		return true
	case concatOp:
		return !slices.ContainsFunc(in, func(x *node) bool { return !h.dep[x] })
	case reduceOp:
		return o.kind == shaders.Sum
	case contractOp:
		return !h.dep[in[0]] || !h.dep[in[1]]
	case scatterOp:
		return o.kind == shaders.Sum && !h.dep[in[1]]
	case elementwise:
		switch o.rule {
		case negRule:
			return true
		case addRule, subRule:
			return h.dep[in[0]] && h.dep[in[1]]
		case mulRule:
			return !h.dep[in[0]] || !h.dep[in[1]]
		case divRule:
			return !h.dep[in[1]]
		}
	}
	return false
}

// rewrite runs the scan without the sums, and computes them behind it.
func (h *hoister) rewrite(sums []roundSum) []*node {
	o := h.o
	out := map[int]bool{}
	for _, s := range sums {
		out[s.leaf] = true
	}
	small := scanOp{rounds: o.rounds, walked: 0, scanOrder: o.scanOrder}
	var params, outs, operands []*node
	var kept []int
	for i := range o.carry {
		if !out[i] {
			kept = append(kept, i)
			params, outs, operands = append(params, o.body.params[i]), append(outs, h.outs[i]), append(operands, h.in[i].n)
		}
	}
	small.carry = len(outs)
	outs = slices.Concat(outs, h.outs[o.carry:], h.handed)
	read := map[*node]bool{}
	for _, n := range reach(outs, nil) {
		read[n] = true
	}
	for i := o.carry; i < len(h.in); i++ {
		if p := o.body.params[i]; read[p] {
			params, operands = append(params, p), append(operands, h.in[i].n)
			if i < o.carry+o.walked {
				small.walked++
			}
		}
	}
	small.body = closed(params, outs)
	written := len(h.outs) - o.carry
	var all []*node
	if len(outs) > 0 {
		all = small.rounded(operands)
	}
	for i, n := range h.handed {
		h.stacked[n] = Tensor{all[small.carry+written+i]}
	}
	result := make([]*node, len(h.outs)+o.carry)
	for i, at := range kept {
		result[at], result[len(h.outs)+at] = all[i], all[len(outs)+i]
	}
	for i := range written {
		result[o.carry+i] = all[small.carry+i]
	}
	for _, s := range sums {
		total := h.in[s.leaf]
		for _, t := range s.terms {
			f := h.sum(t.n)
			switch {
			case t.negative:
				total = total.Sub(f)
			case isSplat(total.n, 0):
				total = f
			default:
				total = total.Add(f)
			}
		}
		result[s.leaf] = total.n
	}
	return result
}

// sum is a value summed over all rounds.
func (h *hoister) sum(n *node) Tensor {
	at := frontierAt{n, true}
	t, ok := h.all[at]
	if !ok {
		t = h.summed(n, at)
		h.all[at] = t
	}
	return t
}

func (h *hoister) summed(n *node, at frontierAt) Tensor {
	if !h.dep[n] {
		return h.once(n).Scale(float64(h.o.rounds))
	}
	if _, ok := h.stacked[n]; ok || !h.below[at] {
		return h.each(n).Sum(0)
	}
	in := n.in()
	if h.linear(n) {
		sums := make([]Tensor, len(in))
		for i, x := range in {
			if h.dep[x] {
				sums[i] = h.sum(x)
			} else {
				sums[i] = h.once(x)
			}
		}
		return Tensor{newNode(n.op, nodes(sums), n.spec, n.pc)}
	}
	switch o := n.op.(type) {
	case contractOp:
		l := newLabel(o.a, o.b, o.out)
		o.a, o.b = withLabel(l, o.a, true), withLabel(l, o.b, true)
		return Tensor{newNode(o, []*node{h.each(in[0]).n, h.each(in[1]).n}, n.spec, n.pc)}
	case scatterOp:
		l := newLabel(o.up, o.idx, o.out)
		o.up, o.idx = withLabel(l, o.up, true), withLabel(l, o.idx, true)
		up := in[0].spec.Shape.prepend(h.o.rounds)
		return Tensor{newNode(o, []*node{h.each(in[0]).stretch(up).n, h.each(in[1]).n}, n.spec, n.pc)}
	}
	return h.batched(n).Sum(0)
}

// each is a value in all rounds, stacked; without the axis of the rounds where it is the same in all.
func (h *hoister) each(n *node) Tensor {
	at := frontierAt{n, false}
	t, ok := h.all[at]
	if !ok {
		t = h.stack(n)
		h.all[at] = t
	}
	return t
}

func (h *hoister) stack(n *node) Tensor {
	if t, ok := h.stacked[n]; ok {
		if roundingOf(n) != shaders.Unrounded && n.op.Class() == Pointwise {
			t = apply(n.op, t) // which changes nothing, but tells the product behind the loop what it multiplies
		}
		return t
	}
	if t, ok := h.walked[n]; ok {
		return t
	}
	if !h.dep[n] {
		return h.once(n)
	}
	return h.batched(n)
}

// batched applies n's op to the operands of all rounds.
func (h *hoister) batched(n *node) Tensor {
	batched := map[*node]Tensor{}
	var from []*node
	for _, x := range n.in() {
		if h.dep[x] {
			batched[x] = h.each(x)
			from = append(from, x)
			continue
		}
		from = append(from, h.once(x).n)
	}
	return batchNode(applied{node: n, from: from}, batched, h.o.rounds)
}

// once is a value that is the same in all rounds.
func (h *hoister) once(n *node) Tensor {
	if t, ok := h.repeated[n]; ok {
		return t
	}
	t := Tensor{n}
	if in := n.in(); len(in) > 0 {
		done := map[*node]*node{}
		for _, x := range in {
			done[x] = h.once(x).n
		}
		t = Tensor{n.with(done)}
	}
	h.repeated[n] = t
	return t
}
