package gaussian_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/gaussian"
	"github.com/lavagrad/lavagrad/vmap"
)

type params struct{ W, B graph.Tensor }

func values(t *testing.T, x graph.Tensor) []float32 {
	t.Helper()
	v, err := x.Floats(context.Background())
	require.NoError(t, err)
	return v
}

func TestLogProb(t *testing.T) {
	x, mean, sd := []float32{1, -2, 0.5, 3}, []float32{0, -1, 0.25, 2}, []float32{1, 2, 0.5, 0.1}
	tree := func(v []float32) params {
		return params{graph.Literal(v[:3]), graph.Literal(v[3:], 1, 1)}
	}
	sum := func(mean, sd func(i int) float64, normalized bool) (s float64) {
		for i, v := range x {
			if n := (distuv.Normal{Mu: mean(i), Sigma: sd(i)}); normalized {
				s += n.LogProb(float64(v))
			} else {
				s += n.LogProb(float64(v)) - n.LogProb(mean(i))
			}
		}
		return s
	}
	number := func(v float64) func(int) float64 { return func(int) float64 { return v } }
	of := func(v []float32) func(int) float64 { return func(i int) float64 { return float64(v[i]) } }
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		y, err := graph.Jit(dev, func(struct{}) []graph.Tensor {
			return []graph.Tensor{
				gaussian.LogProb(tree(x), tree(mean), tree(sd)),
				gaussian.LogProb(tree(x), 0.5, tree(sd)),
				gaussian.LogProb(tree(x), tree(mean), 2),
				gaussian.LogProb(tree(x), graph.Scalar(0.5), graph.Scalar(2)),
				gaussian.LogProbUnnormalized(tree(x), tree(mean), tree(sd)),
				gaussian.LogProb(graph.Literal(x), graph.Scalar(0.5), graph.Literal(sd)),
			}
		})(context.Background(), struct{}{})
		require.NoError(t, err)
		defer graph.Close(y)
		for i, w := range []float64{
			sum(of(mean), of(sd), true), sum(number(0.5), of(sd), true), sum(of(mean), number(2), true), sum(number(0.5), number(2), true),
			sum(of(mean), of(sd), false), sum(number(0.5), of(sd), true),
		} {
			assert.InEpsilon(t, w, values(t, y[i])[0], 1e-5, "case %d", i)
		}
	})
}

// Draws have the moments asked for, in the sample shape, and the pathwise gradient.
func TestSample(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n = 20000
		mean := params{graph.Literal([]float32{1, -2}), graph.Scalar(3)}
		sd := params{graph.Literal([]float32{0.5}), graph.Scalar(2)}
		type result struct{ S, DMean, DSd params }
		y, err := graph.Jit(dev, func(struct{}) result {
			total := func(mean, sd params) graph.Tensor {
				s := gaussian.Sample(random.NewKey(4), mean, sd, n/2, 2)
				return s.W.Sum().Add(s.B.Sum())
			}
			return result{
				gaussian.Sample(random.NewKey(4), mean, sd, n/2, 2), graph.Grad2(total)(mean, sd), graph.GradSecond(total)(mean, sd),
			}
		})(context.Background(), struct{}{})
		require.NoError(t, err)
		defer graph.Close(y)
		require.Equal(t, graph.Shape{n / 2, 2, 2}, y.S.W.Shape())
		require.Equal(t, graph.Shape{n / 2, 2}, y.S.B.Shape())
		w, b := values(t, y.S.W), values(t, y.S.B)
		check := func(mu, sigma float64, at func(i int) float32) {
			t.Helper()
			m, v := 0.0, 0.0
			for i := range n {
				d := float64(at(i)) - mu
				m, v = m+d/n, v+d*d/n
			}
			assert.InDelta(t, 0, m, 5*sigma/math.Sqrt(n))
			assert.InDelta(t, sigma*sigma, v, 5*sigma*sigma*math.Sqrt(2./n))
		}
		check(1, 0.5, func(i int) float32 { return w[2*i] })
		check(-2, 0.5, func(i int) float32 { return w[2*i+1] })
		check(3, 2, func(i int) float32 { return b[i] })
		product := 0.0
		for i := range n {
			product += float64(w[2*i]-1) / 0.5 * float64(b[i]-3) / 2 / n
		}
		assert.InDelta(t, 0, product, 5/math.Sqrt(n), "leaves are independent")
		assert.InDelta(t, n, values(t, y.DMean.B)[0], 1e-3)
		xi := 0.0
		for _, v := range b {
			xi += float64(v-3) / 2
		}
		assert.InDelta(t, xi, values(t, y.DSd.B)[0], 0.05)
	})
}

