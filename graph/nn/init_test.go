package nn_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/vmap"
)

// place computes a tree of parameters on the test's device.
func place[T any](m maker, t *testing.T, x T) T {
	require.NoError(t, graph.EvalOn(t.Context(), m.dev, x))
	t.Cleanup(func() { graph.Close(x) })
	return x
}

func TestInitialisers(t *testing.T) {
	key := random.NewKey(7)
	each(t, func(t *testing.T, m maker) {
		const in, out = 300, 200
		for name, c := range map[string]struct {
			x               graph.Tensor
			deviation, most float64
		}{
			"xavier uniform": {nn.XavierUniform(key, in, out, in, out), math.Sqrt(2.0 / (in + out)), math.Sqrt(6.0 / (in + out))},
			"xavier normal":  {nn.XavierNormal(key, in, out, in, out), math.Sqrt(2.0 / (in + out)), math.Inf(1)},
			"he uniform":     {nn.HeUniform(key, in, in, out), math.Sqrt(2.0 / in), math.Sqrt(6.0 / in)},
			"he normal":      {nn.HeNormal(key, in, in, out), math.Sqrt(2.0 / in), math.Inf(1)},
			"linear":         {nn.NewLinear(key, in, out).W, math.Sqrt(1.0 / 3 / in), math.Sqrt(1.0 / in)},
			"conv":           {nn.NewConv(key, 40, 100, 3, 5).W, math.Sqrt(1.0 / 3 / 600), math.Sqrt(1.0 / 600)},
		} {
			mean, variance := moments(values(t, place(m, t, c.x)))
			// 60,000 draws: the bounds are 5 standard errors.
			assert.InDelta(t, 0, mean/c.deviation, 5/math.Sqrt(in*out), name)
			assert.InEpsilon(t, c.deviation, math.Sqrt(variance), 5/math.Sqrt(2*in*out), name)
			for _, v := range values(t, c.x) {
				require.LessOrEqual(t, math.Abs(v), c.most*(1+1e-6), name)
			}
		}
	})
	require.ErrorIs(t, graph.Try(func() { nn.HeNormal(key, 0, 3) }), graph.ErrArgument)
	require.ErrorIs(t, graph.Try(func() { nn.Orthogonal(key, 0, 3) }), graph.ErrArgument)
}

func TestOrthogonal(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		for _, s := range [][2]int{{1, 1}, {5, 5}, {40, 7}, {7, 40}, {96, 96}} {
			q := place(m, t, nn.Orthogonal(random.NewKey(3), s[0], s[1]))
			assert.Equal(t, []int{s[0], s[1]}, []int(q.Shape()))
			v := values(t, q)
			short, long := min(s[0], s[1]), max(s[0], s[1])
			at := func(line, i int) float64 { // element i of column line, of row line where those are the few
				if s[0] >= s[1] {
					return v[i*s[1]+line]
				}
				return v[line*s[1]+i]
			}
			for a := range short {
				for b := range short {
					dot, want := 0.0, 0.0
					for i := range long {
						dot += at(a, i) * at(b, i)
					}
					if a == b {
						want = 1
					}
					require.InDelta(t, want, dot, 5e-6, "%v: lines %d and %d", s, a, b)
				}
			}
		}
	})
}

