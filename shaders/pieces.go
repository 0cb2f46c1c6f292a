package shaders

// Piece is a range of a kernel's work that is dispatched on its own.
type Piece struct {
	Kernel Kernel
	Offset int // elements to skip in every array that Walks
	Length int // elements of those arrays that the piece handles
}

// minPiece is the fewest elements that are worth a dispatch of their own.
const minPiece = 1 << 16

// Pieces compiles the kernel: usually as one piece of length 0. Where the device reads through texel
// buffers only up to a limit, a kernel that walks over longer arrays from end to end is cut into ranges within
// the limit, since a dispatch costs little beside what the faster reads save. walks tells which
// arguments the kernel walks over; the others are bound whole.
func (f *Fused) Pieces(t Target) (pieces []Piece, walks []bool) {
	g := f.collapse()
	limit := t.MaxTexels * lanes
	if limit < minPiece || !g.paddable() || g.axes[0].Extent <= limit || !g.walkable() {
		return []Piece{{Kernel: f.Compile(t)}}, nil
	}
	walks = g.walked()
	n := g.axes[0].Extent
	for at := 0; at < n; at += limit {
		length := min(limit, n-at)
		p := Piece{Offset: at, Length: length}
		if length == limit && at > 0 {
			p.Kernel = pieces[0].Kernel
		} else {
			p.Kernel = g.resized(length, walks).Compile(t)
		}
		pieces = append(pieces, p)
	}
	return pieces, walks
}

// walkable reports that positions matter only as places in arrays, and that each array is either
// walked over or read at fixed places.
func (f *Fused) walkable() bool {
	ok := true
	walks := f.walked()
	f.walk(func(e *Expr) {
		switch e.kind {
		case indexExpr:
			ok = false
		case loadExpr:
			if walks[e.arg] && (e.at.coef(f.axes[0]) != 1 || e.at.c != 0 || len(e.at.terms) != 1) {
				ok = false
			}
		}
	})
	for _, o := range f.outputs {
		ok = ok && o.at.c == 0 && len(o.at.terms) == 1
	}
	return ok
}

// walked marks the arguments that are indexed by the axis.
func (f *Fused) walked() []bool {
	w := make([]bool, len(f.args))
	f.walk(func(e *Expr) {
		if e.kind == loadExpr && e.axes != 0 {
			w[e.arg] = true
		}
	})
	for _, o := range f.outputs {
		w[o.arg] = true
	}
	return w
}

// resized is the one-axis kernel over another length.
func (f *Fused) resized(n int, walks []bool) *Fused {
	g := NewFused()
	for i, a := range f.args {
		if walks[i] {
			a.Size = n
		}
		g.AddArg(a)
	}
	a := g.addAxis(n, false)
	g.outer = 1
	r := rewriter{g: g, axes: map[*Axis]Index{f.axes[0]: a.Index()}, done: map[*Expr]*Expr{}}
	for _, o := range f.outputs {
		g.outputs = append(g.outputs, store{o.arg, r.expr(o.value), r.index(o.at)})
	}
	return g
}
