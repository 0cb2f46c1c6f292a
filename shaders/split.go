package shaders

// minChunk is the fewest elements that are worth an invocation of their own in a split reduction. Chunks
// are minChunk times a power of four, so that reductions of many lengths share a kernel.
const minChunk = 256

// teamChunk is the same for a workgroup: some four vectors for each of 256 invocations.
const teamChunk = 16 * minChunk

// Halves are the two kernels that a reduction is split into.
type Halves struct {
	First, Second *Fused
	outer         bool  // chunks lie side by side within each position of the first output axis
	Sizes         []int // elements of the partial arrays: First's last arguments, Second's first
	FirstArgs     []int // First's other arguments, by their numbers in the whole kernel
	SecondArgs    []int // the same for Second
}

// Split cuts a kernel whose reductions are long and whose outputs are few in two: the first computes
// partial results for chunks of the reduction into new arrays, the second folds them and computes the
// outputs. It returns nil when one kernel occupies the device, or when reductions depend on each other.
func (f *Fused) Split(t Target) *Halves {
	g := f.collapse()
	groups := g.reductionGroups()
	if len(groups) != 1 || g.nested() {
		return nil
	}
	group := groups[0]
	length, outs := 1, 1
	longest := group[0]
	for _, a := range group {
		length *= a.Extent
		if a.Extent > longest.Extent {
			longest = a
		}
	}
	for _, a := range g.axes[:g.outer] {
		outs *= a.Extent
	}
	invocations := ceilDiv(outs, lanes)
	rest := length / max(longest.Extent, 1) // elements that each step along the longest axis folds
	// Also where the device is busy anyway: a driver that ends long loops would end this one.
	endless := t.MaxIterations > 0 && length > t.MaxIterations
	if outs == 0 || invocations*2 > t.Parallel && !endless || length < max(t.SplitLength, 4*minChunk) {
		return nil
	}
	chunk, most := minChunk, 4*t.Parallel
	if g.teamAxis(g.vectorAxis(false), t) != nil {
		// A workgroup, not an invocation, folds a chunk.
		if outs >= t.Workgroups {
			return nil
		}
		chunk, invocations, most = teamChunk, outs, 4*t.Workgroups
	}
	least := chunk
	for chunk > lanes && chunk*rest > least {
		chunk /= 4
	}
	for ceilDiv(longest.Extent, chunk)*invocations > most && !(endless && 4*chunk*rest > t.MaxIterations) {
		chunk *= 4
	}
	if longest.Extent < 2*chunk {
		return nil
	}
	h := &Halves{outer: g.outside(g.axes[:g.outer], longest)}
	n := ceilDiv(longest.Extent, chunk)
	reds := g.partial(h, longest, chunk, n*outs)
	for range reds {
		h.Sizes = append(h.Sizes, n*outs)
	}
	g.combine(h, reds, n)
	return h
}

// outside reports that the first of the output axes runs over larger steps of memory than a reduction axis: a
// reduction of each sample, rather than over samples. Then its length is the one that changes, and the kernels' words must not
// depend on it.
func (f *Fused) outside(outer []*Axis, inner *Axis) bool {
	if len(outer) == 0 {
		return false
	}
	larger := false
	f.walk(func(e *Expr) {
		if c := e.at.coef(inner); e.kind == loadExpr && c > 0 && e.at.coef(outer[0]) > c {
			larger = true
		}
	})
	return larger
}

// layout is the position in the partial arrays: the chunk's number before the output axes, or behind the first of them.
func (h *Halves) layout(chunk Index, n int, space []Index, axes []*Axis) Index {
	at := chunk
	for i, x := range space {
		if i == 0 && h.outer {
			at = x.Scale(n).Add(chunk)
		} else {
			at = at.Scale(axes[i].Extent).Add(x)
		}
	}
	return at
}

