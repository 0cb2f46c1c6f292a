package shaders_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders"
)

// overImage are the arguments of m rows times the windows of 3 lines and 2 columns, of which there are 3 x 9 with steps 2 and 1, of an image of
// 8 x 11 positions with 8 channels. In the form NN they are those of two images.
func overImage(f shaders.MatMulForm, m int) shaders.MatMulArgs {
	const line, windows, positions = 11 * 8, 3 * 9, 3 * 2 * 8
	n, k := windows, positions
	if f == shaders.MatMulNN {
		n, k = k, 2*n
	}
	a := dense(f, m, n, k)
	a.LDB, a.StrideB = 8, 8*line
	a.Windows = shaders.Windows{Width: 9, Jump: 2 * line, Run: 2 * 8, Segment: line}
	if f == shaders.MatMulNN {
		a.StrideB *= 2
		a.Windows.Lines, a.Windows.Image = 3, 8*line
	}
	return a
}

// Kernels that read windows out of an image give what the products of the windows are, each on the driver that it is made for, and those for GPUs on lavapipe.
func TestMatMulOverImages(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		rng := rand.New(rand.NewPCG(8, 8))
		tried := 0
		for _, k := range shaders.MatMulKernels() {
			if !strings.Contains(k.Name, "windows") || strings.Contains(k.Name, "quad") != (d.Profile().Driver == "swiftshader") ||
				strings.Contains(k.Name, "share") && d.Profile().SubgroupSize != 8 {
				continue
			}
			tried++
			const batch = 3
			p := product{form: k.Form, args: overImage(k.Form, 37), batch: batch}
			p.args.OffsetA, p.args.OffsetB, p.args.OffsetC = 8, 12, 4
			spans := p.args.Elements(k.Form, batch)
			values := func(n int) []float32 {
				v := make([]float32, n)
				for i := range v {
					v[i] = float32(rng.NormFloat64())
				}
				return v
			}
			p.a, p.b = values(spans[0]), values(spans[1])
			w := p.args.Windows
			for z := range batch {
				for i := range p.args.M {
					for j := range p.args.N {
						sum, size := 0.0, 0.0
						for l := range p.args.K {
							row, column := l, j
							if k.Form == shaders.MatMulNT {
								row, column = j, l
							}
							at := p.args.OffsetB + z*p.args.StrideB + row/27*w.Image + row/9%3*w.Jump + row%9*p.args.LDB + column/w.Run*w.Segment + column%w.Run
							x, y := float64(p.a[p.args.OffsetA+z*p.args.StrideA+i*p.args.LDA+l]), float64(p.b[at])
							sum, size = sum+x*y, size+math.Abs(x*y)
						}
						p.want, p.bound = append(p.want, sum), append(p.bound, math.Exp2(-23)*float64(p.args.K+2)*size)
					}
				}
			}
			for i, v := range p.run(t, d, k) {
				require.InDelta(t, p.want[i], v, p.bound[i], "%s: element %d", k.Name, i)
			}
		}
		assert.Positive(t, tried)
	})
}

func TestMatMulOverImagesChoice(t *testing.T) {
	for _, c := range []struct {
		form   shaders.MatMulForm
		m      int
		target shaders.MatMulTarget
		want   string
	}{
		{shaders.MatMulNT, 2048, swiftShader, "matmul_cpu_quadtexel32x8windows_nt"},
		{shaders.MatMulNN, 16, swiftShader, "matmul_cpu_quadtexel16x4windows_nn"},
		{shaders.MatMulNT, 64, lavapipe, "matmul_cpu_share32x8windows_nt"},
		{shaders.MatMulNN, 16, lavapipe, "matmul_cpu_share16x8windows_nn"},
		{shaders.MatMulNN, 64, lavapipeSSE, "matmul_cpu_texel16x8windows_nn"},
		{shaders.MatMulNT, 64, bigGPU, "matmul_gpu_tile64windows_nt"},
	} {
		k, err := shaders.MatMul(c.form, overImage(c.form, c.m), 2, c.target)
		require.NoError(t, err)
		assert.Equal(t, c.want, k.Name)
	}
	// 372 images of 176 texels fit a view.
	assert.Equal(t, 372, swiftShader.Products(shaders.MatMulNT, func() shaders.MatMulArgs { a := overImage(shaders.MatMulNT, 64); a.StrideA = 0; return a }(), 5000, 1))
	for _, c := range []struct {
		form  shaders.MatMulForm
		spoil func(*shaders.MatMulArgs)
		want  string
	}{
		{shaders.MatMulTN, func(*shaders.MatMulArgs) {}, "use nn"},
		{shaders.MatMulNN, func(a *shaders.MatMulArgs) { a.Windows.Width = 3 }, "3 windows a line"},
		{shaders.MatMulNT, func(a *shaders.MatMulArgs) { a.Windows.Run = 6 }, "multiples of 4"},
		{shaders.MatMulNT, func(a *shaders.MatMulArgs) { a.K = 40 }, "whole runs"},
		{shaders.MatMulNT, func(a *shaders.MatMulArgs) { a.Windows.Jump = 32 }, "go back"},
		{shaders.MatMulNN, func(a *shaders.MatMulArgs) { a.Windows.Image = 352 }, "go back"},
		{shaders.MatMulNT, func(a *shaders.MatMulArgs) { a.Windows.Lines, a.Windows.Image = 3, 704 }, "several images"},
	} {
		a := overImage(c.form, 64)
		c.spoil(&a)
		_, err := shaders.MatMul(c.form, a, 1, lavapipe)
		assert.ErrorContains(t, err, c.want)
	}
	large := overImage(shaders.MatMulNT, 64)
	large.StrideB = 1 << 20
	_, err := shaders.MatMul(shaders.MatMulNT, large, 513, lavapipe) // its kernel for more texels than a view has reads no windows
	assert.ErrorContains(t, err, "write them out")
}
