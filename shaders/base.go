package shaders

import (
	"cmp"
	"math"
	"slices"
)

// based lets arguments that the kernel reads in part alone begin where that part begins, as far as the device binds there, and gives what to bind
// of each: parts of one array that lie apart by whole steps of that alignment, the rows of a batch or the steps of a sequence, are then read by one
// kernel, which is compiled once. Without such arguments the ranges are nil.
func (f *Fused) based(t Target) (*Fused, []Range) {
	if f.loops > 0 || len(f.effects) > 0 {
		return f, nil
	}
	const none = math.MaxInt
	first, last := make([]int, len(f.args)), make([]int, len(f.args))
	for i := range first {
		first[i] = none
	}
	f.walk(func(e *Expr) {
		if e.kind == loadExpr {
			lo, hi := e.at.bounds()
			first[e.arg], last[e.arg] = min(first[e.arg], lo), max(last[e.arg], hi)
		}
	})
	for _, o := range f.outputs {
		first[o.arg] = 0
	}
	ranges := make([]Range, len(f.args))
	found := false
	for i, a := range f.args {
		unit := max(cmp.Or(t.Align, 256)/a.Kind.Bytes(), lanes)
		if first[i] < none && first[i] >= unit && last[i] < a.Size {
			from := first[i] / unit * unit
			ranges[i], found = Range{from, last[i] + 1 - from}, true
		}
	}
	if !found {
		return f, nil
	}
	return f.resized(0, f.length(), func(arg int) int { return -ranges[arg].Offset }, ranges), ranges
}

// length is the extent of the outermost axis.
func (f *Fused) length() int {
	if f.outer == 0 {
		return 1
	}
	return f.axes[0].Extent
}

// within gives ranges of what is bound of the arguments as ranges of the arguments.
func within(base, ranges []Range) []Range {
	switch {
	case base == nil:
		return ranges
	case ranges == nil:
		return base
	}
	out := slices.Clone(base)
	for i, r := range ranges {
		if r.Length > 0 {
			out[i] = Range{base[i].Offset + r.Offset, r.Length}
		}
	}
	return out
}
