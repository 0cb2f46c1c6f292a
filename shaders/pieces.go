package shaders

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

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

// mostRows is a multiple of all numbers of rows that invocations handle, but for odd ones: pieces of such a length share a kernel without a test for rows past
// their end, also with the last one where the whole is of such a length.
const mostRows = 16

// Pieces compiles the kernel, usually in one piece. Kernels over arrays that a binding cannot hold are cut along
// the outermost axis. So are kernels that walk over arrays from end to end where the device reads faster
// through texel buffers, up to their limit: a dispatch costs little beside what the reads save.
func (f *Fused) Pieces(t Target) []Piece {
	f, base := f.based(t)
	g := f.collapse()
	n := g.pieceLength(t)
	if n == 0 {
		return []Piece{{Kernel: f.Compile(t), Ranges: base}}
	}
	strides, alike := g.strides()
	total := g.axes[0].Extent
	var pieces []Piece
	var first *emitter
	for i, ranges := range g.ranges(n, strides) {
		p := Piece{Ranges: within(base, ranges)}
		length := min(n, total-i*n)
		shift := func(arg int) int { return -i * n * strides[arg] }
		switch {
		case i > 0 && alike && length == n:
			p.Kernel = pieces[0].Kernel
		case i > 0 && alike:
			p.Kernel, _ = g.resized(i*n, length, shift, ranges).compile(t, first)
		default:
			p.Kernel, first = g.resized(i*n, length, shift, ranges).compile(t, nil)
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// PieceRanges are the ranges of Pieces, without compiling them.
func (f *Fused) PieceRanges(t Target) [][]Range {
	f, base := f.based(t)
	g := f.collapse()
	n := g.pieceLength(t)
	if n == 0 {
		return [][]Range{base}
	}
	strides, _ := g.strides()
	pieces := g.ranges(n, strides)
	for i, ranges := range pieces {
		pieces[i] = within(base, ranges)
	}
	return pieces
}

// ranges are what the pieces of n positions bind of arguments that follow the outermost axis by strides.
func (f *Fused) ranges(n int, strides []int) (pieces [][]Range) {
	total := f.axes[0].Extent
	for at := 0; at < total; at += n {
		ranges := make([]Range, len(f.args))
		for i, s := range strides {
			if s > 0 {
				ranges[i] = Range{at * s, min(min(n, total-at)*s, f.args[i].Size-at*s)}
			}
		}
		pieces = append(pieces, ranges)
	}
	return pieces
}

// pieceLength is how many positions of the outermost axis a piece has, 0 for one piece of them all. Pieces are of about one length, so that
// one kernel serves all.
func (f *Fused) pieceLength(t Target) int {
	if f.outer == 0 || f.axes[0].Extent == 0 {
		return 0
	}
	limit := t.MaxRange
	if limit == 0 {
		limit = math.MaxInt
	}
	for _, a := range f.args {
		if a.Kind == spirv.Float64 { // MaxRange counts words
			limit /= 2
			break
		}
	}
	walk := limit
	if texels := t.MaxTexels * lanes; texels >= minPiece && f.paddable() {
		walk = min(limit, texels)
	}
	whole := func(a Arg) int { // the most elements of an argument that is bound whole
		if t.TexelScalar && !a.Write && a.Kind == spirv.Float32 {
			return max(limit, t.MaxTexels*lanes)
		}
		return limit
	}
	long := false
	for _, a := range f.args {
		long = long || a.Size > min(walk, whole(a))
	}
	if !long {
		return 0
	}
	strides, _ := f.strides()
	n, unit := f.axes[0].Extent, 1
	for i, s := range strides {
		switch {
		case s == 0 && f.args[i].Size > whole(f.args[i]):
			return 0 // no cut makes it shorter; the runtime says what is too long
		case s > 0:
			n = min(n, walk/s)
			for unit*s%alignment != 0 {
				unit *= 2
			}
		}
	}
	if n == f.axes[0].Extent {
		return 0
	}
	if n = n / unit * unit; n == 0 {
		return 0
	}
	length := ceilDiv(f.axes[0].Extent, ceilDiv(f.axes[0].Extent, n))
	if rounded := ceilDiv(length, mostRows) * mostRows; unit < mostRows && rounded <= n {
		return rounded
	}
	return ceilDiv(length, unit) * unit
}

// strides gives for each argument how many elements it moves on with a position of the outermost axis, 0 for
// arguments that do not follow it by whole, consecutive blocks. Pieces are alike when nothing in the
// kernel depends on where along the axis they begin.
func (f *Fused) strides() (strides []int, alike bool) {
	a := f.axes[0]
	strides = make([]int, len(f.args))
	whole := make([]bool, len(f.args))
	alike = !f.chunked(a)
	access := func(arg int, x Index) {
		c := x.coef(a)
		rest := x.Add(a.Index().Scale(-c))
		switch {
		case c > 0 && !rest.axes().has(a) && rest.Within(0, c-1) && (strides[arg] == 0 || strides[arg] == c):
			strides[arg] = c
		default:
			whole[arg] = true
			alike = alike && !x.axes().has(a)
		}
	}
	f.walk(func(e *Expr) {
		switch {
		case e.kind == indexExpr && e.axes.has(a):
			alike = false
		case e.kind == loadExpr:
			access(e.arg, e.at)
		}
	})
	for _, o := range f.outputs {
		access(o.arg, o.at)
	}
	for i := range strides {
		if whole[i] && strides[i] > 0 {
			strides[i], alike = 0, false
		}
	}
	return strides, alike
}

// resized is the kernel with n positions along its outermost axis from at on. Arguments with a range are bound to it, and their places
// move by shift.
func (f *Fused) resized(at, n int, shift func(arg int) int, ranges []Range) *Fused {
	g := NewFused()
	for i, a := range f.args {
		if ranges[i].Length > 0 {
			a.Size = ranges[i].Length
		}
		g.AddArg(a)
	}
	r := rewriter{g: g, axes: map[*Axis]Index{}, inner: map[*Axis][]*Axis{}, done: map[*Expr]*Expr{}, shift: shift}
	moved := map[*Axis]*Axis{}
	for i, x := range f.axes[:f.outer] {
		extent := x.Extent
		if i == 0 {
			extent = n
		}
		moved[x] = g.addAxis(extent, false)
		r.axes[x] = moved[x].Index()
		if i == 0 {
			r.axes[x] = r.axes[x].Add(Const(at))
		}
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
		g.outputs = append(g.outputs, store{arg: o.arg, value: r.expr(o.value), at: r.index(o.at).Add(Const(shift(o.arg))), once: o.once})
	}
	return g
}
