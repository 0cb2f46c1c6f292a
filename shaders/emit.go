package shaders

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Kernel is an emitted kernel with what a dispatch of it needs. The words do not depend on the length
// of the outermost axes, which are push constants.
type Kernel struct {
	Code   []uint32
	Push   []uint32
	Groups [3]uint32
	Views  []View // how each argument is bound, in the order of AddArg

	FullSubgroups bool // it counts on subgroups without missing invocations
}

// View is the kind of descriptor that an argument is bound as.
type View uint8

// The views.
const (
	Storage     View = iota // storage buffer
	TexelVector             // uniform texel buffer of four floats a texel, which some CPU drivers read many times faster
)

// fewTiles is how many tiles a kernel has at least to be made without the test for the last one where it can: smaller ones
// save little, and with the test they serve all batch sizes.
const fewTiles = 1 << 13

// maxGroups is the number of workgroups along one dimension that every device takes.
const maxGroups = 65535

// Compile collapses the kernel's axes, chooses a schedule for the target, and emits it.
func (f *Fused) Compile(t Target) Kernel {
	k, _ := f.compile(t, nil)
	return k
}

// compile is Compile, with the words of like where they serve. like was made of a kernel that differs from f in the length of the
// outermost axis alone; nil where there is none.
func (f *Fused) compile(t Target, like *emitter) (Kernel, *emitter) {
	g := f.collapse()
	s := g.plan(t)
	e := newEmitter(g, s, t)
	if like != nil && like.serves(e) {
		e.code = like.code
	} else {
		e.emit()
		e.code = e.b.Module()
	}
	return Kernel{Code: e.code, Push: e.pushed, Groups: s.groups(), Views: e.views, FullSubgroups: s.team > 1}, e
}

// serves reports that e emits the words that like has emitted, for a kernel of another length.
func (like *emitter) serves(e *emitter) bool {
	x, y := like.s, e.s
	if (x.vec == nil) != (y.vec == nil) || x.vec != nil && x.vec.id != y.vec.id || x.roll != y.roll || x.padded != y.padded ||
		x.local != y.local || x.team != y.team || x.filled() != y.filled() || !slices.Equal(x.tile, y.tile) || !slices.Equal(like.views, e.views) {
		return false
	}
	for i, a := range like.f.axes[:like.f.outer] {
		if like.ragged(a) != e.ragged(e.f.axes[i]) {
			return false
		}
	}
	return true
}

// groups is the grid of workgroups for the tiles.
func (s schedule) groups() [3]uint32 {
	n := ceilDiv(s.tiles*s.team, s.local)
	groups := [3]uint32{uint32(n), 1, 1}
	if n > maxGroups {
		groups = [3]uint32{maxGroups, uint32(ceilDiv(n, maxGroups)), 1}
	}
	if s.tiles == 0 {
		groups[0] = 0
	}
	return groups
}

// filled reports that every invocation has a tile, in a kernel of so many that it has no test for the last one.
func (s schedule) filled() bool {
	return s.team == 1 && s.tiles%s.local == 0 && s.tiles/s.local <= maxGroups && s.tiles >= fewTiles
}

// emitter walks a scheduled kernel and writes its code. A position (pos) is an offset within the
// invocation's tile, by axis.
type emitter struct {
	f        *Fused
	s        schedule
	b        *spirv.Builder
	pushed   []uint32
	words    map[int]int            // push word by axis id
	scalars  map[*Expr]int          // push word of literals (scalars.go)
	base     map[int]spirv.Value    // tile start by axis id, u32
	quarters map[uint32]spirv.Value // a quarter of those along the axis of the vectors
	scopes   []map[memoKey]spirv.Value
	buf      map[bufKey]*spirv.Buffer
	views    []View
	pairs    []bool               // by argument: vectors are stored as two words of 64 bits
	texel    map[int]*spirv.Texel // by argument
	tail     *Axis                // the axis whose last, single steps are being emitted: its base is no multiple of its tile
	zero     spirv.Value          // a 0 that the driver cannot know, where there is need of one
	narrow   bool                 // in such a tail of the vector axis: scalar code

	first   int         // binding of the first argument
	product spirv.Value // of an epilogue (epilogue.go)

	ahead      int               // rounds for which a loop computes random numbers together (ahead.go)
	roundsWord int               // push word of the rounds of a loop (loop.go)
	branches   map[*Expr]*branch // selections that are branches (branch.go)
	code       []uint32
}

type pos [64]int16

type memoKey struct {
	what string // value, address
	id   int
	at   pos
	lane int
	wide bool
}

type bufKey struct{ arg, lanes int }

func newEmitter(f *Fused, s schedule, t Target) *emitter {
	e := &emitter{
		f: f, s: s,
		b:     spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{uint32(s.local), 1, 1}, PreserveNaN: t.PreserveNaN, ScalarShifts: t.ScalarShifts}),
		words: map[int]int{}, base: map[int]spirv.Value{}, quarters: map[uint32]spirv.Value{}, buf: map[bufKey]*spirv.Buffer{},
		scopes: []map[memoKey]spirv.Value{{}},
		texel:  map[int]*spirv.Texel{},
	}
	e.chooseViews(t)
	e.push()
	return e
}

