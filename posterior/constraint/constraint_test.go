package constraint_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/graph"
	. "github.com/lavagrad/lavagrad/posterior/constraint"
)

func holds(t *testing.T, c Constraint, x graph.Tensor) []float64 {
	v, err := graph.Reference(context.Background(), c.Holds(x))
	require.NoError(t, err)
	return v
}

// TestScalars: sets of numbers hold what they say, on the device as on the host.
func TestScalars(t *testing.T) {
	x := []float32{-1, 0, 0.5, 1, 2, float32(math.Inf(1)), float32(math.NaN())}
	for name, c := range map[string]struct {
		c    Constraint
		want []float64
	}{
		"real":          {Real, []float64{1, 1, 1, 1, 1, 1, 0}},
		"finite":        {Finite, []float64{1, 1, 1, 1, 1, 0, 0}},
		"positive":      {Positive, []float64{0, 0, 1, 1, 1, 1, 0}},
		"non-negative":  {NonNegative, []float64{0, 1, 1, 1, 1, 1, 0}},
		"probability":   {Probability, []float64{0, 1, 1, 1, 0, 0, 0}},
		"unit interval": {UnitInterval(), []float64{0, 0, 1, 0, 0, 0, 0}},
		"boolean":       {Boolean, []float64{0, 1, 0, 1, 0, 0, 0}},
		"count":         {Count, []float64{0, 1, 0, 1, 1, 0, 0}},
		"interval":      {Interval(graph.Scalar(0), graph.Scalar(1)), []float64{0, 1, 1, 1, 0, 0, 0}},
		"count to":      {CountTo(graph.Scalar(1), "1"), []float64{0, 1, 0, 1, 0, 0, 0}},
	} {
		assert.Equal(t, c.want, holds(t, c.c, graph.Literal(x)), name)
		if c.c.Number != nil {
			for i, v := range x {
				assert.Equal(t, c.want[i] == 1, c.c.Number(float64(v)), "%s of %v on the host", name, v)
			}
		}
	}
}

// TestArrays: sets of vectors and matrices, the first of each pair inside, the second outside.
func TestArrays(t *testing.T) {
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		c     Constraint
		x     []float32
		shape []int
	}{
		"real vector":       {RealVector, []float32{1, 2, 1, nan}, []int{2, 2}},
		"simplex":           {Simplex, []float32{0.25, 0.75, 0.25, 0.5}, []int{2, 2}},
		"simplex, negative": {Simplex, []float32{0, 1, -0.5, 1.5}, []int{2, 2}},
		"lower cholesky":    {LowerCholesky, []float32{1, 0, 2, 3, 1, 1, 2, 3}, []int{2, 2, 2}},
		"its diagonal":      {LowerCholesky, []float32{1, 0, 2, 3, 1, 0, 2, -3}, []int{2, 2, 2}},
		"symmetric":         {Symmetric, []float32{1, 2, 2, 3, 1, 2, 1, 3}, []int{2, 2, 2}},
		"positive definite": {PositiveDefinite, []float32{2, 1, 1, 2, 1, 2, 2, 1}, []int{2, 2, 2}},
		"counts":            {CountsOf(graph.Scalar(3), "3"), []float32{1, 2, 2, 2}, []int{2, 2}},
		"each":              {Each(Positive, 1), []float32{1, 2, 1, 0}, []int{2, 2}},
	} {
		assert.Equal(t, []float64{1, 0}, holds(t, c.c, graph.Literal(c.x, c.shape...)), name)
	}
	assert.Equal(t, 3, Each(Symmetric, 1).EventRank)
	_, err := graph.Reference(context.Background(), Positive.Check("Owner", "argument", graph.Scalar(-1)))
	assert.ErrorIs(t, err, graph.ErrCheck)
	assert.ErrorContains(t, err, "Owner: argument > 0 is false")
}
