package graph

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders"
)

// choleskyOp is the lower Cholesky factor of square matrices, of which it reads the lower triangle.
type choleskyOp struct{ opaqueRules }

func (choleskyOp) Name() string { return "cholesky" }

func (choleskyOp) Infer(in []Spec) (Spec, error) { return in[0], squareSpec(in[0]) }

func (choleskyOp) Eval(out *Host, in []*Host) {
	count, n, _ := matrixDims(out.Shape)
	for z := range count {
		a, l := in[0].V[z*n*n:], out.V[z*n*n:]
		for i := range n {
			for j := range i + 1 {
				v := a[i*n+j]
				for k := range j {
					v -= l[i*n+k] * l[j*n+k]
				}
				switch {
				case j < i:
					l[i*n+j] = v / l[j*n+j]
				case v > 0:
					l[i*n+i] = math.Sqrt(v)
				default:
					l[i*n+i] = math.NaN()
				}
			}
		}
	}
}

// JVP is dL = L F(L^-1 dA L^-T), where F takes the lower triangle and halves the diagonal (Murray,
// "Differentiation of the Cholesky decomposition", 2016, equation 8).
func (choleskyOp) JVP(c Call, t []Tensor) Tensor {
	l := c.Out
	half := l.SolveTriangular(t[0].symmetricFromLower(), Triangle{})
	return l.MatMul(l.SolveTriangular(half.transposed(), Triangle{}).halfDiagonal())
}

// VJP is F(L^-T (P + P^T) L^-1) with P = F(L^T ct) (Murray 2016, equation 10): only the lower triangle was read.
func (choleskyOp) VJP(c Call, ct Tensor) []Tensor {
	l := c.Out
	p := l.transposed().MatMul(ct).halfDiagonal()
	half := l.SolveTriangular(p.Add(p.transposed()), Triangle{Transpose: true})
	return []Tensor{l.SolveTriangular(half.transposed(), Triangle{Transpose: true}).halfDiagonal()}
}

func (o choleskyOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor { return apply(o, in[0]) }

// float64Kernels says that the kernels take float64 too.
func (choleskyOp) float64Kernels() {}

func (choleskyOp) Kernels(k *Kernels, o Operands) {
	count, n, _ := matrixDims(o.Out().Shape)
	if count*n == 0 {
		return
	}
	t, kind, words := k.Target(), o.Out().DType.kind(), o.Out().DType.bytes()/4
	part := matricesAtOnce(count, 1, t.MaxRange, words*n*n)
	if part == 0 {
		fail("cholesky", ErrArgument, "factor smaller matrices, or fewer columns at once", "%v: a binding of this device holds %d words", o.Out(), t.MaxRange)
	}
	for z := 0; z < count; z += part {
		batch := min(part, count-z)
		a, l := k.In(0), k.Out()
		if part < count {
			a, l = a.Range(words*z*n*n, words*batch*n*n), l.Range(words*z*n*n, words*batch*n*n)
		}
		if n <= shaders.FactorBlock {
			k.Dispatch("cholesky", shaders.CholeskyDiagonal(t, kind, batch, n, 0, n, true), a, l)
			continue
		}
		for j := 0; j < n; j += shaders.FactorBlock {
			m := min(shaders.FactorBlock, n-j)
			k.Dispatch("cholesky update", shaders.CholeskyUpdate(t, kind, batch, n, j), a, l)
			k.Dispatch("cholesky diagonal", shaders.CholeskyDiagonal(t, kind, batch, n, j, m, false), l)
			if j+m < n {
				k.Dispatch("cholesky panel", shaders.CholeskyPanel(t, kind, batch, n, j, m), l)
			}
		}
	}
}

func (o choleskyOp) Cases() []Case {
	spd := func(dims ...int) Sample {
		s := sample(dims...)
		s.Prepare = dominate
		return s
	}
	return []Case{
		{Op: o, In: []Sample{spd(1, 1)}},
		{Op: o, In: []Sample{spd(4, 4)}},
		{Op: o, In: []Sample{spd(2, 3, 3)}},
		{Op: o, In: []Sample{spd(37, 37)}}, // a whole block and a ragged one
		{Op: o, In: []Sample{spd(2, 66, 66)}},
		{Op: o, In: []Sample{sample(0, 0)}},
		{Op: o, In: []Sample{sample(0, 3, 3)}},
	}
}

// Cholesky is the lower triangular L with L L^T = t for symmetric positive definite matrices t [... n n], with zeros
// above the diagonal. Only t's lower triangle is read, and its gradient is lower triangular: it belongs to
// the entries that were read. Package linalg has the form with a symmetric gradient, and one that checks its argument.
//
// Where a matrix is not positive definite, the first column whose pivot is not above zero and all columns behind it
// are NaN on and below the diagonal; the columns before are those of the factor.
func (t Tensor) Cholesky() Tensor { return apply(choleskyOp{}, t) }
