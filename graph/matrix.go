package graph

import "slices"

// Helpers of the ops on matrices: the last two axes are rows and columns, those before are batch axes.

// squareSpec reports operands that are not float matrices with as many rows as columns.
func squareSpec(s Spec) error {
	if !s.DType.IsFloat() {
		return dtypeError("convert with AsFloat", "the matrix is %v, want float32 or float64", s)
	}
	if r := len(s.Shape); r < 2 || s.Shape[r-1] != s.Shape[r-2] {
		return shapeError("give matrices [... n n]", "the matrix is %v, not square", s)
	}
	return nil
}

// matrixDims splits a shape into the number of matrices, rows and columns.
func matrixDims(s Shape) (count, rows, cols int) {
	r := len(s)
	return s[:r-2].Size(), s[r-2], s[r-1]
}

// transposed exchanges rows and columns.
func (t Tensor) transposed() Tensor {
	perm := make([]int, t.Rank())
	for i := range perm {
		perm[i] = i
	}
	r := len(perm)
	perm[r-1], perm[r-2] = r-2, r-1
	return t.Transpose(perm...)
}

// rowMinusCol compares row and column number on square matrices like t: int32 [n n].
func (t Tensor) rowMinusCol() Tensor {
	n := t.Dim(-1)
	return Iota(0, n, n).Sub(Iota(1, n, n))
}

// triangle keeps the upper or lower triangle of square matrices and has zeros elsewhere, also on the diagonal when
// strict is true.
func (t Tensor) triangle(upper, strict bool) Tensor {
	d := t.rowMinusCol()
	if upper {
		d = d.Neg()
	}
	least := 0.0
	if strict {
		least = 1
	}
	return Where(d.Ge(d.Like(least)), t, t.Like(0))
}

// halfDiagonal is the lower triangle with half the diagonal: the matrix whose sum with its transpose is t, where t
// is symmetric.
func (t Tensor) halfDiagonal() Tensor {
	d := t.rowMinusCol()
	zero := d.Like(0)
	return Where(d.Gt(zero), t, Where(d.Eq(zero), t.Scale(0.5), t.Like(0)))
}

// symmetricFromLower mirrors the lower triangle.
func (t Tensor) symmetricFromLower() Tensor {
	return t.triangle(false, false).Add(t.triangle(false, true).transposed())
}

// matricesAtOnce is how many of count matrices one dispatch handles, so that each array's part fits a binding of
// limit words (0: no limit) and begins where bindings may; parts are multiples of step. It is 0 when not even
// the smallest part fits.
func matricesAtOnce(count, step, limit int, words ...int) int {
	largest := slices.Max(words)
	if limit == 0 || count*largest <= limit {
		return count
	}
	const begin = alignment / 4
	for step%begin != 0 {
		step *= 2
	}
	return limit / largest / step * step
}

// dominate makes square matrices positive definite, whichever triangle is read, by a large diagonal.
func dominate(s Shape, v []float64) {
	_, n, _ := matrixDims(s)
	for i := range v {
		if i/max(n, 1)%n == i%n {
			v[i] += 2 * float64(n)
		}
	}
}
