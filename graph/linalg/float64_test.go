package linalg_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
)

// In float64 the residuals are 1e-13, where the device has it; elsewhere the error names what is missing.
func TestFloat64(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		const n, k = 70, 3
		av, bv := wide(covariances(20, 1, n)), wide(normals(21, n*k))
		a, err := graph.FromSlice(dev, av, n, n)
		if !dev.Info().Features.Float64 {
			require.ErrorIs(t, err, graph.ErrDType)
			assert.ErrorContains(t, err, "shaderFloat64")
			return
		}
		require.NoError(t, err)
		defer a.Close()
		b, err := graph.FromSlice(dev, bv, n, k)
		require.NoError(t, err)
		defer b.Close()
		l := linalg.Cholesky(a)
		x, inverse, logdet := linalg.CholeskySolve(l, b), linalg.CholeskyInverse(l), linalg.CholeskyLogDet(l)
		grad := graph.Grad(linalg.LogDet)(a)
		require.NoError(t, graph.Eval(ctx, []graph.Tensor{l, x, inverse, logdet, grad}))
		defer graph.Close([]graph.Tensor{l, x, inverse, logdet, grad})
		read := func(x graph.Tensor, rows, cols int) *mat.Dense {
			v, err := graph.Read[float64](ctx, x)
			require.NoError(t, err)
			return mat.NewDense(rows, cols, v)
		}
		m := mat.NewDense(n, n, av)
		lower := read(l, n, n)
		var back, product, unit mat.Dense
		back.Mul(lower, lower.T())
		product.Mul(m, read(x, n, k))
		unit.Mul(m, read(inverse, n, n))
		assert.True(t, mat.EqualApprox(&back, m, 1e-13), "l times its transpose")
		assert.True(t, mat.EqualApprox(&product, mat.NewDense(n, k, bv), 1e-12), "a times the solution")
		assert.True(t, mat.EqualApprox(&unit, diagonalOf(n), 1e-12), "a times its inverse")
		assert.True(t, mat.EqualApprox(read(grad, n, n), read(inverse, n, n), 1e-12), "gradient of the log determinant")
		want, _ := mat.LogDet(m)
		assert.InDelta(t, want, read(logdet, 1, 1).At(0, 0), 1e-11)
	})
}

func diagonalOf(n int) *mat.DiagDense {
	d := mat.NewDiagDense(n, nil)
	for i := range n {
		d.SetDiag(i, 1)
	}
	return d
}
