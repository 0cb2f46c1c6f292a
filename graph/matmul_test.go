package graph

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders"
)

// Contractions of every layout that go to the hand-written kernels, against the evaluator.
func TestLargeContractions(t *testing.T) {
	cases := []struct {
		op   contractOp
		a, b Shape
	}{
		{contractOp{[]int{0, 1}, []int{1, 2}, []int{0, 2}}, Shape{96, 80}, Shape{80, 100}},                                     // A B
		{contractOp{[]int{1, 0}, []int{1, 2}, []int{0, 2}}, Shape{80, 97}, Shape{80, 101}},                                     // A^T B, odd sizes
		{contractOp{[]int{0, 1}, []int{2, 1}, []int{0, 2}}, Shape{98, 77}, Shape{90, 77}},                                      // A B^T
		{contractOp{[]int{1, 0}, []int{2, 1}, []int{0, 2}}, Shape{80, 99}, Shape{90, 80}},                                      // A^T B^T
		{contractOp{[]int{0, 1}, []int{1, 2}, []int{2, 0}}, Shape{96, 80}, Shape{80, 100}},                                     // (A B)^T
		{contractOp{[]int{3, 0, 1}, []int{3, 1, 2}, []int{3, 0, 2}}, Shape{5, 48, 50}, Shape{5, 50, 52}},                       // batched
		{contractOp{[]int{3, 0, 1}, []int{3, 1, 2}, []int{3, 0, 2}}, Shape{2, 16, 512}, Shape{2, 512, 512}},                    // more than a texel view of SwiftShader
		{contractOp{[]int{3, 0, 1}, []int{3, 2, 1}, []int{3, 0, 2}}, Shape{60, 32, 676}, Shape{60, 9, 676}},                    // products that begin inside of a binding
		{contractOp{[]int{0, 1}, []int{2, 1}, []int{0, 2}}, Shape{65, 30}, Shape{9001, 30}},                                    // rows of B, in blocks
		{contractOp{[]int{0, 1}, []int{1, 2}, []int{0, 2}}, Shape{9001, 30}, Shape{30, 65}},                                    // rows of A
		{contractOp{[]int{0, 3, 1}, []int{1, 2}, []int{3, 0, 2}}, Shape{40, 6, 48}, Shape{48, 60}},                             // free axes out of order
		{contractOp{[]int{0, 1, 4}, []int{4, 1, 2}, []int{0, 2}}, Shape{100, 8, 10}, Shape{10, 8, 72}},                         // two summed axes
		{contractOp{[]int{0, 1}, []int{1, 2}, []int{0, 2}}, Shape{5000, 64}, Shape{64, 10}},                                    // few columns
		{contractOp{[]int{0, 1, 2, 3}, []int{4, 1, 2}, []int{0, 4, 3}}, Shape{6, 8, 9, 49}, Shape{26, 8, 9}},                   // a convolution of samples
		{contractOp{[]int{4, 1, 2}, []int{0, 5, 4, 3}, []int{0, 5, 1, 2, 3}}, Shape{26, 8, 9}, Shape{3, 2, 26, 52}},            // its gradient
		{contractOp{[]int{0, 1, 2, 3}, []int{4, 1, 2}, []int{0, 4, 3}}, Shape{60, 8, 9, 9}, Shape{26, 8, 9}},                   // few places
		{contractOp{[]int{0, 1, 2, 3}, []int{0, 4, 3}, []int{4, 1, 2}}, Shape{6, 8, 9, 49}, Shape{6, 26, 49}},                  // the gradient of its kernel
		{contractOp{[]int{0, 5, 1, 2, 3}, []int{0, 5, 4, 3}, []int{5, 4, 1, 2}}, Shape{12, 2, 4, 9, 49}, Shape{12, 2, 13, 49}}, // in groups
		{contractOp{[]int{0, 1, 2, 3}, []int{0, 4, 3}, []int{4, 1, 2}}, Shape{60, 8, 9, 5}, Shape{60, 26, 5}},                  // over few places
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range cases {
			t.Run(fmt.Sprint(c.op, c.a, c.b), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, 1))
				a, b := upload(t, dev, Spec{Float32, c.a}, draw(rng, Sample{Spec: Spec{Float32, c.a}})), upload(t, dev, Spec{Float32, c.b}, draw(rng, Sample{Spec: Spec{Float32, c.b}}))
				y := apply(c.op, a, b)
				l, err := lift(nil, []*node{y.n})
				require.NoError(t, err)
				found := false
				for _, n := range reach(planMatmuls(l.outputs, dev.Profile(), PrecisionHighest), nil) {
					_, is := n.op.(matmulOp)
					found = found || is
				}
				assert.True(t, found, "the hand-written kernels should serve this")
				want, err := Reference(context.Background(), y)
				require.NoError(t, err)
				requireClose(t, want, readAny(t, dev, y), 2e-6, "contraction")
				closeAll([]Tensor{a, b}, y)
			})
		}
	})
}

