package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Substitution solves T X = B for triangular matrices T, blocks of FactorBlock rows one after the other:
//
//	update  X[i,c] = B[i,c] - sum over k < j of T[i,k] X[k,c]     for the rows of the block from j on
//	solve   the block's own triangle, one invocation a column of X
//
// It always runs forward on a lower triangle: element (i, k) of T stands at Start + i RowStep + k ColStep of its matrix
// and row i of X and B at First + i Step, and negative steps make an upper triangle lower, from its end.
type Substitution struct {
	Kind            spirv.Kind // Float32 or Float64
	Batch, Matrices int        // matrix number z of B is solved with matrix z mod Matrices of T
	N, Columns      int        // T is N x N, X and B are N x Columns
	Upper           bool
	Transpose       bool // T is the transpose of what is stored; Upper speaks of what is stored
	UnitDiagonal    bool // the diagonal is taken for ones and not read
}

// The push words of both kernels.
const (
	subMatrices = iota + 1
	subSquare
	subColumns
	subRows // of the block
	subFrom // the block's first row
	subStart
	subRowStep
	subColStep
	subFirst
	subStep
	subBlockSize
)

func (s Substitution) words(j, m int) []int {
	row, col := s.N, 1
	if s.Transpose {
		row, col = col, row
	}
	start, first, step := 0, 0, s.Columns
	if s.Upper != s.Transpose {
		start, first = (s.N-1)*(row+col), (s.N-1)*step
		row, col, step = -row, -col, -step
	}
	return []int{s.Matrices, s.N * s.N, s.Columns, m, j, start, row, col, first, step, s.N * s.Columns}
}

// Update is the update of the m rows from j on, a multiple of FactorBlock: the bindings are T, B and X.
func (s Substitution) Update(t Target, j, m int) Kernel {
	tile := factorTile
	if s.Columns == 1 {
		tile = 1
	}
	across, down := ceilDiv(s.Columns, tile), ceilDiv(m, factorTile)
	words := append(s.words(j, m), across, down)
	return perItem(t, s.Batch*across*down, words, func(b *spirv.Builder) func(spirv.Value) {
		elem := spirv.Type{Kind: s.Kind, Lanes: 1}
		a := b.StorageBuffer(0, elem, spirv.ReadOnly)
		rhs := b.StorageBuffer(1, elem, spirv.ReadOnly)
		x := b.StorageBuffer(2, elem, spirv.ReadWrite)
		across, down := b.PushU32(subBlockSize+1), b.PushU32(subBlockSize+2)
		u := func(v int) spirv.Value { return b.ConstU32(uint32(v)) }
		return func(item spirv.Value) {
			w := s.at(b, b.Div(item, b.Mul(across, down)))
			col := b.Mul(b.Rem(item, across), u(tile))
			row := b.Mul(b.Rem(b.Div(item, across), down), u(factorTile))
			from := b.PushU32(subFrom)
			var rows, outs [factorTile]spirv.Value
			// Tiles at the end read the last row or column again and store what is inside.
			for i := range factorTile {
				r := b.Add(from, b.Min(b.Add(row, u(i)), b.Sub(b.PushU32(subRows), u(1))))
				rows[i] = w.element(r, u(0))
				outs[i] = w.row(r)
			}
			cols := make([]spirv.Value, tile)
			for c := range cols {
				cols[c] = b.Min(b.Add(col, u(c)), b.Sub(b.PushU32(subColumns), u(1)))
			}
			sums := tileDots(b, s.Kind, factorTile, tile, from,
				func(i int, k spirv.Value) spirv.Value {
					return b.Load(a, b.Add(rows[i], b.Mul(k, b.PushU32(subColStep))))
				},
				func(c int, k spirv.Value) spirv.Value { return b.Load(x, b.Add(w.row(k), cols[c])) })
			for i := range factorTile {
				for c := range cols {
					inside := b.And(b.Lt(b.Add(row, u(i)), b.PushU32(subRows)), b.Lt(b.Add(col, u(c)), b.PushU32(subColumns)))
					b.If(inside, func() {
						at := b.Add(outs[i], cols[c])
						b.Store(x, at, b.Sub(b.Load(rhs, at), sums[i*tile+c]))
					})
				}
			}
		}
	})
}

// Solve solves the block of m rows from j on, in place: the bindings are T and X; when first is true, from B: the
// bindings are T, B and X.
func (s Substitution) Solve(t Target, j, m int, first bool) Kernel {
	return perItem(t, s.Batch*s.Columns, s.words(j, m), func(b *spirv.Builder) func(spirv.Value) {
		elem := spirv.Type{Kind: s.Kind, Lanes: 1}
		a := b.StorageBuffer(0, elem, spirv.ReadOnly)
		var rhs, x *spirv.Buffer
		if first {
			rhs = b.StorageBuffer(1, elem, spirv.ReadOnly)
			x = b.StorageBuffer(2, elem, spirv.ReadWrite)
		} else {
			x = b.StorageBuffer(1, elem, spirv.ReadWrite)
			rhs = x
		}
		columns, from := b.PushU32(subColumns), b.PushU32(subFrom)
		return func(item spirv.Value) {
			w := s.at(b, b.Div(item, columns))
			col := b.Rem(item, columns)
			eachIndex(b, b.PushU32(subRows), func(i spirv.Value) {
				r := b.Add(from, i)
				row := w.element(r, from)
				above := b.Add(w.row(from), col)
				sum := sumLoop(b, s.Kind, b.ConstU32(0), i, func(k spirv.Value) spirv.Value {
					return b.Mul(b.Load(a, b.Add(row, b.Mul(k, b.PushU32(subColStep)))),
						b.Load(x, b.Add(above, b.Mul(k, b.PushU32(subStep)))))
				})
				at := b.Add(w.row(r), col)
				v := b.Sub(b.Load(rhs, at), sum)
				if !s.UnitDiagonal {
					v = b.Div(v, b.Load(a, w.element(r, r)))
				}
				b.Store(x, at, v)
			})
		}
	})
}

// substitutionAt is where the matrices of one solve lie.
type substitutionAt struct {
	b    *spirv.Builder
	t, x spirv.Value
}

func (s Substitution) at(b *spirv.Builder, z spirv.Value) substitutionAt {
	return substitutionAt{b,
		b.Add(b.Mul(b.Rem(z, b.PushU32(subMatrices)), b.PushU32(subSquare)), b.PushU32(subStart)),
		b.Add(b.Mul(z, b.PushU32(subBlockSize)), b.PushU32(subFirst))}
}

// element is where element (i, k) of T stands.
func (w substitutionAt) element(i, k spirv.Value) spirv.Value {
	b := w.b
	return b.Add(w.t, b.Add(b.Mul(i, b.PushU32(subRowStep)), b.Mul(k, b.PushU32(subColStep))))
}

// row is where row i of X and B begins.
func (w substitutionAt) row(i spirv.Value) spirv.Value {
	return w.b.Add(w.x, w.b.Mul(i, w.b.PushU32(subStep)))
}
