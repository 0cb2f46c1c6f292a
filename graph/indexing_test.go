package graph

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

func ints(v ...float64) Tensor { return literalOf(Spec{Int32, Shape{len(v)}}, v) }

// indexCase is a random tensor [a, n, b] with indices along its middle axis, some of them out of range.
type indexCase struct {
	a, n, b, m int
	x, idx, up []float64
	xt, it, ut Tensor
	along      bool
}

// indexShapes are few, so that programs are compiled once: a, n, b and the number of indices.
var indexShapes = [][4]int{{1, 1, 1, 1}, {3, 5, 4, 9}, {2, 3, 1, 0}, {1, 4, 5, 7}}

func drawIndexCase(t *rapid.T, dev *gpu.Device, along bool) indexCase {
	c := indexCase{along: along}
	s := rapid.SampledFrom(indexShapes).Draw(t, "shape")
	c.a, c.n, c.b, c.m = s[0], s[1], s[2], s[3]
	shape, count := Shape{c.m}, c.m
	if along {
		shape, count = Shape{c.a, c.m, c.b}, c.a*c.m*c.b
	}
	number := rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(-8, 8).Draw(t, "v")) })
	index := rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(-2, c.n+1).Draw(t, "i")) })
	c.x = rapid.SliceOfN(number, c.a*c.n*c.b, c.a*c.n*c.b).Draw(t, "x")
	c.up = rapid.SliceOfN(number, c.a*c.m*c.b, c.a*c.m*c.b).Draw(t, "up")
	c.idx = rapid.SliceOfN(index, count, count).Draw(t, "idx")
	array := func(s Spec, v []float64) Tensor {
		a, err := dev.Upload(context.Background(), encode(s.DType, v))
		require.NoError(t, err)
		return wrap(a, s, 0)
	}
	c.xt, c.ut = array(Spec{Float32, Shape{c.a, c.n, c.b}}, c.x), array(Spec{Float32, Shape{c.a, c.m, c.b}}, c.up)
	c.it = array(Spec{Int32, shape}, c.idx)
	return c
}

// at is the index that picks element (i, j, k) of the result.
func (c indexCase) at(i, j, k int) int {
	if c.along {
		return int(c.idx[(i*c.m+j)*c.b+k])
	}
	return int(c.idx[j])
}

func (c indexCase) each(f func(pos, i, j, k int)) {
	for i := range c.a {
		for j := range c.m {
			for k := range c.b {
				f((i*c.m+j)*c.b+k, i, j, k)
			}
		}
	}
}

// Gathers and scatters against loops in Go.
func TestIndexingAgainstLoops(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rapid.Check(t, func(rt *rapid.T) {
			c := drawIndexCase(rt, dev, rapid.Bool().Draw(rt, "along"))
			taken := make([]float64, len(c.up))
			added, replaced := append([]float64{}, c.x...), append([]float64{}, c.x...)
			c.each(func(pos, i, j, k int) {
				at := c.at(i, j, k)
				taken[pos] = c.x[(i*c.n+min(max(at, 0), c.n-1))*c.b+k]
				if at >= 0 && at < c.n {
					added[(i*c.n+at)*c.b+k] += c.up[pos]
					replaced[(i*c.n+at)*c.b+k] = c.up[pos]
				}
			})
			var got []Tensor
			if c.along {
				got = []Tensor{c.xt.TakeAlong(-2, c.it), c.xt.ScatterAdd(1, c.it, c.ut), c.xt.ScatterSet(1, c.it, c.ut)}
			} else {
				got = []Tensor{c.xt.Take(1, c.it), c.xt.IndexAdd(1, c.it, c.ut), c.xt.IndexSet(1, c.it, c.ut)}
			}
			defined := [][]float64{reference(t, got[0]), reference(t, got[1]), reference(t, got[2])}
			require.NoError(rt, EvalOn(context.Background(), dev, got))
			for i, want := range [][]float64{taken, added, replaced} {
				require.Equal(rt, want, append([]float64{}, defined[i]...))
				require.Equal(rt, want, append([]float64{}, readAny(t, dev, got[i])...))
			}
			closeAll(got, c.xt, c.it, c.ut)
		})
	})
}

