package graph

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// The diagonal of a Gauss-Newton matrix of a layer under softmax outputs has two terms, of the Hessian's diagonal and its outer product: both
// are products with the squared inputs, of which there is one, and the Jacobian of no sample is in memory.
func TestTermsShareAProduct(t *testing.T) {
	const samples, classes, in, out = 48, 10, 120, 112
	type args struct{ X, P, W, Mask Tensor }
	diagonal := func(a args) Tensor {
		h := a.P.ExpandDims(2).Mul(Eye(classes)).Add(a.P.ExpandDims(2).Mul(a.P.ExpandDims(1)).Neg())
		j := a.X.Reshape(samples, 1, in, 1).Mul(a.W.Reshape(1, classes, 1, out).Mul(a.Mask.Reshape(samples, 1, 1, out)))
		return DotGeneral(h, j, []int{2}, []int{1}, []int{0}, []int{0}).Mul(j).Sum(0, 1)
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(4, 1))
		random := func(shape ...int) Tensor {
			s := Spec{Float32, shape}
			return upload(t, dev, s, draw(rng, Sample{Spec: s}))
		}
		a := args{random(samples, in), random(samples, classes), random(classes, out), random(samples, out)}
		defer func() { require.NoError(t, Close(a)) }()

		want := floatsOf(t, dev, diagonal, a, WithoutContraction())
		got := floatsOf(t, dev, diagonal, a)
		for i := range want {
			assert.InDelta(t, want[i], got[i], 1e-4*(1+math.Abs(float64(want[i]))), i)
		}

		plan, err := Explain(dev, diagonal, a)
		require.NoError(t, err)
		assert.Contains(t, plan, "with the sum of 2 terms that share the other operand")
		cost, err := CostOn(dev, diagonal, a)
		require.NoError(t, err)
		assert.Less(t, cost.Operations, int64(4.5*samples*in*out), "one product of the squared inputs, not two: %s", plan)
		assert.Less(t, cost.Peak(), int64(8*4*in*out), plan)
	})
}
