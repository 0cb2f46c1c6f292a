package shaders

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// FactorBlock is the number of columns that the blocked factorisations and triangular solves finish before they
// update the next: a multiple of 4. Within a block one invocation works alone on a matrix or a right-hand side.
const FactorBlock = 32

// factorTile is the edge of the tile of results that one invocation of an update computes.
const factorTile = 4

// The Cholesky factorisation A = L L^T works by blocks of columns from left to right (left-looking, Golub and Van
// Loan, Matrix Computations, 4th edition, section 4.2.8): for the block from column j on,
//
//	update    L[i,c] = A[i,c] - sum over k < j of L[i,k] L[c,k]     all rows, zeros above the diagonal
//	diagonal  the block's own triangle, one invocation a matrix
//	panel     the rows below it, one invocation a row
//
// All matrices are n x n, row-major, one behind the other, of Float32 or Float64. Where a pivot is not positive the diagonal element is NaN.

// CholeskyUpdate begins the block of columns from j on, a multiple of FactorBlock: the bindings are A and L.
func CholeskyUpdate(t Target, kind spirv.Kind, batch, n, j int) Kernel {
	elem := spirv.Type{Kind: kind, Lanes: 1}
	const across = FactorBlock / factorTile
	down := ceilDiv(n, factorTile)
	return perItem(t, batch*down*across, []int{n, j, down}, func(b *spirv.Builder) func(spirv.Value) {
		a := b.StorageBuffer(0, elem, spirv.ReadOnly)
		l := b.StorageBuffer(1, elem, spirv.ReadWrite)
		n, j, down := b.PushU32(1), b.PushU32(2), b.PushU32(3)
		u := func(v int) spirv.Value { return b.ConstU32(uint32(v)) }
		return func(item spirv.Value) {
			rest := b.Div(item, u(across))
			col := b.Add(j, b.Mul(b.Rem(item, u(across)), u(factorTile)))
			row := b.Mul(b.Rem(rest, down), u(factorTile))
			base := b.Mul(b.Div(rest, down), b.Mul(n, n))
			// Tiles at the matrix' end read its last row or column again and store what is inside.
			last := b.Sub(n, u(1))
			var rows, cols [factorTile]spirv.Value
			for i := range factorTile {
				rows[i] = b.Add(base, b.Mul(b.Min(b.Add(row, u(i)), last), n))
				cols[i] = b.Add(base, b.Mul(b.Min(b.Add(col, u(i)), last), n))
			}
			sums := b.IfElse(b.Ge(b.Add(row, u(factorTile-1)), col), func() []spirv.Value {
				return tileDots(b, kind, factorTile, factorTile, j,
					func(i int, k spirv.Value) spirv.Value { return b.Load(l, b.Add(rows[i], k)) },
					func(i int, k spirv.Value) spirv.Value { return b.Load(l, b.Add(cols[i], k)) })
			}, func() []spirv.Value { // above the diagonal
				zeros := make([]spirv.Value, factorTile*factorTile)
				for i := range zeros {
					zeros[i] = b.ConstFloat(kind, 0)
				}
				return zeros
			})
			for i := range factorTile {
				for k := range factorTile {
					r, c := b.Add(row, u(i)), b.Add(col, u(k))
					b.If(b.And(b.Lt(r, n), b.Lt(c, n)), func() {
						at := b.Add(rows[i], c)
						b.IfElse(b.Ge(r, c), func() []spirv.Value {
							b.Store(l, at, b.Sub(b.Load(a, at), sums[i*factorTile+k]))
							return nil
						}, func() []spirv.Value {
							b.Store(l, at, b.ConstFloat(kind, 0))
							return nil
						})
					})
				}
			}
		}
	})
}

