package graph

import "slices"

// opens reports whether n is taken apart, rather than an operand.
func (f *former) opens(n *node, axes [][]int) bool {
	o, contraction := n.op.(contractOp)
	if !f.info[n].open && !(contraction && f.perSample(o, axes)) {
		return false
	}
	if e, ok := n.op.(elementwise); ok && e.rule == addRule && !f.sums {
		return false
	}
	if f.visits++; f.visits > maxVisits {
		f.failed = true // a chain of sums of sums
		return false
	}
	_, reduces := n.op.(reduceOp)
	_, scatters := n.op.(scatterOp)
	if reduces || scatters || contraction && len(o.summed()) > 0 {
		if !f.openings.inner {
			return false
		}
		f.innerSums++
		f.opened++
	} else if f.info[n].grows {
		f.opened++
	}
	return true
}

// paired reports a label that both operands and the result have.
func (o contractOp) paired() bool {
	return slices.ContainsFunc(o.out, func(l int) bool { return slices.Contains(o.a, l) && slices.Contains(o.b, l) })
}

// perSample reports a contraction that keeps a label of both operands which the root then sums, and none else of those that
// the root sums: as the gradients of samples that are added up. The two sums are one.
func (f *former) perSample(o contractOp, axes [][]int) bool {
	found := false
	for i, l := range o.out {
		for _, x := range f.resolve(axes[i]) {
			if !slices.Contains(f.resolve(f.summed), x) {
				continue
			}
			if !slices.Contains(o.a, l) || !slices.Contains(o.b, l) {
				return false
			}
			found = true
		}
	}
	return found
}

// expand is n, at the labels of its axes, as a sum of products.
func (f *former) expand(n *node, axes [][]int) []product {
	switch o := n.op.(type) {
	case constOp:
		if o.splat() {
			return []product{{scale: o.values[0]}}
		}
	case transposeOp:
		in := make([][]int, len(axes))
		for i, p := range o.perm {
			in[p] = axes[i]
		}
		return f.expand(n.in()[0], in)
	case broadcastOp:
		return f.expand(n.in()[0], narrowed(n.in()[0].spec.Shape, axes))
	case reshapeOp:
		if in, ok := f.regroup(axes, n.in()[0].spec.Shape); ok {
			return f.expand(n.in()[0], in)
		}
	case concatOp, padOp:
		if f.sums && f.info[n].open {
			if t := f.joined(n, axes); t != nil {
				return t
			}
		}
	default:
		if f.opens(n, axes) {
			return f.open(n, axes)
		}
	}
	return []product{{scale: 1, ops: []operand{{n: n, axes: axes}}}}
}

// narrowed is the labels of a broadcast's operand.
func narrowed(in Shape, axes [][]int) [][]int {
	out := slices.Clone(axes[len(axes)-len(in):])
	for i, d := range in {
		if d == 1 {
			out[i] = nil
		}
	}
	return out
}

// open takes n apart.
func (f *former) open(n *node, axes [][]int) []product {
	in := n.in()
	switch o := n.op.(type) {
	case elementwise:
		switch o.rule {
		case negRule:
			t := f.expand(in[0], axes)
			for i := range t {
				t[i].scale = -t[i].scale
			}
			return t
		case addRule:
			if !f.sums {
				break
			}
			return append(f.expand(in[0], axes), f.expand(in[1], axes)...)
		case mulRule:
			return f.times(f.expand(in[0], axes), f.expand(in[1], axes))
		case divRule:
			return f.times(f.expand(in[0], axes), f.denominator(in[1], axes))
		case powRule:
			t := f.expand(in[0], axes)
			for range smallPower(n) - 1 {
				t = f.times(t, f.expand(in[0], axes))
			}
			return t
		}
	case reduceOp:
		shape := in[0].spec.Shape
		var inner, summed [][]int
		for i, k := 0, 0; i < len(shape); i++ {
			if !slices.Contains(o.axes, i) {
				inner = append(inner, axes[k])
				k++
				continue
			}
			inner = append(inner, f.axis(shape[i]))
			summed = append(summed, inner[i])
		}
		return f.fold(n, summed, func() []product { return f.expand(in[0], inner) })
	case scatterOp:
		return f.oneHot(n, o, axes)
	case contractOp:
		size, _ := o.sizes(in[0].spec.Shape, in[1].spec.Shape)
		at := map[int][]int{}
		for i, l := range o.out {
			at[l] = axes[i]
		}
		var summed [][]int
		for _, l := range o.summed() {
			at[l] = f.axis(size[l])
			summed = append(summed, at[l])
		}
		pick := func(labels []int) [][]int {
			a := make([][]int, len(labels))
			for i, l := range labels {
				a[i] = at[l]
			}
			return a
		}
		return f.fold(n, summed, func() []product {
			return f.times(f.expand(in[0], pick(o.a)), f.expand(in[1], pick(o.b)))
		})
	}
	return []product{{scale: 1, ops: []operand{{n: n, axes: axes}}}}
}

