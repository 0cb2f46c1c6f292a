package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders"
)

// matmulOp is a contraction in the form that the hand-written kernels compute: operands [batch, rows,
// columns] as arrays with rows of a multiple of four elements. Only the compiler makes it, from
// contractions, after all differentiation and batching.
type matmulOp struct {
	opaqueRules
	compilerRules
	form    shaders.MatMulForm
	batch   int
	m, n, k int
	shared  bool // all products of the batch have one A
	squareA bool // A's elements are squared
	squareB bool
	image   imageOperand // where the second operand is windows (pass_matmul_image.go)
	limit   int          // elements of the result that one binding holds
	target  shaders.MatMulTarget
}

func (matmulOp) Name() string { return "matmul" }

// productPart is a dispatch of a matmul: so many products, with the elements of each operand and of the result that it binds. Length 0 stands for all.
type productPart struct {
	args  shaders.MatMulArgs
	batch int
	bound [3]struct{ at, length int }
}

// bindable reports that one binding holds the result.
func (o matmulOp) bindable() bool { return o.limit == 0 || o.batch*o.arguments().StrideC <= o.limit }

// parts cuts the product into one dispatch, or as many as keep operands within what the best kernel reads, and the result within what a binding holds.
func (o matmulOp) parts() []productPart {
	whole := o.arguments()
	if n := o.target.Products(o.form, whole, o.batch, alignment/4); n < o.batch && (o.limit == 0 || n*whole.StrideC <= o.limit) {
		var list []productPart
		for z := 0; z < o.batch; z += n {
			p := productPart{args: whole, batch: min(n, o.batch-z)}
			p.read(o.form, z*whole.StrideA, z*whole.StrideB)
			p.bound[2].at, p.bound[2].length = z*whole.StrideC, p.batch*whole.StrideC
			list = append(list, p)
		}
		return list
	}
	if o.bindable() {
		if list := o.blocks(whole); list != nil {
			return list
		}
		return []productPart{{args: whole, batch: o.batch}}
	}
	// Bindings begin at multiples of 64 elements: cuts are multiples of 64 rows, or of 16 products of whole vectors.
	var list []productPart
	add := func(args shaders.MatMulArgs, batch, at, length int) {
		p := productPart{args: args, batch: batch}
		p.bound[2].at, p.bound[2].length = at, length
		list = append(list, p)
	}
	rows := max(o.limit/whole.LDC/64, 1) * 64
	if products := o.limit / whole.StrideC / 16 * 16; products > 0 {
		for z := 0; z < o.batch; z += products {
			count := min(products, o.batch-z)
			args := whole
			args.OffsetA, args.OffsetB = z*whole.StrideA, z*whole.StrideB
			add(args, count, z*whole.StrideC, count*whole.StrideC)
		}
		return list
	}
	for z := range o.batch {
		for r := 0; r < o.m; r += rows {
			args := whole
			args.M = min(rows, o.m-r)
			args.OffsetA, args.OffsetB = z*whole.StrideA+r*whole.LDA, z*whole.StrideB
			if o.form == shaders.MatMulTN {
				args.OffsetA = z*whole.StrideA + r
			}
			add(args, 1, z*whole.StrideC+r*whole.LDC, args.M*whole.LDC)
		}
	}
	return list
}

// read binds what the part reads, from elements a and b of the operands on. Bindings begin at multiples of the alignment.
func (p *productPart) read(f shaders.MatMulForm, a, b int) {
	const align = alignment / 4
	p.args.OffsetA, p.args.OffsetB = a%align, b%align
	n := p.args.Elements(f, p.batch)
	p.bound[0].at, p.bound[0].length = a-a%align, n[0]
	p.bound[1].at, p.bound[1].length = b-b%align, n[1]
}

