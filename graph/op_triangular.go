package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// Triangle says which matrix a triangular solve takes from the square one that it is given. The zero value is the
// lower triangle with its diagonal.
type Triangle struct {
	Upper        bool // the upper triangle instead of the lower
	Transpose    bool // the transpose of that triangle
	UnitDiagonal bool // ones on the diagonal, whatever stands there
}

// triangularOp solves T X = B for triangular T. The batch axes of the matrices are the last of those of B, so that one matrix may
// serve many right-hand sides.
type triangularOp struct {
	opaqueRules
	tri Triangle
}

func (triangularOp) Name() string { return "solve triangular" }

func (o triangularOp) Infer(in []Spec) (Spec, error) {
	if err := squareSpec(in[0]); err != nil {
		return Spec{}, err
	}
	a, b := in[0].Shape, in[1].Shape
	if in[1].DType != in[0].DType {
		return Spec{}, dtypeError("convert one of them", "the matrix is %v, the right-hand side %v", in[0], in[1])
	}
	if len(b) < len(a) || b[len(b)-2] != a[len(a)-1] {
		return Spec{}, shapeError("give right-hand sides [... n k] for matrices [... n n]", "the matrix is %v, the right-hand side %v", a, b)
	}
	if batchA, batchB := a[:len(a)-2], b[:len(b)-2]; !slices.Equal(batchA, batchB[len(batchB)-len(batchA):]) {
		return Spec{}, shapeError("the batch axes must agree", "the matrix is %v, the right-hand side %v", a, b)
	}
	return in[1], nil
}

func (o triangularOp) Eval(out *Host, in []*Host) {
	matrices, n, _ := matrixDims(in[0].Shape)
	count, _, cols := matrixDims(out.Shape)
	forward := o.tri.Upper == o.tri.Transpose
	for z := range count {
		a := in[0].V[z%matrices*n*n:]
		b, x := in[1].V[z*n*cols:], out.V[z*n*cols:]
		element := func(i, k int) float64 {
			if o.tri.Transpose {
				i, k = k, i
			}
			return a[i*n+k]
		}
		for c := range cols {
			for s := range n {
				i, first, last := s, 0, s
				if !forward {
					i = n - 1 - s
					first, last = i+1, n
				}
				v := b[i*cols+c]
				for k := first; k < last; k++ {
					v -= element(i, k) * x[k*cols+c]
				}
				if !o.tri.UnitDiagonal {
					v /= element(i, i)
				}
				x[i*cols+c] = v
			}
		}
	}
}

// JVP: T X = B gives dX = T^-1 (dB - dT X).
func (o triangularOp) JVP(c Call, t []Tensor) Tensor {
	var rhs Tensor
	if t[1].Valid() {
		rhs = t[1]
	}
	if t[0].Valid() {
		d := t[0].triangle(o.tri.Upper, o.tri.UnitDiagonal)
		if o.tri.Transpose {
			d = d.transposed()
		}
		rhs = addTangent(rhs, d.MatMul(c.Out).Neg())
	}
	return apply(o, c.In[0], rhs)
}

// VJP: with C = T^-T ct, the cotangent of B is C and that of T is -C X^T on the triangle.
func (o triangularOp) VJP(c Call, ct Tensor) []Tensor {
	turned := o
	turned.tri.Transpose = !o.tri.Transpose
	b := apply(turned, c.In[0], ct)
	x := c.Out
	var a Tensor
	if o.tri.Transpose {
		a = x.MatMul(b.transposed())
	} else {
		a = b.MatMul(x.transposed())
	}
	if extra := a.Rank() - c.In[0].Rank(); extra > 0 {
		axes := make([]int, extra)
		for i := range axes {
			axes[i] = i
		}
		a = a.Sum(axes...)
	}
	return []Tensor{a.Neg().triangle(o.tri.Upper, o.tri.UnitDiagonal), b}
}

// Batch: shared matrices serve all samples; matrices of their own stand before the right-hand sides' other batch axes.
func (o triangularOp) Batch(c Call, in []Tensor, batched []bool, size int) Tensor {
	a, b := in[0], in[1]
	if !batched[0] {
		return apply(o, a, b)
	}
	if !batched[1] {
		b = b.stretch(b.Shape().prepend(size))
	}
	batch := b.Shape()[1 : b.Rank()-2]
	if own := a.Shape()[1 : a.Rank()-2]; len(own) < len(batch) {
		_, n, _ := matrixDims(a.Shape())
		missing := len(batch) - len(own)
		shape := slices.Concat(Shape{size}, slices.Repeat(Shape{1}, missing), own, Shape{n, n})
		a = a.Reshape(shape...).BroadcastTo(slices.Concat(Shape{size}, batch, Shape{n, n})...)
	}
	return apply(o, a, b)
}

// float64Kernels says that the kernels take float64 too.
func (triangularOp) float64Kernels() {}

