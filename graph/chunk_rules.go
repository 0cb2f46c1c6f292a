package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// cut says along which axis of an array samples are told apart, and how many of its positions belong to each: a chunk of samples
// [first, first+count) is the positions [first*unit, (first+count)*unit).
type cut struct{ axis, unit int }

// uncut is the cut of an operand that every chunk needs whole.
var uncut = cut{axis: -1}

// positions is how much of the axis belongs to so many samples.
func (c cut) positions(samples int) int { return samples * c.unit }

// cutOperands says how the operands of n are cut so that its result, cut at c, is computed from these parts alone; ok is false where samples
// mix, or where the op has no rule. Operands behind those listed are not needed.
func cutOperands(n *node, c cut) (cuts []cut, ok bool) {
	in := n.in()
	all := func() []cut {
		cuts := make([]cut, len(in))
		for i := range cuts {
			cuts[i] = c
		}
		return cuts
	}
	label := func(of [][]int, out []int) []cut {
		l := out[c.axis]
		cuts := make([]cut, len(of))
		for i, labels := range of {
			cuts[i] = cut{slices.Index(labels, l), c.unit}
			if cuts[i].axis < 0 {
				cuts[i] = uncut
			}
		}
		return cuts
	}
	rank := len(n.spec.Shape)
	switch o := n.op.(type) {
	case elementwise, whereOp, convertOp, aliasOp:
		return all(), true
	case barrierOp:
		return []cut{c}, true // what it waits for has no part in the result
	case transposeOp:
		return []cut{{o.perm[c.axis], c.unit}}, true
	case broadcastOp:
		axis := c.axis - rank + len(in[0].spec.Shape)
		if axis < 0 || in[0].spec.Shape[axis] != o.shape[c.axis] {
			return []cut{uncut}, true
		}
		return []cut{{axis, c.unit}}, true
	case reshapeOp:
		return cutReshape(in[0].spec.Shape, o.shape, c)
	case contractOp:
		return label([][]int{o.a, o.b}, o.out), true
	case gatherOp:
		return label([][]int{o.x, o.idx}, o.out), true
	case scatterOp:
		return label([][]int{o.up, o.idx}, o.out), o.out[c.axis] != indexed
	case reduceOp:
		axis := 0
		for k := 0; ; axis++ {
			if slices.Contains(o.axes, axis) {
				continue
			}
			if k == c.axis {
				return []cut{{axis, c.unit}}, true
			}
			k++
		}
	case sliceOp:
		return all(), o.start[c.axis] == 0 && o.limit[c.axis] == in[0].spec.Shape[c.axis] && o.step[c.axis] == 1
	case padOp:
		return all(), o.low[c.axis] == 0 && o.high[c.axis] == 0 && o.inner[c.axis] == 0
	case concatOp:
		return all(), o.axis != c.axis
	case flipOp:
		return all(), !slices.Contains(o.axes, c.axis)
	case cumulativeOp:
		return all(), o.axis != c.axis
	case linearScanOp:
		return all(), o.axis != c.axis
	case argsortOp:
		return all(), c.axis != rank-1
	case choleskyOp:
		return all(), c.axis < rank-2
	case triangularOp:
		matrix := cut{c.axis - rank + len(in[0].spec.Shape), c.unit}
		if c.axis == rank-1 || matrix.axis < 0 {
			matrix = uncut // one matrix for all of these right-hand sides
		}
		return []cut{matrix, c}, c.axis != rank-2
	case windowsOp:
		return all(), c.axis < rank-2*len(o.windows)
	case foldOp:
		return all(), c.axis < rank-len(o.windows)
	case dynamicSliceOp:
		return cutDynamic(in[0].spec.Shape, n.spec.Shape, o.lead, c)
	case dynamicPlaceOp:
		return cutDynamic(in[0].spec.Shape, n.spec.Shape, o.lead, c)
	}
	return nil, false
}

// cutReshape finds the axis of a reshape's operand of which each sample has as many neighbouring elements as it has of the result's axis.
func cutReshape(in, out Shape, c cut) ([]cut, bool) {
	samples := out[c.axis] / c.unit
	before := out[:c.axis].Size()
	for i, d := range in {
		if in[:i].Size() == before && d%samples == 0 && d > 0 {
			return []cut{{i, d / samples}}, true
		}
	}
	return nil, false
}

// cutDynamic is the rule of blocks at computed starts: axes that pair starts with blocks, and those that the block fills.
func cutDynamic(in, out Shape, lead int, c cut) ([]cut, bool) {
	if c.axis < lead {
		return []cut{c, c}, true
	}
	return []cut{c, uncut}, in[c.axis] == out[c.axis]
}

// cutOp is n's op for a result with so many positions along the axis cut.
func cutOp(n *node, c cut, positions int) (Op, Spec) {
	shape := slices.Clone(n.spec.Shape)
	shape[c.axis] = positions
	spec := Spec{n.spec.DType, shape}
	resized := func(sizes []int, axis int) []int {
		sizes = slices.Clone(sizes)
		if axis >= 0 {
			sizes[axis] = positions
		}
		return sizes
	}
	switch o := n.op.(type) {
	case reshapeOp:
		return reshapeOp{shape}, spec
	case broadcastOp:
		return broadcastOp{shape}, spec
	case sliceOp:
		o.limit = resized(o.limit, c.axis)
		return o, spec
	case dynamicSliceOp:
		o.sizes = resized(o.sizes, c.axis-o.lead)
		return o, spec
	case dynamicPlaceOp:
		o.sizes = resized(o.sizes, c.axis-o.lead)
		return o, spec
	}
	return n.op, spec
}

// foldOperands says how the operands of n are cut where n folds over the samples by which its operand i is cut at c: its result is the fold, by
// kind, of the results from chunks.
func foldOperands(n *node, i int, c cut) (cuts []cut, kind shaders.Reducer, ok bool) {
	label := func(of [][]int, out []int) ([]cut, bool) {
		l := of[i][c.axis]
		cuts := make([]cut, len(of))
		for j, labels := range of {
			if cuts[j] = (cut{slices.Index(labels, l), c.unit}); cuts[j].axis < 0 {
				cuts[j] = uncut
			}
		}
		return cuts, l != indexed && !slices.Contains(out, l)
	}
	switch o := n.op.(type) {
	case reduceOp:
		return []cut{c}, o.kind, slices.Contains(o.axes, c.axis)
	case contractOp:
		cuts, ok = label([][]int{o.a, o.b}, o.out)
		return cuts, shaders.Sum, ok
	case scatterOp:
		cuts, ok = label([][]int{o.up, o.idx}, o.out)
		return cuts, o.kind, ok
	}
	return nil, 0, false
}

// placeless reports leaves that are made for any positions: iotas, and constants of one value.
func placeless(n *node) bool {
	if n.op.Class() != Leaf || n.isParam() {
		return false
	}
	return !isTable(n)
}
