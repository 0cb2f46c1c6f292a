package graph

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// diagonal is the sum over samples of the squared gradients of a layer at x [b t i] and g [b t j].
func diagonal(l layer) Tensor { return perSampleGradient(l.X, l.G).Square().Sum(0) }

func drawnLayer(t *testing.T, dev *gpu.Device, b, positions, in, out int) layer {
	rng := rand.New(rand.NewPCG(1, uint64(in)))
	return newLayer(t, dev, b, positions, in, out, func(x, g []float32) {
		for _, v := range [][]float32{x, g} {
			for i := range v {
				v[i] = rng.Float32()*2 - 1
			}
		}
	})
}

// Squares of the samples' gradients are added up without these being in memory: whatever the tiles that the extents leave over, and into how many parts the
// samples are cut.
func TestSumsOfSquares(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range []struct{ b, positions, in, out int }{
			{8, 9, 45, 170}, {30, 4, 64, 80}, {3, 13, 130, 131}, {70, 5, 40, 44},
		} {
			t.Run(fmt.Sprint(c), func(t *testing.T) {
				l := drawnLayer(t, dev, c.b, c.positions, c.in, c.out)
				got, want := floatsOf(t, dev, diagonal, l), reference(t, diagonal(l))
				for i, w := range want {
					require.InEpsilon(t, w, got[i], 2e-5, "element %d", i)
				}
				text, err := Explain(dev, diagonal, l)
				require.NoError(t, err)
				assert.Contains(t, text, ")^2->")
				cost, err := CostOn(dev, diagonal, l)
				require.NoError(t, err)
				if c.b > 20 {
					assert.Less(t, cost.Peak(), int64(4*c.b*c.in*c.out/2), "the gradients of all samples are in memory")
				}
			})
		}
	})
}

// The view of an image's patches, a weight that is a result of its own, and a sample that is not finite.
func TestSumsOfSquaresOfOtherOperands(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		l := drawnLayer(t, dev, 24, 6, 48, 96)
		for name, f := range map[string]func(layer) Tensor{
			"scaled": func(l layer) Tensor { return diagonal(l).Scale(0.25).AddScalar(1) },
			"mean of squares less square of mean": func(l layer) Tensor {
				j := perSampleGradient(l.X, l.G)
				return j.Square().Mean(0).Sub(j.Mean(0).Square())
			},
			"steps outside": func(l layer) Tensor {
				j := Einsum("tbi,tbj->bij", l.X.Transpose(1, 0, 2), l.G.Transpose(1, 0, 2))
				return j.Square().Sum(0)
			},
			"computed operands": func(l layer) Tensor { return diagonal(layer{l.X.Tanh(), l.G.Mul(l.G.Sigmoid())}) },
			"one operand twice": func(l layer) Tensor { return diagonal(layer{l.G, l.G}) },
			"also the gradients": func(l layer) Tensor {
				j := perSampleGradient(l.X, l.G)
				return Concat(0, j.Square().Sum(0), j.Reshape(-1, 96))
			},
		} {
			t.Run(name, func(t *testing.T) {
				requireCloseTo(t, 0, reference(t, f(l)), widened(floatsOf(t, dev, f, l)), 2e-5, "result")
			})
		}
		text, err := Explain(dev, func(l layer) Tensor { return diagonal(layer{l.X.Convert(Float64), l.G.Convert(Float64)}) }, l)
		if err == nil {
			assert.NotContains(t, text, ")^2->", "there is no kernel for float64")
		}
	})
}

func widened(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// A sample with an infinity or NaN in it spoils what it reaches, and padding nothing.
func TestSumsOfSquaresPropagateNaN(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const b, positions, in, out = 16, 5, 66, 131
		x, g := make([]float32, b*positions*in), make([]float32, b*positions*out)
		for i := range x {
			x[i] = 1
		}
		for i := range g {
			g[i] = 2
		}
		nan := float32(0)
		nan /= nan
		x[3*positions*in+7] = nan // sample 3, position 0, row 7
		l := newLayer(t, dev, b, positions, in, out, func(a, c []float32) { copy(a, x); copy(c, g) })
		got := floatsOf(t, dev, diagonal, l)
		for i, v := range got {
			if i/out == 7 {
				require.True(t, v != v, "element %d: %v", i, v)
			} else {
				require.Equal(t, float32(b*100), v, "element %d", i)
			}
		}
	})
}