// Both ways are inverse to each other, under vmap, for no row and for one, and differentiate.
func TestTril(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for n := range 5 {
			m := n * (n + 1) / 2
			type result struct{ L, Flat, Mapped, Gradient graph.Tensor }
			y, err := graph.Jit(dev, func(struct{}) result {
				flat := graph.Iota(1, 2, m).AsFloat().Add(graph.Iota(0, 2, m).AsFloat().Scale(100)).AddScalar(1)
				l := gaussian.FlatToTril(flat)
				full := l.Add(graph.Full(graph.Float32, 7, n, n).Triu(1))
				g := graph.Grad(func(f graph.Tensor) graph.Tensor { return gaussian.FlatToTril(f).Square().Sum().Scale(0.5) })(flat)
				return result{l, gaussian.TrilToFlat(full), vmap.Map(gaussian.TrilToFlat)(full), g}
			})(context.Background(), struct{}{})
			require.NoError(t, err)
			require.Equal(t, graph.Shape{2, n, n}, y.L.Shape())
			require.Equal(t, graph.Shape{2, m}, y.Flat.Shape())
			l, flat := values(t, y.L), values(t, y.Flat)
			k := 0
			for b := range 2 {
				next := float32(1 + 100*b)
				for i := range n {
					for j := range n {
						want := float32(0)
						if j <= i {
							want = next
							assert.Equal(t, want, flat[k])
							next++
							k++
						}
						assert.Equal(t, want, l[(b*n+i)*n+j])
					}
				}
			}
			assert.Equal(t, flat, values(t, y.Mapped))
			assert.Equal(t, flat, values(t, y.Gradient))
			require.NoError(t, graph.Close(y))
		}
	})
}

func TestGaussianErrors(t *testing.T) {
	p := params{graph.Zeros(2), graph.Zeros(3)}
	assert.ErrorIs(t, graph.Try(func() { gaussian.LogProb(p, 0, -1) }), graph.ErrArgument)
	assert.ErrorIs(t, graph.Try(func() { gaussian.LogProb(p, "0", 1) }), graph.ErrArgument)
	assert.ErrorIs(t, graph.Try(func() { gaussian.LogProb(p, graph.Zeros(2), 1) }), graph.ErrArgument)
	assert.ErrorIs(t, graph.Try(func() { gaussian.LogProb(p, params{graph.Zeros(3), graph.Zeros(3)}, 1) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { gaussian.LogProb(params{graph.Zeros(2), graph.Int(1)}, 0, 1) }), graph.ErrDType)
	assert.ErrorIs(t, graph.Try(func() { gaussian.Sample(random.NewKey(1), struct{}{}, 1) }), graph.ErrArgument)
	assert.ErrorIs(t, graph.Try(func() { gaussian.FlatToTril(graph.Zeros(4)) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { gaussian.FlatToTril(graph.Scalar(1)) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { gaussian.TrilToFlat(graph.Zeros(2, 3)) }), graph.ErrShape)
}

// A prior over all parameters of a model, with one standard deviation for all.
func ExampleLogProb() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	type model struct{ W, B graph.Tensor }
	prior := graph.Jit(dev, func(m model) graph.Tensor { return gaussian.LogProb(m, 0, 1) })
	y, err := prior(ctx, model{graph.Zeros(2, 2), graph.Zeros(2)})
	if err != nil {
		log.Fatal(err)
	}
	v, err := y.Float(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", v)
	// Output: -5.5136
}
