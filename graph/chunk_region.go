package graph

import "github.com/lavagrad/lavagrad/shaders"

// chunkRegion is what of a graph is computed chunk by chunk along one axis of samples: nodes that are cut, and folds over the samples. What waits
// for the result of a fold over all samples comes in a second loop, and so on: that is a node's level.
type chunkRegion struct {
	samples  int
	order    []*node // of the graph
	cuts     map[*node]cut
	folds    map[*node]shaders.Reducer
	operands map[*node][]cut // of nodes that are cut or fold
	level    map[*node]int   // the loop in which they can be computed
	ready    map[*node]int   // how many loops must have run before a node is there whole

	stored map[*node]bool // arrays that the graph as it stands would write
	most   int64          // bytes up to which an array is kept for later loops rather than computed again
	needed map[inLoop]bool
	kept   map[*node]bool
	loops  []chunkResults
}

// inLoop is a node that is cut, in one of the loops.
type inLoop struct {
	n    *node
	loop int
}

// chunkResults is what a loop leaves behind: arrays stacked from their chunks, and folds.
type chunkResults struct{ stacks, folds []*node }

// regionOf finds all that can be cut together with seed at c: what it is computed from, what is computed from that in turn.
func regionOf(order []*node, outputs []*node, seed *node, c cut, stored map[*node]bool, most int64) *chunkRegion {
	r := &chunkRegion{samples: seed.spec.Shape[c.axis] / c.unit, order: order, cuts: map[*node]cut{}, folds: map[*node]shaders.Reducer{},
		operands: map[*node][]cut{}, level: map[*node]int{}, ready: map[*node]int{}, stored: stored, most: most}
	if !r.pull(seed, c) {
		return nil
	}
	for before := -1; before != len(r.operands); {
		before = len(r.operands)
		for _, n := range order {
			r.push(n)
		}
	}
	r.findLevels()
	r.demand(outputs)
	return r
}

// pull cuts n at c, and what it is computed from as far as that goes. It reports whether n is cut so.
func (r *chunkRegion) pull(n *node, c cut) bool {
	if have, ok := r.cuts[n]; ok {
		return have == c
	}
	if _, ok := r.folds[n]; ok || placeless(n) {
		return false
	}
	if n.op.Class() == Leaf {
		r.cuts[n] = c
		return true
	}
	cuts, ok := cutOperands(n, c)
	if ok {
		r.cuts[n] = c
		r.pullOperands(n, cuts)
	}
	return ok
}

func (r *chunkRegion) pullOperands(n *node, cuts []cut) {
	r.operands[n] = cuts
	for i, c := range cuts {
		if c != uncut {
			r.pull(n.in()[i], c)
		}
	}
}

// push cuts n where operands are, or makes it a fold of chunks.
func (r *chunkRegion) push(n *node) {
	if _, ok := r.cuts[n]; ok || r.operands[n] != nil || n.spec.DType == tuple || n.spec.Shape.Size() == 0 {
		return
	}
	some := -1
	for i, x := range n.in() {
		if _, ok := r.cuts[x]; ok {
			some = i
			break
		}
	}
	if some < 0 {
		return
	}
	// A way in which all operands fit goes before one that needs some of them whole.
	for _, strict := range []bool{true, false} {
		for axis, d := range n.spec.Shape {
			if d%r.samples != 0 {
				continue
			}
			c := cut{axis, d / r.samples}
			if cuts, ok := cutOperands(n, c); ok && r.fit(n, cuts, strict) {
				r.cuts[n] = c
				r.pullOperands(n, cuts)
				return
			}
		}
		for i, x := range n.in() {
			c, ok := r.cuts[x]
			if !ok {
				continue
			}
			if cuts, kind, ok := foldOperands(n, i, c); ok && r.fit(n, cuts, strict) {
				r.folds[n] = kind
				r.pullOperands(n, cuts)
				return
			}
		}
	}
}

