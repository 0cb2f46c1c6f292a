package curvature_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/posterior/curvature"
)

// layers are y = L1 x, z = sum over positions of L2 tanh(y): 3 inputs, 2 hidden units, 2 outputs.
type layers struct{ L1, L2 nn.Linear }

func sequence(p layers, s sample, linear curvature.LinearFunc) graph.Tensor {
	return linear(p.L2, linear(p.L1, s.X).Tanh()).Sum(0)
}

// factorsByLoops are A1, G1, A2, G2 for inputs [n positions 3].
func factorsByLoops(theta, x []float64, n, positions int) (out [4]*mat.Dense) {
	for i, size := range []int{4, 2, 3, 2} {
		out[i] = mat.NewDense(size, size, nil)
	}
	add := func(m *mat.Dense, a, b []float64, scale float64) {
		var o mat.Dense
		o.Outer(scale, mat.NewVecDense(len(a), a), mat.NewVecDense(len(b), b))
		m.Add(m, &o)
	}
	w1, b1, w2, b2 := theta[:6], theta[6:8], theta[8:12], theta[12:14]
	for i := range n {
		var z [2]float64
		var inputs, hidden [][]float64
		for t := range positions {
			in := append(append([]float64{}, x[(i*positions+t)*3:(i*positions+t)*3+3]...), 1)
			h := []float64{0, 0, 1}
			for k := range 2 {
				y := b1[k]
				for j := range 3 {
					y += in[j] * w1[2*j+k]
				}
				h[k] = math.Tanh(y)
			}
			for o := range 2 {
				z[o] += h[0]*w2[o] + h[1]*w2[2+o] + b2[o]
			}
			inputs, hidden = append(inputs, in), append(hidden, h)
		}
		p0 := 1 / (1 + math.Exp(z[1]-z[0]))
		// H of two classes is p0 p1 (1 -1)(1 -1)'.
		v := math.Sqrt(p0 * (1 - p0))
		for t := range positions {
			h := hidden[t]
			g1 := []float64{v * (w2[0] - w2[1]) * (1 - h[0]*h[0]), v * (w2[2] - w2[3]) * (1 - h[1]*h[1])}
			g2 := []float64{v, -v}
			add(out[0], inputs[t], inputs[t], 1)
			add(out[1], g1, g1, 1)
			add(out[2], h, h, 1)
			add(out[3], g2, g2, 1)
		}
	}
	return out
}

func layersOf(t *testing.T, dev *gpu.Device, theta []float64) layers {
	return layers{
		nn.Linear{W: tensor(t, dev, theta[:6], 3, 2), B: tensor(t, dev, theta[6:8], 2)},
		nn.Linear{W: tensor(t, dev, theta[8:12], 2, 2), B: tensor(t, dev, theta[12:14], 2)},
	}
}

var theta14 = []float64{0.5, -1, 0.25, 0.75, -0.5, 1, 0.1, -0.2, 1, -0.5, 0.75, 0.5, 0.3, -0.4}

// The factors against loops in float64, for one position and for several, in chunks as well.
func TestKFAC(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		p := layersOf(t, dev, theta14)
		for _, c := range []struct {
			n, positions int
			opts         []curvature.Option
		}{{1, 1, nil}, {5, 1, nil}, {5, 3, nil}, {5, 3, []curvature.Option{curvature.Chunk(2)}}} {
			ref := newReference(c.n * c.positions)
			y := make([]float64, 2*c.n)
			for i := range c.n {
				y[2*i] = 1
			}
			out, err := graph.Jit2(dev, curvature.KFAC(sequence, crossEntropy, c.opts...))(context.Background(), p,
				sample{tensor(t, dev, ref.x, c.n, c.positions, 3), tensor(t, dev, y, c.n, 2)})
			require.NoError(t, err)
			want := factorsByLoops(theta14, ref.x, c.n, c.positions)
			for i, k := range out {
				matches(t, want[2*i].RawMatrix().Data, []graph.Tensor{k.A}, "A")
				matches(t, want[2*i+1].RawMatrix().Data, []graph.Tensor{k.G}, "G")
				v, err := k.Positions.Ints(context.Background())
				require.NoError(t, err)
				assert.Equal(t, []int32{int32(c.n * c.positions)}, v)
			}
			require.NoError(t, graph.Close(out))
		}
	})
}