// nested reports a reduction whose body needs another one.
func (f *Fused) nested() bool {
	found := false
	f.walk(func(e *Expr) {
		if e.kind != reduceExpr {
			return
		}
		var look func(*Expr)
		look = func(x *Expr) {
			found = found || x.kind == reduceExpr
			for _, a := range x.operands() {
				look(a)
			}
		}
		look(e.args[0])
	})
	return found
}

// renumber gives a rewriter arguments in the order of their first use after those already in g.
func (r *rewriter) renumber(f *Fused, kept *[]int) {
	before := len(r.g.args)
	r.arg = func(old int) int {
		for i, k := range *kept {
			if k == old {
				return before + i
			}
		}
		*kept = append(*kept, old)
		return r.g.AddArg(Arg{Kind: f.args[old].Kind, Size: f.args[old].Size})
	}
}

// partial makes the kernel that folds chunks of axis a into arrays of size elements, and gives f's reductions in
// the order of those.
func (f *Fused) partial(h *Halves, a *Axis, chunk, size int) []*Expr {
	n := ceilDiv(a.Extent, chunk)
	g := NewFused()
	h.First = g
	replace := map[*Axis]Index{}
	var c *Axis
	var space []Index
	for i, x := range f.axes[:f.outer] {
		if i == 0 && !h.outer {
			c = g.addAxis(n, false)
		}
		replace[x] = g.addAxis(x.Extent, false).Index()
		space = append(space, replace[x])
		if i == 0 && h.outer {
			c = g.addAxis(n, false)
		}
	}
	if c == nil {
		c = g.addAxis(n, false)
	}
	g.outer = len(g.axes)
	inner := map[*Axis][]*Axis{}
	for _, group := range f.reductionGroups() {
		for _, x := range group {
			extent := x.Extent
			if x == a {
				extent = chunk
			}
			y := g.addAxis(extent, true)
			replace[x] = y.Index()
			if x == a {
				y.chunks, y.total = c, a.Extent
				replace[x] = c.Index().Scale(chunk).Add(y.Index())
			}
			inner[group[0]] = append(inner[group[0]], y)
		}
	}
	r := rewriter{g: g, axes: replace, inner: inner, done: map[*Expr]*Expr{}}
	r.renumber(f, &h.FirstArgs)
	type result struct {
		e, value *Expr
		at       Index
	}
	var results []result
	f.walk(func(e *Expr) {
		if e.kind != reduceExpr {
			return
		}
		body := r.expr(e.args[0])
		at := h.layout(c.Index(), n, space, f.axes)
		results = append(results, result{e, g.reduce(e.red, body, inner[e.inner[0]]), at})
	})
	var reds []*Expr
	for _, x := range results {
		g.Store(g.AddArg(Arg{Kind: x.e.dtype, Size: size}), x.at, x.value)
		reds = append(reds, x.e)
	}
	return reds
}

// combine makes the kernel that folds the partial results of n chunks and computes f's outputs.
func (f *Fused) combine(h *Halves, reds []*Expr, n int) {
	g := NewFused()
	h.Second = g
	replace := map[*Axis]Index{}
	var space []Index
	for _, x := range f.axes[:f.outer] {
		replace[x] = g.addAxis(x.Extent, false).Index()
		space = append(space, replace[x])
	}
	g.outer = len(g.axes)
	chunk := g.addAxis(n, true)
	for i, e := range reds {
		g.AddArg(Arg{Kind: e.dtype, Size: h.Sizes[i]})
	}
	r := rewriter{g: g, axes: replace, done: map[*Expr]*Expr{}}
	r.renumber(f, &h.SecondArgs)
	for i, e := range reds {
		at := h.layout(chunk.Index(), n, space, f.axes)
		r.done[e] = g.reduce(e.red, g.Load(i, at), []*Axis{chunk})
	}
	for _, o := range f.outputs {
		value, at := r.expr(o.value), r.index(o.at)
		g.Store(r.arg(o.arg), at, value)
	}
}