// Products of a convolution with its samples, where windows are written out, run as a batch that shares the kernel: nothing is moved but the operands' rows
// into whole vectors.
func TestConvolutionsShareTheKernel(t *testing.T) {
	leaveOut(t, "windows")
	dev := gputest.Open(t)
	x, w := Spec{Float32, Shape{8, 16, 14, 14}}, Spec{Float32, Shape{32, 16, 3, 3}}
	tr := newTrace("test")
	y, pull := VJP(func(in []Tensor) Tensor { return Conv(in[0], in[1], ConvOptions{}) }, []Tensor{tr.param(x), tr.param(w)})
	outs := append(pull(y), y)
	shared, sums := 0, 0
	for _, n := range reach(planMatmuls(simplify(nodes(outs)), dev.Profile(), PrecisionHighest), nil) {
		switch o := n.op.(type) {
		case matmulOp:
			if o.shared {
				shared++
			}
		case reduceOp:
			sums++
		case transposeOp:
			assert.True(t, slices.IsSorted(o.perm), "transposed by %v", o.perm)
		}
	}
	assert.Equal(t, 2, shared, "the value and the input's gradient")
	assert.Equal(t, 1, sums, "the kernel's gradient is a sum over samples")
}

// The gradient of a convolution's kernel sums over more places of all samples than a loop may have rounds, but a product for each sample does not: nothing is cut.
func TestSamplesAreNoLongInnerDimension(t *testing.T) {
	p := gpu.Profile{Kind: gpu.CPU, Driver: "lavapipe", Cores: 2, SubgroupSize: 8, TexelReads: true, MaxTexelElements: 1 << 27, MaxStorageRange: math.MaxUint32,
		MaxAllocation: math.MaxInt64, MaxIterations: 65535}
	tr := newTrace("test")
	x, w := tr.param(Spec{Float32, Shape{64, 8, 26, 26}}), tr.param(Spec{Float32, Shape{16, 8, 3, 3}})
	_, pull := VJP(func(w Tensor) Tensor { return Conv(x, w, ConvOptions{}) }, w)
	var products []matmulOp
	for _, n := range reach(planMatmuls(simplify([]*node{pull(tr.param(Spec{Float32, Shape{64, 16, 24, 24}})).n}), p, PrecisionHighest), nil) {
		if o, ok := n.op.(matmulOp); ok {
			products = append(products, o)
		}
	}
	require.Len(t, products, 1)
	assert.Equal(t, [2]int{64, 576}, [2]int{products[0].batch, products[0].k})
}

// Windows that no array of the device could hold, and no kernel of products reads out of an image, are read in place.
func TestConvolutionsWithoutRoomForTheirWindows(t *testing.T) {
	leaveOut(t, "windows")
	dev := gputest.Open(t)
	tr := newTrace("test")
	y := Conv(tr.param(Spec{Float32, Shape{8, 16, 14, 14}}), tr.param(Spec{Float32, Shape{32, 16, 3, 3}}), ConvOptions{})
	matmuls := func(bytes int64) int {
		p := dev.Profile()
		p.MaxAllocation = bytes
		count := 0
		for _, n := range reach(planMatmuls(simplify([]*node{y.n}), p, PrecisionHighest), nil) {
			if _, ok := n.op.(matmulOp); ok {
				count++
			}
		}
		return count
	}
	const windows = 4 * 8 * 16 * 9 * 12 * 12
	assert.Equal(t, 1, matmuls(windows))
	assert.Equal(t, 0, matmuls(windows-1))
}