// fit reports that operands of n are cut as cuts has it: at least one, or all that are cut.
func (r *chunkRegion) fit(n *node, cuts []cut, strict bool) bool {
	fits := false
	for i, c := range cuts {
		have, ok := r.cuts[n.in()[i]]
		switch {
		case ok && have == c:
			fits = true
		case ok && strict:
			return false
		}
	}
	return fits
}

// wait is how many loops must have run before x can be read at c.
func (r *chunkRegion) wait(x *node, c cut) int {
	if c != uncut {
		if placeless(x) {
			return 0
		}
		if r.cuts[x] == c {
			return r.level[x]
		}
	}
	return r.ready[x]
}

func (r *chunkRegion) findLevels() {
	for _, n := range r.order {
		at := 0
		if cuts := r.operands[n]; cuts != nil {
			for i, c := range cuts {
				at = max(at, r.wait(n.in()[i], c))
			}
			r.level[n], r.ready[n] = at, at+1
			continue
		}
		for _, x := range n.in() {
			at = max(at, r.ready[x])
		}
		r.ready[n] = at
	}
}

// demand lists what each loop must leave for outputs. First every loop computes all that it needs; then what two of them need is kept by
// the first, where it is small.
func (r *chunkRegion) demand(outputs []*node) {
	for range 2 {
		before := r.needed
		r.kept = map[*node]bool{}
		for at := range before {
			if at.loop > r.level[at.n] && before[inLoop{at.n, r.level[at.n]}] && r.stored[at.n] && bytesOf(at.n.spec) <= r.most {
				r.kept[at.n] = true
			}
		}
		r.needed, r.loops = map[inLoop]bool{}, nil
		seen := map[*node]bool{}
		for _, n := range outputs {
			r.whole(n, seen)
		}
	}
}

// results are those of a loop.
func (r *chunkRegion) results(loop int) *chunkResults {
	for len(r.loops) <= loop {
		r.loops = append(r.loops, chunkResults{})
	}
	return &r.loops[loop]
}

// whole notes that n is needed with all samples.
func (r *chunkRegion) whole(n *node, seen map[*node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	cuts := r.operands[n]
	if cuts == nil {
		for _, x := range n.in() {
			r.whole(x, seen)
		}
		return
	}
	at := r.level[n]
	if _, ok := r.folds[n]; ok {
		r.results(at).folds = append(r.results(at).folds, n)
		for i, c := range cuts {
			r.part(n.in()[i], c, at, seen)
		}
		return
	}
	r.results(at).stacks = append(r.results(at).stacks, n)
	r.part(n, r.cuts[n], at, seen)
}

// part notes that a loop reads n at c.
func (r *chunkRegion) part(n *node, c cut, loop int, seen map[*node]bool) {
	switch {
	case c != uncut && placeless(n):
		return
	case !r.computes(n, c, loop):
		r.whole(n, seen)
		return
	case r.needed[inLoop{n, loop}]:
		return
	}
	r.needed[inLoop{n, loop}] = true
	for i, c := range r.operands[n] {
		r.part(n.in()[i], c, loop, seen)
	}
}

// computes reports that a loop computes chunks of n itself, rather than read them in an array that is there.
func (r *chunkRegion) computes(n *node, c cut, loop int) bool {
	return r.cuts[n] == c && c != uncut && r.operands[n] != nil && !(r.kept[n] && r.level[n] < loop)
}

// saved is how many bytes of arrays are written chunk by chunk only.
func (r *chunkRegion) saved() (bytes int64) {
	stacked := map[*node]bool{}
	for _, l := range r.loops {
		for _, n := range l.stacks {
			stacked[storage(n)], stacked[n] = true, true
		}
	}
	for n := range r.stored {
		if _, ok := r.cuts[n]; ok && r.operands[n] != nil && !stacked[n] {
			bytes += bytesOf(n.spec)
		}
	}
	return bytes
}
