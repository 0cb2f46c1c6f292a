package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// An epilogue is what a kernel of matrix products does with its results instead of storing them: a bias, an activation, a mask, a sum with another
// array, several of these in arrays of their own. The kernels are as they are written: each store of four columns becomes a call of a
// function that is emitted from the expressions (spirv.NewGraft).

// epilogueBinding is the first binding of an epilogue's arrays, behind the operands of the product.
const epilogueBinding = 2

// Product is the matrix product at the current position, for kernels that Epilogue emits. Their output space is [batch, rows, columns] of the product.
func (f *Fused) Product() *Expr {
	var all axisSet
	for _, a := range f.axes[:f.outer] {
		all |= 1 << a.id
	}
	return f.cons("p", Expr{kind: productExpr, dtype: spirv.Float32, axes: all})
}

// Epilogue is the kernel with f in the place of its stores, for products whose results are dense: rows of columns elements, padded to whole vectors of
// four, one after another. The arrays of f are bound behind A and B, in the order of AddArg. An output that is stored to in rows so padded gets
// zeros in the padding. f is elementwise: it has no reductions, and no Float64.
func (k MatMulKernel) Epilogue(f *Fused, columns int, t Target) (code []uint32, views []View) {
	k = k.forEpilogue()
	if columns%lanes == 0 { // else positions next to each other in f are apart in the result
		f = f.collapse()
	}
	s := schedule{tile: make([]int, len(f.axes)), roll: 1, team: 1, tiles: 1, local: 1}
	for i := range s.tile {
		s.tile[i] = 1
	}
	s.vec = f.axes[f.outer-1]
	s.tile[s.vec.id] = lanes
	b, at, product := spirv.NewGraft(spirv.Config{PreserveNaN: t.PreserveNaN, ScalarShifts: t.ScalarShifts}, k.Code, epilogueBinding)
	e := &emitter{f: f, s: s, b: b, words: map[int]int{}, base: map[int]spirv.Value{}, quarters: map[uint32]spirv.Value{}, buf: map[bufKey]*spirv.Buffer{},
		scopes: []map[memoKey]spirv.Value{{}}, texel: map[int]*spirv.Texel{}, first: epilogueBinding, product: product}
	e.chooseViews(t)
	if f.scalesByZero() {
		e.zero = b.Shr(at, b.ConstU32(31)) // a result has fewer than 2^30 vectors
	}
	e.locate(at)
	e.storeAll()
	return b.Module(), append(k.Views[:epilogueBinding:epilogueBinding], e.views...)
}

// inRow says for each of the four lanes whether it lies before the end of the vector axis.
func (e *emitter) inRow() spirv.Value {
	b, a := e.b, e.s.vec
	var at [lanes]spirv.Value
	for l := range at {
		at[l] = b.Add(e.base[a.id], b.ConstU32(uint32(l)))
	}
	return b.Lt(b.Vector(at[:]...), b.Splat(e.extentOf(a), lanes))
}
