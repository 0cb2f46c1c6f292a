package shaders

// collapse merges neighbouring axes that every index walks over as if they were one, so that a
// contiguous elementwise kernel becomes one long loop and a batch axis in front costs nothing.
func (f *Fused) collapse() *Fused {
	for {
		a, b := f.mergeable()
		if a == nil {
			return f
		}
		f = f.merge(a, b)
	}
}

// mergeable finds an axis and its inner neighbour which can be one, or nil.
func (f *Fused) mergeable() (outer, inner *Axis) {
	var indices []Index
	groups := [][]*Axis{f.axes[:f.outer]}
	seen := map[*Axis]bool{}
	f.walk(func(e *Expr) {
		if e.kind == loadExpr || e.kind == indexExpr {
			indices = append(indices, e.at)
		}
		if e.kind == reduceExpr && len(e.inner) > 0 && !seen[e.inner[0]] {
			seen[e.inner[0]] = true
			groups = append(groups, e.inner)
		}
	})
	for _, o := range f.outputs {
		indices = append(indices, o.at)
	}
	for _, g := range groups {
		for i := 0; i+1 < len(g); i++ {
			if !f.chunked(g[i]) && !f.chunked(g[i+1]) && fits(indices, g[i], g[i+1]) {
				return g[i], g[i+1]
			}
		}
	}
	return nil, nil
}

// chunked reports an axis that is cut into chunks, or that numbers them.
func (f *Fused) chunked(a *Axis) bool {
	for _, x := range f.axes {
		if x.chunks != nil && (x == a || x.chunks == a) {
			return true
		}
	}
	return false
}

func fits(indices []Index, a, b *Axis) bool {
	for _, x := range indices {
		if x.coef(a) != x.coef(b)*b.Extent {
			return false
		}
		for _, t := range x.terms {
			switch t.atom.kind {
			case divAtom, modAtom, clampAtom:
				if !fits([]Index{t.atom.base}, a, b) {
					return false
				}
			case valueAtom: // its own loads are among the indices
			}
		}
	}
	return true
}

// merge rebuilds the kernel with axes a and b (its inner neighbour) as one.
func (f *Fused) merge(a, b *Axis) *Fused {
	g := NewFused()
	g.args = f.args
	replace := map[*Axis]Index{}
	moved := map[*Axis]*Axis{}
	copyAxes := func(axes []*Axis, reduce bool) []*Axis {
		var out []*Axis
		for i := 0; i < len(axes); i++ {
			if axes[i] == a {
				m := g.addAxis(a.Extent*b.Extent, reduce)
				// a only ever occurs with b's extent as a factor: m stands for a*extent + b.
				replace[a], replace[b] = Index{}, m.Index()
				out = append(out, m)
				i++
				continue
			}
			n := g.addAxis(axes[i].Extent, reduce)
			n.total, n.chunks = axes[i].total, moved[axes[i].chunks]
			moved[axes[i]] = n
			replace[axes[i]] = n.Index()
			out = append(out, n)
		}
		return out
	}
	g.outer = len(copyAxes(f.axes[:f.outer], false))
	inner := map[*Axis][]*Axis{} // by the first axis of the old group
	f.walk(func(e *Expr) {
		if e.kind == reduceExpr && len(e.inner) > 0 && inner[e.inner[0]] == nil {
			inner[e.inner[0]] = copyAxes(e.inner, true)
		}
	})
	r := rewriter{g: g, axes: replace, inner: inner, done: map[*Expr]*Expr{}}
	for _, o := range f.outputs {
		g.outputs = append(g.outputs, store{arg: o.arg, value: r.expr(o.value), at: r.index(o.at)})
	}
	return g
}

// rewriter copies expressions into kernel g, replacing axes.
type rewriter struct {
	g     *Fused
	axes  map[*Axis]Index
	inner map[*Axis][]*Axis
	done  map[*Expr]*Expr
	arg   func(int) int // renumbers arguments; nil keeps them
	shift func(int) int // added to the places where an argument is read; nil for 0
}

func (r *rewriter) index(x Index) Index {
	out := Const(x.c)
	for _, t := range x.terms {
		var y Index
		switch a := t.atom; a.kind {
		case axisAtom:
			y = r.axes[a.axis]
		case divAtom:
			y = r.index(a.base).Div(a.by)
		case modAtom:
			y = r.index(a.base).Mod(a.by)
		case clampAtom:
			y = r.index(a.base).Clamp(a.lo, a.hi)
		case valueAtom:
			y = ValueIndex(r.expr(a.expr), a.lo, a.hi)
		}
		out = out.Add(y.Scale(t.coef))
	}
	return out
}

func (r *rewriter) expr(e *Expr) *Expr {
	if n, ok := r.done[e]; ok {
		return n
	}
	args := make([]*Expr, len(e.args))
	for i, a := range e.args {
		args[i] = r.expr(a)
	}
	var n *Expr
	switch e.kind {
	case literalExpr:
		n = r.g.Literal(e.dtype, e.bits)
	case loadExpr:
		arg := e.arg
		if r.arg != nil {
			arg = r.arg(arg)
		}
		at := r.index(e.at)
		if r.shift != nil {
			at = at.Add(Const(r.shift(e.arg)))
		}
		n = r.g.Load(arg, at)
	case indexExpr:
		n = r.g.FromIndex(r.index(e.at))
	case productExpr:
		n = r.g.Product()
	case applyExpr:
		n = r.g.Apply(e.dtype, e.fn, args...)
	case reduceExpr:
		axes := e.inner
		if len(axes) > 0 {
			axes = r.inner[e.inner[0]]
		}
		n = r.g.reduce(e.red, args[0], axes)
	}
	r.done[e] = n
	return n
}
