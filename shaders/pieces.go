package shaders

import "math"

// Piece is a part of a kernel's positions along its outermost axis, dispatched on its own.
type Piece struct {
	Kernel Kernel
	Ranges []Range // by argument: what to bind; nil where all arguments are bound whole
}

// Range is a range of an array's elements; length 0 stands for all of it.
type Range struct{ Offset, Length int }

// alignment of a range's start, in elements: bindings begin at multiples of 256 bytes.
const alignment = 64

// minPiece is the fewest elements that are worth a dispatch of their own for the sake of faster reads.
const minPiece = 1 << 16

// Pieces compiles the kernel, usually in one piece. Kernels over arrays that a binding cannot hold are cut along
// the outermost axis. So are kernels that walk over arrays from end to end where the device reads faster
// through texel buffers, up to their limit: a dispatch costs little beside what the reads save.
func (f *Fused) Pieces(t Target) []Piece {
	g := f.collapse()
	n := g.pieceLength(t)
	if n == 0 {
		return []Piece{{Kernel: f.Compile(t)}}
	}
	strides := g.strides()
	total := g.axes[0].Extent
	chunked := g.chunked(g.axes[0])
	var pieces []Piece
	for at := 0; at < total; at += n {
		length := min(n, total-at)
		p := Piece{Ranges: make([]Range, len(g.args))}
		for i, s := range strides {
			if s > 0 {
				p.Ranges[i] = Range{at * s, min(length*s, g.args[i].Size-at*s)}
			}
		}
		if length == n && at > 0 && !chunked {
			p.Kernel = pieces[0].Kernel
		} else {
			p.Kernel = g.resized(at, length, p.Ranges).Compile(t)
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// pieceLength is how many positions of the outermost axis a piece has, 0 for one piece of them all.
func (f *Fused) pieceLength(t Target) int {
	if f.outer == 0 || f.axes[0].Extent == 0 {
		return 0
	}
	limit := math.MaxInt
	if t.MaxRange > 0 {
		limit = t.MaxRange
	}
	if texels := t.MaxTexels * lanes; texels >= minPiece && f.paddable() {
		limit = min(limit, texels)
	}
	long := false
	for _, a := range f.args {
		long = long || a.Size > limit
	}
	if !long {
		return 0
	}
	strides := f.strides()
	if strides == nil {
		return 0 // no cut is possible; the runtime says what is too long
	}
	n, unit := f.axes[0].Extent, 1
	for i, s := range strides {
		switch {
		case s == 0 && f.args[i].Size > limit:
			return 0
		case s > 0:
			n = min(n, limit/s)
			for unit*s%alignment != 0 {
				unit *= 2
			}
		}
	}
	return n / unit * unit
}

// strides gives for each argument how many elements it moves on with a position of the outermost axis, 0 for
// arguments that do not follow it. It is nil when some argument follows it otherwise than by whole,
// consecutive blocks.
func (f *Fused) strides() []int {
	a := f.axes[0]
	out := make([]int, len(f.args))
	fixed := make([]bool, len(f.args))
	ok := true
	access := func(arg int, x Index) {
		c := x.coef(a)
		rest := x.Add(a.Index().Scale(-c))
		switch {
		case rest.axes().has(a):
			ok = false
		case c == 0:
			fixed[arg] = true
		case !rest.Within(0, c-1) || out[arg] != 0 && out[arg] != c:
			ok = false
		default:
			out[arg] = c
		}
	}
	f.walk(func(e *Expr) {
		switch {
		case e.kind == indexExpr && e.axes.has(a):
			ok = false
		case e.kind == loadExpr:
			access(e.arg, e.at)
		}
	})
	for _, o := range f.outputs {
		access(o.arg, o.at)
	}
	for i := range out {
		ok = ok && !(out[i] > 0 && fixed[i])
	}
	if !ok {
		return nil
	}
	return out
}

// resized is the kernel with n positions along its outermost axis from at on, over ranges of its arguments.
func (f *Fused) resized(at, n int, ranges []Range) *Fused {
	g := NewFused()
	for i, a := range f.args {
		if ranges[i].Length > 0 {
			a.Size = ranges[i].Length
		}
		g.AddArg(a)
	}
	r := rewriter{g: g, axes: map[*Axis]Index{}, inner: map[*Axis][]*Axis{}, done: map[*Expr]*Expr{}}
	moved := map[*Axis]*Axis{}
	for i, x := range f.axes[:f.outer] {
		extent := x.Extent
		if i == 0 {
			extent = n
		}
		moved[x] = g.addAxis(extent, false)
		r.axes[x] = moved[x].Index()
	}
	g.outer = f.outer
	for _, group := range f.reductionGroups() {
		for _, x := range group {
			y := g.addAxis(x.Extent, true)
			if x.chunks != nil {
				y.total, y.chunks = x.total, moved[x.chunks]
				if x.chunks == f.axes[0] {
					y.total -= at * x.Extent // what is left from this piece on
				}
			}
			r.axes[x] = y.Index()
			r.inner[group[0]] = append(r.inner[group[0]], y)
		}
	}
	for _, o := range f.outputs {
		g.outputs = append(g.outputs, store{o.arg, r.expr(o.value), r.index(o.at)})
	}
	return g
}
