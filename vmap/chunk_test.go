package vmap_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/vmap"
)

// A map in chunks gives what the whole map gives, whether the chunks divide the batch or not, under the transforms too.
func TestChunksEqualWhole(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		x := vector(t, dev, []float32{1, -2, 3, 0.5, 5, 6, 0.7, 8, 9, 1, -1, 2, 0.1, 4}, 2, 7) // samples are columns
		w := vector(t, dev, []float32{0.5, -0.25})
		s := func(x tensor) sample { return sample{X: x, Y: graph.Iota(0, 7)} }
		f := func(w tensor, s sample) sample {
			h := s.X.Mul(w).Tanh()
			return sample{X: h, Y: h.Sum().Add(s.Y.AsFloat()), Rest: map[string]tensor{"w": w.Exp()}}
		}
		axes := []vmap.Option{
			vmap.InTree(vmap.Shared, struct{ X, Y int }{-1, 0}),
			vmap.OutTree(struct{ X, Y, Rest int }{1, 0, vmap.Shared}),
		}
		whole := vmap.Map2(f, axes...)
		loss := func(m func(tensor, sample) sample) func(w, x tensor) tensor {
			return func(w, x tensor) tensor {
				r := m(w, s(x))
				return r.X.Square().Sum().Add(r.Y.Sin().Sum())
			}
		}
		for _, n := range []int{1, 2, 3, 6, 7, 100} {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				chunked := vmap.Map2(f, append(axes, vmap.Chunk(n))...)
				want, got := whole(w, s(x)), chunked(w, s(x))
				for i, y := range leaves(t, got) {
					z := leaves(t, want)[i]
					require.Equal(t, z.Shape(), y.Shape())
					exact := f64(t, z)
					assert.InDeltaSlice(t, exact, f64(t, y), 1e-12)
					for j, v := range values(t, y) {
						assert.InDelta(t, exact[j], v, 1e-6)
					}
				}
				for name, g := range map[string]func(func(w, x tensor) tensor) tensor{
					"gradient by what is shared": func(l func(w, x tensor) tensor) tensor { return graph.Grad2(l)(w, x) },
					"gradient by the samples":    func(l func(w, x tensor) tensor) tensor { return graph.GradSecond(l)(w, x) },
					"tangent": func(l func(w, x tensor) tensor) tensor {
						_, d := graph.JVP(func(w tensor) tensor { return l(w, x) }, w, w)
						return d
					},
				} {
					assert.InDeltaSlice(t, f64(t, g(loss(whole))), f64(t, g(loss(chunked))), 1e-9, name)
				}
				twice := vmap.Map(func(w tensor) tensor { return loss(chunked)(w, x) })
				once := vmap.Map(func(w tensor) tensor { return loss(whole)(w, x) })
				ws := graph.Literal([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
				assert.InDeltaSlice(t, f64(t, once(ws)), f64(t, twice(ws)), 1e-9, "a map of the map")
			})
		}
		none := vmap.Map(func(x tensor) tensor { return x.Exp() }, vmap.Chunk(2))(graph.Zeros(0, 3))
		assert.Equal(t, graph.Shape{0, 3}, none.Shape())
	})
}

// Temporary memory is that of a chunk: for the value, and for the gradient.
func TestChunksBoundMemory(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const batch, chunk, in, hidden = 2048, 64, 16, 512
		w1, w2 := graph.Placeholder(graph.Float32, in, hidden), graph.Placeholder(graph.Float32, hidden, in)
		type model struct{ W1, W2, X tensor }
		arena := func(opts ...vmap.Option) (value, gradient int64) {
			f := func(m model) tensor {
				one := func(x tensor) tensor { return x.MatMul(m.W1).Tanh().MatMul(m.W2).Tanh().Sum() }
				return vmap.Map(one, opts...)(m.X)
			}
			m := model{w1, w2, graph.Placeholder(graph.Float32, batch, in)}
			c, err := graph.CostOn(dev, f, m)
			require.NoError(t, err)
			g, err := graph.CostOn(dev, graph.Grad(func(m model) tensor { return f(m).Sum() }), m)
			require.NoError(t, err)
			return c.Arena, g.Arena
		}
		whole, wholeGrad := arena()
		bounded, boundedGrad := arena(vmap.Chunk(chunk))
		assert.GreaterOrEqual(t, whole, int64(4*batch*hidden))
		assert.LessOrEqual(t, bounded, int64(6*4*chunk*hidden), "of the value")
		assert.LessOrEqual(t, boundedGrad, wholeGrad/4, "of the gradient")
		t.Logf("KiB: value %d, in chunks %d; gradient %d, in chunks %d", whole>>10, bounded>>10, wholeGrad>>10, boundedGrad>>10)

		// And what the device then takes.
		ctx := context.Background()
		x, err := graph.FromSlice(dev, make([]float32, batch*in), batch, in)
		require.NoError(t, err)
		defer x.Close()
		w, err := graph.FromSlice(dev, make([]float32, in*hidden), in, hidden)
		require.NoError(t, err)
		defer w.Close()
		run := graph.Jit(dev, func(m model) tensor {
			return vmap.Map(func(x tensor) tensor { return x.MatMul(m.W1).Tanh().MatMul(m.W2).Tanh().Sum() }, vmap.Chunk(chunk))(m.X)
		})
		turned := w.Reshape(hidden, in)
		require.NoError(t, graph.Eval(ctx, turned))
		defer turned.Close()
		before := dev.Stats()
		dev.ResetPeak()
		y, err := run(ctx, model{w, turned, x})
		require.NoError(t, err)
		assert.Equal(t, make([]float32, batch), values(t, y))
		assert.Less(t, dev.Stats().PeakBytes-before.LiveBytes, int64(4*batch*hidden)/2)
	})
}

func TestChunkErrors(t *testing.T) {
	x := graph.Ones(4, 2)
	sum := func(x tensor) tensor { return x.Sum() }
	require.ErrorIs(t, graph.Try(func() { vmap.Chunk(0) }), graph.ErrArgument)
	require.ErrorContains(t, graph.Try(func() { vmap.Map(sum, vmap.Chunk(2), vmap.Name("batch"))(x) }), "cannot be mapped in chunks")
	pair := vmap.Map2(func(a, b tensor) tensor { return a.Add(b).Sum() }, vmap.Chunk(2))
	require.ErrorIs(t, graph.Try(func() { pair(x, graph.Ones(3, 2)) }), graph.ErrShape)
	require.ErrorIs(t, graph.Try(func() { vmap.Map(sum, vmap.Chunk(2), vmap.In(3))(x) }), graph.ErrArgument)
}