// push numbers the push constants: the tiles, and the lengths of the outermost axes.
func (e *emitter) push() {
	e.pushed = append(e.pushed, uint32(e.s.tiles))
	dynamic := []*Axis{}
	if e.f.outer > 0 {
		dynamic = append(dynamic, e.f.axes[0])
	}
	for _, g := range e.f.reductionGroups() {
		dynamic = append(dynamic, g[0])
		for _, a := range g[1:] {
			if a.chunks != nil {
				dynamic = append(dynamic, a)
			}
		}
	}
	for _, a := range dynamic {
		e.words[a.id] = len(e.pushed)
		n := e.f.extent(a, e.s)
		if a.chunks != nil {
			n = a.total
		}
		e.pushed = append(e.pushed, uint32(n))
	}
	if e.f.rounds > 0 {
		e.roundsWord = len(e.pushed)
		e.pushed = append(e.pushed, uint32(e.f.rounds))
	}
	e.pushScalars()
}

// emit writes the whole kernel: the invocation's tile from its number, then every output in the tile.
func (e *emitter) emit() {
	b := e.b
	b.Push(len(e.pushed))
	if e.f.scalesByZero() || e.f.rounds > 0 {
		e.zero = b.Shr(b.PushU32(0), b.ConstU32(31)) // there are fewer than 2^31 tiles
	}
	group := b.Add(b.Mul(b.WorkgroupID(1), b.NumWorkgroups(0)), b.WorkgroupID(0))
	tile := b.Add(b.Mul(group, b.ConstU32(uint32(e.s.local))), b.LocalID(0))
	if e.s.team > 1 {
		tile = group
	}
	body := func() {
		e.scoped(func() {
			e.locate(tile)
			e.rolled(e.outputs)
		})
	}
	if e.s.filled() {
		body() // no branch, which CPU drivers pay for with masked accesses
		return
	}
	b.If(b.Lt(tile, b.PushU32(0)), body)
}

// locate gives every axis the start of a tile.
func (e *emitter) locate(tile spirv.Value) {
	b := e.b
	rest := tile
	for i := e.f.outer - 1; i >= 0; i-- {
		a := e.f.axes[i]
		at := rest
		span := e.f.span(a, e.s)
		if n := ceilDiv(e.f.extent(a, e.s), span); i > 0 {
			c := b.ConstU32(uint32(max(n, 1)))
			at, rest = b.Rem(rest, c), b.Div(rest, c)
		}
		e.base[i] = b.Mul(at, b.ConstU32(uint32(span)))
		if a == e.s.vec {
			e.quarters[e.base[i].ID] = b.Mul(at, b.ConstU32(uint32(span/lanes)))
		}
	}
}

// rolled runs body for each of the tiles that the invocation goes through.
func (e *emitter) rolled(body func()) {
	if e.s.roll == 1 {
		body()
		return
	}
	b, v := e.b, e.s.vec.id
	first := e.base[v]
	b.Loop(b.ConstU32(0), b.ConstU32(uint32(e.s.roll)), b.ConstU32(1), nil, func(i spirv.Value, _ []spirv.Value) []spirv.Value {
		e.scoped(func() {
			e.base[v] = b.Add(first, b.Mul(i, b.ConstU32(uint32(e.s.tile[v]))))
			e.quarters[e.base[v].ID] = b.Add(e.quarter(first), b.Mul(i, b.ConstU32(uint32(e.s.tile[v]/lanes))))
			body()
		})
		return nil
	})
	e.base[v] = first
}

// outputs computes and stores every position of the tile.
func (e *emitter) outputs() {
	e.reductions()
	if e.s.team > 1 { // all have the results, one stores them
		e.b.If(e.b.Eq(e.b.LocalID(0), e.b.ConstU32(0)), func() { e.scoped(e.storeAll) })
		return
	}
	e.storeAll()
}

func (e *emitter) storeAll() {
	e.eachOuter(func(p pos) {
		for _, x := range e.f.effects {
			e.value(x, p)
		}
		values := make([]spirv.Value, len(e.f.outputs))
		for i, o := range e.f.outputs {
			values[i] = e.value(o.value, p)
		}
		// All values are computed before anything is stored: an output may overwrite an input in place.
		e.guarded(p, func() {
			for i, o := range e.f.outputs {
				e.put(o, values[i], p)
			}
		})
	})
}

// eachOuter visits the tile's positions along the output axes, a vector at a time.
func (e *emitter) eachOuter(visit func(p pos)) {
	var p pos
	var walk func(i int)
	walk = func(i int) {
		if i == e.f.outer {
			visit(p)
			return
		}
		step := 1
		if e.f.axes[i] == e.s.vec {
			step = lanes
		}
		for o := 0; o < e.s.tile[i]; o += step {
			p[i] = int16(o)
			walk(i + 1)
		}
		p[i] = 0
	}
	walk(0)
}

