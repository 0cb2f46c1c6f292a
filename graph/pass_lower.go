package graph

import (
	"fmt"
	"slices"
	"sync"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/tune"
	"github.com/lavagrad/lavagrad/shaders"
)

// buffer is what an argument of a step is bound to: a node's array, or the scratch array of this number,
// counted from 1; a range of its bytes when length is not 0.
type buffer struct {
	n              *node
	scratch        int
	offset, length int64
}

// whole is the buffer without a range.
func (b buffer) whole() buffer { return buffer{n: b.n, scratch: b.scratch} }

// step is one dispatch of a program.
type step struct {
	name   string
	kernel func() shaders.Kernel // emits it when it is first asked for: most of what plans are compared by needs no code
	args   []buffer
	writes []bool
	roots  []*node
}

// lowered is a program's list of dispatches before memory is planned.
type lowered struct {
	steps    []step
	loops    []loopRange
	scratch  []int   // 32-bit words of each scratch array
	planned  []*node // what is computed, before it is laid out for kernels
	outputs  []*node // as the passes left them
	order    []*node
	bodies   []*lowered          // of the loops
	rounds   map[string]*lowered // of scans, by the keys of their bodies
	profile  gpu.Profile
	conf     jitConfig
	target   shaders.Target
	bindings int   // the most arguments of a kernel
	bytes    int64 // the most bytes of an array
	inPlace  map[inPlacePair]bool
	inLanes  bool // it has loops that run in lanes

	epilogues [][]*node // roots of each kernel of products that has one
}

// picked is the node of a tuple's result, nil where nobody reads it.
func (l *lowered) picked(tuple *node, i int) *node {
	for _, n := range l.order {
		if p, ok := n.op.(pickOp); ok && p.i == i && n.in()[0] == tuple {
			return n
		}
	}
	return nil
}

// lower makes the steps of the plan. Where a fusion decision cannot stand it is undone and the
// graph is fused again: conflicts only ever separate nodes, so this ends. Code, which takes longest, is emitted for the plan that is kept, when it
// is asked for. No kernel has more arguments than the device binds, and no array more bytes than it allocates.
func lower(outputs []*node, profile gpu.Profile, conf jitConfig) *lowered {
	forced, alone := map[*node]bool{}, map[*node]bool{}
	for {
		p := fuseFor(profile.Kind, outputs, forced, alone)
		out := &lowered{outputs: outputs, order: p.order, conf: conf, profile: profile, target: tune.Target(profile),
			bindings: min(profile.MaxBindings, mostBindings), bytes: profile.MaxAllocation, rounds: map[string]*lowered{}}
		steps, c := out.kernels(p)
		if c == nil {
			for _, add := range steps {
				add()
			}
			return out
		}
		for _, n := range c {
			if forced[n] && alone[n] {
				panic("BUG: graph: fusing " + n.op.Name() + " fails whatever is done")
			}
			if p.root[n] {
				alone[n] = true
			}
			forced[n] = true
		}
	}
}

// kernels makes the expressions of all kernels. The functions that it gives append their steps, in order.
func (l *lowered) kernels(p *fusion) (steps []func(), c conflict) {
	for _, k := range p.kernels {
		f, c := l.kernel(p, k)
		if c != nil {
			return nil, c
		}
		steps = append(steps, f)
	}
	return steps, nil
}

