package graph

import "slices"

// Terms of a sum whose last products have an operand in common take one product: x y + x z = x (y + z). So do the two terms of a diagonal
// Gauss-Newton matrix, which the Hessian of the cross entropy, a diagonal less an outer product, has split.

// factoring is a term whose last product has the operand common, which other terms have too, and another. Alone, a term has neither.
type factoring struct {
	term          *boundTerm
	common, other *planTree
}

// alike groups the terms: at the place of the first of each group its terms, nil at those of the others.
func (p *contractPlan) alike() [][]factoring {
	groups := make([][]factoring, len(p.terms))
	grouped := make([]bool, len(p.terms))
	for i, t := range p.terms {
		if grouped[i] {
			continue
		}
		groups[i] = []factoring{{term: t}}
		for j := i + 1; j < len(p.terms); j++ {
			x, y, ok := p.share(groups[i][0], i, j)
			if ok && !grouped[j] {
				groups[i][0] = x
				groups[i] = append(groups[i], y)
				grouped[j] = true
			}
		}
	}
	return groups
}

// share finds the operand that the last products of terms i and j have in common; it is x's, if x has one already.
func (p *contractPlan) share(x factoring, i, j int) (_, _ factoring, ok bool) {
	last := func(i int) (sides [2][2]*planTree, ok bool) {
		t, s := p.terms[i].tree, p.form.terms[i]
		if t.left == nil || t.squared || s.scatter != nil || len(s.within) > 0 {
			return sides, false
		}
		return [2][2]*planTree{{t.left, t.right}, {t.right, t.left}}, true
	}
	xs, ok := last(i)
	ys, more := last(j)
	if !ok || !more {
		return x, x, false
	}
	a, b := p.terms[i], p.terms[j]
	for _, l := range xs {
		for _, r := range ys {
			m, n := a.name(l[0].set), b.name(r[0].set)
			same := m.key == n.key && slices.Equal(a.global(m.kept), b.global(n.kept))
			rest := slices.Equal(sorted(a.global(a.name(l[1].set).kept)), sorted(b.global(b.name(r[1].set).kept)))
			if same && rest && (x.common == nil || x.common == l[0]) {
				return factoring{a, l[0], l[1]}, factoring{b, r[0], r[1]}, true
			}
		}
	}
	return x, x, false
}

// global gives labels of the planner their numbers in the form.
func (b *boundTerm) global(labels []int) []int {
	out := make([]int, len(labels))
	for i, l := range labels {
		out[i] = b.labels[l]
	}
	return out
}

func sorted(labels []int) []int {
	slices.Sort(labels)
	return labels
}

// factored is the sum of terms that share an operand of their last products, with the labels of its axes.
func (c *contractor) factored(alike []factoring) (Tensor, []int) {
	b := alike[0].term
	x, lx := c.compute(b, alike[0].common, false)
	var sum Tensor
	var ly []int
	for _, t := range alike {
		n, labels := c.compute(t.term, t.other, false)
		y := scaled(Tensor{n}, t.term.scale)
		if !sum.Valid() {
			sum, ly = y, labels
			continue
		}
		have := t.term.global(labels)
		perm := make([]int, 0, len(ly))
		for _, l := range b.global(ly) {
			perm = append(perm, slices.Index(have, l))
		}
		sum = sum.Add(y.Transpose(perm...))
	}
	labels := b.arrange(b.name(b.tree.set).kept, slices.Concat(lx, ly))
	return Tensor{pairwise(x, lx, sum.n, ly, labels)}, labels
}
