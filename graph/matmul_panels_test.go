package graph

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders"
)

// Products that SwiftShader computes in panels: with dimensions cut and not, with operands copied and not, with rests along each dimension.
var productsInPanels = []struct {
	form           shaders.MatMulForm
	batch, m, n, k int
	square         bool
	want           shaders.MatMulPanels
}{
	{shaders.MatMulNN, 1, 520, 514, 1030, false, shaders.MatMulPanels{M: 320, N: 320, K: 576, PackA: true, PackB: true}},
	{shaders.MatMulNN, 1, 130, 200, 2100, true, shaders.MatMulPanels{M: 130, N: 200, K: 704, PackA: true}},
	{shaders.MatMulTN, 1, 516, 4130, 70, false, shaders.MatMulPanels{M: 516, N: 2112, K: 70, PackB: true}},
	{shaders.MatMulTN, 1, 130, 200, 2100, true, shaders.MatMulPanels{M: 130, N: 200, K: 704}},
	{shaders.MatMulNT, 3, 201, 150, 5003, false, shaders.MatMulPanels{M: 201, N: 150, K: 1024, PackA: true, PackB: true}},
}

// TestProductsInPanels compares C r with A (B r) for a vector r of integers: all numbers are small enough to be exact.
func TestProductsInPanels(t *testing.T) {
	for _, c := range productsInPanels {
		o := matmulOp{form: c.form, batch: c.batch, m: c.m, n: c.n, k: c.k, target: shaders.MatMulTarget{CPU: true, Driver: "swiftshader", Cores: 2, MaxTexels: 1 << 16}}
		got, ok := o.panels()
		require.True(t, ok, "%+v", c)
		require.Equal(t, c.want, got)
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		old, packs := inspectKernel, 0
		defer func() { inspectKernel = old }()
		inspectKernel = func(name string, code []uint32) {
			if strings.HasPrefix(name, "matmul pack") {
				packs++
			}
			if old != nil {
				old(name, code)
			}
		}
		for i, c := range productsInPanels {
			if testing.Short() && i > 1 {
				break
			}
			number := func(seed, i int) float64 { return float64((i+seed)*2654435761>>9%5 - 2) }
			matrix := func(seed, rows, cols int) ([]float64, Tensor) {
				v := make([]float64, c.batch*rows*cols)
				for j := range v {
					v[j] = number(seed, j)
				}
				return v, upload(t, dev, Spec{Float32, Shape{c.batch, rows, cols}}, v)
			}
			rowsA, colsA, rowsB, colsB := c.m, c.k, c.k, c.n
			if c.form == shaders.MatMulTN {
				rowsA, colsA = c.k, c.m
			}
			if c.form == shaders.MatMulNT {
				rowsB, colsB = c.n, c.k
			}
			a, x := matrix(i, rowsA, colsA)
			b, y := matrix(i+7, rowsB, colsB)
			packs = 0
			z, err := Jit(dev, func(in [2]Tensor) Tensor {
				x, y := in[0], in[1]
				if c.square {
					x = x.Square()
				}
				switch c.form {
				case shaders.MatMulTN:
					x = x.Transpose(0, 2, 1)
				case shaders.MatMulNT:
					y = y.Transpose(0, 2, 1)
				}
				return x.MatMul(y)
			})(context.Background(), [2]Tensor{x, y})
			require.NoError(t, err)
			if profileOf(dev).Driver == "swiftshader" {
				assert.Equal(t, c.want.PackA || c.want.PackB, packs > 0, "%+v", c)
			}
			out := readAny(t, dev, z)
			closeAll([]Tensor{x, y}, z)
			at := func(v []float64, transposed bool, rows, cols, batch, i, j int) float64 {
				if transposed {
					return v[batch*rows*cols+j*rows+i]
				}
				return v[batch*rows*cols+i*cols+j]
			}
			for s := range c.batch {
				br := make([]float64, c.k)
				for l := range br {
					for j := range c.n {
						br[l] += at(b, c.form == shaders.MatMulNT, c.k, c.n, s, l, j) * number(3, j)
					}
				}
				for r := range c.m {
					want, got := 0.0, 0.0
					for l := range br {
						v := at(a, c.form == shaders.MatMulTN, c.m, c.k, s, r, l)
						if c.square {
							v *= v
						}
						want += v * br[l]
					}
					for j := range c.n {
						got += out[(s*c.m+r)*c.n+j] * number(3, j)
					}
					require.Equal(t, want, got, fmt.Sprintf("%+v, product %d, row %d", c, s, r))
				}
			}
		}
	})
}
