package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// chunk is how many elements of an operand one invocation moves at a time: two vectors of float32, one of 16-bit numbers.
const chunk = 8

// coopEmitter writes the words of one kernel.
type coopEmitter struct {
	coopKernel
	b       *spirv.Builder
	operand [2]coopOperand // A and B
	sums    [][]spirv.MatrixVar
	m, n, k spirv.Value
	row     spirv.Value // of C, where the workgroup's tile begins
	col     spirv.Value
	subRow  spirv.Value // in the tile, where the subgroup's part begins
	subCol  spirv.Value
}

// coopOperand is A or B: a tile of it on its way from memory into shared memory.
type coopOperand struct {
	buffer     *spirv.Buffer
	shared     *spirv.SharedArray
	base, ld   spirv.Value // in vectors
	rows, cols int         // of the tile, as stored
	alongK     bool        // its rows run along K
	start      spirv.Value // where the tile begins along the other axis
	extent     spirv.Value // of the operand along that axis
}

// across is the vectors of 16-bit numbers from one row in shared memory to the next.
func (o coopOperand) across() int { return (o.cols + coopSkew) / chunk }

func (k coopKernel) emit(name string) []uint32 {
	b := spirv.NewBuilder(spirv.Config{Name: name, LocalSize: [3]uint32{uint32(k.local()), 1, 1}, PreserveNaN: k.keepNaN, Cooperative: true})
	e := &coopEmitter{coopKernel: k, b: b}
	vec := spirv.F32.Vec(4)
	buffers := [3]*spirv.Buffer{b.StorageBuffer(0, vec, spirv.ReadOnly), b.StorageBuffer(1, vec, spirv.ReadOnly), b.StorageBuffer(2, vec, spirv.WriteOnly)}
	b.Push(MatMulPushWords)
	e.m, e.n, e.k = b.PushU32(0), b.PushU32(1), b.PushU32(2)
	quarter := func(v spirv.Value) spirv.Value { return b.Shr(v, b.ConstU32(2)) }
	var bases, lds [3]spirv.Value
	for i := range bases {
		lds[i] = quarter(b.PushU32(3 + i))
		bases[i] = quarter(b.Add(b.Mul(b.WorkgroupID(2), b.PushU32(6+i)), b.PushU32(9+i)))
	}
	e.row, e.col = b.Mul(b.WorkgroupID(1), e.u(k.tile.tileM)), b.Mul(b.WorkgroupID(0), e.u(k.tile.tileN))
	across := k.tile.tileN / k.tile.subN
	e.subRow = b.Mul(b.Div(b.SubgroupID(), e.u(across)), e.u(k.tile.subM))
	e.subCol = b.Mul(b.Rem(b.SubgroupID(), e.u(across)), e.u(k.tile.subN))

	rows, cols := k.stored()
	starts, extents := [2]spirv.Value{e.row, e.col}, [2]spirv.Value{e.m, e.n}
	alongK := [2]bool{k.form != MatMulTN, k.form == MatMulNT}
	for i := range e.operand {
		o := coopOperand{buffer: buffers[i], base: bases[i], ld: lds[i], rows: rows[i], cols: cols[i], alongK: alongK[i], start: starts[i], extent: extents[i]}
		o.shared = b.Shared(spirv.U32.Vec(4), k.rounding.parts()*o.rows*o.across())
		e.operand[i] = o
	}
	e.declareSums()

	zero := b.ConstU32(0)
	ahead := append(e.load(0, zero), e.load(1, zero)...)
	b.Loop(zero, e.k, e.u(k.step), ahead, func(at spirv.Value, ahead []spirv.Value) []spirv.Value {
		b.Barrier() // the last step's matrices have been read
		mine := e.chunks(0) * chunk / 4
		e.store(0, ahead[:mine])
		e.store(1, ahead[mine:])
		b.Barrier()
		next := b.Add(at, e.u(k.step))
		ahead = append(e.load(0, next), e.load(1, next)...)
		e.multiply()
		return ahead
	})
	e.write(buffers[2], bases[2], lds[2])
	return b.Module()
}

func (e *coopEmitter) u(v int) spirv.Value { return e.b.ConstU32(uint32(v)) }

// declareSums makes the accumulators: for each matrix of the subgroup's part one, or with split operands two.
func (e *coopEmitter) declareSums() {
	t := spirv.MatrixType{Component: spirv.Single, Rows: e.unit.M, Cols: e.unit.N, Use: spirv.Accumulator}
	for range e.tile.subM / e.unit.M * (e.tile.subN / e.unit.N) {
		var own []spirv.MatrixVar
		for range e.coopKernel.sums() {
			own = append(own, e.b.MatrixVariable(t))
		}
		e.sums = append(e.sums, own)
	}
}