func (o triangularOp) Kernels(k *Kernels, p Operands) {
	count, n, cols := matrixDims(p.Out().Shape)
	if count*n*cols == 0 {
		return
	}
	matrices, _, _ := matrixDims(p.In(0).Shape)
	t, words := k.Target(), p.Out().DType.bytes()/4
	own := matrices == count
	part := 0
	switch {
	case own:
		part = matricesAtOnce(count, 1, t.MaxRange, words*n*n, words*n*cols)
	case t.MaxRange == 0 || words*matrices*n*n <= t.MaxRange:
		part = matricesAtOnce(count, matrices, t.MaxRange, words*n*cols)
	}
	if part == 0 {
		fail(o.Name(), ErrArgument, "solve for fewer columns or matrices at once", "matrices %v, right-hand side %v: a binding of this device holds %d words",
			p.In(0), p.Out(), t.MaxRange)
	}
	for z := 0; z < count; z += part {
		batch := min(part, count-z)
		a, b, x := k.In(0), k.In(1), k.Out()
		s := shaders.Substitution{Kind: p.Out().DType.kind(), Batch: batch, Matrices: matrices, N: n, Columns: cols,
			Upper: o.tri.Upper, Transpose: o.tri.Transpose, UnitDiagonal: o.tri.UnitDiagonal}
		if part < count {
			b, x = b.Range(words*z*n*cols, words*batch*n*cols), x.Range(words*z*n*cols, words*batch*n*cols)
			if own {
				a, s.Matrices = a.Range(words*z*n*n, words*batch*n*n), batch
			}
		}
		for j := 0; j < n; j += shaders.FactorBlock {
			m := min(shaders.FactorBlock, n-j)
			if j == 0 {
				k.Dispatch("solve triangular", s.Solve(t, 0, m, true), a, b, x)
				continue
			}
			k.Dispatch("solve triangular update", s.Update(t, j, m), a, b, x)
			k.Dispatch("solve triangular block", s.Solve(t, j, m, false), a, x)
		}
	}
}

func (triangularOp) Cases() []Case {
	matrix := func(bound float64, dims ...int) Sample {
		s := sampleIn(-bound, bound, dims...)
		s.Prepare = func(shape Shape, v []float64) {
			_, n, _ := matrixDims(shape)
			for i := range v {
				if i/max(n, 1)%n == i%n {
					v[i] += 2 + 2*bound
				}
			}
		}
		return s
	}
	var cases []Case
	for _, tri := range []Triangle{{}, {Upper: true}, {Transpose: true}, {Upper: true, Transpose: true}, {UnitDiagonal: true},
		{Upper: true, Transpose: true, UnitDiagonal: true}} {
		o := triangularOp{tri: tri}
		cases = append(cases,
			Case{Op: o, In: []Sample{matrix(1, 4, 4), sample(4, 3)}},
			Case{Op: o, In: []Sample{matrix(0.1, 37, 37), sample(37, 2)}})
	}
	o := triangularOp{}
	up := triangularOp{tri: Triangle{Upper: true}}
	return append(cases,
		Case{Op: o, In: []Sample{matrix(1, 1, 1), sample(1, 1)}},
		Case{Op: up, In: []Sample{matrix(0.1, 70, 70), sample(70, 1)}},
		Case{Op: o, In: []Sample{matrix(1, 2, 3, 3), sample(2, 3, 5)}},
		Case{Op: up, In: []Sample{matrix(1, 3, 3), sample(4, 2, 3, 2)}}, // one matrix for all
		Case{Op: o, In: []Sample{matrix(1, 2, 3, 3), sample(4, 2, 3, 2)}},
		Case{Op: o, In: []Sample{sample(0, 0), sample(0, 3)}},
		Case{Op: o, In: []Sample{matrix(1, 3, 3), sample(3, 0)}},
		Case{Op: o, In: []Sample{matrix(1, 3, 3), sample(0, 3, 2)}},
	)
}

// SolveTriangular is the X with T X = b, where T is the named triangle of t [... n n]; the rest of t is not read and
// gets no gradient. b is [... n k], and the batch axes broadcast by NumPy's rule; matrices without some of the leading
// batch axes of b serve all of its right-hand sides without being copied. To solve X T = b, solve for the transposes.
//
// A zero on the diagonal divides, as IEEE says: the results are infinite or NaN.
func (t Tensor) SolveTriangular(b Tensor, tri Triangle) Tensor {
	o := triangularOp{tri: tri}
	matrix, rhs := t.must(o.Name()).spec.Shape, b.must(o.Name()).spec.Shape
	if len(matrix) < 2 || len(rhs) < 2 {
		return apply(o, t, b) // for its error
	}
	batchA, batchB := matrix[:len(matrix)-2], rhs[:len(rhs)-2]
	batch, err := broadcastShapes(batchA, batchB)
	if err != nil {
		fail(o.Name(), ErrShape, "the batch axes must broadcast", "the matrix is %v, the right-hand side %v: %v", matrix, rhs, err)
	}
	b = b.stretch(slices.Concat(batch, rhs[len(batchB):]))
	if !slices.Equal(batchA, batch[len(batch)-len(batchA):]) {
		t = t.stretch(slices.Concat(batch, matrix[len(batchA):]))
	}
	return apply(o, t, b)
}
