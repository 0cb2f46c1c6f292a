package graph_test

import (
	"context"
	"testing"

	"github.com/go-gl/mathgl/mgl32"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

// Element (i, j) of an mgl32 matrix, which lies column by column, is element (i, j) of the tensor.
func TestMGLRoundTrip(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	m := mgl32.Mat2x3{1, 2, 3, 4, 5, 6}
	x, err := graph.FromMGL(dev, m)
	require.NoError(t, err)
	defer x.Close()
	require.Equal(t, graph.Shape{2, 3}, x.Shape())
	v, err := x.Floats(ctx)
	require.NoError(t, err)
	for i := range 2 {
		for j := range 3 {
			assert.Equal(t, m.At(i, j), v[3*i+j])
		}
	}
	back, err := graph.ToMGL[mgl32.Mat2x3](ctx, x)
	require.NoError(t, err)
	assert.Equal(t, m, back)
	_, err = graph.ToMGL[mgl32.Mat3](ctx, x)
	require.ErrorIs(t, err, graph.ErrShape)

	// The product of tensors is mgl32's product.
	a, b := mgl32.Rotate3DX(0.3), mgl32.Vec3{1, 2, 3}
	ta, err := graph.FromMGL(dev, a)
	require.NoError(t, err)
	defer ta.Close()
	tb, err := graph.FromMGL(dev, b)
	require.NoError(t, err)
	defer tb.Close()
	y := ta.MatMul(tb)
	got, err := graph.ToMGL[mgl32.Vec3](ctx, y)
	require.NoError(t, err)
	defer y.Close()
	assert.True(t, got.ApproxEqual(a.Mul3x1(b)))

	n := mgl32.NewMatrixFromData([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	tn, err := graph.FromMatMxN(dev, n)
	require.NoError(t, err)
	defer tn.Close()
	first, err := graph.Read[float32](ctx, tn)
	require.NoError(t, err)
	assert.Equal(t, n.At(0, 1), first[1])
	nb, err := graph.ToMatMxN(ctx, tn)
	require.NoError(t, err)
	assert.True(t, n.ApproxEqual(nb))
	vec, err := graph.FromVecN(dev, mgl32.NewVecNFromData([]float32{7, 8}))
	require.NoError(t, err)
	defer vec.Close()
	vb, err := graph.ToVecN(ctx, vec)
	require.NoError(t, err)
	assert.Equal(t, []float32{7, 8}, vb.Raw())
}
