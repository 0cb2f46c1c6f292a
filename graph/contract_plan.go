package graph

import (
	"math"
	mathbits "math/bits"
	"slices"
	"strconv"
)

// planner finds the order in which the operands of one product are multiplied and summed.
type planner struct {
	m       machine
	lens    []float64 // of the labels
	factors []factor
	out     labelSet
	known   func(key string) bool // intermediates that are there anyway
	names   map[factorSet]naming
	single  bool // float32: there are kernels for it
}

// factor is an operand of the product.
type factor struct {
	name   string // equal for equal arrays with equal axes
	axes   []int
	labels labelSet
	stored bool
	image  float64 // bytes of the image that it is windows of, where products read windows out of images; else infinity
}

// factorSet is a set of operands.
type factorSet uint32

// planTree is a way to compute the product of some operands, summed over all labels that nothing else needs.
type planTree struct {
	set         factorSet
	left, right *planTree // nil for a single operand
	labels      labelSet  // of the result
	work        work
	stored      bool
	free        bool // others compute it anyway
	squared     bool // the squares of left, which is not stored, added up in one step
}

// naming is a name for a set of operands: equal names, equal results but for the order of axes.
type naming struct {
	key  string
	kept []int // the labels of the result, in the order of the name
}

// exactOperands is how many operands are ordered by dynamic programming over all their subsets.
const exactOperands = 10

// plan is the cheapest order.
func (p *planner) plan() *planTree {
	p.names = map[factorSet]naming{}
	items := make([]*planTree, len(p.factors))
	for i, f := range p.factors {
		t := &planTree{set: 1 << i, stored: f.stored}
		if t.labels = p.result(t.set); t.labels != f.labels {
			t.work, t.stored = p.reduction(f.labels, t.labels, f.stored), true
		}
		items[i] = t
	}
	if len(items) <= exactOperands {
		return p.exact(items)
	}
	t := p.greedy(items)
	for {
		better := p.improve(t)
		if better.work.seconds >= t.work.seconds*(1-1e-9) {
			return t
		}
		t = better
	}
}

// result is the labels that are left when the operands of set have been multiplied.
func (p *planner) result(set factorSet) labelSet {
	var in, outside labelSet
	for i, f := range p.factors {
		if set>>i&1 != 0 {
			in |= f.labels
		} else {
			outside |= f.labels
		}
	}
	return in & (outside | p.out)
}

// join is the product of two trees.
func (p *planner) join(a, b *planTree) *planTree {
	t := &planTree{set: a.set | b.set, left: a, right: b}
	t.labels = p.result(t.set)
	var w work
	w, t.stored = p.step(a, b, t.labels)
	t.work = w.plus(a.work)
	if !p.same(a, b) {
		t.work = t.work.plus(b.work)
	} else if w, ok := p.squared(a, t); ok && w.seconds < t.work.seconds {
		t.work, t.squared = w, true
	}
	return t
}

// same reports that a and b compute one array.
func (p *planner) same(a, b *planTree) bool {
	if a.left == nil || b.left == nil || mathbits.OnesCount32(uint32(a.set)) != mathbits.OnesCount32(uint32(b.set)) {
		return false
	}
	return p.name(a.set).key == p.name(b.set).key
}

// there is t at no cost, where others compute it anyway.
func (p *planner) there(t *planTree) *planTree {
	if p.known != nil && t.left != nil && p.known(p.name(t.set).key) {
		t.work, t.stored, t.free = work{}, true, true
	}
	return t
}

// exact is the cheapest tree over items, by dynamic programming over their subsets.
func (p *planner) exact(items []*planTree) *planTree {
	best := make([]*planTree, 1<<len(items))
	for i, t := range items {
		best[1<<i] = t
	}
	all := len(best) - 1
	for s := 1; s <= all; s++ {
		if best[s] != nil {
			continue
		}
		low := s & -s
		for a := (s - 1) & s; a > 0; a = (a - 1) & s {
			if a&low == 0 {
				continue // its complement has been tried
			}
			if t := p.join(best[a], best[s^a]); best[s] == nil || t.work.seconds < best[s].work.seconds {
				best[s] = t
			}
		}
		if s != all {
			best[s] = p.there(best[s])
		}
	}
	return best[all]
}

