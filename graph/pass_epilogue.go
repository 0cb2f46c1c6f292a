package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lavagrad/lavagrad/shaders"
)

// Epilogues: elementwise kernels that read a product join the product's kernel, which then stores what they compute: their roots, and the
// product itself only where another kernel reads it. So kernelPlan.roots of such a kernel begins with a matmulOp. Every root is computed where the kernel
// has the element of the product that it depends on, once for each, so its arrays may share places as those of other kernels may.

// epilogueWork is how many machine operations an element an epilogue has at most: kernels are compiled with a copy of it for each of their stores.
const epilogueWork = 120

// epiloguesAnyway makes tests use epilogues on lavapipe too.
var epiloguesAnyway = false

// takesEpilogues reports that epilogues of the product are possible and pay. Kernels on cooperative matrices take none, and products in panels
// are added up before they are finished. lavapipe gains a twentieth of a step's
// time at best, and compiles longer: 2.4 seconds until the first step of an MLP is done, instead of 1.4.
func (o matmulOp) takesEpilogues() bool {
	if _, cut := o.panels(); cut {
		return false
	}
	return o.target.Rounding == shaders.Unrounded && (!o.target.CPU || o.target.Driver != "lavapipe" || epiloguesAnyway)
}

// productOf is the number of the kernel of products that root n can join by what it reads, or -1.
func (p *fusion) productOf(n *node, at map[*node]int) int {
	if p.off || off("epilogue") || !p.shareable(n) || p.folded(n) > 0 || n.spec.DType.kind().Bytes() != 4 {
		return -1
	}
	if _, put := n.op.(putOp); put {
		return -1
	}
	found := -1
	for _, d := range p.reads(n) {
		k, computed := at[d]
		if !computed || d == n {
			continue
		}
		// The last of several products, since the others are done by then.
		if m, ok := p.kernels[k].roots[0].op.(matmulOp); ok && m.takesEpilogues() && k > found {
			found = k
		}
	}
	return found
}

// joinProduct adds root n to the epilogue of kernel k where that computes every element of n at the element of the product that it needs. What else n reads
// must be computed before; if it comes later in the list, the kernel is moved behind it, where nothing between needs its results.
func (p *fusion) joinProduct(k int, n *node, at map[*node]int) bool {
	plan := p.kernels[k]
	if p.alone[plan.roots[0]] || plan.work+p.work[n] > epilogueWork || !p.epilogueFits(append(slices.Clone(plan.roots), n)) {
		return false
	}
	to := k
	for _, d := range p.reads(n) {
		if i, ok := at[d]; ok && i != k && d != n {
			to = max(to, i)
		}
	}
	for i := k + 1; i <= to; i++ {
		for _, r := range p.kernels[i].roots {
			for _, d := range p.reads(r) {
				if slices.Contains(plan.roots, d) {
					return false
				}
			}
		}
	}
	copy(p.kernels[k:to], p.kernels[k+1:to+1])
	p.kernels[to] = plan
	plan.roots = append(plan.roots, n)
	plan.work += p.work[n]
	for i := k; i <= to; i++ {
		for _, r := range p.kernels[i].roots {
			at[r] = i
		}
	}
	return true
}

// epilogueFits reports that roots, of which the first is a product, can be one kernel.
func (p *fusion) epilogueFits(roots []*node) bool {
	e, c := p.epilogue(roots, roots)
	if e == nil || c != nil || len(e.order)+len(roots) > maxBindings-2 {
		return false
	}
	o := roots[0].op.(matmulOp)
	for _, n := range append(slices.Clone(roots), e.order...) {
		if o.limit > 0 && n.spec.Shape.Size() > o.limit || n.spec.DType == Float64 {
			return false
		}
	}
	return o.bindable()
}

// epilogue makes the expressions of roots, of which the first is a product, and the stores of those in stored. It is nil
// where a root's elements are not those of the product.
func (p *fusion) epilogue(roots, stored []*node) (*kernelBuilder, conflict) {
	product := roots[0]
	o := product.op.(matmulOp)
	k := &kernelBuilder{f: shaders.NewFused(o.batch, o.m, o.n), plan: p, own: map[*node]bool{}, args: map[*node]int{}, memo: map[string]*shaders.Expr{},
		product: product, places: map[*node][]shaders.Index{}}
	k.space = k.f.Space()
	k.places[product] = k.space
	for _, n := range roots {
		k.own[n] = true
	}
	size := o.batch * o.m * o.n
	for _, n := range roots[1:] {
		at := k.place(n, map[*node]bool{})
		if at == nil {
			return nil, nil
		}
		padded := n.spec.Shape.Size() == product.spec.Shape.Size() && linear(at, n.spec.Shape).String() == linear(k.space, product.spec.Shape).String()
		if n.spec.Shape.Size() != size && !padded {
			return nil, nil
		}
		k.places[n] = at
	}
	values := make([]*shaders.Expr, len(stored))
	for i, n := range stored {
		values[i] = k.value(n, k.places[n])
	}
	if k.conflict != nil {
		return k, k.conflict
	}
	for i, n := range stored {
		k.f.Store(k.f.AddArg(shaders.Arg{Kind: n.spec.DType.kind(), Size: n.spec.Shape.Size()}), linear(k.places[n], n.spec.Shape), values[i])
	}
	return k, nil
}

