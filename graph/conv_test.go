package graph

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// convCase is a convolution of two spatial axes, by loops and by the library.
type convCase struct {
	batch, in, out, groups int
	n, k, stride, dilation [2]int
	padding                [2][2]int
}

func (c convCase) options() ConvOptions {
	return ConvOptions{Stride: c.stride[:], Dilation: c.dilation[:], Padding: c.padding[:], Groups: c.groups}
}

// loops calls f with the position of every pair of elements that a convolution multiplies, and of the result's
// element that it adds them to.
func (c convCase) loops(f func(x, w, y int)) (m [2]int) {
	for i := range 2 {
		m[i] = (c.n[i]+c.padding[i][0]+c.padding[i][1]-(c.k[i]-1)*c.dilation[i]-1)/c.stride[i] + 1
	}
	perGroup := c.in / c.groups
	for b := range c.batch {
		for o := range c.out {
			for p := range m[0] {
				for q := range m[1] {
					for ch := range perGroup {
						for i := range c.k[0] {
							for j := range c.k[1] {
								r := p*c.stride[0] + i*c.dilation[0] - c.padding[0][0]
								s := q*c.stride[1] + j*c.dilation[1] - c.padding[1][0]
								if r < 0 || r >= c.n[0] || s < 0 || s >= c.n[1] {
									continue
								}
								from := o/(c.out/c.groups)*perGroup + ch
								f(((b*c.in+from)*c.n[0]+r)*c.n[1]+s, ((o*perGroup+ch)*c.k[0]+i)*c.k[1]+j, ((b*c.out+o)*m[0]+p)*m[1]+q)
							}
						}
					}
				}
			}
		}
	}
	return m
}

func drawConv(t *rapid.T) convCase {
	g := rapid.IntRange(1, 3).Draw(t, "groups")
	c := convCase{batch: rapid.IntRange(1, 2).Draw(t, "batch"), groups: g, in: g * rapid.IntRange(1, 2).Draw(t, "in"), out: g * rapid.IntRange(1, 2).Draw(t, "out")}
	for i := range 2 {
		c.k[i] = rapid.IntRange(1, 3).Draw(t, "size")
		c.stride[i] = rapid.IntRange(1, 3).Draw(t, "stride")
		c.dilation[i] = rapid.IntRange(1, 2).Draw(t, "dilation")
		c.padding[i] = [2]int{rapid.IntRange(0, 2).Draw(t, "low"), rapid.IntRange(0, 2).Draw(t, "high")}
		c.n[i] = max(rapid.IntRange(1, 7).Draw(t, "length"), (c.k[i]-1)*c.dilation[i]+1-c.padding[i][0]-c.padding[i][1])
	}
	return c
}

func (c convCase) operands(rng *rand.Rand) (sx, sw Shape, x, w []float64) {
	sx, sw = Shape{c.batch, c.in, c.n[0], c.n[1]}, Shape{c.out, c.in / c.groups, c.k[0], c.k[1]}
	return sx, sw, draw(rng, Sample{Spec: Spec{Float32, sx}}), draw(rng, Sample{Spec: Spec{Float32, sw}})
}

// Conv against loops, and ConvTranspose as its transpose: the cotangent of x that the loops give.
func TestConvRandom(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv(t)
		sx, sw, x, w := c.operands(rand.New(rand.NewPCG(3, 3)))
		y := Conv(literalOf(Spec{Float32, sx}, x), literalOf(Spec{Float32, sw}, w), c.options())
		want := make([]float64, y.Size())
		m := c.loops(func(i, j, k int) { want[k] += x[i] * w[j] })
		require.Equal(t, Shape{c.batch, c.out, m[0], m[1]}, y.Shape())
		got, err := Reference(ctx, y)
		require.NoError(t, err)
		require.InDeltaSlice(t, want, got, 1e-12)

		o := c.options()
		for i := range 2 {
			reached := (m[i]-1)*c.stride[i] - c.padding[i][0] - c.padding[i][1] + (c.k[i]-1)*c.dilation[i] + 1
			o.OutputPadding = append(o.OutputPadding, c.n[i]-reached)
		}
		back := ConvTranspose(literalOf(y.Spec(), want), literalOf(Spec{Float32, sw}, w), o)
		require.Equal(t, sx, back.Shape())
		wantX := make([]float64, len(x))
		c.loops(func(i, j, k int) { wantX[i] += want[k] * w[j] })
		got, err = Reference(ctx, back)
		require.NoError(t, err)
		require.InDeltaSlice(t, wantX, got, 1e-11)
	})
}