// greedy joins the two trees whose product costs least, until one is left.
func (p *planner) greedy(items []*planTree) *planTree {
	items = slices.Clone(items)
	for len(items) > 1 {
		var best *planTree
		bi, bj, least := 0, 0, math.Inf(1)
		for i := range items {
			for j := range i {
				t := p.join(items[i], items[j])
				// A small result is worth some work: it makes later steps small.
				cost := t.work.seconds - items[i].work.seconds - items[j].work.seconds +
					4*(p.extent(t.labels)-p.extent(items[i].labels)-p.extent(items[j].labels))/p.m.bytes
				if best == nil || cost < least {
					best, bi, bj, least = t, i, j, cost
				}
			}
		}
		items[bj] = p.there(best)
		items = slices.Delete(items, bi, bi+1)
	}
	return items[0]
}

// improve orders anew the top of a tree and then what lies below it.
func (p *planner) improve(t *planTree) *planTree {
	if t.left == nil {
		return t
	}
	const window = 8
	top := []*planTree{t.left, t.right}
	for len(top) < window {
		// The most expensive subtree is the one to take apart.
		at := -1
		for i, x := range top {
			if x.left != nil && (at < 0 || x.work.seconds > top[at].work.seconds) {
				at = i
			}
		}
		if at < 0 {
			break
		}
		x := top[at]
		top[at] = x.left
		top = append(top, x.right)
	}
	best := p.exact(top)
	return p.join(p.improve(best.left), p.improve(best.right))
}

// maxOrders bounds how many orders of equal operands are tried for a name: a name that is not the smallest still is right, it
// may only miss an equal one.
const maxOrders = 120

// name is the smallest text that says what the product of a set of operands is, whatever its labels are called.
func (p *planner) name(set factorSet) naming {
	if n, ok := p.names[set]; ok {
		return n
	}
	var members []int
	for i := range p.factors {
		if set>>i&1 != 0 {
			members = append(members, i)
		}
	}
	slices.SortStableFunc(members, func(a, b int) int {
		switch {
		case p.factors[a].name < p.factors[b].name:
			return -1
		case p.factors[a].name > p.factors[b].name:
			return 1
		}
		return 0
	})
	kept := p.result(set)
	var best naming
	tried := 0
	var permute func(at int)
	permute = func(at int) {
		if tried >= maxOrders {
			return
		}
		if at == len(members) {
			tried++
			if n := p.spell(members, kept); best.key == "" || n.key < best.key {
				best = n
			}
			return
		}
		for i := at; i < len(members) && p.factors[members[i]].name == p.factors[members[at]].name; i++ {
			members[at], members[i] = members[i], members[at]
			permute(at + 1)
			members[at], members[i] = members[i], members[at]
		}
	}
	permute(0)
	p.names[set] = best
	return best
}

// spell writes members in order, labels numbered as they come.
func (p *planner) spell(members []int, kept labelSet) naming {
	var key []byte
	var n naming
	number := map[int]int{}
	for _, m := range members {
		key = append(key, p.factors[m].name...)
		for _, l := range p.factors[m].axes {
			i, ok := number[l]
			if !ok {
				i = len(number)
				number[l] = i
				if kept>>l&1 != 0 {
					n.kept = append(n.kept, l)
				}
			}
			key = append(key, ' ')
			key = strconv.AppendInt(key, int64(i), 10)
			if kept>>l&1 != 0 {
				key = append(key, '\'')
			}
		}
		key = append(key, ';')
	}
	n.key = string(key)
	return n
}

// steps calls f for t and the trees below it that are computed, equal ones once.
func (p *planner) steps(t *planTree, f func(*planTree)) {
	switch {
	case t.left == nil:
		if t.labels != p.factors[mathbits.TrailingZeros32(uint32(t.set))].labels {
			f(t)
		}
	case t.squared && !t.free:
		p.steps(t.left.left, f)
		if !p.same(t.left.left, t.left.right) {
			p.steps(t.left.right, f)
		}
		f(t)
	case !t.free:
		p.steps(t.left, f)
		if !p.same(t.left, t.right) {
			p.steps(t.right, f)
		}
		f(t)
	}
}