// The indices of one gather come from a reduction, and the gather stands in another.
func TestIndicesFromReductions(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(3, 1))
		x := upload(t, dev, Spec{Float32, Shape{70, 9}}, draw(rng, sample(70, 9)))
		w := upload(t, dev, Spec{Float32, Shape{9, 12}}, draw(rng, sample(9, 12)))
		y := w.Take(0, x.ArgMax(1))                               // [70 12]
		z := x.TakeAlong(1, x.ArgMin(1).ExpandDims(1)).Sum()      // the least elements
		u := Zeros(9).IndexAdd(0, x.ArgMax(1), x.Sum(1)).Square() // by their place
		outs := []Tensor{y.Sum(1), y, z, u}
		for _, v := range outs {
			requireClose(t, reference(t, v), readAny(t, dev, v), 1e-5, v.Spec().String())
		}
		closeAll([]Tensor{x, w}, outs...)
	})
}

// An embedding of the usual size: its gradient has a row for each token of the batch, the rest are zeros.
func TestEmbeddingGradient(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const words, width, tokens = 20_000, 100, 2048
		rng := rand.New(rand.NewPCG(7, 9))
		idx := draw(rng, sampleOf(Int32, 0, words/10, tokens)) // many repeat
		w := upload(t, dev, Spec{Float32, Shape{words, width}}, draw(rng, sample(words, width)))
		ct := draw(rng, sample(tokens, width))
		tok, c := upload(t, dev, Spec{Int32, Shape{tokens}}, idx), upload(t, dev, Spec{Float32, Shape{tokens, width}}, ct)
		g := Grad(func(w Tensor) Tensor { return w.Take(0, tok).Mul(c).Sum() })(w)
		want := make([]float64, words*width)
		for i, row := range idx {
			for j := range width {
				want[int(row)*width+j] += ct[i*width+j]
			}
		}
		first := readAny(t, dev, g)
		requireClose(t, want, first, 1e-6, "gradient")
		again := Grad(func(w Tensor) Tensor { return w.Take(0, tok).Mul(c).Sum() })(w)
		require.Equal(t, first, readAny(t, dev, again), "two runs differ")
		closeAll([]Tensor{w, tok, c}, g, again)
	})
}

// Small scatters are expressions in the kernels that use them, large ones have a kernel of their own.
func TestScatterChoosesItsKernel(t *testing.T) {
	own := func(rows, updates int) bool {
		y := Zeros(rows).IndexAdd(0, Iota(0, updates), Iota(0, updates).AsFloat())
		for _, n := range reach(planScatters(nodes([]Tensor{y}), 1<<22), nil) {
			if _, ok := n.op.(scatterKernelOp); ok {
				return true
			}
		}
		return false
	}
	assert.False(t, own(10, 10))
	assert.True(t, own(1000, 1000))
	assert.False(t, own(1<<21, 1000), "an array longer than a binding")
}

func TestDynamicSlices(t *testing.T) {
	x := Iota(0, 6).AsFloat()
	assert.Equal(t, []float64{2, 3, 4}, reference(t, x.DynamicSliceIn(0, Int(2), 3)))
	assert.Equal(t, []float64{3, 4, 5}, reference(t, x.DynamicSliceIn(0, Int(9), 3)), "starts are clamped")
	assert.Equal(t, []float64{0, 1, 2}, reference(t, x.DynamicSliceIn(0, Int(-2), 3)))
	assert.Equal(t, []float64{4}, reference(t, x.DynamicIndex(0, Int(4))))
	assert.Equal(t, []float64{0, 1, 2, 3, 8, 9}, reference(t, x.DynamicUpdateIn(0, Int(5), Literal([]float32{8, 9}))))
	m := x.Reshape(2, 3)
	assert.Equal(t, []float64{1, 2, 4, 5}, reference(t, m.DynamicSlice(ints(0, 1), 2, 2)))
	assert.Equal(t, []float64{0, 1, 2, 3, 7, 7}, reference(t, m.DynamicUpdateSlice(Full(Float32, 7, 1, 2), ints(1, 2))))
	g := Grad(func(x Tensor) Tensor { return x.DynamicSliceIn(0, Int(1), 2).Square().Sum() })(x)
	assert.Equal(t, []float64{0, 2, 4, 0, 0, 0}, reference(t, g))
	gs := Grad(func(p []Tensor) Tensor { return p[0].DynamicUpdateIn(0, Int(1), p[1]).Square().Sum() })([]Tensor{x, Full(Float32, 3, 2)})
	assert.Equal(t, []float64{0, 0, 0, 6, 8, 10}, reference(t, gs[0]))
	assert.Equal(t, []float64{6, 6}, reference(t, gs[1]))
}