// Convolutions large enough for the matrix kernels, with both gradients, on the device against the evaluator: every
// kind of padding and stride, leading axes and none.
func TestConvOnDevice(t *testing.T) {
	ctx := context.Background()
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(9, 9))
		for _, c := range []struct {
			x, w Shape
			o    ConvOptions
		}{
			{Shape{2, 8, 12, 12}, Shape{16, 8, 3, 3}, ConvOptions{}},
			{Shape{3, 8, 11, 13}, Shape{12, 8, 3, 3}, ConvOptions{Same: true}},
			{Shape{2, 8, 15, 9}, Shape{16, 8, 4, 3}, ConvOptions{Stride: []int{2}, Padding: [][2]int{{1, 2}, {0, 1}}, Dilation: []int{1, 2}}},
			{Shape{16, 20, 20}, Shape{16, 16, 3, 3}, ConvOptions{}},
			{Shape{2, 16, 12, 12}, Shape{16, 4, 3, 3}, ConvOptions{Groups: 4, Same: true}},
			{Shape{2, 6, 12, 12}, Shape{6, 1, 3, 3}, ConvOptions{Groups: 6}},
			{Shape{4, 32, 10, 10}, Shape{32, 32, 1, 1}, ConvOptions{}},
			{Shape{2, 16, 200}, Shape{24, 16, 9}, ConvOptions{Stride: []int{3}, Same: true}},
			{Shape{2, 2, 3, 9, 9}, Shape{8, 3, 3, 3}, ConvOptions{}},
		} {
			x := upload(t, dev, Spec{Float32, c.x}, draw(rng, Sample{Spec: Spec{Float32, c.x}}))
			w := upload(t, dev, Spec{Float32, c.w}, draw(rng, Sample{Spec: Spec{Float32, c.w}}))
			f := func(in []Tensor) Tensor { return Conv(in[0], in[1], c.o) }
			y, pull := VJP(f, []Tensor{x, w})
			ct := upload(t, dev, y.Spec(), draw(rng, Sample{Spec: y.Spec()}))
			for i, v := range append(pull(ct), y) {
				want, err := Reference(ctx, v)
				require.NoError(t, err)
				requireClose(t, want, readAny(t, dev, v), 3e-6, []string{"input gradient", "kernel gradient", "value"}[i]+" of "+c.x.String()+c.w.String())
				v.Close()
			}
			closeAll([]Tensor{x, w, ct})
		}
	})
}

// Per-sample gradients of a convolution under vmap equal a loop over samples, on matrix kernels with shared operands.
func TestConvUnderVmap(t *testing.T) {
	ctx := context.Background()
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(4, 9))
		const b = 3
		sx, sw, sb := Shape{8, 14, 14}, Shape{16, 8, 3, 3}, Shape{b, 8, 14, 14}
		vx := draw(rng, Sample{Spec: Spec{Float32, sb}})
		x := upload(t, dev, Spec{Float32, sb}, vx)
		w := upload(t, dev, Spec{Float32, sw}, draw(rng, Sample{Spec: Spec{Float32, sw}}))
		loss := func(in []Tensor) []Tensor {
			return Grad(func(in []Tensor) Tensor { return Conv(in[0], in[1], ConvOptions{}).Square().Sum() })(in)
		}
		got := Vectorize("vmap", loss, []Tensor{x, w}, []int{0, Shared}, func(int, int) (int, bool) { return 0, false })
		var want [2][]float64
		for i := range b {
			n := sx.Size()
			one := loss([]Tensor{literalOf(Spec{Float32, sx}, vx[i*n:(i+1)*n]), w})
			for j := range one {
				v, err := Reference(ctx, one[j])
				require.NoError(t, err)
				want[j] = append(want[j], v...)
			}
		}
		for j, g := range got {
			requireClose(t, want[j], readAny(t, dev, g), 3e-6, "gradient")
			g.Close()
		}
		closeAll([]Tensor{x, w})
	})
}

