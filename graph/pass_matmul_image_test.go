package graph

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// overImages is how many products of the program for outs read windows out of an image.
func overImages(t *testing.T, dev *gpu.Device, outs ...Tensor) (count int) {
	l, err := lift(nil, nodes(outs))
	require.NoError(t, err)
	for _, n := range passes(l.outputs, dev.Profile(), jitConfig{}).order {
		if o, ok := n.op.(matmulOp); ok && o.image != (imageOperand{}) {
			count++
		}
	}
	return count
}

// foldsAreSlow makes products over images win against folds wherever there are any.
func foldsAreSlow(p *gpu.Profile) { p.Rates.Bytes /= 1000 }

// Convolutions and their gradients read windows in place where the kernels can, and are right there and elsewhere.
func TestConvolutionsOverImages(t *testing.T) {
	cases := []struct {
		name string
		x, w Shape
		o    ConvOptions
		want [2]int // products over images: of the value and the kernel's gradient, and of the input's
	}{
		{"plain", Shape{3, 8, 16, 18}, Shape{20, 8, 3, 3}, ConvOptions{}, [2]int{2, 1}},
		{"padded", Shape{2, 12, 15, 17}, Shape{33, 12, 3, 3}, ConvOptions{Same: true}, [2]int{2, 1}},
		{"strides", Shape{4, 8, 31, 29}, Shape{24, 8, 4, 3}, ConvOptions{Stride: []int{2, 3}, Padding: [][2]int{{1, 2}, {0, 1}}}, [2]int{2, 0}},
		{"lines apart", Shape{3, 8, 20, 15}, Shape{24, 8, 3, 2}, ConvOptions{Dilation: []int{2, 1}}, [2]int{2, 1}},
		{"columns apart", Shape{3, 8, 20, 15}, Shape{24, 8, 3, 3}, ConvOptions{Dilation: []int{1, 2}}, [2]int{0, 0}},
		{"three channels", Shape{4, 3, 30, 30}, Shape{16, 3, 5, 5}, ConvOptions{}, [2]int{2, 0}},
		{"two channels", Shape{4, 2, 30, 30}, Shape{16, 2, 5, 5}, ConvOptions{}, [2]int{0, 0}},
		{"one image", Shape{16, 20, 20}, Shape{16, 16, 3, 3}, ConvOptions{}, [2]int{2, 1}},
		{"a batch of one", Shape{1, 16, 20, 20}, Shape{18, 16, 3, 3}, ConvOptions{}, [2]int{2, 1}},
		{"two axes of samples", Shape{2, 3, 8, 12, 12}, Shape{16, 8, 3, 3}, ConvOptions{}, [2]int{2, 1}},
		{"short lines", Shape{6, 32, 12, 5}, Shape{32, 32, 3, 3}, ConvOptions{}, [2]int{1, 1}},
		{"one axis", Shape{3, 16, 200}, Shape{24, 16, 9}, ConvOptions{Stride: []int{3}, Same: true}, [2]int{2, 0}},
		{"one axis, apart", Shape{6, 16, 150}, Shape{24, 16, 5}, ConvOptions{Dilation: []int{3}, Stride: []int{2}}, [2]int{2, 0}},
		{"far padding", Shape{3, 8, 14, 14}, Shape{20, 8, 3, 3}, ConvOptions{Padding: [][2]int{{3, 0}, {0, 2}}}, [2]int{2, 0}},
		{"one axis, a step apart", Shape{4, 16, 150}, Shape{18, 16, 5}, ConvOptions{Dilation: []int{3}, Padding: [][2]int{{2, 5}}}, [2]int{2, 1}},
		{"few places", Shape{12, 32, 6, 7}, Shape{64, 32, 3, 3}, ConvOptions{}, [2]int{2, 1}},
		{"few places of one axis", Shape{5, 4, 32, 9}, Shape{64, 32, 3}, ConvOptions{}, [2]int{1, 0}},
		{"gaps", Shape{4, 32, 21, 21}, Shape{48, 32, 1, 1}, ConvOptions{Stride: []int{2}}, [2]int{0, 0}},
		{"groups", Shape{4, 32, 12, 12}, Shape{32, 16, 3, 3}, ConvOptions{Groups: 2}, [2]int{1, 0}},
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(1, 8))
		for i, c := range cases {
			x := upload(t, dev, Spec{Float32, c.x}, draw(rng, Sample{Spec: Spec{Float32, c.x}}))
			w := upload(t, dev, Spec{Float32, c.w}, draw(rng, Sample{Spec: Spec{Float32, c.w}}))
			y, pull := VJP(func(in []Tensor) Tensor { return Conv(in[0], in[1], c.o) }, []Tensor{x, w})
			ct := upload(t, dev, y.Spec(), draw(rng, Sample{Spec: y.Spec()}))
			grads := pull(ct)
			outs := []Tensor{y, grads[1], grads[0]}
			assert.Equal(t, c.want, [2]int{overImages(t, dev, outs[:2]...), overImages(t, dev, outs[2:]...)}, c.name)
			if i%2 == 0 || !testing.Short() {
				for j, v := range outs {
					want, err := Reference(context.Background(), v)
					require.NoError(t, err)
					requireClose(t, want, readAny(t, dev, v), 4e-6, fmt.Sprint(c.name, ": result ", j))
				}
			}
			closeAll([]Tensor{x, w, ct}, outs...)
		}
	}, gpu.WithProfile(foldsAreSlow))
}