// chunks is how many chunks of operand i each invocation moves.
func (e *coopEmitter) chunks(i int) int {
	return ceilDiv(e.operand[i].rows*e.operand[i].cols/chunk, e.local())
}

// place is row and column of an invocation's chunk number q in the tile, and whether there is such a chunk, where not all invocations have one.
func (e *coopEmitter) place(o coopOperand, q int) (row, col spirv.Value, there []spirv.Value) {
	b := e.b
	all := o.rows * o.cols / chunk
	c := b.Add(b.LocalID(0), e.u(q*e.local()))
	if (q+1)*e.local() > all {
		there = []spirv.Value{b.Lt(c, e.u(all))}
	}
	return b.Div(c, e.u(o.cols/chunk)), b.Mul(b.Rem(c, e.u(o.cols/chunk)), e.u(chunk)), there
}

// load reads an invocation's chunks of the tile of operand i from position at of K on. What lies outside of the operand is 0, which the inside of
// the matrices, most of them, need not ask about.
func (e *coopEmitter) load(i int, at spirv.Value) []spirv.Value {
	b, o := e.b, e.operand[i]
	row, col, rowEnd, colEnd := o.start, at, o.extent, e.k
	if !o.alongK {
		row, col, rowEnd, colEnd = at, o.start, e.k, o.extent
	}
	none := b.Splat(b.ConstF32(0), 4)
	read := func(r, c spirv.Value) spirv.Value {
		return b.Load(o.buffer, b.Add(o.base, b.Add(b.Mul(r, o.ld), b.Shr(c, b.ConstU32(2)))))
	}
	each := func(vector func(r, c spirv.Value) spirv.Value) (list []spirv.Value) {
		for q := range e.chunks(i) {
			r, c, there := e.place(o, q)
			r, c = b.Add(row, r), b.Add(col, c)
			both := func() []spirv.Value { return []spirv.Value{vector(r, c), vector(r, b.Add(c, e.u(4)))} }
			if there == nil {
				list = append(list, both()...)
			} else {
				list = append(list, b.IfElse(there[0], both, func() []spirv.Value { return []spirv.Value{none, none} })...)
			}
		}
		return list
	}
	inside := b.And(b.Le(b.Add(row, e.u(o.rows)), rowEnd), b.Le(b.Add(col, e.u(o.cols)), colEnd))
	return b.IfElse(inside, func() []spirv.Value { return each(read) }, func() []spirv.Value {
		return each(func(r, c spirv.Value) spirv.Value {
			return b.IfElse(b.And(b.Lt(r, rowEnd), b.Lt(c, colEnd)), func() []spirv.Value {
				v := read(r, c)
				if o.alongK { // what pads a row may be NaN
					v = b.Select(e.before(c, colEnd), v, none)
				}
				return []spirv.Value{v}
			}, func() []spirv.Value { return []spirv.Value{none} })[0]
		})
	})
}

// before says for four columns from c on whether they are below an end.
func (e *coopEmitter) before(c, end spirv.Value) spirv.Value {
	b := e.b
	return b.Lt(b.Add(b.Splat(c, 4), b.ConstLanes(spirv.U32.Vec(4), 0, 1, 2, 3)), end)
}

// store rounds what load gave and puts it into shared memory, part by part.
func (e *coopEmitter) store(i int, vectors []spirv.Value) {
	b, o := e.b, e.operand[i]
	for q := range e.chunks(i) {
		first, second := vectors[2*q], vectors[2*q+1]
		row, col, there := e.place(o, q)
		put := func() {
			even := split(b, b.Shuffle(first, second, 0, 2, 4, 6), e.rounding)
			odd := split(b, b.Shuffle(first, second, 1, 3, 5, 7), e.rounding)
			at := b.Add(b.Mul(row, e.u(o.across())), b.Div(col, e.u(chunk)))
			for p := range even {
				packed := b.Or(bits16(b, even[p], e.rounding), b.Shl(bits16(b, odd[p], e.rounding), b.ConstU32(16)))
				b.StoreShared(o.shared, b.Add(at, e.u(p*o.rows*o.across())), packed)
			}
		}
		if there == nil {
			put()
		} else {
			b.If(there[0], put)
		}
	}
}

