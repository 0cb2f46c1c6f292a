package posterior_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior"
)

// The aux may be an interface, in which what a log posterior returns is looked at.
func TestAuxOfAnyType(t *testing.T) {
	x := graph.Scalar(2)
	aux := func(a any) (*any, error) {
		var g posterior.Gradient[graph.Tensor, any]
		err := graph.Try(func() {
			g = posterior.Evaluate(func(x, b graph.Tensor) (graph.Tensor, any) { return x.Mul(b), a }, x, graph.Scalar(3))
		})
		return g.Aux, err
	}
	for _, empty := range []any{nil, none{}, []graph.Tensor{}, map[string]graph.Tensor{}} {
		got, err := aux(empty)
		require.NoError(t, err)
		assert.Nil(t, got)
	}
	got, err := aux([]graph.Tensor{x})
	require.NoError(t, err)
	assert.NotNil(t, got)
	for says, wrong := range map[string]any{"the aux is a []float64": []float64{1}, "the aux is a string": "x", "zero Tensor": graph.Tensor{}} {
		_, err := aux(wrong)
		require.ErrorIs(t, err, graph.ErrArgument)
		assert.ErrorContains(t, err, says)
	}
}