// Each layer's initialiser makes what its Apply takes.
func TestNewLayersFit(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		keys := random.Split(random.NewKey(1), 8)
		x := graph.Ones(2, 5, 6)
		lstm, gru := nn.NewLSTMCell(keys.At(0), 6, 3), nn.NewGRUCell(keys.At(1), 6, 3)
		state, steps := lstm.Scan(x.Index(0, 0), nn.LSTMState{H: graph.Zeros(3), C: graph.Zeros(3)})
		h, _ := gru.Scan(x.Index(0, 0), graph.Zeros(3))
		results := map[string]graph.Tensor{
			"linear [2 5 4]":         nn.NewLinear(keys.At(2), 6, 4).Apply(x),
			"conv [4 3 4]":           nn.NewConv(keys.At(3), 2, 4, 3, 3).Apply(x, graph.ConvOptions{}),
			"conv transpose [4 7 8]": nn.NewConvTranspose(keys.At(4), 2, 4, 3, 3).Apply(x, graph.ConvOptions{}),
			"embedding [2 7]":        nn.NewEmbedding(keys.At(5), 10, 7).Apply(graph.Iota(0, 2)),
			"attention [2 5 6]":      nn.NewMultiHeadAttention(keys.At(6), 6).Apply(x, x, 2, graph.Tensor{}),
			"layer norm [2 5 6]":     nn.NewLayerNorm(5, 6).Apply(x),
			"rms norm [2 5 6]":       nn.NewRMSNorm(6).Apply(x),
			"group norm [2 5 6]":     nn.NewGroupNorm(2).Apply(x, 1),
			"lstm [3]":               state.H,
			"lstm steps [5 3]":       steps,
			"gru [3]":                h,
		}
		place(m, t, results)
		for name, y := range results {
			assert.Contains(t, name, y.Shape().String())
			for _, v := range values(t, y) {
				require.False(t, math.IsNaN(v) || math.IsInf(v, 0), name)
			}
		}
	})
}

func TestEmbedding(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		e := nn.Embedding{Table: tensor(t, m.dev, []float32{0, 1, 10, 11, 20, 21}, 3, 2)}
		tokens := tensor(t, m.dev, []int32{2, 0, 2}, 3)
		assert.Equal(t, []float32{20, 21, 0, 1, 20, 21}, read(t, e.Apply(tokens)))
		g := graph.Grad(func(e nn.Embedding) graph.Tensor { return e.Apply(tokens).Sum() })(e)
		assert.Equal(t, []float32{1, 1, 0, 0, 2, 2}, read(t, g.Table))
		_, err := e.Apply(tensor(t, m.dev, []int32{0, 3})).Floats(context.Background())
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "embedding: token in [0, 3) is false for element [1]")
	})
	require.ErrorIs(t, graph.Try(func() { nn.Embedding{Table: graph.Zeros(3, 2)}.Apply(graph.Zeros(2)) }), graph.ErrShape)
}

func TestDropout(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		const rate, n = 0.25, 10000
		key := random.NewKey(5)
		x := tensor(t, m.dev, make([]float32, n))
		ones := x.AddScalar(1)
		y := read(t, nn.Dropout(key, rate, ones))
		kept := 0.0
		for _, v := range y {
			require.Contains(t, []float32{0, 1 / 0.75}, v)
			kept += float64(v) * 0.75 / n
		}
		assert.InDelta(t, 1-rate, kept, 5*math.Sqrt(rate*(1-rate)/n))
		assert.Equal(t, y, read(t, nn.Dropout(key, rate, ones)), "one key, one draw")
		// The gradient goes through what is kept; a dropped infinity leaves no NaN.
		g := graph.Grad(func(x graph.Tensor) graph.Tensor { return nn.Dropout(key, rate, x).Sum() })
		assert.Equal(t, y, read(t, g(x.AddScalar(math.Inf(1)))))
		// A mapped key gives each sample its own mask, the same as alone.
		keys := random.Split(key, 2)
		both := read(t, vmap.Map(func(k random.Key) graph.Tensor { return nn.Dropout(k, rate, ones) })(keys))
		for i := range 2 {
			assert.Equal(t, read(t, nn.Dropout(keys.At(i), rate, ones)), both[i*n:(i+1)*n], fmt.Sprint("sample ", i))
		}
		assert.NotEqual(t, both[:n], both[n:])
		ones.Close()
	})
	assert.Equal(t, graph.Tensor{}, nn.Dropout(random.NewKey(1), 0, graph.Tensor{}))
	require.ErrorIs(t, graph.Try(func() { nn.Dropout(random.NewKey(1), 1, graph.Ones(2)) }), graph.ErrArgument)
	v, err := nn.Dropout(random.NewKey(1), 0.5, graph.Ones()).Float(context.Background())
	require.NoError(t, err)
	assert.Contains(t, []float32{0, 2}, v)
}