// Which way the input's gradient takes depends on what a device moves and computes in a second, and on how much of the kernels' tiles the channels fill.
func TestFoldsOverImages(t *testing.T) {
	of := func(channels int, faster float64) (images int) { // than products, at what folds take
		p := gpu.Profile{Kind: gpu.CPU, Driver: "lavapipe", Cores: 2, SubgroupSize: 8, TexelReads: true, MaxTexelElements: 1 << 27, MaxStorageRange: math.MaxUint32,
			MaxAllocation: math.MaxInt64, Rates: gpu.Rates{MatMul: 50e9, Vector: 25e9 * faster, Bytes: 10e9 * faster, Dispatch: 1e-5}}
		tr := newTrace("test")
		w, ct := tr.param(Spec{Float32, Shape{64, channels, 3, 3}}), tr.param(Spec{Float32, Shape{8, 64, 24, 24}})
		_, pull := VJP(func(x Tensor) Tensor { return Conv(x, w, ConvOptions{}) }, tr.param(Spec{Float32, Shape{8, channels, 26, 26}}))
		for _, n := range reach(planMatmuls(simplify([]*node{pull(ct).n}), p, PrecisionHighest), nil) {
			if o, ok := n.op.(matmulOp); ok && o.image != (imageOperand{}) {
				images++
			}
		}
		return images
	}
	assert.Equal(t, 1, of(32, 1))
	assert.Equal(t, 0, of(4, 1), "a quarter of a tile")
	assert.Equal(t, 0, of(32, 100))
}

// An infinity in a kernel is multiplied by the zeros around the cotangent: at the edges there is NaN where a fold has numbers, and nowhere else.
func TestFoldsOverImagesOfInfinities(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(4, 8))
		of := func(shape ...int) []float64 { return draw(rng, Sample{Spec: Spec{Float32, shape}}) }
		sw, sc := Spec{Float32, Shape{16, 16, 3, 3}}, Spec{Float32, Shape{2, 16, 12, 12}}
		kernel, cotangent := of(sw.Shape...), of(sc.Shape...)
		kernel[0] = math.Inf(1) // of the first channel, at the position that reaches no further than the cotangent
		w, ct := upload(t, dev, sw, kernel), upload(t, dev, sc, cotangent)
		_, pull := VJP(func(x Tensor) Tensor { return Conv(x, w, ConvOptions{}) }, Zeros(2, 16, 14, 14))
		y := pull(ct)
		require.Equal(t, 1, overImages(t, dev, y))
		want, err := Reference(t.Context(), y)
		require.NoError(t, err)
		edges := 0
		for i, v := range readAny(t, dev, y) {
			switch channel, line, column := i/196%16, i%196/14, i%14; {
			case channel == 0 && (line >= 12 || column >= 12):
				assert.False(t, math.IsInf(want[i], 0) || math.IsNaN(want[i]))
				assert.True(t, math.IsNaN(v))
				edges++
			case channel == 0:
				assert.True(t, math.IsInf(v, 0) || math.IsNaN(v))
			default:
				assert.InDelta(t, want[i], v, 1e-4)
			}
		}
		assert.Equal(t, 2*(196-144), edges)
		closeAll([]Tensor{w, ct}, y)
	}, gpu.WithProfile(foldsAreSlow))
}

