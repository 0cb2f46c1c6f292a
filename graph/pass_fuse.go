package graph

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
)

// fusion says which nodes become arrays of their own (roots) and which kernel computes them; all
// other nodes are computed inside the kernels that read them.
type fusion struct {
	outputs []*node
	order   []*node // inputs before users
	root    map[*node]bool
	forced  map[*node]bool // roots by conflict, or because an opaque op reads them
	alone   map[*node]bool // roots that may not share a kernel
	space   map[*node]int  // how many positions a node is evaluated at
	cost    map[*node]int  // machine operations an element when computed in place
	work    map[*node]int  // the same of roots, which cost nothing but a load where they are read
	off     bool           // every op that computes is a kernel
	brief   int            // elements that the reductions of a kernel may fold where it is shared
	kernels []*kernelPlan
}

// kernelPlan is one dispatch to be: the roots that it computes. Behind a product come those of its epilogue (pass_epilogue.go).
type kernelPlan struct {
	roots []*node
	work  int // machine operations an element
}

// recomputeCost is how many operations may be computed twice rather than stored and read again.
const recomputeCost = 12

// largestKernel is how many operations an element one kernel computes: drivers take long over larger ones.
const largestKernel = 600

// maxBindings is the number of storage buffers that every device can bind at once with room to spare.
const maxBindings = 12

// fuse decides with heuristics; conflicts that lowering finds are forced and fuse runs again.
func fuse(outputs []*node, forced, alone map[*node]bool) *fusion {
	return fuseFor(gpu.Discrete, outputs, forced, alone)
}

// briefFolds is how many elements an invocation folds in less time than one more dispatch takes, and briefFoldsCPU the same where
// a load takes a cycle or two and a dispatch tens of microseconds.
const briefFolds, briefFoldsCPU = 64, 1 << 14

// fuseFor is fuse for a kind of device.
func fuseFor(kind gpu.Kind, outputs []*node, forced, alone map[*node]bool) *fusion {
	p := &fusion{outputs: outputs, root: map[*node]bool{}, forced: forced, alone: alone, space: map[*node]int{}, cost: map[*node]int{}, work: map[*node]int{}, off: off("fuse"), brief: briefFolds}
	if kind == gpu.CPU {
		p.brief = briefFoldsCPU
	}
	p.order = reach(outputs, nil)
	p.chooseRoots()
	p.group()
	return p
}

// stored reports whether n is an array when kernels read it.
func (p *fusion) stored(n *node) bool {
	return p.root[n] || n.isParam() || isTable(n)
}

// isTable reports a constant with a value for each element: it is uploaded when the program is compiled.
func isTable(n *node) bool {
	c, ok := n.op.(constOp)
	return ok && !c.splat()
}

func (p *fusion) chooseRoots() {
	users := map[*node][]*node{}
	for _, n := range p.order {
		for _, in := range n.in() {
			users[in] = append(users[in], n)
		}
		p.cost[n] = p.inlineCost(n)
		if p.work[n] = p.cost[n]; p.cost[n] > largestKernel && n.op.Class() == Pointwise {
			p.forced[n] = true
			p.cost[n] = 1
		}
	}
	for _, n := range p.outputs {
		p.root[storage(n)] = true
	}
	readers := map[*node][]*node{} // the roots that compute a node in place
	for i := len(p.order) - 1; i >= 0; i-- {
		n := p.order[i]
		if n.op.Class() == Leaf {
			continue
		}
		if n.op.Class() == Opaque {
			for _, in := range n.in() {
				if s := storage(in); s.op.Class() != Leaf {
					p.forced[s] = true
				}
			}
		}
		for _, u := range users[n] {
			s := p.space[u]
			if p.root[u] {
				s = u.spec.Shape.Size()
				readers[n] = appendNew(readers[n], u)
			} else {
				for _, r := range readers[u] {
					readers[n] = appendNew(readers[n], r)
				}
			}
			if u.op.Class() == Reduction {
				s *= foldLength(u)
			}
			p.space[n] = max(p.space[n], s)
		}
		if !p.root[n] && (p.forced[n] || p.mustStore(n, readers[n])) {
			p.root[n] = true
		}
	}
}

func appendNew(list []*node, n *node) []*node {
	if slices.Contains(list, n) {
		return list
	}
	return append(list, n)
}

// foldLength is how many elements a reduction folds into one.
func foldLength(n *node) int {
	size := n.spec.Shape.Size()
	switch o := n.op.(type) {
	case reduceOp:
		return n.in()[0].spec.Shape.Size() / max(size, 1)
	case contractOp:
		length := 1
		for i, l := range o.a {
			if !slices.Contains(o.out, l) {
				length *= n.in()[0].spec.Shape[i]
			}
		}
		return length
	case foldOp:
		return o.foldLength()
	case scatterOp:
		size, _ := labelSizes([][]int{o.up}, []Shape{n.in()[0].spec.Shape})
		return sizesOf(o.folded(), size).Size()
	}
	return 1
}

// inlineCost is the work to compute an element of n in place, down to the arrays it reads.
func (p *fusion) inlineCost(n *node) int {
	c := 0
	switch o := n.op.(type) {
	case elementwise:
		c = o.cost
	case whereOp, convertOp, contractOp:
		c = 1
	case concatOp, padOp, gatherOp, scatterOp, dynamicSliceOp, dynamicPlaceOp:
		c = 4
	case windowsOp:
		if o.pads() {
			c = 4
		}
	case foldOp:
		c = o.work()
	}
	if n.op.Class() == Reduction || n.op.Class() == Opaque || n.isParam() {
		return 1 // a load
	}
	for _, in := range n.in() {
		c += p.cost[in]
	}
	return min(c, 1<<20)
}