// matrices loads the parts of a matrix of operand i in shared memory: number q of the subgroup's part of the tile, s along K.
func (e *coopEmitter) matrices(i, q, s int) []spirv.Matrix {
	b, o := e.b, e.operand[i]
	t := spirv.MatrixType{Component: spirv.Half, Rows: e.unit.M, Cols: e.unit.K, Use: spirv.MatrixA}
	side, from := e.unit.M, e.subRow
	if i == 1 {
		t.Rows, t.Cols, t.Use = e.unit.K, e.unit.N, spirv.MatrixB
		side, from = e.unit.N, e.subCol
	}
	if e.rounding.brain() {
		t.Component = spirv.Brain
	}
	from = b.Add(from, e.u(q*side))
	layout := spirv.RowMajor
	if o.alongK != (i == 0) {
		layout = spirv.ColumnMajor
	}
	var at spirv.Value
	if o.alongK {
		at = b.Add(b.Mul(from, e.u(o.across())), e.u(s*e.unit.K/chunk))
	} else {
		at = b.Add(b.Div(from, e.u(chunk)), e.u(s*e.unit.K*o.across()))
	}
	var parts []spirv.Matrix
	for p := range e.rounding.parts() {
		parts = append(parts, b.LoadMatrix(o.shared, b.Add(at, e.u(p*o.rows*o.across())), e.u(o.across()), layout, t))
	}
	return parts
}

// multiply adds the products of a step.
func (e *coopEmitter) multiply() {
	down, across := e.tile.subM/e.unit.M, e.tile.subN/e.unit.N
	for s := range e.step / e.unit.K {
		a := make([][]spirv.Matrix, down)
		for i := range a {
			a[i] = e.matrices(0, i, s)
		}
		for j := range across {
			x := e.matrices(1, j, s)
			for i := range a {
				e.product(e.sums[i*across+j], a[i], x)
			}
		}
	}
}

// product adds the products of parts, of the small ones all that matter.
func (e *coopEmitter) product(sums []spirv.MatrixVar, a, x []spirv.Matrix) {
	if len(sums) > 1 {
		for _, p := range [][2]int{{2, 0}, {0, 2}, {1, 1}, {1, 0}, {0, 1}} {
			e.b.MulAddMatrix(sums[1], a[p[0]], x[p[1]])
		}
	}
	e.b.MulAddMatrix(sums[0], a[0], x[0])
}

// write brings the sums through shared memory, where invocations can take them as they lie in C.
func (e *coopEmitter) write(c *spirv.Buffer, base, ld spirv.Value) {
	b := e.b
	sums := e.coopKernel.sums()
	across := e.unit.N/4 + 1
	staging := b.Shared(spirv.F32.Vec(4), e.subgroups()*sums*e.staged())
	own := b.Mul(b.SubgroupID(), e.u(sums*e.staged()))
	all := e.unit.M * e.unit.N / 4
	none := b.Splat(b.ConstF32(0), 4)
	for i, variables := range e.sums {
		down, right := i/(e.tile.subN/e.unit.N), i%(e.tile.subN/e.unit.N)
		if i > 0 {
			b.Barrier() // the matrices before have been read
		}
		for s, v := range variables {
			b.StoreMatrix(staging, b.Add(own, e.u(s*e.staged())), e.u(across), v)
		}
		b.Barrier()
		for q := range ceilDiv(all, e.subgroup) {
			x := b.Add(b.SubgroupLane(), e.u(q*e.subgroup))
			r, v := b.Div(x, e.u(e.unit.N/4)), b.Rem(x, e.u(e.unit.N/4))
			row := b.Add(b.Add(e.row, e.subRow), b.Add(r, e.u(down*e.unit.M)))
			col := b.Add(b.Add(e.col, e.subCol), b.Add(b.Mul(v, e.u(4)), e.u(right*e.unit.N)))
			inside := b.And(b.Lt(row, e.m), b.Lt(col, e.n))
			if (q+1)*e.subgroup > all {
				inside = b.And(inside, b.Lt(x, e.u(all)))
			}
			b.If(inside, func() {
				at := b.Add(own, b.Add(b.Mul(r, e.u(across)), v))
				value := b.LoadShared(staging, at)
				if sums > 1 {
					small := b.LoadShared(staging, b.Add(at, e.u(e.staged())))
					value = b.Add(value, b.Select(b.IsFinite(small), small, none))
				}
				value = b.Select(e.before(col, e.n), value, none)
				b.Store(c, b.Add(base, b.Add(b.Mul(row, ld), b.Shr(col, b.ConstU32(2)))), value)
			})
		}
	}
}
