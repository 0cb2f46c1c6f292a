package nn_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
)

// values reads an array that a test made.
func values(t *testing.T, x graph.Tensor) []float64 {
	t.Helper()
	v, err := x.Floats(context.Background())
	require.NoError(t, err)
	return wide(v)
}

// requireNear compares a layer's result with float64 loops, and closes it.
func requireNear(t *testing.T, want []float64, y graph.Tensor, what string) {
	t.Helper()
	scale := 1e-3
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	require.InDeltaSlice(t, want, values(t, y), 2e-6*scale, what)
	require.NoError(t, y.Close())
}

func each(t *testing.T, f func(t *testing.T, m maker)) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) { f(t, newMaker(t, dev)) })
}

// moments gives mean and variance.
func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, variance
}

func TestLayerNormAndRMSNorm(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		x, scale, shift := m.normal(3, 5, 8), m.normal(1, 8), m.normal(1, 8)
		defer graph.Close([]graph.Tensor{x, scale, shift})
		vx, vs, vb := values(t, x), values(t, scale), values(t, shift)
		want, rms := make([]float64, len(vx)), make([]float64, len(vx))
		for r := range 5 {
			row := vx[8*r : 8*r+8]
			mean, variance := moments(row)
			for i, v := range row {
				want[8*r+i] = (v-mean)/math.Sqrt(variance+1e-5)*vs[i] + vb[i]
				rms[8*r+i] = v / math.Sqrt(variance+mean*mean+1e-5) * vs[i]
			}
		}
		requireNear(t, want, nn.LayerNorm{Scale: scale, Shift: shift}.Apply(x), "layer norm")
		requireNear(t, rms, nn.RMSNorm{Scale: scale}.Apply(x), "rms norm")
		// A large mean costs no digits of the differences from it.
		far := tensor(t, m.dev, []float32{1e4 + 1, 1e4 - 1, 1e4 + 1, 1e4 - 1})
		one := 1 / math.Sqrt(1+nn.Epsilon)
		requireNear(t, []float64{one, -one, one, -one}, nn.NewLayerNorm(4).Apply(far), "far from 0")
		requireNear(t, []float64{0, 0, 0}, nn.NewLayerNorm(3).Apply(tensor(t, m.dev, []float32{7, 7, 7})), "constant input")
		requireNear(t, []float64{0, 0}, nn.NewRMSNorm(2).Apply(tensor(t, m.dev, []float32{0, 0})), "zero input")
	})
}

func TestGroupNorm(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		const channels, groups, area = 6, 3, 20
		x, scale, shift := m.normal(2, channels, 4, 5), m.normal(1, channels), m.normal(1, channels)
		defer graph.Close([]graph.Tensor{x, scale, shift})
		vx, vs, vb := values(t, x), values(t, scale), values(t, shift)
		want := make([]float64, len(vx))
		size := channels / groups * area
		for i, v := range vx {
			g := i / size
			mean, variance := moments(vx[g*size : g*size+size])
			c := i / area
			want[i] = (v-mean)/math.Sqrt(variance+1e-5)*vs[c] + vb[c]
		}
		requireNear(t, want, nn.GroupNorm{Scale: scale, Shift: shift}.Apply(x, groups), "group norm")
	})
	assert.ErrorContains(t, graph.Try(func() { nn.NewGroupNorm(6).Apply(graph.Zeros(6, 2), 4) }), "4 groups of 6 channels")
	assert.ErrorContains(t, graph.Try(func() { nn.NewGroupNorm(6).Apply(graph.Zeros(2, 6, 2), 3) }), "batches by vmap")
	assert.ErrorContains(t, graph.Try(func() { nn.NewLayerNorm(6).Apply(graph.Zeros(6, 2)) }), "the input is float32[6 2], the scale float32[6]")
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// affine is row x times w [in out] plus b.
func affine(x, w, b []float64, out int) []float64 {
	y := make([]float64, out)
	for j := range y {
		if b != nil {
			y[j] = b[j]
		}
		for i, v := range x {
			y[j] += v * w[i*out+j]
		}
	}
	return y
}

