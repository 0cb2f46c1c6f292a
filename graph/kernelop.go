package graph

import "github.com/lavagrad/lavagrad/shaders"

// kernelOp is an op of class Opaque: its result comes out of kernels of its own, which may be several
// dispatches with scratch arrays between them. When they run, operands and result are arrays in row-major
// order, a 32-bit word an element (bool: 0 or 1). Float64 operands and results (two words an element) only reach ops with a
// method float64Kernels(). Embed opaqueRules for the rules that such ops do not have.
type kernelOp interface {
	Op
	// Kernels appends the dispatches that compute n.
	Kernels(k *Kernels, n Operands)
}

// opaqueRules are the rules that ops with kernels of their own share.
type opaqueRules struct{}

func (opaqueRules) Class() Class { return Opaque }

func (opaqueRules) Lower(*Lowering, Operands, []shaders.Index) *shaders.Expr {
	panic("BUG: graph: an op with kernels of its own was lowered to an expression")
}

// Kernels is what a Kernels rule appends dispatches to.
type Kernels struct {
	out *lowered
	n   *node
}

// Target is the device that the kernels will run on.
func (k *Kernels) Target() shaders.Target { return k.out.target }

// KernelArg is an argument of a dispatch: an array, read or also written.
type KernelArg struct {
	b     buffer
	write bool
}

// In is operand i, to be read.
func (k *Kernels) In(i int) KernelArg { return KernelArg{b: buffer{n: storage(k.n.in()[i])}} }

// Out is the result, to be written (and read, after an earlier dispatch wrote it).
func (k *Kernels) Out() KernelArg { return KernelArg{buffer{n: k.n}, true} }

// Scratch is a new array of so many 32-bit words that lives as long as the op's dispatches.
func (k *Kernels) Scratch(words int) KernelArg {
	k.out.scratch = append(k.out.scratch, words)
	return KernelArg{buffer{scratch: len(k.out.scratch)}, true}
}

// ReadOnly is the argument for a dispatch that does not write it.
func (a KernelArg) ReadOnly() KernelArg { a.write = false; return a }

// Range is the part of the argument's array that begins at a word, which must be a multiple of 64, and has so many.
func (a KernelArg) Range(first, words int) KernelArg {
	if first%(alignment/4) != 0 {
		panic("BUG: graph: a binding begins between the device's alignments")
	}
	a.b.offset, a.b.length = 4*int64(first), 4*int64(words)
	return a
}

// Dispatch appends one run of a kernel; the arguments are its bindings in order.
func (k *Kernels) Dispatch(name string, kernel shaders.Kernel, args ...KernelArg) {
	for len(kernel.Views) < len(args) {
		kernel.Views = append(kernel.Views, shaders.Storage)
	}
	s := step{name: name + " " + k.n.spec.Shape.String(), kernel: func() shaders.Kernel { return kernel }, roots: []*node{k.n}}
	for _, a := range args {
		s.args = append(s.args, a.b)
		s.writes = append(s.writes, a.write)
	}
	k.out.steps = append(k.out.steps, s)
}

// isolate gives the operands of opaque ops arrays of their own where they are constants or positions, which
// otherwise are never stored. Loops take these as they are.
func isolate(outputs []*node) []*node {
	return rewrite(outputs, func(n *node, in []*node) *node {
		switch n.op.(type) {
		case scanOp, whileOp:
			return nil
		}
		if n.op.Class() != Opaque {
			return nil
		}
		own := make([]*node, len(in))
		for i, x := range in {
			own[i] = x
			if !storable(x) {
				own[i] = newNode(aliasOp{}, []*node{x}, x.spec, x.pc)
			}
		}
		return newNode(n.op, own, n.spec, n.pc)
	})
}

// rewrite copies the graph below outputs, with f's node in the place of each for which it gives one; in are the
// rewritten operands.
func rewrite(outputs []*node, f func(n *node, in []*node) *node) []*node {
	done := map[*node]*node{}
	for _, n := range reach(outputs, nil) {
		in := make([]*node, len(n.in()))
		same := true
		for i, x := range n.in() {
			in[i] = done[x]
			same = same && in[i] == x
		}
		switch r := f(n, in); {
		case r != nil:
			done[n] = r
		case same:
			done[n] = n
		default:
			done[n] = newNode(n.op, in, n.spec, n.pc)
		}
	}
	out := make([]*node, len(outputs))
	for i, n := range outputs {
		out[i] = done[n]
	}
	return out
}