// For one sample and position the Kronecker product is the layer's block of the GGN, in the order of its parameters.
func TestKFACOfOneSampleIsTheGGN(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		p, ref := layersOf(t, dev, theta14), newReference(1)
		type result struct {
			GGN     graph.Tensor
			Factors []curvature.Kronecker
		}
		out, err := graph.Jit2(dev, func(p layers, s sample) result {
			plain := func(p layers, s sample) graph.Tensor { return sequence(p, s, nn.Linear.Apply) }
			return result{curvature.GGN(plain, crossEntropy)(p, s), curvature.KFAC(sequence, crossEntropy)(p, s)}
		})(context.Background(), p, sample{tensor(t, dev, ref.x, 1, 1, 3), tensor(t, dev, []float64{1, 0}, 1, 2)})
		require.NoError(t, err)
		defer graph.Close(out)
		read := func(x graph.Tensor, n int) *mat.Dense {
			v, err := x.Floats(context.Background())
			require.NoError(t, err)
			d := make([]float64, len(v))
			for i := range v {
				d[i] = float64(v[i])
			}
			return mat.NewDense(n, n, d)
		}
		ggn := read(out.GGN, 14)
		for i, c := range []struct{ at, in, out int }{{0, 4, 2}, {8, 3, 2}} {
			var k mat.Dense
			k.Kronecker(read(out.Factors[i].A, c.in), read(out.Factors[i].G, c.out))
			n := c.in * c.out
			assert.True(t, mat.EqualApprox(&k, ggn.Slice(c.at, c.at+n, c.at, c.at+n), 1e-5), "layer %d", i)
		}
	})
}

// A layer that is applied to two inputs is one that is applied to a sequence of two.
func TestKFACOfASharedLayer(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		p, ref := layersOf(t, dev, theta14), newReference(6)
		twice := func(p layers, s sample, linear curvature.LinearFunc) graph.Tensor {
			part := func(i int) graph.Tensor { return linear(p.L2, linear(p.L1, s.X.Index(0, i)).Tanh()) }
			return part(0).Add(part(1))
		}
		type result struct{ A, B []curvature.Kronecker }
		out, err := graph.Jit2(dev, func(p layers, s sample) result {
			return result{curvature.KFAC(twice, crossEntropy)(p, s), curvature.KFAC(sequence, crossEntropy)(p, s)}
		})(context.Background(), p, sample{tensor(t, dev, ref.x, 3, 2, 3), tensor(t, dev, []float64{1, 0, 0, 1, 1, 0}, 3, 2)})
		require.NoError(t, err)
		defer graph.Close(out)
		for i := range out.A {
			for _, x := range [][2]graph.Tensor{{out.A[i].A, out.B[i].A}, {out.A[i].G, out.B[i].G}} {
				want, err := x[1].Floats(context.Background())
				require.NoError(t, err)
				got, err := x[0].Floats(context.Background())
				require.NoError(t, err)
				assert.InDeltaSlice(t, want, got, 1e-5)
			}
		}
	})
}

func TestKFACErrors(t *testing.T) {
	p := layers{nn.Linear{W: graph.Zeros(3, 2), B: graph.Zeros(2)}, nn.Linear{W: graph.Zeros(2, 2), B: graph.Zeros(2)}}
	s := sample{graph.Zeros(4, 1, 3), graph.Zeros(4, 2)}
	assert.ErrorIs(t, graph.Try(func() { curvature.KFAC(sequence, crossEntropy, curvature.Normalize()) }), graph.ErrArgument)
	half := func(p layers, s sample, linear curvature.LinearFunc) graph.Tensor { return linear(p.L1, s.X).Sum(0) }
	assert.ErrorContains(t, graph.Try(func() { curvature.KFAC(half, crossEntropy)(p, s) }), "layer 1 of params")
	assert.ErrorIs(t, graph.Try(func() { curvature.LinearLayers("kfac", graph.Zeros(2)) }), graph.ErrArgument)
	p.L2.B = graph.Zeros(3)
	err := graph.Try(func() { curvature.KFAC(sequence, crossEntropy)(p, s) })
	require.ErrorIs(t, err, graph.ErrShape)
	assert.ErrorContains(t, err, `".L2"`)
}
