package graph

import (
	"math"
	"slices"
)

// carriedCheck is the size up to which a loop carries a condition, an element for an element: then a round has no dispatches of its
// own for it.
const carriedCheck = 1 << 16

// loopChecks are the checks inside a loop, and what the loop carries of them. A check fails if its condition is false in any round. That of
// all rounds is the conjunction over them, and it is brought down to the parts that change: a round's "the value is known, or
// the data are unsound" is "known in all rounds, or unsound". Of the conditions of one shape each has a bit of one carried word, set where the
// condition was false.
type loopChecks struct {
	pending []pendingCheck
	words   [][]*node     // the conditions of each word, which are of one shape
	first   []*node       // of checks that are too large for that, the position of the first failure
	whole   map[*node]int // which of these is that of a condition
}

// newLoopChecks decides what a loop carries of the checks pending in its body, in which varies says what changes from round to round. runs
// is true where there is a first round.
func newLoopChecks(pending []pendingCheck, varies map[*node]bool, runs bool) *loopChecks {
	c := &loopChecks{pending: pending, whole: map[*node]int{}}
	for _, p := range pending {
		parts, ok := changing(p.found, varies, runs, nil)
		if !ok {
			c.whole[p.found] = len(c.first)
			c.first = append(c.first, p.position())
			continue
		}
		for _, x := range parts {
			c.add(x)
		}
	}
	return c
}

// add gives a condition a bit.
func (c *loopChecks) add(x *node) {
	if slices.ContainsFunc(c.words, func(w []*node) bool { return slices.Contains(w, x) }) {
		return
	}
	w := slices.IndexFunc(c.words, func(w []*node) bool { return len(w) < 32 && w[0].spec.Shape.Equal(x.spec.Shape) })
	if w < 0 {
		w = len(c.words)
		c.words = append(c.words, nil)
	}
	c.words[w] = append(c.words[w], x)
}

// changing appends the parts of a condition that change, such that the conjunction over rounds of the condition is the
// condition of the conjunctions of these. ok is false where one is no condition, or too large to be carried.
// Of no rounds the conjunction is true, whatever does not change: unless runs, such conditions count as parts.
func changing(n *node, varies map[*node]bool, runs bool, parts []*node) (_ []*node, ok bool) {
	if !varies[n] && runs {
		return parts, true
	}
	if in := n.in(); varies[n] && n.spec.DType == Bool {
		switch o := n.op.(type) {
		case elementwise:
			both := len(in) == 2 && varies[in[0]] && varies[in[1]]
			switch {
			case o.rule == orRule && !both:
				if !varies[in[0]] {
					in = in[1:]
				}
				return changing(in[0], varies, runs, parts)
			case o.rule == andRule && (runs || both):
				if parts, ok = changing(in[0], varies, runs, parts); ok {
					parts, ok = changing(in[1], varies, runs, parts)
				}
				return parts, ok
			}
		case broadcastOp, reshapeOp, transposeOp, aliasOp:
			return changing(in[0], varies, runs, parts)
		}
	}
	return append(parts, n), n.spec.DType == Bool && n.spec.Shape.Size() <= carriedCheck
}

// nodes are what a round computes for the checks.
func (c *loopChecks) nodes() []*node { return slices.Concat(append(slices.Clone(c.words), c.first)...) }

// carry is what the loop carries: before the first round, and after a round from what was before it.
func (c *loopChecks) carry() (init []*node, next func(before []Tensor) []Tensor) {
	for _, w := range c.words {
		init = append(init, Full(Uint32, 0, w[0].spec.Shape...).n)
	}
	for range c.first {
		init = append(init, Int(math.MaxInt32).n)
	}
	return init, func(before []Tensor) []Tensor {
		next := slices.Clone(before)
		for i, w := range c.words {
			for k, x := range w {
				next[i] = next[i].Or(Where(Tensor{x}, next[i].Like(0), next[i].Like(float64(uint32(1)<<k))))
			}
		}
		for i, at := range c.first {
			next[len(c.words)+i] = next[len(c.words)+i].Min(Tensor{at})
		}
		return next
	}
}

// after are the checks of all rounds, from the last carry; args stand for the body's parameters params that do not change.
func (c *loopChecks) after(last []Tensor, params, args []*node) []pendingCheck {
	given, values := slices.Clone(params), tensors(args)
	for i, w := range c.words {
		for k, x := range w {
			given = append(given, x)
			values = append(values, last[i].And(last[i].Like(float64(uint32(1)<<k))).Eq(last[i].Like(0)))
		}
	}
	out := slices.Clone(c.pending)
	for i, p := range out {
		if at, ok := c.whole[p.found]; ok {
			out[i].found = last[len(c.words)+at].n
			continue
		}
		out[i].found = region{params: given, outs: []*node{p.found}}.call(values)[0].n
	}
	return out
}
