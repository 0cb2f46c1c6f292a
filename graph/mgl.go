package graph

import (
	"context"

	"github.com/go-gl/mathgl/mgl32"

	"github.com/lavagrad/lavagrad/gpu"
)

// MGL is a vector or matrix of fixed size of package mgl32.
type MGL interface {
	mgl32.Vec2 | mgl32.Vec3 | mgl32.Vec4 |
		mgl32.Mat2 | mgl32.Mat2x3 | mgl32.Mat2x4 |
		mgl32.Mat3x2 | mgl32.Mat3 | mgl32.Mat3x4 |
		mgl32.Mat4x2 | mgl32.Mat4x3 | mgl32.Mat4
}

// mglView gives a value's elements, which mgl32 keeps column by column, with its rows and columns;
// columns is 0 for a vector.
func mglView[M MGL](m *M) (elements []float32, rows, columns int) {
	switch v := any(m).(type) {
	case *mgl32.Vec2:
		return v[:], 2, 0
	case *mgl32.Vec3:
		return v[:], 3, 0
	case *mgl32.Vec4:
		return v[:], 4, 0
	case *mgl32.Mat2:
		return v[:], 2, 2
	case *mgl32.Mat2x3:
		return v[:], 2, 3
	case *mgl32.Mat2x4:
		return v[:], 2, 4
	case *mgl32.Mat3x2:
		return v[:], 3, 2
	case *mgl32.Mat3:
		return v[:], 3, 3
	case *mgl32.Mat3x4:
		return v[:], 3, 4
	case *mgl32.Mat4x2:
		return v[:], 4, 2
	case *mgl32.Mat4x3:
		return v[:], 4, 3
	default:
		return any(m).(*mgl32.Mat4)[:], 4, 4
	}
}

// FromMGL copies an mgl32 vector [n] or matrix [rows columns] of fixed size to dev. mgl32 keeps
// matrices column by column, tensors row by row: element (i, j) stays element (i, j).
func FromMGL[M MGL](dev *gpu.Device, m M) (Tensor, error) {
	e, rows, columns := mglView(&m)
	if columns == 0 {
		return FromSlice(dev, e, rows)
	}
	return FromSlice(dev, transposed(e, columns, rows), rows, columns)
}

// ToMGL reads a tensor into an mgl32 vector or matrix of fixed size, whose shape must be the tensor's.
func ToMGL[M MGL](ctx context.Context, t Tensor) (m M, err error) {
	defer Recover(&err)
	e, rows, columns := mglView(&m)
	want := Shape{rows, columns}
	if columns == 0 {
		want = Shape{rows}
	}
	if !t.Shape().Equal(want) {
		fail("to mgl", ErrShape, "choose the mgl32 type of the tensor's shape", "the tensor is %v, %T is %v", t.Spec(), m, want)
	}
	v, err := t.Floats(ctx)
	if err != nil {
		return m, err
	}
	if columns > 0 {
		v = transposed(v, rows, columns)
	}
	copy(e, v)
	return m, nil
}

// FromVecN copies an mgl32 vector to dev as a tensor [n].
func FromVecN(dev *gpu.Device, v *mgl32.VecN) (Tensor, error) { return FromSlice(dev, v.Raw()) }

// ToVecN reads a vector [n].
func ToVecN(ctx context.Context, t Tensor) (v *mgl32.VecN, err error) {
	defer Recover(&err)
	if t.Rank() != 1 {
		fail("to VecN", ErrShape, "flatten it first", "the tensor is %v, want one axis", t.Spec())
	}
	data, err := t.Floats(ctx)
	if err != nil {
		return nil, err
	}
	return mgl32.NewVecNFromData(data), nil
}

// FromMatMxN copies an mgl32 matrix to dev as a tensor [rows columns].
func FromMatMxN(dev *gpu.Device, m *mgl32.MatMxN) (Tensor, error) {
	rows, columns := m.NumRowCols()
	return FromSlice(dev, transposed(m.Raw(), columns, rows), rows, columns)
}

// ToMatMxN reads a matrix [rows columns].
func ToMatMxN(ctx context.Context, t Tensor) (m *mgl32.MatMxN, err error) {
	defer Recover(&err)
	if t.Rank() != 2 {
		fail("to MatMxN", ErrShape, "reshape it first", "the tensor is %v, want two axes", t.Spec())
	}
	data, err := t.Floats(ctx)
	if err != nil {
		return nil, err
	}
	rows, columns := t.Dim(0), t.Dim(1)
	return mgl32.NewMatrixFromData(transposed(data, rows, columns), rows, columns), nil
}

// transposed turns a row-major matrix [rows columns] into [columns rows].
func transposed(v []float32, rows, columns int) []float32 {
	out := make([]float32, len(v))
	for i := range rows {
		for j := range columns {
			out[j*rows+i] = v[i*columns+j]
		}
	}
	return out
}
