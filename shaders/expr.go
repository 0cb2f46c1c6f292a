package shaders

import (
	"fmt"
	"strings"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Reducer folds the values of a reduction.
type Reducer uint8

// The reducers.
const (
	Sum Reducer = iota
	Max
	Min
	Prod
)

// String gives the reducer's name.
func (r Reducer) String() string { return [...]string{"sum", "max", "min", "prod"}[r] }

// Fn is an elementwise function: how its kernel code is emitted. Names identify functions: two
// functions of one name must emit the same code. Arguments come with equal lane counts.
type Fn struct {
	Name string
	Cost int // rough number of machine operations
	Emit func(b *spirv.Builder, x []spirv.Value) spirv.Value
}

type exprKind uint8

const (
	literalExpr exprKind = iota
	loadExpr
	indexExpr
	applyExpr
	reduceExpr
	registerExpr
	resultExpr
	productExpr
)

// Expr is a node of a kernel's expression: the value at the current position of the kernel's axes.
// Equal expressions of one kernel are one pointer.
type Expr struct {
	id      int
	kind    exprKind
	dtype   spirv.Kind
	axes    axisSet // what the value depends on
	reduced bool    // depends on a reduction axis
	bits    uint64  // literal
	arg     int     // load
	at      Index   // load, index
	fn      *Fn     // apply
	args    []*Expr // apply; the body of reduce
	red     Reducer
	inner   []*Axis // reduce: the axes folded
	loop    *Loop   // register, result
	place   int     // register, result: which of the loop's; -1 for the number of the round
	depth   int     // how many loops (loop.go) are around what it is computed from
	home    *Loop   // the innermost of them
}

// Kind is the expression's element type in registers.
func (e *Expr) Kind() spirv.Kind { return e.dtype }

// OnReductionAxes reports that the value changes along the axes of a reduction around it.
func (e *Expr) OnReductionAxes() bool { return e.reduced }

// Arg is an array that a kernel reads or writes.
type Arg struct {
	Kind  spirv.Kind // Bool is stored as a 32-bit 0 or 1
	Size  int        // elements
	Write bool
}

// Fused is a kernel under construction: expressions of loads, arithmetic and reductions over a space of
// output axes, and what is stored where. Compile emits it.
type Fused struct {
	axes    []*Axis // all of them; the output axes first, outermost first
	outer   int     // number of output axes
	space   []Index // the position in the output space; axes of length 1 are the constant 0
	args    []Arg
	outputs []store
	exprs   map[string]*Expr
	inner   map[string][]Index
	count   int
	open    []*Loop // loop.go: those whose bodies are being built, outermost first
	loops   int
	effects []*Expr // results of loops that store something, whoever reads them
	rounds  int     // of the loop whose rounds are Pushed; 0 without
}

type store struct {
	arg   int
	value *Expr
	at    Index
	once  bool // by the first position of the output space alone
}

// NewFused begins a kernel over the given output space, outermost axis first.
func NewFused(space ...int) *Fused {
	f := &Fused{exprs: map[string]*Expr{}, inner: map[string][]Index{}}
	f.space = f.addAxes(space, false)
	f.outer = len(f.axes)
	return f
}

func (f *Fused) addAxis(extent int, reduce bool) *Axis {
	a := &Axis{id: len(f.axes), Extent: extent, reduce: reduce}
	if a.id >= 64 {
		panic("BUG: shaders: a kernel has more than 64 axes")
	}
	f.axes = append(f.axes, a)
	return a
}

// addAxes makes an axis for every length but 1, whose position is always 0.
func (f *Fused) addAxes(extents []int, reduce bool) []Index {
	out := make([]Index, len(extents))
	for i, n := range extents {
		if n != 1 {
			out[i] = f.addAxis(n, reduce).Index()
		}
	}
	return out
}

// Space is the position in the output space.
func (f *Fused) Space() []Index { return f.space }

// ReductionAxes makes the axes of a reduction and gives the position on them. Reductions over the same
// extents share them, and so share a loop and their loads.
func (f *Fused) ReductionAxes(extents ...int) []Index {
	key := fmt.Sprint(extents)
	if x, ok := f.inner[key]; ok {
		return x
	}
	x := f.addAxes(extents, true)
	f.inner[key] = x
	return x
}

// AddArg declares an array and returns its number, which is also its binding.
func (f *Fused) AddArg(a Arg) int {
	f.args = append(f.args, a)
	return len(f.args) - 1
}

// Args lists the arrays declared.
func (f *Fused) Args() []Arg { return f.args }

func (f *Fused) cons(key string, e Expr) *Expr {
	if old, ok := f.exprs[key]; ok {
		return old
	}
	e.id = f.count
	f.count++
	for _, x := range e.operands() {
		if x.depth > e.depth {
			e.depth, e.home = x.depth, x.home
		}
	}
	for _, a := range f.axes[f.outer:] {
		e.reduced = e.reduced || e.axes.has(a)
	}
	f.exprs[key] = &e
	return &e
}

// Literal is a constant given by its bits, 64 for Float64 and 32 for the others; bool is 0 or 1.
func (f *Fused) Literal(k spirv.Kind, bits uint64) *Expr {
	return f.cons(fmt.Sprintf("c%d %x", k, bits), Expr{kind: literalExpr, dtype: k, bits: bits})
}

// Load reads element at of an array.
func (f *Fused) Load(arg int, at Index) *Expr {
	return f.cons(fmt.Sprintf("l%d %s", arg, at), Expr{kind: loadExpr, dtype: f.args[arg].Kind, arg: arg, at: at, axes: at.axes()})
}

// FromIndex is an index as an int32 value.
func (f *Fused) FromIndex(at Index) *Expr {
	if len(at.terms) == 0 {
		return f.Literal(spirv.Int32, uint64(uint32(int32(at.c))))
	}
	return f.cons("i"+at.String(), Expr{kind: indexExpr, dtype: spirv.Int32, at: at, axes: at.axes()})
}

// Apply is an elementwise function of other expressions.
func (f *Fused) Apply(k spirv.Kind, fn *Fn, args ...*Expr) *Expr {
	var key strings.Builder
	fmt.Fprintf(&key, "f%d %s", k, fn.Name)
	e := Expr{kind: applyExpr, dtype: k, fn: fn, args: args}
	for _, a := range args {
		fmt.Fprintf(&key, " %d", a.id)
		e.axes |= a.axes
	}
	return f.cons(key.String(), e)
}

// OnReductionAxes reports a position that moves along the axes of a reduction.
func (f *Fused) OnReductionAxes(at []Index) bool {
	for _, x := range at {
		for _, a := range f.axes[f.outer:] {
			if x.axes().has(a) {
				return true
			}
		}
	}
	return false
}

// Reduce folds body over the position that ReductionAxes gave.
func (f *Fused) Reduce(r Reducer, body *Expr, inner []Index) *Expr {
	var axes []*Axis
	for _, x := range inner {
		if len(x.terms) > 0 {
			axes = append(axes, x.terms[0].atom.axis)
		}
	}
	return f.reduce(r, body, axes)
}

func (f *Fused) reduce(r Reducer, body *Expr, axes []*Axis) *Expr {
	if len(axes) == 0 {
		return body
	}
	e := Expr{kind: reduceExpr, dtype: body.dtype, red: r, args: []*Expr{body}, inner: axes, axes: body.axes}
	key := fmt.Sprintf("r%d %d", r, body.id)
	for _, a := range axes {
		e.axes &^= 1 << a.id
		key += fmt.Sprintf(" %d", a.id)
	}
	return f.cons(key, e)
}

// Store writes a value to element at of an array at every position of the output space.
func (f *Fused) Store(arg int, at Index, value *Expr) {
	f.args[arg].Write = true
	f.outputs = append(f.outputs, store{arg: arg, value: value, at: at})
}

// operands lists what e is computed from: its arguments, and the values that its position is made of.
func (e *Expr) operands() []*Expr {
	list := e.args
	for _, t := range e.at.terms {
		list = t.atom.values(list)
	}
	return list
}

// values appends the values in an index atom to list.
func (a *atom) values(list []*Expr) []*Expr {
	if a.kind == valueAtom {
		return append(list[:len(list):len(list)], a.expr)
	}
	for _, t := range a.base.terms {
		list = t.atom.values(list)
	}
	return list
}

// walk visits every expression that the outputs need, operands first.
func (f *Fused) walk(visit func(*Expr)) {
	seen := map[*Expr]bool{}
	var index func(Index)
	var expr func(*Expr)
	expr = func(e *Expr) {
		if seen[e] {
			return
		}
		seen[e] = true
		for _, a := range e.args {
			expr(a)
		}
		index(e.at)
		if e.kind == resultExpr {
			e.loop.parts(expr, index)
		}
		visit(e)
	}
	index = func(x Index) {
		for _, t := range x.terms {
			if t.atom.kind == valueAtom {
				expr(t.atom.expr)
			} else {
				index(t.atom.base)
			}
		}
	}
	for _, e := range f.effects {
		expr(e)
	}
	for _, o := range f.outputs {
		expr(o.value)
		index(o.at)
	}
}