// A batch with more texels than a view may have is cut into dispatches that cover operands and result once.
func TestMatmulPartsFitTexelViews(t *testing.T) {
	for _, shared := range []bool{false, true} {
		o := matmulOp{batch: 7, m: 64, n: 576, k: 144, shared: shared, target: shaders.MatMulTarget{CPU: true, Driver: "swiftshader", Cores: 2, MaxTexels: 1 << 16}}
		in := newNode(paramOp{}, nil, Spec{Float32, Shape{1}}, 0)
		k := &Kernels{&lowered{}, newNode(o, []*node{in, in}, Spec{Float32, Shape{7, 64, 576}}, 0)}
		o.Kernels(k, Operands{k.n})
		counts := []uint32{}
		var at [3]int64
		for _, s := range k.out.steps {
			assert.Equal(t, shaders.TexelVector, s.kernel().Views[1])
			counts = append(counts, s.kernel().Groups[2])
			for i, a := range s.args {
				if i == 0 && shared { // each reads all of it
					assert.Zero(t, a.offset)
					at[i] = a.length
					continue
				}
				assert.Equal(t, at[i], a.offset)
				at[i] += a.length
			}
		}
		assert.Equal(t, []uint32{3, 3, 1}, counts)
		want := [3]int64{4 * 7 * 64 * 144, 4 * 7 * 144 * 576, 4 * 7 * 64 * 576}
		if shared {
			want[0] = 4 * 64 * 144
		}
		assert.Equal(t, want, at)
	}
}

// Products with operands longer than a texel view are cut into blocks whose operands fit, and which cover the result once.
func TestMatmulBlocksCoverTheResult(t *testing.T) {
	const texels = 1 << 12 // 256 rows of 64
	target := shaders.MatMulTarget{CPU: true, Driver: "swiftshader", Cores: 2, MaxTexels: texels}
	for _, c := range []struct {
		o             matmulOp
		blocks, bound int // and those that bind a range of the result
	}{
		{matmulOp{form: shaders.MatMulNN, batch: 1, m: 1000, n: 256, k: 64}, 4, 4},
		{matmulOp{form: shaders.MatMulNT, batch: 1, m: 600, n: 302, k: 64}, 6, 0},
		{matmulOp{form: shaders.MatMulNT, batch: 1, m: 601, n: 256, k: 64}, 3, 3},
		{matmulOp{form: shaders.MatMulNT, batch: 2, m: 600, n: 302, k: 64}, 12, 0},
		{matmulOp{form: shaders.MatMulNT, batch: 2, m: 600, n: 302, k: 64, shared: true}, 12, 0},
		{matmulOp{form: shaders.MatMulNT, batch: 2, m: 601, n: 302, k: 60}, 12, 0}, // the second product's operands begin inside of a binding
		{matmulOp{form: shaders.MatMulTN, batch: 1, m: 1000, n: 256, k: 64}, 1, 0}, // A's rows do not lie together
	} {
		o := c.o
		o.target = target
		ld := roundUp4(o.n)
		covered := make([]int, o.batch*o.m*ld)
		parts, bound := o.parts(), 0
		for _, p := range parts {
			if p.bound[2].length > 0 {
				bound++
			}
			if len(parts) > 1 {
				whole := o.arguments()
				assert.LessOrEqual(t, max(p.bound[0].length, p.bound[1].length), 4*texels)
				assert.LessOrEqual(t, p.bound[0].at+p.bound[0].length, whole.Elements(o.form, o.batch)[0])
				assert.LessOrEqual(t, p.bound[1].at+p.bound[1].length, whole.Elements(o.form, o.batch)[1])
			}
			for r := range p.batch * p.args.M {
				at := p.bound[2].at + p.args.OffsetC + r*ld
				for i := range roundUp4(p.args.N) {
					covered[at+i]++
				}
			}
		}
		assert.Len(t, parts, c.blocks, "%+v", c.o)
		assert.Equal(t, c.bound, bound, "%+v", c.o)
		assert.Equal(t, slices.Repeat([]int{1}, len(covered)), covered, "%+v", c.o)
	}
}