// fold is the sum of the terms over the given labels: those that a term has not got multiply it by their length.
func (f *former) fold(n *node, summed [][]int, terms func() []product) []product {
	if n == f.root {
		f.summed = slices.Concat(summed...)
	}
	out := terms()
	for i, t := range out {
		has := map[int]bool{}
		for _, o := range t.ops {
			for _, l := range f.labels(t, append(slices.Clone(o.axes), o.row)) {
				has[l] = true
			}
		}
		for _, l := range f.labels(t, summed) {
			if !has[l] {
				out[i].scale *= float64(f.lens[l])
			}
		}
	}
	return out
}

// times multiplies sums of products. Products of parts that do not meet are zero.
func (f *former) times(a, b []product) []product {
	var out []product
	for _, x := range a {
		for _, y := range b {
			p := product{scale: x.scale * y.scale, ops: slices.Concat(x.ops, y.ops)}
			apart := false
			for _, within := range []map[int]part{x.within, y.within} {
				for l, s := range within {
					old, ok := p.within[l]
					switch {
					case !ok:
						if p.within == nil {
							p.within = map[int]part{}
						}
						p.within[l] = s
					case old.from+old.length <= s.from || s.from+s.length <= old.from:
						apart = true
					case old != s:
						f.failed = true // they meet in a part of both
					}
				}
			}
			if !apart {
				out = append(out, p)
			}
		}
	}
	if crowded(out, 4*maxTerms, maxJoined) {
		f.failed = true
		out = out[:1]
	}
	return out
}

// denominator is the reciprocal of n as a factor.
func (f *former) denominator(n *node, axes [][]int) []product {
	for {
		switch o := n.op.(type) {
		case transposeOp:
			in := make([][]int, len(axes))
			for i, p := range o.perm {
				in[p] = axes[i]
			}
			n, axes = n.in()[0], in
			continue
		case broadcastOp:
			n, axes = n.in()[0], narrowed(n.in()[0].spec.Shape, axes)
			continue
		case reshapeOp:
			if in, ok := f.regroup(axes, n.in()[0].spec.Shape); ok {
				n, axes = n.in()[0], in
				continue
			}
		}
		break
	}
	if c, ok := n.op.(constOp); ok && c.splat() {
		return []product{{scale: 1 / c.values[0]}}
	}
	r, ok := f.recips[n]
	if !ok {
		r = newNode(elementwise{recipRule}, []*node{n}, n.spec, n.pc)
		f.recips[n] = r
	}
	return []product{{scale: 1, ops: []operand{{n: r, axes: axes}}}}
}

// joined is a concatenation, or an operand with zeros around it, as a sum of terms that are zero outside of their part; nil
// where an axis of it has no label of its own.
func (f *former) joined(n *node, axes [][]int) []product {
	within := func(axis, from, length int, axes [][]int) (part, [][]int, bool) {
		ls := f.resolve(axes[axis])
		if len(ls) != 1 {
			return part{}, nil, false
		}
		s := part{ls[0], from, length}
		in, ok := f.parts[s]
		if !ok {
			in = f.newLabel(length)
			f.parts[s] = in
		}
		a := slices.Clone(axes)
		a[axis] = []int{in}
		return s, a, true
	}
	one := func(x *node, a [][]int, spans []part) []product {
		own := product{scale: 1, within: map[int]part{}}
		for _, s := range spans {
			own.within[s.label] = s
		}
		return f.times([]product{own}, f.expand(x, a))
	}
	if o, ok := n.op.(concatOp); ok {
		var out []product
		at := 0
		for _, x := range n.in() {
			length := x.spec.Shape[o.axis]
			if length == 0 {
				continue
			}
			s, a, ok := within(o.axis, at, length, axes)
			if !ok {
				return nil
			}
			out = append(out, one(x, a, []part{s})...)
			at += length
		}
		return out
	}
	o := n.op.(padOp)
	a := axes
	var spans []part
	for i, d := range n.in()[0].spec.Shape {
		if o.low[i] == 0 && o.high[i] == 0 {
			continue
		}
		s, b, ok := within(i, o.low[i], d, a)
		if !ok {
			return nil
		}
		spans, a = append(spans, s), b
	}
	return one(n.in()[0], a, spans)
}

// regroup gives the labels of the axes of a reshape's operand, splitting labels where an axis of the result is made of several
// of the operand. It fails where the axes do not nest.
func (f *former) regroup(axes [][]int, in Shape) ([][]int, bool) {
	queue := f.resolve(slices.Concat(axes...))
	cuts := map[int][]int{}
	out := make([][]int, len(in))
	for i, d := range in {
		for have := 1; have < d; {
			l := queue[0]
			queue = queue[1:]
			need := d / have
			if d%have != 0 || f.lens[l] > need && f.lens[l]%need != 0 {
				return nil, false
			}
			if f.lens[l] > need {
				outer, inner := f.newLabel(need), f.newLabel(f.lens[l]/need)
				cuts[l] = []int{outer, inner}
				l = outer
				queue = slices.Insert(queue, 0, inner)
			}
			out[i] = append(out[i], l)
			have *= f.lens[l]
		}
	}
	for l, p := range cuts {
		f.split[l] = p
	}
	return out, true
}