// The planner of contractions knows that windows which products read out of an image are not written.
func TestPlansKnowOfImages(t *testing.T) {
	const windows, image, g, out = 4 * 64 * 288 * 576, 4 * 64 * 32 * 26 * 26, 4 * 64 * 64 * 576, 4 * 64 * 64 * 288
	x := newTrace("test").param(Spec{Float32, Shape{64, 32, 26, 26}}).Windows(0, Window{Size: 3}, Window{Size: 3})
	bytes := func(driver string) float64 {
		m := machineOf(gpu.Profile{Kind: gpu.CPU, Driver: driver, TexelReads: true, MaxAllocation: 1 << 40, Rates: gpu.BuiltInRates(gpu.CPU, driver)}, 0)
		p := planner{m: m, lens: []float64{64, 288, 576, 64}, factors: []factor{{labels: 0b0111, image: m.imageBytes(x.n)}, {labels: 0b1101, image: math.Inf(1)}}}
		w, stored := p.step(&planTree{set: 1, labels: 0b0111}, &planTree{set: 2, labels: 0b1101}, 0b1011)
		assert.True(t, stored)
		return w.bytes
	}
	assert.EqualValues(t, image+g+out, bytes("lavapipe"))
	assert.EqualValues(t, image+g+out, bytes("swiftshader"))
	leaveOut(t, "windows")
	assert.EqualValues(t, windows+g+out, bytes("lavapipe"))
}

// Per-sample gradients, their norms, sums of their squares and products with a Hessian are the same over images and over windows written out.
func TestDerivativesOverImages(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(2, 8))
		in := func(shape ...int) Tensor {
			s := Spec{Float32, shape}
			return upload(t, dev, s, draw(rng, Sample{Spec: s}))
		}
		x, w, v := in(3, 8, 14, 15), in(20, 8, 3, 3), in(20, 8, 3, 3)
		loss := func(x, w Tensor) Tensor { return Conv(x, w, ConvOptions{Same: true}).Tanh().Square().Sum() }
		program := func(p []Tensor) []Tensor {
			x, w, v := p[0], p[1], p[2]
			grads := Vectorize("vmap", func(x []Tensor) []Tensor { return []Tensor{Grad(func(w Tensor) Tensor { return loss(x[0], w) })(w)} }, []Tensor{x}, []int{0},
				func(int, int) (int, bool) { return 0, false })[0]
			squared := apply(contractOp{[]int{0, 2, 3, 4, 5, 6}, []int{1, 2, 3, 4}, []int{0, 1, 5, 6}},
				x.Windows(0, Window{Size: 3}, Window{Size: 3}).Square(), w.Square())
			return []Tensor{grads, grads.Square().Sum(1, 2, 3, 4), grads.Square().Sum(0), HVP(func(w Tensor) Tensor { return loss(x, w) })(w, v), squared}
		}
		p := []Tensor{x, w, v}
		outs := program(p)
		assert.Equal(t, 5, overImages(t, dev, outs...))
		got, err := Jit(dev, program)(t.Context(), p)
		require.NoError(t, err)
		for i, y := range outs {
			want, err := Reference(t.Context(), y)
			require.NoError(t, err)
			requireClose(t, want, readAny(t, dev, got[i]), 1e-5, fmt.Sprint("result ", i))
		}
		leaveOut(t, "windows")
		assert.Zero(t, overImages(t, dev, outs...))
		closeAll(p, append(got, outs...)...)
	})
}