// A result longer than a binding is cut into parts that cover it once.
func TestMatmulPartsCoverTheResult(t *testing.T) {
	for _, c := range []struct {
		form           shaders.MatMulForm
		batch, m, n, k int
		limit          int
	}{
		{shaders.MatMulNN, 1, 1000, 64, 32, 20_000},
		{shaders.MatMulTN, 1, 1000, 62, 32, 20_000},
		{shaders.MatMulNT, 100, 30, 20, 32, 12_000},
		{shaders.MatMulNN, 3, 640, 64, 32, 10_000},
	} {
		o := matmulOp{form: c.form, batch: c.batch, m: c.m, n: c.n, k: c.k, limit: c.limit, target: shaders.MatMulTarget{CPU: true, Driver: "lavapipe", Cores: 2, MaxTexels: 1 << 27}}
		in := newNode(paramOp{}, nil, Spec{Float32, Shape{1}}, 0)
		n := newNode(o, []*node{in, in}, Spec{Float32, Shape{c.batch, c.m, roundUp4(c.n)}}, 0)
		var at int64
		k := &Kernels{&lowered{}, n}
		o.Kernels(k, Operands{n})
		for _, s := range k.out.steps {
			out := s.args[2]
			assert.Equal(t, at, out.offset)
			assert.Zero(t, out.offset%alignment)
			assert.LessOrEqual(t, out.length, int64(4*c.limit))
			at += out.length
		}
		assert.EqualValues(t, 4*c.batch*c.m*roundUp4(c.n), at)
	}
}

// Products of squares square what they read: the squares are in no memory.
func TestProductsOfSquares(t *testing.T) {
	shapes := [][2]Shape{{{96, 80}, {96, 100}}, {{513, 17}, {513, 301}}}
	if testing.Short() {
		shapes = shapes[:1]
	}
	forms := []contractOp{
		{[]int{1, 0}, []int{1, 2}, []int{0, 2}}, // A^T B
		{[]int{1, 0}, []int{1, 2}, []int{2, 0}},
	}
	both := func(x, y Tensor, square [2]bool) (Tensor, Tensor) {
		if square[0] {
			x = x.Square()
		}
		if square[1] {
			y = y.Square()
		}
		return x, y
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(2, 1))
		for _, s := range shapes {
			a, b := upload(t, dev, Spec{Float32, s[0]}, draw(rng, Sample{Spec: Spec{Float32, s[0]}})), upload(t, dev, Spec{Float32, s[1]}, draw(rng, Sample{Spec: Spec{Float32, s[1]}}))
			turned := upload(t, dev, Spec{Float32, Shape{s[0][1], s[0][0]}}, draw(rng, Sample{Spec: Spec{Float32, Shape{s[0][1], s[0][0]}}}))
			for _, square := range [][2]bool{{true, true}, {true, false}, {false, true}} {
				var ys []Tensor
				for _, f := range forms {
					x, y := both(a, b, square)
					ys = append(ys, apply(f, x, y))
				}
				x, y := both(turned, b, square)
				ys = append(ys, x.MatMul(y)) // A B
				x, y = both(turned, b.Transpose(), square)
				ys = append(ys, apply(contractOp{[]int{0, 1}, []int{2, 1}, []int{0, 2}}, x, y)) // A B^T
				for i, y := range ys {
					l, err := lift(nil, []*node{y.n})
					require.NoError(t, err)
					products := 0
					for _, n := range passes(l.outputs, dev.Profile(), jitConfig{}).order {
						if o, ok := n.op.(matmulOp); ok {
							assert.ElementsMatch(t, square, []bool{o.squareA, o.squareB}, "form %d", i)
							products++
						}
					}
					assert.Equal(t, 1, products, "form %d of %v", i, square)
					want, err := Reference(context.Background(), y)
					require.NoError(t, err)
					requireClose(t, want, readAny(t, dev, y), 2e-6, fmt.Sprint("form ", i, square))
				}
				closeAll(ys)
			}
			closeAll([]Tensor{a, b, turned})
		}
	})
}