// CholeskyDiagonal factors the triangle of m rows from row and column j on, in place: the binding is L. When first
// is true it begins instead from a matrix of m = n rows and writes all of L: the bindings are A and L.
func CholeskyDiagonal(t Target, kind spirv.Kind, batch, n, j, m int, first bool) Kernel {
	elem := spirv.Type{Kind: kind, Lanes: 1}
	return perItem(t, batch, []int{n, j, m}, func(b *spirv.Builder) func(spirv.Value) {
		var a, l *spirv.Buffer
		if first {
			a = b.StorageBuffer(0, elem, spirv.ReadOnly)
			l = b.StorageBuffer(1, elem, spirv.ReadWrite)
		} else {
			l = b.StorageBuffer(0, elem, spirv.ReadWrite)
			a = l
		}
		n, j, m := b.PushU32(1), b.PushU32(2), b.PushU32(3)
		zero := b.ConstU32(0)
		return func(item spirv.Value) {
			corner := b.Add(b.Mul(item, b.Mul(n, n)), b.Mul(j, b.Add(n, b.ConstU32(1))))
			rowAt := func(i spirv.Value) spirv.Value { return b.Add(corner, b.Mul(i, n)) }
			eachIndex(b, m, func(i spirv.Value) {
				row := rowAt(i)
				eachIndex(b, i, func(c spirv.Value) { solvedElement(b, a, l, row, rowAt(c), c) })
				sum := sumLoop(b, kind, zero, i, func(k spirv.Value) spirv.Value {
					v := b.Load(l, b.Add(row, k))
					return b.Mul(v, v)
				})
				at := b.Add(row, i)
				pivot := b.Sub(b.Load(a, at), sum)
				// The root is undefined below 0, and 1/rsqrt is not Inf at Inf.
				good := b.Gt(pivot, b.ConstFloat(kind, 0))
				root := b.Select(b.IsInf(pivot), pivot, b.Sqrt(b.Select(good, pivot, b.ConstFloat(kind, 1))))
				b.Store(l, at, b.Select(good, root, b.ConstFloat(kind, math.NaN())))
				if first {
					b.Loop(b.Add(i, b.ConstU32(1)), m, b.ConstU32(1), nil, func(c spirv.Value, _ []spirv.Value) []spirv.Value {
						b.Store(l, b.Add(row, c), b.ConstFloat(kind, 0))
						return nil
					})
				}
			})
		}
	})
}

// CholeskyPanel finishes the rows below the block of m columns from j on, in place: the binding is L.
func CholeskyPanel(t Target, kind spirv.Kind, batch, n, j, m int) Kernel {
	elem := spirv.Type{Kind: kind, Lanes: 1}
	below := n - j - m
	return perItem(t, batch*below, []int{n, j, m, below}, func(b *spirv.Builder) func(spirv.Value) {
		l := b.StorageBuffer(0, elem, spirv.ReadWrite)
		n, j, m, below := b.PushU32(1), b.PushU32(2), b.PushU32(3), b.PushU32(4)
		return func(item spirv.Value) {
			corner := b.Add(b.Mul(b.Div(item, below), b.Mul(n, n)), b.Mul(j, b.Add(n, b.ConstU32(1))))
			row := b.Add(corner, b.Mul(b.Add(m, b.Rem(item, below)), n))
			eachIndex(b, m, func(c spirv.Value) { solvedElement(b, l, l, row, b.Add(corner, b.Mul(c, n)), c) })
		}
	})
}

// solvedElement stores L[row,c] = (A[row,c] - sum over k < c of L[row,k] L[c,k]) / L[c,c], rows given by where
// their block begins.
func solvedElement(b *spirv.Builder, a, l *spirv.Buffer, row, pivotRow, c spirv.Value) {
	sum := sumLoop(b, l.Elem.Kind, b.ConstU32(0), c, func(k spirv.Value) spirv.Value {
		return b.Mul(b.Load(l, b.Add(row, k)), b.Load(l, b.Add(pivotRow, k)))
	})
	at := b.Add(row, c)
	b.Store(l, at, b.Div(b.Sub(b.Load(a, at), sum), b.Load(l, b.Add(pivotRow, c))))
}