func TestIndexSetGradientGoesToTheLast(t *testing.T) {
	f := func(p []Tensor) Tensor { return p[0].IndexSet(0, ints(1, 1, 7), p[1]).Square().Sum() }
	g := Grad(f)([]Tensor{Literal([]float32{1, 2, 3}), Literal([]float32{4, 5, 6})})
	assert.Equal(t, []float64{2, 0, 6}, reference(t, g[0]))
	assert.Equal(t, []float64{0, 10, 0}, reference(t, g[1]))
}

func TestUintIndices(t *testing.T) {
	idx := literalOf(Spec{Uint32, Shape{3}}, []float64{0, 2, math.MaxUint32})
	x := Literal([]float32{5, 6, 7})
	assert.Equal(t, []float64{5, 7, 7}, reference(t, x.Take(0, idx)))
	assert.Equal(t, []float64{6, 6, 8}, reference(t, x.IndexAdd(0, idx, Scalar(1))))
}

func TestCheckIndexNamesTheBadOne(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		idx := upload(t, dev, Spec{Int32, Shape{4}}, []float64{0, 3, -1, 2})
		y := Ones(4).Take(0, idx.CheckIndex(4))
		err := EvalOn(context.Background(), dev, y)
		require.ErrorIs(t, err, ErrCheck)
		require.ErrorContains(t, err, "[2]")
		closeAll([]Tensor{idx})
	})
}

func TestIndexingErrors(t *testing.T) {
	x := Ones(3, 4)
	for name, f := range map[string]func(){
		"float indices":      func() { x.Take(0, Ones(2)) },
		"axis":               func() { x.Take(2, Iota(0, 2)) },
		"empty axis":         func() { Ones(0, 4).Take(0, Iota(0, 2)) },
		"rank":               func() { x.TakeAlong(0, Iota(0, 2)) },
		"other axes":         func() { x.TakeAlong(0, Iota(0, 2, 5)) },
		"updates' shape":     func() { x.IndexAdd(0, Iota(0, 2), Ones(3, 4)) },
		"updates' dtype":     func() { x.IndexAdd(0, Iota(0, 2), Full(Int32, 1, 2, 4)) },
		"bool sum":           func() { Full(Bool, 1, 3).ScatterAdd(0, Iota(0, 2), Full(Bool, 1, 2)) },
		"starts":             func() { x.DynamicSlice(Int(0), 1, 1) },
		"block":              func() { x.DynamicSlice(ints(0, 0), 1, 5) },
		"block's lengths":    func() { x.DynamicSlice(ints(0, 0), 1) },
		"update's rank":      func() { x.DynamicUpdateSlice(Ones(2), ints(0, 0)) },
		"update's dtype":     func() { x.DynamicUpdateSlice(Full(Int32, 0, 1, 1), ints(0, 0)) },
		"update too long":    func() { x.DynamicUpdateSlice(Ones(4, 1), ints(0, 0)) },
		"check of floats":    func() { x.CheckIndex(3) },
		"start not a scalar": func() { x.DynamicIndex(0, Iota(0, 2)) },
	} {
		err := Try(f)
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), "indexing_test.go", name)
	}
}
