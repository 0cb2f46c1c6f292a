package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// scatterKernelOp is a scatter with a kernel of its own, for operands [batch, updates, inner] and rows [batch, updates] or [updates].
// Only the compiler makes it.
type scatterKernelOp struct {
	opaqueRules
	compilerRules
	by     shaders.Reducer
	rows   int
	shared bool // the batch shares the rows
}

func (o scatterKernelOp) Name() string { return "scatter " + o.by.String() }

// float64Kernels says that the kernel takes float64 too.
func (scatterKernelOp) float64Kernels() {}

func (o scatterKernelOp) Kernels(k *Kernels, n Operands) {
	if n.Out().Shape.Size() == 0 {
		return
	}
	up := n.In(0)
	s := shaders.Scatter{By: o.by, Kind: up.DType.kind(), Batch: up.Shape[0], Updates: up.Shape[1], Inner: up.Shape[2],
		Rows: o.rows, SharedRows: o.shared}
	for _, kernel := range s.Kernels(k.Target()) {
		k.Dispatch(o.Name(), kernel, k.In(0), k.In(1), k.Out())
	}
}

// scatterWork is the number of comparisons from which a scatter's own kernel pays: as an expression it compares every row with every
// update, which saves dispatches and copies where they are few.
const scatterWork = 1 << 16

// planScatters gives large scatters kernels of their own, on operands laid out for them. An array of more bytes than limit is left to
// fused kernels, which can be cut.
func planScatters(outputs []*node, limit int64) []*node {
	return rewrite(outputs, func(n *node, in []*node) *node {
		o, ok := n.op.(scatterOp)
		if !ok {
			return nil
		}
		each := foldLength(n)
		if n.spec.Shape.Size()*each < scatterWork || each < 8 || max(bytesOf(in[0].spec), bytesOf(n.spec)) > limit {
			return nil
		}
		return o.kernel(Tensor{in[0]}, Tensor{in[1]}, n)
	})
}

// kernel arranges the operands as [batch, updates, inner] and [batch, updates], and the result as n's.
func (o scatterOp) kernel(up, idx Tensor, n *node) *node {
	var batch, inner []int
	folded := o.folded()
	for _, l := range o.out {
		switch {
		case l == indexed:
		case slices.Contains(o.idx, l):
			batch = append(batch, l)
		default:
			inner = append(inner, l)
		}
	}
	// A batch that shares the rows may be either; in front of them it needs no transpose.
	size, _ := labelSizes([][]int{o.up}, []Shape{up.Shape()})
	size[indexed] = o.rows
	count := func(labels []int) int { return sizesOf(labels, size).Size() }
	shared := len(batch) == 0
	if shared {
		front := slices.Index(o.up, folded[0])
		if lead := o.up[:front]; slices.Equal(lead, o.out[:min(front, len(o.out))]) {
			batch, inner = slices.Clone(lead), slices.Clone(inner[len(lead):])
		}
	}
	arranged := func(t Tensor, have []int, want ...[]int) Tensor {
		labels := slices.Concat(want...)
		perm := make([]int, len(labels))
		for i, l := range labels {
			perm[i] = slices.Index(have, l)
		}
		shape := make([]int, len(want))
		for i, w := range want {
			shape[i] = count(w)
		}
		return t.Transpose(perm...).Reshape(shape...)
	}
	updates := arranged(up, o.up, batch, folded, inner)
	rows := idx
	if shared {
		rows = arranged(idx, o.idx, folded)
	} else {
		rows = arranged(idx, o.idx, batch, folded)
	}
	k := scatterKernelOp{by: o.kind, rows: o.rows, shared: shared}
	y := Tensor{newNode(k, []*node{updates.n, rows.n}, Spec{n.spec.DType, Shape{count(batch), o.rows, count(inner)}}, n.pc)}
	labels := slices.Concat(batch, []int{indexed}, inner)
	perm := make([]int, len(labels))
	for i, l := range labels {
		perm[slices.Index(o.out, l)] = i
	}
	return y.Reshape(sizesOf(labels, size)...).Transpose(perm...).n
}