// blocks cuts each product into blocks of rows and columns whose operands fit what the best kernel reads; nil where whole ones are best.
func (o matmulOp) blocks(whole shaders.MatMulArgs) []productPart {
	rows, cols := o.target.Block(o.form, whole, alignment/4)
	if rows == o.m && cols == o.n {
		return nil
	}
	var list []productPart
	for z := range o.batch {
		for c := 0; c < o.n; c += cols {
			for r := 0; r < o.m; r += rows {
				p := productPart{args: whole, batch: 1}
				p.args.M, p.args.N = min(rows, o.m-r), min(cols, o.n-c)
				b := z * whole.StrideB
				if o.form == shaders.MatMulNT {
					b += c * whole.LDB
				}
				p.read(o.form, z*whole.StrideA+r*whole.LDA, b)
				if first := z*whole.StrideC + r*whole.LDC; cols == o.n && first%(alignment/4) == 0 {
					p.bound[2].at, p.bound[2].length = first, p.args.M*whole.LDC
				} else { // columns of a block lie apart
					p.args.OffsetC = first + c
				}
				list = append(list, p)
			}
		}
	}
	return list
}

func (o matmulOp) Kernels(k *Kernels, _ Operands) {
	if c, ok := o.panels(); ok {
		o.inPanels(k, c)
		return
	}
	o.dispatches(k, "matmul", nil, nil)
}

// dispatches appends the parts. An epilogue makes other kernels of those of the products, with more arrays: these are bound whole.
func (o matmulOp) dispatches(k *Kernels, name string, epilogue func(shaders.MatMulKernel) ([]uint32, []shaders.View), more []KernelArg) {
	made := map[string]shaders.Kernel{}
	for _, p := range o.parts() {
		args := []KernelArg{k.In(0), k.In(1), k.Out()}
		for i, r := range p.bound {
			if r.length > 0 && (i < 2 || epilogue == nil) {
				args[i] = args[i].Range(r.at, r.length)
			}
		}
		if epilogue != nil {
			p.args.OffsetC += p.bound[2].at
			args = append(args[:2:2], more...)
		}
		m, err := shaders.MatMul(o.form, p.args, p.batch, o.target)
		if err != nil {
			panic("BUG: graph: " + err.Error()) // planMatmuls has asked for all of it at once
		}
		kernel, ok := made[m.Name]
		if !ok {
			kernel = shaders.Kernel{Code: m.Code, Views: m.Views[:], FullSubgroups: m.FullSubgroups}
			if epilogue != nil {
				kernel.Code, kernel.Views = epilogue(m)
			}
			made[m.Name] = kernel
		}
		kernel.Push, kernel.Groups = p.args.Words(o.form), m.Groups(p.args.M, p.args.N, p.batch)
		k.Dispatch(name, kernel, args...)
	}
}

func (o matmulOp) arguments() shaders.MatMulArgs {
	a := shaders.MatMulArgs{M: o.m, N: o.n, K: o.k, LDA: roundUp4(o.k), LDB: roundUp4(o.n), LDC: roundUp4(o.n)}
	a.StrideA, a.StrideB, a.StrideC = o.m*a.LDA, o.k*a.LDB, o.m*a.LDC
	a.SquareA, a.SquareB = o.squareA, o.squareB
	switch o.form {
	case shaders.MatMulTN:
		a.LDA = roundUp4(o.m)
		a.StrideA = o.k * a.LDA
	case shaders.MatMulNT:
		a.LDB = roundUp4(o.k)
		a.StrideB = o.n * a.LDB
	}
	if o.shared {
		a.StrideA = 0
	}
	if o.image != (imageOperand{}) {
		a.LDB, a.StrideB, a.Windows = o.image.step, o.image.size, o.image.windows
	}
	return a
}

func roundUp4(n int) int { return (n + 3) &^ 3 }

// matmulWork is the number of multiplications from which a kernel of its own pays: below, the fused
// kernels win by the dispatches they save.
const matmulWork = 1 << 19

