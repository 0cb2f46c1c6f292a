package graph

import (
	"fmt"
	"strings"

	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Lowering is what an op's Lower rule writes its kernel expression with.
type Lowering struct {
	k *kernelBuilder
	n *node
}

// At is the element of operand i at an index of that operand.
func (l *Lowering) At(i int, at []shaders.Index) *shaders.Expr { return l.k.value(l.n.in()[i], at) }

// Apply is an elementwise function.
func (l *Lowering) Apply(d DType, fn *shaders.Fn, args ...*shaders.Expr) *shaders.Expr {
	return l.k.f.Apply(d.kind(), fn, args...)
}

// Literal is a constant.
func (l *Lowering) Literal(d DType, v float64) *shaders.Expr {
	return l.k.f.Literal(d.kind(), d.bits(v))
}

// FromIndex is an index as an int32 value.
func (l *Lowering) FromIndex(at shaders.Index) *shaders.Expr { return l.k.f.FromIndex(at) }

// ReductionAxes opens axes to fold over and gives the position on them; Reduce closes them.
func (l *Lowering) ReductionAxes(extents ...int) []shaders.Index {
	if l.k.lanes != nil {
		return l.k.lanes.axes(extents)
	}
	return l.k.f.ReductionAxes(extents...)
}

// Reduce folds body over the position that ReductionAxes gave.
func (l *Lowering) Reduce(r shaders.Reducer, body *shaders.Expr, inner []shaders.Index) *shaders.Expr {
	if l.k.lanes != nil {
		return l.k.lanes.reduce(r, body)
	}
	return l.k.f.Reduce(r, body, inner)
}

// Select is a where cond is true, else b.
func (l *Lowering) Select(cond, a, b *shaders.Expr) *shaders.Expr {
	return l.k.f.Apply(a.Kind(), selectFn, cond, a, b)
}

// And is the conjunction of two conditions of which either may be nil, that is, true.
func (l *Lowering) And(a, b *shaders.Expr) *shaders.Expr {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return l.k.f.Apply(spirv.Bool, andFn, a, b)
}

// InRange is the condition lo <= at <= hi, nil when that always holds.
func (l *Lowering) InRange(at shaders.Index, lo, hi int) *shaders.Expr {
	if at.Within(lo, hi) {
		return nil
	}
	x := l.k.f.FromIndex(at)
	lit := func(v int) *shaders.Expr { return l.k.f.Literal(spirv.Int32, uint64(uint32(int32(v)))) }
	return l.And(l.k.f.Apply(spirv.Bool, leFn, lit(lo), x), l.k.f.Apply(spirv.Bool, leFn, x, lit(hi)))
}

var (
	selectFn = &shaders.Fn{Name: shaders.SelectName, Cost: 1, Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value { return b.Select(x[0], x[1], x[2]) }}
	andFn    = &shaders.Fn{Name: "and", Cost: 1, Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value { return b.And(x[0], x[1]) }}
	orFn     = &shaders.Fn{Name: "or", Cost: 1, Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value { return b.Or(x[0], x[1]) }}
	leFn     = &shaders.Fn{Name: "le", Cost: 1, Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value { return b.Le(x[0], x[1]) }}
	eqFn     = &shaders.Fn{Name: "eq", Cost: 1, Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value { return b.Eq(x[0], x[1]) }}
	mulFn    = &shaders.Fn{Name: "mul", Cost: 1, Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value { return b.Mul(x[0], x[1]) }}
)

// kernelBuilder lowers the nodes of one kernel. Arrays that the kernel reads become arguments when
// they are first met.
type kernelBuilder struct {
	f        *shaders.Fused
	plan     *fusion
	own      map[*node]bool // the roots that this kernel computes
	args     map[*node]int
	order    []*node // argument number -> node
	memo     map[string]*shaders.Expr
	space    []shaders.Index
	conflict conflict
	lanes    *laneBuilder // of a kernel with lanes (lanes.go)

	product *node                     // of a kernel of matrix products with an epilogue (pass_epilogue.go)
	places  map[*node][]shaders.Index // where such a kernel computes its roots
}

// conflict says which fusion decisions cannot stand: these nodes must be arrays of their own before this kernel runs.
type conflict []*node

// value is the element of n at an index.
func (k *kernelBuilder) value(n *node, at []shaders.Index) *shaders.Expr {
	if k.lanes != nil {
		return k.lanes.value(n, at)
	}
	if k.plan.stored(n) && !(k.own[n] && sameIndex(at, k.home(n))) {
		if k.own[n] {
			k.conflict = appendNew(k.conflict, n)
			return k.f.Literal(n.spec.DType.kind(), 0)
		}
		return k.load(n, at)
	}
	if n == k.product {
		return k.f.Product()
	}
	key := fmt.Sprintf("%d %s", n.id, indexKey(at))
	if e, ok := k.memo[key]; ok {
		return e
	}
	before := len(k.conflict)
	l := &Lowering{k, n}
	e := n.op.Lower(l, Operands{n}, at)
	// The second is not seen in e when both loops have the same length, and so the same axes.
	if n.op.Class() == Reduction && (e.OnReductionAxes() || k.f.OnReductionAxes(at)) {
		// A loop inside a loop: it needs a kernel of its own, where what conflicts in it here may not.
		k.conflict = appendNew(k.conflict[:before], n)
	}
	k.memo[key] = e
	return e
}

// home is the element of root n that the kernel computes at its position.
func (k *kernelBuilder) home(n *node) []shaders.Index {
	if at, ok := k.places[n]; ok {
		return at
	}
	return k.space
}

// load reads an element of an array.
func (k *kernelBuilder) load(n *node, at []shaders.Index) *shaders.Expr {
	return k.f.Load(k.arg(n), linear(at, n.spec.Shape))
}

// arg is the number of the argument that holds n.
func (k *kernelBuilder) arg(n *node) int {
	if i, ok := k.args[n]; ok {
		return i
	}
	i := k.f.AddArg(shaders.Arg{Kind: n.spec.DType.kind(), Size: n.spec.Shape.Size()})
	k.args[n] = i
	k.order = append(k.order, n)
	return i
}

// linear is the row-major position of an index.
func linear(at []shaders.Index, shape Shape) shaders.Index {
	x := shaders.Const(0)
	for i, s := range shape.strides() {
		x = x.Add(at[i].Scale(s))
	}
	return x
}

func sameIndex(a, b []shaders.Index) bool { return indexKey(a) == indexKey(b) }

func indexKey(at []shaders.Index) string {
	var b strings.Builder
	for _, x := range at {
		b.WriteString(x.String())
		b.WriteByte(',')
	}
	return b.String()
}