// place is the element of n that the kernel computes where it has the element of the product at its position, nil where there is none or not just one.
func (k *kernelBuilder) place(n *node, seen map[*node]bool) []shaders.Index {
	if at, ok := k.places[n]; ok {
		return at
	}
	if seen[n] {
		return nil
	}
	seen[n] = true
	for _, x := range n.in() {
		if k.plan.stored(x) && !k.own[x] {
			continue
		}
		if at := k.place(x, seen); at != nil {
			if at = forward(n, x, at); at != nil {
				return at
			}
		}
	}
	return nil
}

// forward is the element of n that is made of element at of its operand x, nil where that is not plainly one.
func forward(n, x *node, at []shaders.Index) []shaders.Index {
	to := make([]shaders.Index, len(n.spec.Shape))
	switch o := n.op.(type) {
	case reshapeOp:
		return reshapeIndex(at, x.spec.Shape, n.spec.Shape)
	case transposeOp:
		for i, p := range o.perm {
			to[i] = at[p]
		}
	case sliceOp:
		for i := range to {
			if o.step[i] != 1 || !at[i].Within(o.start[i], o.limit[i]-1) {
				return nil // an element of x that n has not
			}
			to[i] = at[i].Add(shaders.Const(-o.start[i]))
		}
	case padOp: // of the last axis, to whole vectors: epilogue looks at the shape
		for i := range to {
			if o.low[i] > 0 || o.inner[i] > 0 {
				return nil
			}
			to[i] = at[i]
		}
	case barrierOp, aliasOp:
		return at
	default:
		if n.op.Class() != Pointwise || !n.spec.Shape.Equal(x.spec.Shape) {
			return nil
		}
		return at
	}
	return to
}

// productKernel is kernel for a product with an epilogue.
func (l *lowered) productKernel(p *fusion, plan *kernelPlan) (emit func(), c conflict) {
	stored := plan.roots
	if product := plan.roots[0]; !p.readElsewhere(product, plan) {
		stored = plan.roots[1:]
	}
	k, c := p.epilogue(plan.roots, stored)
	if c != nil {
		return nil, c
	}
	if 2+len(k.order)+len(stored) > l.bindings {
		return nil, conflict{plan.roots[len(plan.roots)-1]}
	}
	return func() { l.product(k, plan.roots, stored) }, nil
}

// readElsewhere reports that n is an output, or that a kernel beside this one reads it.
func (p *fusion) readElsewhere(n *node, plan *kernelPlan) bool {
	for _, x := range p.outputs {
		if storage(x) == n {
			return true
		}
	}
	for _, k := range p.kernels {
		if k == plan {
			continue
		}
		for _, r := range k.roots {
			if slices.Contains(p.reads(r), n) {
				return true
			}
		}
	}
	return false
}

// product appends the dispatches of a product with an epilogue.
func (l *lowered) product(k *kernelBuilder, roots, stored []*node) {
	n := roots[0]
	o := n.op.(matmulOp)
	ks := &Kernels{l, n}
	var args []KernelArg
	for _, x := range k.order {
		args = append(args, KernelArg{b: buffer{n: x}})
	}
	for _, x := range stored {
		args = append(args, KernelArg{buffer{n: x}, true})
	}
	l.epilogues = append(l.epilogues, roots)
	l.noteInPlace(stored, k, storage(n.in()[0]), storage(n.in()[1]))
	o.dispatches(ks, epilogueName(roots), func(m shaders.MatMulKernel) ([]uint32, []shaders.View) { return m.Epilogue(k.f, o.n, l.target) }, args)
}

// explainEpilogues tells what the kernels of products compute of their results.
func (l *lowered) explainEpilogues(b *strings.Builder) {
	for _, roots := range l.epilogues {
		last := roots[len(roots)-1]
		fmt.Fprintf(b, "product of %v at %s: its kernel goes on to %s", roots[0].spec, position(roots[0].pc), last.op.Name())
		if at := position(last.pc); at != "" {
			fmt.Fprintf(b, " at %s", at)
		}
		if n := len(roots) - 2; n > 0 {
			fmt.Fprintf(b, ", and stores %d more", n)
		}
		b.WriteByte('\n')
	}
	for _, body := range l.bodies {
		body.explainEpilogues(b)
	}
}

// epilogueName names a product's kernel after the ops of its roots.
func epilogueName(roots []*node) string {
	names := make([]string, len(roots))
	for i, n := range roots {
		names[i] = n.op.Name()
	}
	return strings.Join(names, " + ")
}
