package graph

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Shape is the list of a tensor's axis lengths, outermost first, elements in row-major order.
// The empty shape is a scalar.
type Shape []int

// Size is the number of elements: the product of the axis lengths, 1 for a scalar.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// overflows reports that no int holds the size.
func (s Shape) overflows() bool {
	n := 1
	for _, d := range s {
		if d > 0 && n > math.MaxInt/d {
			return !slices.Contains(s, 0)
		}
		n *= d
	}
	return false
}

// Equal reports whether both shapes have the same axes.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// String prints the shape as [2 3].
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.Itoa(d))
	}
	b.WriteByte(']')
	return b.String()
}

// strides gives the row-major stride of every axis, in elements.
func (s Shape) strides() []int {
	st := make([]int, len(s))
	n := 1
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = n
		n *= s[i]
	}
	return st
}

// prepend returns the shape with one more axis in front.
func (s Shape) prepend(n int) Shape { return append(Shape{n}, s...) }

// Spec is what is known of a tensor without its values: element type and shape.
type Spec struct {
	DType DType
	Shape Shape
}

// String prints the spec as float32[2 3].
func (s Spec) String() string { return s.DType.String() + s.Shape.String() }

// BroadcastShapes is the shape that tensors of the given shapes broadcast to by NumPy's rule: aligned at the last axis, lengths agree or are 1.
// Without shapes it is that of a scalar. The error names the shapes and the axis that does not fit.
func BroadcastShapes(shapes ...Shape) (Shape, error) {
	out := Shape{}
	for _, s := range shapes {
		both, err := broadcastShapes(out, s)
		if err != nil {
			return nil, fmt.Errorf("shapes %v and %v do not broadcast: %w", out, s, err)
		}
		out = both
	}
	return out, nil
}

// broadcastShapes is NumPy's rule: align at the last axis; lengths agree or one of them is 1.
func broadcastShapes(a, b Shape) (Shape, error) {
	n := max(len(a), len(b))
	out := make(Shape, n)
	for i := range n {
		da, db := 1, 1
		if j := i - n + len(a); j >= 0 {
			da = a[j]
		}
		if j := i - n + len(b); j >= 0 {
			db = b[j]
		}
		switch {
		case da == db, db == 1:
			out[i] = da
		case da == 1:
			out[i] = db
		default:
			return nil, fmt.Errorf("axis %d from the right is %d and %d: lengths must agree or be 1", n-i, da, db)
		}
	}
	return out, nil
}

// normalAxis maps a negative axis to its positive place.
func normalAxis(axis, rank int) (int, error) {
	a := axis
	if a < 0 {
		a += rank
	}
	if a < 0 || a >= rank {
		if rank == 0 {
			return 0, fmt.Errorf("axis %d is out of range: a scalar has no axes", axis)
		}
		return 0, fmt.Errorf("axis %d is out of range, %d to %d for rank %d", axis, -rank, rank-1, rank)
	}
	return a, nil
}

// normalAxes maps negative axes to positive ones and sorts them; no axes means all of them.
func normalAxes(axes []int, rank int) ([]int, error) {
	if len(axes) == 0 {
		all := make([]int, rank)
		for i := range all {
			all[i] = i
		}
		return all, nil
	}
	out := make([]int, 0, len(axes))
	for _, a := range axes {
		n, err := normalAxis(a, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, n) {
			return nil, fmt.Errorf("axis %d is named twice", a)
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return out, nil
}