func TestRecurrentCells(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		const in, h, b = 3, 4, 2
		l := nn.LSTMCell{X: m.normal(1, in, 4*h), H: m.normal(1, h, 4*h), B: m.normal(1, 4*h)}
		g := nn.GRUCell{X: m.normal(1, in, 3*h), H: m.normal(1, h, 3*h), BX: m.normal(1, 3*h), BH: m.normal(1, 3*h)}
		x, s := m.normal(1, b, in), nn.LSTMState{H: m.normal(1, b, h), C: m.normal(1, b, h)}
		var wantH, wantC, wantG []float64
		for r := range b {
			xr, hr, cr := values(t, x)[r*in:(r+1)*in], values(t, s.H)[r*h:(r+1)*h], values(t, s.C)[r*h:(r+1)*h]
			gx, gh := affine(xr, values(t, l.X), values(t, l.B), 4*h), affine(hr, values(t, l.H), nil, 4*h)
			ux, uh := affine(xr, values(t, g.X), values(t, g.BX), 3*h), affine(hr, values(t, g.H), values(t, g.BH), 3*h)
			for i := range h {
				gate := func(k int) float64 { return gx[k*h+i] + gh[k*h+i] }
				c := sigmoid(gate(1))*cr[i] + sigmoid(gate(0))*math.Tanh(gate(2))
				wantC, wantH = append(wantC, c), append(wantH, sigmoid(gate(3))*math.Tanh(c))
				reset, z := sigmoid(ux[i]+uh[i]), sigmoid(ux[h+i]+uh[h+i])
				wantG = append(wantG, (1-z)*math.Tanh(ux[2*h+i]+reset*uh[2*h+i])+z*hr[i])
			}
		}
		next := l.Apply(x, s)
		requireNear(t, wantH, next.H, "lstm output")
		requireNear(t, wantC, next.C, "lstm memory")
		requireNear(t, wantG, g.Apply(x, s.H), "gru state")
		graph.Close(l)
		graph.Close(g)
		graph.Close([]graph.Tensor{x, s.H, s.C})
	})
	l := nn.LSTMCell{X: graph.Zeros(3, 15), H: graph.Zeros(4, 15), B: graph.Zeros(15)}
	assert.ErrorContains(t, graph.Try(func() { l.Apply(graph.Zeros(3), nn.LSTMState{H: graph.Zeros(4), C: graph.Zeros(4)}) }), "4 gates in width 15")
}

// attend is attention of one head for one query.
func attend(q []float64, k, v [][]float64, see []bool) []float64 {
	out := make([]float64, len(v[0]))
	weights, total := make([]float64, len(k)), 0.0
	for j := range k {
		if see[j] {
			s := 0.0
			for i := range q {
				s += q[i] * k[j][i]
			}
			weights[j] = math.Exp(s / math.Sqrt(float64(len(q))))
			total += weights[j]
		}
	}
	for j := range k {
		for i := range out {
			if total > 0 {
				out[i] += weights[j] / total * v[j][i]
			}
		}
	}
	return out
}

func TestMultiHeadAttention(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		const n, k, d, heads, e, f = 3, 5, 6, 2, 4, 3
		a := nn.MultiHeadAttention{Q: m.linear(d, heads*e), K: m.linear(d, heads*e), V: m.linear(d, heads*f), Out: m.linear(heads*f, d)}
		query, memory := m.normal(1, n, d), m.normal(1, k, d)
		see := []bool{true, false, true, true, false, false, false, false, false, false, true, true, true, true, true}
		mask, err := graph.FromSlice(m.dev, see, n, k)
		require.NoError(t, err)
		rows := func(x graph.Tensor, l nn.Linear, width int) [][]float64 {
			var out [][]float64
			v := values(t, x)
			for r := range len(v) / d {
				out = append(out, affine(v[r*d:(r+1)*d], values(t, l.W), values(t, l.B), width))
			}
			return out
		}
		cut := func(x [][]float64, head, width int) [][]float64 {
			out := make([][]float64, len(x))
			for i := range x {
				out[i] = x[i][head*width : (head+1)*width]
			}
			return out
		}
		qs, ks, vs := rows(query, a.Q, heads*e), rows(memory, a.K, heads*e), rows(memory, a.V, heads*f)
		all := make([]bool, k)
		for i := range all {
			all[i] = true
		}
		var masked, full []float64
		for i := range n {
			var hm, hf []float64
			for h := range heads {
				q, key, v := cut(qs, h, e)[i], cut(ks, h, e), cut(vs, h, f)
				hm, hf = append(hm, attend(q, key, v, see[i*k:(i+1)*k])...), append(hf, attend(q, key, v, all)...)
			}
			masked = append(masked, affine(hm, values(t, a.Out.W), values(t, a.Out.B), d)...)
			full = append(full, affine(hf, values(t, a.Out.W), values(t, a.Out.B), d)...)
		}
		requireNear(t, masked, a.Apply(query, memory, heads, mask), "masked")
		requireNear(t, full, a.Apply(query, memory, heads, graph.Tensor{}), "without a mask")
		graph.Close(a)
		graph.Close([]graph.Tensor{query, memory, mask})
	})
	assert.ErrorContains(t, graph.Try(func() {
		l := nn.Linear{W: graph.Zeros(6, 6), B: graph.Zeros(6)}
		x := graph.Zeros(2, 6)
		nn.MultiHeadAttention{Q: l, K: l, V: l, Out: l}.Apply(x, x, 4, graph.Tensor{})
	}), "4 heads of width 6")
}

