package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
)

// alignment of arrays in the arena, in bytes: what every driver accepts for a binding's offset.
const alignment = 256

// span is a range of the arena.
type span struct{ offset, size int64 }

// planMemory places every array that only lives inside the program in one arena: arrays whose
// lifetimes do not overlap share bytes, and so do those that share says. Larger arrays are placed first, each at the lowest offset that is free
// while it lives.
func planMemory(l *lowered, share sharing, temporary func(buffer) bool, size func(buffer) int64) (map[buffer]span, int64) {
	type life struct {
		b           buffer
		first, last int
		size        int64
	}
	var lives []life
	index := map[buffer]int{}
	for i, s := range l.steps {
		for _, b := range s.args {
			b = share.buffer(b)
			if !temporary(b) {
				continue
			}
			j, ok := index[b]
			if !ok {
				j = len(lives)
				index[b] = j
				lives = append(lives, life{b: b, first: i, size: roundUp(max(size(b), 16), alignment)})
			}
			lives[j].last = i
		}
	}
	// What a loop reads of before, or leaves for after, or hands from round to round, lives as long as the loop.
	for changed := true; changed; {
		changed = false
		for _, r := range l.loops {
			for i := range lives {
				x := &lives[i]
				inside := x.first < r.last && x.last >= r.first
				if inside && (x.first < r.first || x.last >= r.last) && (x.first > r.first || x.last < r.last-1) {
					x.first, x.last = min(x.first, r.first), max(x.last, r.last-1)
					changed = true
				}
			}
		}
	}
	if off("arena") {
		for i := range lives {
			lives[i].first, lives[i].last = 0, len(l.steps)
		}
	}
	slices.SortStableFunc(lives, func(a, b life) int { return int(b.size - a.size) })
	place := map[buffer]span{}
	var placed []life
	var total int64
	for _, x := range lives {
		var busy []span
		for _, y := range placed {
			if y.first <= x.last && x.first <= y.last {
				busy = append(busy, place[y.b])
			}
		}
		slices.SortFunc(busy, func(a, b span) int { return int(a.offset - b.offset) })
		at := int64(0)
		for _, s := range busy {
			if at+x.size <= s.offset {
				break
			}
			at = max(at, s.offset+s.size)
		}
		place[x.b] = span{at, x.size}
		placed = append(placed, x)
		total = max(total, at+x.size)
	}
	return place, total
}

// size is how many bytes an array takes.
func (l *lowered) size(b buffer) int64 {
	if b.scratch > 0 {
		return 4 * int64(l.scratch[b.scratch-1])
	}
	return bytesOf(b.n.spec)
}

// own lists the arrays outside the arena: parameters, tables, results, and what the host reads.
func (l *lowered) own() map[*node]bool {
	own := map[*node]bool{}
	for _, n := range l.order {
		if n.isParam() || isTable(n) {
			own[n] = true
		}
	}
	for _, s := range l.steps {
		for _, b := range s.args {
			if b.n != nil && isTable(b.n) {
				own[b.n] = true // of a loop's body
			}
		}
	}
	for _, n := range l.outputs {
		own[storage(n)] = true
	}
	for _, r := range l.loops {
		if r.while != nil {
			own[r.while.n] = true
		}
	}
	return own
}

// arena is how many bytes the program takes beside its parameters, tables and results.
func (l *lowered) arena() int64 {
	own := l.own()
	temporary := func(b buffer) bool { return b.n == nil || !own[b.n] }
	_, bytes := planMemory(l, l.sharing(temporary), temporary, l.size)
	return bytes
}

// fits says what to do where the temporaries of a program are more than the device allocates at once.
func (l *lowered) fits(arena int64) error {
	if arena <= l.bytes {
		return nil
	}
	own := l.own()
	largest := buffer{}
	var kernel string
	for _, s := range l.steps {
		for _, b := range s.args {
			if (b.n == nil || !own[b.n]) && (largest == buffer{} || l.size(b) > l.size(largest)) {
				largest, kernel = b.whole(), s.name
			}
		}
	}
	e := &Error{Op: "compile", Kind: gpu.ErrOutOfMemory, Fix: "work on fewer samples at once (vmap.Chunk, or graph.MemoryBudget where samples are independent), or reduce the largest array inside the compiled function"}
	what := fmt.Sprintf("scratch memory of %s", kernel)
	if n := largest.n; n != nil {
		what = fmt.Sprintf("%s %v", n.op.Name(), n.spec)
		if n.isParam() {
			what = fmt.Sprintf("%v, carried through a loop", n.spec)
		}
		if n.pc != 0 {
			what += " at " + position(n.pc)
		}
	}
	e.Detail = fmt.Sprintf("its temporaries take %d bytes, an array of this device at most %d; the largest is %s with %d bytes", arena, l.bytes, what, l.size(largest))
	return e
}

// sharing says for arrays in whose place they are stored: another's, which is written when they are read for the last time.
type sharing map[*node]*node

func (s sharing) buffer(b buffer) buffer {
	b = b.whole()
	for b.n != nil && s[b.n] != nil {
		b.n = s[b.n]
	}
	return b
}

// sharing finds the temporary arrays that a kernel may overwrite element by element: a gradient with the parameters that it changes.
func (l *lowered) sharing(temporary func(buffer) bool) sharing {
	type use struct{ first, last, wrote int } // steps; wrote: the last that writes
	uses := map[*node]use{}
	for i, s := range l.steps {
		for j, b := range s.args {
			if b.n == nil {
				continue
			}
			u, ok := uses[b.n]
			if !ok {
				u.first, u.wrote = i, -1
			}
			if u.last = i; s.writes[j] {
				u.wrote = i
			}
			uses[b.n] = u
		}
	}
	looped := func(at int) bool {
		return slices.ContainsFunc(l.loops, func(r loopRange) bool { return r.first <= at && at < r.last })
	}
	share := sharing{}
	taken := map[*node]bool{}
	for i, s := range l.steps {
		for j, y := range s.args {
			to := uses[y.n]
			if y.n == nil || !s.writes[j] || to.first != i || y.n.isParam() || taken[y.n] || looped(i) || looped(to.wrote) {
				continue
			}
			for k, x := range s.args {
				if x.n == nil || s.writes[k] || share[x.n] != nil || !temporary(x.whole()) || !l.inPlace[inPlacePair{y.n, x.n}] {
					continue
				}
				// Where the kernel is cut into pieces, each reads the elements that it writes.
				if from := uses[x.n]; from.last <= to.wrote && l.piecesOf(y.n, i, from.last) {
					share[x.n], taken[y.n] = y.n, true
					break
				}
			}
		}
	}
	return share
}

// piecesOf reports that all steps from first to last write n.
func (l *lowered) piecesOf(n *node, first, last int) bool {
	for _, s := range l.steps[first : last+1] {
		writes := false
		for j, b := range s.args {
			writes = writes || b.n == n && s.writes[j]
		}
		if !writes {
			return false
		}
	}
	return true
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