// mustStore decides whether n becomes an array of its own.
func (p *fusion) mustStore(n *node, readers []*node) bool {
	size := n.spec.Shape.Size()
	switch n.op.Class() {
	case View, Leaf:
		return false
	case Opaque:
		return true
	}
	if p.off {
		return true
	}
	if n.op.Class() == Reduction {
		// A short fold that one kernel needs once for each of its positions joins that kernel. Few results have few invocations.
		most := 4096
		if size < 8 {
			most = 64
		}
		return len(readers) != 1 || p.space[n] != size || foldLength(n) > most
	}
	if size == 1 {
		return p.cost[n] > 300
	}
	arithmetic := p.cost[n] > 1
	return arithmetic && (p.space[n] > size || len(readers) > 1 && p.cost[n] > recomputeCost)
}

// group forms kernels: roots of one shape that do not wait for each other share one.
func (p *fusion) group() {
	at := map[*node]int{} // kernel of a root
	for _, n := range p.order {
		if !p.root[n] {
			continue
		}
		after := -1 // the last kernel that n waits for
		for _, d := range p.reads(n) {
			if k, ok := at[d]; ok && d != n {
				after = max(after, k)
			}
		}
		k := p.productOf(n, at) // pass_epilogue.go
		if k >= 0 && p.joinProduct(k, n, at) {
			continue
		}
		k = -1
		if p.shareable(n) {
			for i := len(p.kernels) - 1; i >= max(after, 0); i-- {
				if p.joins(p.kernels[i], n) {
					k = i
					break
				}
			}
		}
		if k < 0 {
			k = len(p.kernels)
			p.kernels = append(p.kernels, &kernelPlan{})
		}
		p.kernels[k].roots = append(p.kernels[k].roots, n)
		p.kernels[k].work += p.work[n]
		at[n] = k
	}
}

// shareable kernels are elementwise, or fold so little that a dispatch costs more: other loops and templates stay alone.
func (p *fusion) shareable(n *node) bool {
	if p.off || p.alone[n] || n.op.Class() == Opaque {
		return false
	}
	return p.folded(n) <= p.brief
}

// folded is how many elements the reductions fold that run where n is computed.
func (p *fusion) folded(n *node) int {
	seen := map[*node]bool{}
	var walk func(*node) int
	walk = func(x *node) int {
		total := 0
		if x.op.Class() == Reduction {
			total = x.spec.Shape.Size() * foldLength(x)
		}
		for _, in := range x.in() {
			if !p.stored(in) && !seen[in] {
				seen[in] = true
				total = min(total+walk(in), math.MaxInt32)
			}
		}
		return total
	}
	return walk(n)
}

func (p *fusion) joins(k *kernelPlan, n *node) bool {
	first := k.roots[0]
	folded := p.folded(n)
	for _, r := range k.roots {
		folded += p.folded(r)
	}
	if folded > p.brief {
		return false
	}
	if !first.spec.Shape.Equal(n.spec.Shape) || !p.shareable(first) || k.work+p.work[n] > 2*largestKernel {
		return false
	}
	arrays := map[*node]bool{}
	for _, r := range append(slices.Clone(k.roots), n) {
		arrays[r] = true
		for _, d := range p.reads(r) {
			arrays[d] = true
		}
	}
	return len(arrays) <= maxBindings
}

// reads lists the arrays that computing n needs.
func (p *fusion) reads(n *node) []*node {
	var list []*node
	seen := map[*node]bool{}
	var walk func(*node)
	walk = func(x *node) {
		for _, in := range x.in() {
			if seen[in] {
				continue
			}
			seen[in] = true
			if p.stored(in) {
				list = append(list, in)
			} else {
				walk(in)
			}
		}
	}
	walk(n)
	return list
}

// relief is what to store so that a kernel with too many arguments has fewer: the last of its roots, or of the nodes that it computes those that
// read the most arrays that one kernel may, until as many are gone as are too many for the device's bindings.
func (p *fusion) relief(k *kernelPlan, excess, bindings int) conflict {
	if len(k.roots) > 1 {
		return conflict{k.roots[len(k.roots)-1]}
	}
	limit := min(maxBindings, bindings) // of arrays that a kernel reads, beside what it writes
	var c conflict
	reads := map[*node][]*node{} // the arrays that a node of the kernel reads
	var walk func(*node)
	walk = func(n *node) {
		reads[n] = nil
		for _, in := range n.in() {
			if _, seen := reads[in]; !seen && !p.stored(in) && excess > 0 {
				walk(in)
			}
		}
		for {
			var list []*node
			var best *node
			for _, in := range n.in() {
				if p.stored(in) || slices.Contains(c, in) {
					list = appendNew(list, in)
					continue
				}
				for _, x := range reads[in] {
					list = appendNew(list, x)
				}
				if most := max(len(reads[best]), 1); len(reads[in]) > most && len(reads[in]) < limit {
					best = in
				}
			}
			if len(list) < limit || excess <= 0 || best == nil {
				reads[n] = list
				return
			}
			c = append(c, best)
			excess -= len(reads[best]) - 1
		}
	}
	walk(k.roots[0])
	if c == nil {
		fail("compile", ErrArgument, "join fewer tensors at once", "%s of %d arrays: no device binds so many at once",
			k.roots[0].op.Name(), len(p.reads(k.roots[0])))
	}
	return c
}
