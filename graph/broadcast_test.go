package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBroadcastShapes(t *testing.T) {
	for _, c := range []struct {
		in   []Shape
		want Shape
	}{
		{nil, Shape{}},
		{[]Shape{{3}}, Shape{3}},
		{[]Shape{{}, {2, 1}, {5}}, Shape{2, 5}},
		{[]Shape{{0}, {1}}, Shape{0}},
		{[]Shape{{4, 1, 3}, {2, 1}}, Shape{4, 2, 3}},
	} {
		got, err := BroadcastShapes(c.in...)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%v", c.in)
	}
	_, err := BroadcastShapes(Shape{2, 3}, Shape{1}, Shape{4, 3})
	require.EqualError(t, err, "shapes [2 3] and [4 3] do not broadcast: axis 2 from the right is 2 and 4: lengths must agree or be 1")
}

// The gradient by the first of three arguments, and the norm of a tree.
func TestGrad3AndSquaredNorm(t *testing.T) {
	f := func(p [2]Tensor, a, b Tensor) Tensor { return p[0].Square().Mul(a).Sum().Add(p[1].Mul(b).Sum()) }
	g := Grad3(f)([2]Tensor{Literal([]float32{1, 2}), Scalar(5)}, Scalar(3), Scalar(4))
	require.Equal(t, []float64{6, 12}, reference(t, g[0]))
	require.Equal(t, []float64{4}, reference(t, g[1]))
	require.Equal(t, []float64{36 + 144 + 16}, reference(t, SquaredNorm(g)))
}