// planMatmuls replaces large contractions by matmuls on operands laid out for the kernels.
func planMatmuls(outputs []*node, p gpu.Profile, precision Precision) []*node {
	plan := newProductPlanner(productTarget(p, precision), p)
	return rewrite(unfold(outputs, plan.target, p), func(n *node, in []*node) *node {
		o, ok := n.op.(contractOp)
		if !ok || n.spec.DType != Float32 {
			return nil
		}
		o, in = o.untransposed(in)
		whole := newNode(o, in, n.spec, n.pc)
		if m := o.matmul(whole, plan); m != nil && fitsDevice(m, p.MaxAllocation) {
			return m
		} // else the operands as they lie, such as windows of an image, need no array
		parts := o.parts(whole, plan.target.MostK())
		if len(parts) == 1 {
			return nil
		}
		var sum Tensor
		for _, x := range parts {
			if m := o.matmul(x, plan); m != nil {
				x = m
			}
			if sum.Valid() {
				x = sum.Add(Tensor{x}).n
			}
			sum = Tensor{x}
		}
		return sum.n
	})
}

// untransposed is the contraction of what operands are transposed from: the kernels read either order.
func (o contractOp) untransposed(in []*node) (contractOp, []*node) {
	in = slices.Clone(in)
	for i, labels := range []*[]int{&o.a, &o.b} {
		for {
			t, ok := in[i].op.(transposeOp)
			if !ok {
				break
			}
			from := make([]int, len(t.perm))
			for axis, p := range t.perm {
				from[p] = (*labels)[axis]
			}
			*labels, in[i] = from, in[i].in()[0]
		}
	}
	return o, in
}

// parts cuts n along its longest summed axis so that each part sums at most so many products an element.
func (o contractOp) parts(n *node, most int) []*node {
	a, b := Tensor{n.in()[0]}, Tensor{n.in()[1]}
	size, _ := o.sizes(a.Shape(), b.Shape())
	longest, all := -1, 1
	for _, l := range o.summed() {
		all *= size[l]
		if longest < 0 || size[l] > size[longest] {
			longest = l
		}
	}
	if all <= most {
		return []*node{n}
	}
	step := max(most/(all/size[longest]), 1)
	var out []*node
	for from := 0; from < size[longest]; from += step {
		cut := func(x Tensor, labels []int) *node {
			if i := slices.Index(labels, longest); i >= 0 {
				x = x.Slice(i, from, min(from+step, size[longest]))
			}
			return x.n
		}
		out = append(out, newNode(o, []*node{cut(a, o.a), cut(b, o.b)}, n.spec, n.pc))
	}
	return out
}

// fitsDevice reports that neither the product below m nor an operand of it has more bytes than an array may.
func fitsDevice(m *node, bytes int64) bool {
	for _, n := range reach([]*node{m}, func(n *node) bool { _, ok := n.op.(matmulOp); return ok }) {
		if _, ok := n.op.(matmulOp); ok {
			a, b := storage(n.in()[0]), storage(n.in()[1])
			return max(bytesOf(n.spec), bytesOf(a.spec), bytesOf(b.spec)) <= bytes
		}
	}
	return true
}

// productPlanner turns contractions into matmuls on a device.
type productPlanner struct {
	target shaders.MatMulTarget
	limit  int // elements that one binding holds
	images map[imageKey]Tensor
}

func newProductPlanner(target shaders.MatMulTarget, p gpu.Profile) *productPlanner {
	return &productPlanner{target: target, limit: int(p.MaxStorageRange / 4), images: map[imageKey]Tensor{}}
}

// matmul is contraction n as a matmul, or nil where that does not pay.
func (o contractOp) matmul(n *node, p *productPlanner) *node {
	l := o.labelled(n, p.target)
	if m := l.overImage(p); m != nil {
		return m
	}
	return l.overMatrices(p)
}

// storage is the node whose array holds n's elements in n's order: reshapes and barriers share their operand's.
func storage(n *node) *node {
	for {
		switch n.op.(type) {
		case reshapeOp, barrierOp:
			n = n.in()[0]
		default:
			return n
		}
	}
}

// storable reports whether n can be an array: splat constants and positions are never stored.
func storable(n *node) bool {
	s := storage(n)
	return s.isParam() || isTable(s) || s.op.Class() != Leaf
}