// kernel makes the expression of one kernel.
func (l *lowered) kernel(p *fusion, plan *kernelPlan) (steps func(), c conflict) {
	for _, n := range plan.roots {
		if b := bytesOf(n.spec); b > l.bytes {
			panic(&Error{Op: n.op.Name(), Pos: position(n.pc), Kind: gpu.ErrOutOfMemory,
				Detail: fmt.Sprintf("its result %v takes %d bytes, an array of this device at most %d", n.spec, b, l.bytes),
				Fix:    "work on fewer samples at once, or reduce the result inside the compiled function"})
		}
	}
	if len(plan.roots) > 1 && plan.roots[0].op.Class() == Opaque {
		return l.productKernel(p, plan)
	}
	if o, ok := plan.roots[0].op.(kernelOp); ok {
		n := plan.roots[0]
		checkKernelTypes(n)
		return func() { o.Kernels(&Kernels{l, n}, Operands{n}) }, nil
	}
	shape := plan.roots[0].spec.Shape
	k := &kernelBuilder{f: shaders.NewFused(shape...), plan: p, own: map[*node]bool{}, args: map[*node]int{}, memo: map[string]*shaders.Expr{}}
	k.space = k.f.Space()
	for _, n := range plan.roots {
		k.own[n] = true
	}
	values := make([]*shaders.Expr, len(plan.roots))
	dests, places := slices.Clone(plan.roots), make([]shaders.Index, len(values)) // where the values go
	for i, n := range plan.roots {
		values[i] = k.value(n, k.space)
		places[i] = linear(k.space, shape)
		if o, ok := n.op.(putOp); ok {
			dests[i] = o.dest
			row := shaders.ValueIndex(k.value(n.in()[1], nil), 0, max(o.dest.spec.Shape[0]-1, 0))
			places[i] = places[i].Add(row.Scale(shape.Size()))
		}
	}
	if k.conflict != nil {
		return nil, k.conflict
	}
	if n := len(k.order) + len(values); n > l.bindings {
		return nil, p.relief(plan, n-l.bindings, l.bindings)
	}
	args := make([]buffer, 0, len(k.order)+len(values))
	for _, n := range k.order {
		args = append(args, buffer{n: n})
	}
	for i, n := range dests {
		k.f.Store(k.f.AddArg(shaders.Arg{Kind: n.spec.DType.kind(), Size: n.spec.Shape.Size()}), places[i], values[i])
		args = append(args, buffer{n: n})
	}
	return func() { l.fused(k, args, plan.roots) }, nil
}

// fused appends the steps of a fused kernel: two where it folds long reductions to few results.
func (l *lowered) fused(k *kernelBuilder, args []buffer, roots []*node) {
	name := kernelName(roots)
	h := k.f.Split(l.target)
	if h == nil {
		l.noteInPlace(roots, k)
		l.append(name, k.f, args, roots)
		return
	}
	var scratch, first, second []buffer
	for i, size := range h.Sizes {
		partial := h.First.Args()[len(h.FirstArgs)+i]
		l.scratch = append(l.scratch, size*partial.Kind.Bytes()/4)
		scratch = append(scratch, buffer{scratch: len(l.scratch)})
	}
	for _, i := range h.FirstArgs {
		first = append(first, args[i])
	}
	for _, i := range h.SecondArgs {
		second = append(second, args[i])
	}
	l.append(name+" (parts)", h.First, append(first, scratch...), nil)
	l.append(name, h.Second, append(scratch, second...), roots)
}

func (l *lowered) append(name string, f *shaders.Fused, args []buffer, roots []*node) {
	pieces := sync.OnceValue(func() []shaders.Piece { return f.Pieces(l.target) })
	for at, ranges := range f.PieceRanges(l.target) {
		s := step{name: name, roots: roots, kernel: func() shaders.Kernel { return pieces()[at].Kernel }}
		for i, a := range f.Args() {
			b := args[i]
			if ranges != nil {
				size := int64(a.Kind.Bytes())
				b.offset, b.length = size*int64(ranges[i].Offset), size*int64(ranges[i].Length)
			}
			s.args = append(s.args, b)
			s.writes = append(s.writes, a.Write)
		}
		l.steps = append(l.steps, s)
	}
}

// mostBindings is how many arrays one kernel binds at most: more has no use.
const mostBindings = 24

// kernelName names a kernel after the ops of its first root, for profiles and dumps.
func kernelName(roots []*node) string {
	n := roots[0]
	if len(roots) > 1 {
		return fmt.Sprintf("%s %v +%d", n.op.Name(), n.spec.Shape, len(roots)-1)
	}
	return fmt.Sprintf("%s %v", n.op.Name(), n.spec.Shape)
}