func TestConvShapes(t *testing.T) {
	x := Zeros(2, 3, 28, 27)
	for _, c := range []struct {
		w    Shape
		o    ConvOptions
		want Shape
	}{
		{Shape{8, 3, 5, 5}, ConvOptions{}, Shape{2, 8, 24, 23}},
		{Shape{8, 3, 8, 8}, ConvOptions{Stride: []int{2}, Same: true}, Shape{2, 8, 14, 14}},
		{Shape{8, 3, 3, 3}, ConvOptions{Padding: [][2]int{{1, 1}}, Stride: []int{1, 2}}, Shape{2, 8, 28, 14}},
		{Shape{6, 1, 3, 3}, ConvOptions{Groups: 3, Dilation: []int{2}}, Shape{2, 6, 24, 23}},
		{Shape{8, 3, 30, 5}, ConvOptions{}, Shape{2, 8, 0, 23}},
	} {
		assert.Equal(t, c.want, Conv(x, Zeros(c.w...), c.o).Shape(), "%v %+v", c.w, c.o)
	}
	for _, c := range []struct {
		w    Shape
		o    ConvOptions
		want Shape
	}{
		{Shape{3, 8, 4, 4}, ConvOptions{Stride: []int{2}, Padding: [][2]int{{1, 1}}}, Shape{2, 8, 56, 54}},
		{Shape{3, 8, 3, 3}, ConvOptions{Stride: []int{2}, Same: true}, Shape{2, 8, 56, 54}},
		{Shape{3, 2, 3, 3}, ConvOptions{Stride: []int{2}, OutputPadding: []int{1}, Groups: 3}, Shape{2, 6, 58, 56}},
	} {
		assert.Equal(t, c.want, ConvTranspose(x, Zeros(c.w...), c.o).Shape(), "%v %+v", c.w, c.o)
	}
}

func TestConvErrors(t *testing.T) {
	x, w := Zeros(2, 3, 8, 8), Zeros(4, 3, 3, 3)
	for want, f := range map[string]func(){
		"the kernel is float32[3 3]":                      func() { Conv(x, Zeros(3, 3), ConvOptions{}) },
		"has 2 spatial axes":                              func() { Conv(Zeros(8, 8), w, ConvOptions{}) },
		"1 groups of 3 channels":                          func() { Conv(x, Zeros(4, 2, 3, 3), ConvOptions{}) },
		"2 groups of 3 input and 4 output channels":       func() { Conv(x, w, ConvOptions{Groups: 2}) },
		"3 entries for 2 spatial axes":                    func() { Conv(x, w, ConvOptions{Stride: []int{1, 1, 1}}) },
		"size 3 stride 0":                                 func() { Conv(x, w, ConvOptions{Stride: []int{0}}) },
		"padding -1+0":                                    func() { Conv(x, w, ConvOptions{Padding: [][2]int{{-1, 0}}}) },
		"both Same and Padding":                           func() { Conv(x, w, ConvOptions{Same: true, Padding: [][2]int{{1, 1}}}) },
		"the kernel int32[]":                              func() { Conv(x, Int(1), ConvOptions{}) },
		"first axis has the input channels":               func() { ConvTranspose(x, w, ConvOptions{}) },
		"output padding 1 for stride 1":                   func() { ConvTranspose(x, Zeros(3, 4, 3, 3), ConvOptions{OutputPadding: []int{1}}) },
		"leaves length -2":                                func() { ConvTranspose(x, Zeros(3, 4, 3, 3), ConvOptions{Padding: [][2]int{{6, 6}}}) },
		"3 windows for rank 2":                            func() { Zeros(2, 2).Windows(0, Window{Size: 1}, Window{Size: 1}, Window{Size: 1}) },
		"size 0 stride 1 dilation 1 padding 0+0":          func() { Zeros(2, 2).Windows(0, Window{}) },
		"folded to lengths [6], which have windows [2 5]": func() { Zeros(2, 4).Fold([]int{6}, Window{Size: 2}) },
		"0 lengths for 1 windows":                         func() { Zeros(2, 4).Fold(nil, Window{Size: 2}) },
		"want numbers":                                    func() { Full(Bool, 0, 2, 4).Fold([]int{5}, Window{Size: 2}) },
	} {
		err := Try(f)
		require.Error(t, err, want)
		assert.Contains(t, err.Error(), want)
		assert.Contains(t, err.Error(), "conv_test.go:")
	}
}