// ragged reports an output axis whose last tile reaches past its end.
func (e *emitter) ragged(a *Axis) bool {
	return !a.reduce && e.f.extent(a, e.s)%e.s.tile[a.id] != 0
}

// guarded runs store only where p lies within the space.
func (e *emitter) guarded(p pos, store func()) {
	b := e.b
	cond := spirv.Value{}
	for _, a := range e.f.axes[:e.f.outer] {
		if e.ragged(a) && p[a.id] > 0 {
			in := b.Lt(b.Add(e.base[a.id], b.ConstU32(uint32(p[a.id]))), e.extentOf(a))
			if cond.Valid() {
				in = b.And(cond, in)
			}
			cond = in
		}
	}
	if !cond.Valid() {
		store()
		return
	}
	b.If(cond, func() { e.scoped(store) })
}

// extentOf is an axis' length as a value: a push constant for the outermost axes.
func (e *emitter) extentOf(a *Axis) spirv.Value {
	b := e.b
	if a.chunks != nil {
		chunk := b.ConstU32(uint32(a.Extent))
		left := b.Sub(b.PushU32(e.words[a.id]), b.Mul(e.base[a.chunks.id], chunk))
		return b.Min(chunk, left)
	}
	if w, ok := e.words[a.id]; ok {
		return e.b.PushU32(w)
	}
	return e.b.ConstU32(uint32(e.f.extent(a, e.s)))
}

// scoped runs f with a memo that is forgotten afterwards: its values exist only in f's block.
func (e *emitter) scoped(f func()) {
	e.scopes = append(e.scopes, map[memoKey]spirv.Value{})
	f()
	e.scopes = e.scopes[:len(e.scopes)-1]
}

// memo computes a value once in the current or an enclosing block.
func (e *emitter) memo(k memoKey, f func() spirv.Value) spirv.Value {
	for i := len(e.scopes) - 1; i >= 0; i-- {
		if v, ok := e.scopes[i][k]; ok {
			return v
		}
	}
	v := f()
	e.scopes[len(e.scopes)-1][k] = v
	return v
}

// at keeps of p what matters to something that depends on axes.
func (p pos) at(axes axisSet) pos {
	for i := range p {
		if axes&(1<<i) == 0 {
			p[i] = 0
		}
	}
	return p
}

// wide reports whether something that depends on axes has a value for each lane.
func (e *emitter) wide(axes axisSet) bool { return axes.has(e.s.vec) && !e.narrow }

// value emits an expression at p: a vector when it differs between lanes, else a scalar.
func (e *emitter) value(x *Expr, p pos) spirv.Value {
	b := e.b
	if word, ok := e.scalars[x]; ok {
		return b.PushF32(word)
	}
	if x.kind == literalExpr {
		if x.dtype == spirv.Float64 {
			return b.ConstF64(math.Float64frombits(x.bits))
		}
		return b.Const(spirv.Type{Kind: x.dtype, Lanes: 1}, uint32(x.bits))
	}
	key := memoKey{what: "value", id: x.id, at: p.at(x.axes), wide: e.wide(x.axes)}
	return e.memo(key, func() spirv.Value {
		switch x.kind {
		case resultExpr:
			e.runLoop(x.loop, p)
			return e.scopes[len(e.scopes)-1][key]
		case loadExpr:
			for _, a := range x.args { // what must have been stored before
				e.value(a, p)
			}
			return e.load(x, p)
		case indexExpr:
			if !e.wide(x.axes) {
				return b.Bitcast(e.index(x.at, p, 0), spirv.Int32)
			}
			var v [lanes]spirv.Value
			for l := range v {
				v[l] = b.Bitcast(e.index(x.at, p, l), spirv.Int32)
			}
			return b.Vector(v[:]...)
		case applyExpr:
			if br := e.branches[x]; br != nil {
				e.runBranch(br, p)
				return e.scopes[len(e.scopes)-1][key]
			}
			return e.apply(x, p)
		case productExpr:
			return e.product
		}
		panic("BUG: shaders: a reduction was used before its loop")
	})
}

func (e *emitter) apply(x *Expr, p pos) spirv.Value {
	return e.applied(x, func(a *Expr) spirv.Value { return e.value(a, p) })
}

// applied is a function of the values of its arguments.
func (e *emitter) applied(x *Expr, value func(*Expr) spirv.Value) spirv.Value {
	args := make([]spirv.Value, len(x.args))
	n := 1
	for i, a := range x.args {
		args[i] = value(a)
		if x.scalesBy(a) {
			args[i] = e.hiddenZero(a.dtype, a.bits)
		} else if bits, zero := e.b.Zero(args[i]); zero && e.f.rounds > 0 && x.scales() { // one at a position that a lane knows
			args[i] = e.hiddenZero(spirv.Float32, uint64(bits))
		}
		n = max(n, args[i].Type.Lanes)
	}
	for i := range args {
		args[i] = e.b.Splat(args[i], n)
	}
	return x.fn.Emit(e.b, args)
}