// A query that sees nothing gives zeros and finite gradients, however large the hidden scores.
func TestAttentionThatSeesNothing(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		q := tensor(t, m.dev, []float32{1e18, 1, 2, 3}, 2, 2)
		k := tensor(t, m.dev, []float32{1e18, 1, -1e18, 0.5}, 2, 2)
		mask := tensor(t, m.dev, []bool{false, false, true, false}, 2, 2)
		f := func(q graph.Tensor) graph.Tensor { return nn.Attention(q, k, k, mask).Index(1, 1).Sum() }
		requireNear(t, []float64{0, 0, 0, 0}, graph.Grad(f)(q), "gradient")
		requireNear(t, []float64{1}, f(q), "value")
	})
	v, err := graph.Reference(context.Background(), nn.CausalMask(3).AsFloat())
	require.NoError(t, err)
	assert.Equal(t, []float64{1, 0, 0, 1, 1, 0, 1, 1, 1}, v)
}

func TestActivations(t *testing.T) {
	xs := []float32{-200, -3, -0.5, 0, 0.5, 3, 200}
	for name, c := range map[string]struct {
		f    func(graph.Tensor) graph.Tensor
		want func(x float64) float64
	}{
		"gelu": {nn.GELU, func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }},
		"gelu tanh": {nn.GELUTanh, func(x float64) float64 {
			return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}},
		"silu": {nn.SiLU, func(x float64) float64 { return x * sigmoid(x) }},
		"elu": {func(x graph.Tensor) graph.Tensor { return nn.ELU(x, 1.5) }, func(x float64) float64 {
			if x > 0 {
				return x
			}
			return 1.5 * math.Expm1(x)
		}},
		"leaky relu": {func(x graph.Tensor) graph.Tensor { return nn.LeakyReLU(x, 0.1) }, func(x float64) float64 { return max(x, 0) + 0.1*min(x, 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, m maker) {
				x := tensor(t, m.dev, xs)
				y, g := values(t, keep(t, c.f(x))), values(t, keep(t, graph.Grad(func(x graph.Tensor) graph.Tensor { return c.f(x).Sum() })(x)))
				for i, v := range xs {
					v := float64(v)
					assert.InDelta(t, c.want(v), y[i], 1e-6*max(1, math.Abs(v)), "at %v", v)
					const h = 1e-6
					if slope := (c.want(v+h) - c.want(v-h)) / (2 * h); v != 0 {
						assert.InDelta(t, slope, g[i], 2e-6, "slope at %v", v)
					}
				}
			})
		})
	}
	each(t, func(t *testing.T, m maker) {
		tail := values(t, keep(t, nn.GELU(tensor(t, m.dev, []float32{-5, -8}))))
		assert.InEpsilon(t, -2.5*math.Erfc(5/math.Sqrt2), tail[0], 1e-5, "gelu keeps its digits")
		assert.InEpsilon(t, -4*math.Erfc(8/math.Sqrt2), tail[1], 1e-5, "gelu keeps its digits")
	})
	slopes := func(f func(graph.Tensor) graph.Tensor) float64 {
		v, err := graph.Reference(context.Background(), graph.Grad(f)(graph.Scalar(0)))
		require.NoError(t, err)
		return v[0]
	}
	assert.Equal(t, 1.5, slopes(func(x graph.Tensor) graph.Tensor { return nn.ELU(x, 1.5) }))
	assert.Equal(t, 0.1, slopes(func(x graph.Tensor) graph.Tensor { return nn.LeakyReLU(x, 0.1) }))
}

// keep closes x when the test ends.
func keep(t *testing.T, x graph.Tensor) graph.Tensor {
	t.Cleanup(func() { x.Close() })
	return x
}
