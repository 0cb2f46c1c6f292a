package shaders_test

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/shaders"
)

var (
	swiftShader = shaders.MatMulTarget{CPU: true, Driver: "swiftshader", Cores: 2, MaxTexels: 65536}
	lavapipe    = shaders.MatMulTarget{CPU: true, Driver: "lavapipe", Subgroup: 8, Cores: 2, MaxTexels: 1 << 27}
	lavapipeSSE = shaders.MatMulTarget{CPU: true, Driver: "lavapipe", Subgroup: 4, Cores: 2, MaxTexels: 1 << 27} // without AVX
	bigGPU      = shaders.MatMulTarget{Cores: 64, MaxTexels: 1 << 27}
)

// dense are the arguments of a product whose rows are padded to multiples of 4 and nothing else.
func dense(f shaders.MatMulForm, m, n, k int) shaders.MatMulArgs {
	pad := func(n int) int { return (n + 3) / 4 * 4 }
	a := shaders.MatMulArgs{M: m, N: n, K: k, LDA: pad(k), LDB: pad(n), LDC: pad(n)}
	a.StrideA, a.StrideB, a.StrideC = m*a.LDA, k*a.LDB, m*a.LDC
	switch f {
	case shaders.MatMulTN:
		a.LDA = pad(m)
		a.StrideA = k * a.LDA
	case shaders.MatMulNT:
		a.LDB = pad(k)
		a.StrideB = n * a.LDB
	}
	return a
}

func TestMatMulModulesMatchSources(t *testing.T) {
	out, err := exec.Command("bash", "../tools/glslc.sh", "--check").CombinedOutput()
	require.NoError(t, err, "%s\nglslc comes with: bash tools/setup.sh", out)
}

func TestMatMulModulesAreValid(t *testing.T) {
	for _, k := range shaders.MatMulKernels() {
		file := filepath.Join(t.TempDir(), k.Name+".spv")
		b := make([]byte, 0, 4*len(k.Code))
		for _, w := range k.Code {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
		require.NoError(t, os.WriteFile(file, b, 0o600))
		out, err := exec.Command("spirv-val", "--target-env", "vulkan1.1", file).CombinedOutput()
		require.NoError(t, err, "%s: %s\nspirv-val comes with: bash tools/setup.sh", k.Name, out)
	}
}

// The table's workgroup sizes and bindings are those written in the modules.
func TestMatMulTableMatchesModules(t *testing.T) {
	const (
		opExecutionMode, localSize           = 16, 17
		opTypeImage, opTypeStruct            = 25, 30
		opDecorate, decorateBinding, opBound = 71, 33, 3
	)
	type kernel struct {
		name string
		form shaders.MatMulForm // some are of two
	}
	listed, names := map[kernel]bool{}, map[string]bool{}
	for _, k := range shaders.MatMulKernels() {
		key := kernel{k.Name, k.Form}
		require.False(t, listed[key], "%s is listed twice", k.Name)
		listed[key], names[k.Name] = true, true
		require.Equal(t, uint32(0x07230203), k.Code[0], k.Name)
		images, bindings, push, words := 0, 0, 0, shaders.MatMulPushWords
		if strings.Contains(k.Name, "windows") {
			words = shaders.WindowsPushWords
		}
		for at := 5; at < len(k.Code); at += int(k.Code[at] >> 16) {
			w := k.Code[at : at+int(k.Code[at]>>16)]
			switch op := w[0] & 0xffff; {
			case op == opExecutionMode && w[2] == localSize:
				assert.Equal(t, []uint32{uint32(k.Local), 1, 1}, w[3:6], k.Name)
			case op == opTypeImage:
				images++
			case op == opTypeStruct && len(w) == 2+words:
				push++
			case op == opDecorate && w[2] == decorateBinding:
				bindings++
			}
		}
		assert.Equal(t, 3, bindings, k.Name)
		assert.Equal(t, 1, push, "%s: structures of %d words", k.Name, words)
		assert.Equal(t, k.Views[0] == shaders.TexelVector, images == 1, k.Name)
		assert.Equal(t, k.Views[0], k.Views[1], k.Name)
		assert.Equal(t, shaders.Storage, k.Views[2], k.Name)
	}
	files, err := filepath.Glob("glsl/matmul_*.spv")
	require.NoError(t, err)
	assert.Len(t, files, len(names), "a module that no kernel of the table uses, or the other way round")
}

func TestMatMulChoice(t *testing.T) {
	for _, c := range []struct {
		target  shaders.MatMulTarget
		m, n, k int
		want    string
	}{
		{swiftShader, 512, 512, 512, "matmul_cpu_quadtexel32x8add_n"}, // exactly 65,536 texels an operand
		{swiftShader, 1024, 1024, 1024, "matmul_cpu_quad32x4_nn"},     // four times as many
		{swiftShader, 512, 128, 12, "matmul_cpu_quadtexel16x4_nn"},    // faster by less than it would compile longer
		{swiftShader, 256, 10, 64, "matmul_cpu_quadtexel16x4_nn"},
		{swiftShader, 1, 64, 784, "matmul_cpu_quadtexel4x8_nn"},
		{swiftShader, 1, 1024, 1024, "matmul_cpu_quad4x8_nn"},
		{lavapipe, 512, 512, 512, "matmul_cpu_share32x8_nn"},
		{lavapipe, 48, 576, 288, "matmul_cpu_share16x8_nn"},
		{lavapipeSSE, 512, 512, 512, "matmul_cpu_texel16x8_nn"},
		{lavapipe, 256, 10, 64, "matmul_cpu_texel8x8_nn"},
		{lavapipe, 1, 64, 784, "matmul_cpu_texel4x8_nn"},
		{bigGPU, 256, 64, 784, "matmul_gpu_tile64_nn"},
		{bigGPU, 4096, 4096, 4096, "matmul_gpu_tile128_nn"},
	} {
		k, err := shaders.MatMul(shaders.MatMulNN, dense(shaders.MatMulNN, c.m, c.n, c.k), 1, c.target)
		require.NoError(t, err)
		assert.Equal(t, c.want, k.Name, "%d x %d x %d", c.m, c.n, c.k)
	}
}

func TestMatMulChoiceCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.SampledFrom([]shaders.MatMulForm{shaders.MatMulNN, shaders.MatMulTN, shaders.MatMulNT}).Draw(t, "form")
		target := rapid.SampledFrom([]shaders.MatMulTarget{swiftShader, lavapipe, lavapipeSSE, bigGPU, {}, {CPU: true}}).Draw(t, "target")
		size := rapid.IntRange(1, 3000)
		m, n, k := size.Draw(t, "m"), size.Draw(t, "n"), size.Draw(t, "k")
		batch := rapid.IntRange(1, 300).Draw(t, "batch")
		a := dense(form, m, n, k)
		got, err := shaders.MatMul(form, a, batch, target)
		if err != nil {
			require.ErrorContains(t, err, "split the batch")
			return
		}
		g := got.Groups(m, n, batch)
		// Which of x and y counts rows is the kernel's matter; the tiles of both must cover the result.
		across := func(rows, cols uint32) bool { return int(rows)*got.TileM >= m && int(cols)*got.TileN >= n }
		require.True(t, across(g[1], g[0]) || across(g[0], g[1]), "%s: %v groups for %d x %d", got.Name, g, m, n)
		require.Equal(t, uint32(batch), g[2])
		require.LessOrEqual(t, max(g[0], g[1], g[2]), uint32(65535))
		require.Equal(t, form, got.Form)
		if got.Views[0] == shaders.TexelVector {
			e := a.Elements(form, batch)
			require.LessOrEqual(t, int64(max(e[0], e[1])), 4*target.MaxTexels)
		}
	})
}

// A batch whose operands have more texels than a view may is cut so that they fit, if that leaves enough work a dispatch.
func TestMatMulProducts(t *testing.T) {
	conv := dense(shaders.MatMulNN, 64, 576, 288) // 41,472 texels of B a product
	shared := conv
	shared.StrideA = 0
	half := dense(shaders.MatMulNN, 60, 100, 1001) // strides of A and C are 16 * 15 * 251 and 16 * 375
	for _, c := range []struct {
		args   shaders.MatMulArgs
		batch  int
		target shaders.MatMulTarget
		want   int
	}{
		{conv, 64, swiftShader, 1},
		{shared, 64, swiftShader, 1},
		{conv, 1, swiftShader, 1},
		{conv, 64, lavapipe, 64},
		{conv, 64, bigGPU, 64},
		{dense(shaders.MatMulNN, 64, 64, 1024), 64, swiftShader, 4},        // 16,384 texels of each
		{half, 64, swiftShader, 64},                                        // four would begin at whole bindings, two fit
		{dense(shaders.MatMulNN, 16, 16, 16), 4096, swiftShader, 4096 / 4}, // 64 texels of each
		{dense(shaders.MatMulNN, 4, 4, 4), 65536, swiftShader, 65536},      // 16,384 of them are too little work
		{dense(shaders.MatMulNN, 1024, 1024, 1024), 3, swiftShader, 3},     // not even one fits
	} {
		assert.Equal(t, c.want, c.target.Products(shaders.MatMulNN, c.args, c.batch, 64), "%+v of %d", c.args, c.batch)
	}
}

// A product whose operands have more texels than a view may is cut where rows lie together.
func TestMatMulBlock(t *testing.T) {
	for _, c := range []struct {
		form          shaders.MatMulForm
		m, n, k       int
		target        shaders.MatMulTarget
		rows, columns int
	}{
		{shaders.MatMulNT, 512, 9216, 128, swiftShader, 512, 2048},
		{shaders.MatMulNT, 4096, 4096, 128, swiftShader, 2048, 2048},
		{shaders.MatMulNT, 512, 9216, 128, lavapipe, 512, 9216},
		{shaders.MatMulNT, 512, 9216, 128, bigGPU, 512, 9216},
		{shaders.MatMulNN, 4096, 256, 200, swiftShader, 1310 &^ 31, 256},
		{shaders.MatMulNN, 512, 512, 9216, swiftShader, 512, 512}, // B's columns do not lie together
		{shaders.MatMulTN, 9216, 128, 512, swiftShader, 9216, 128},
		{shaders.MatMulNT, 4, 9216, 128, swiftShader, 4, 9216},    // too little work
		{shaders.MatMulNT, 512, 512, 9216, swiftShader, 512, 512}, // not 32 rows fit
		{shaders.MatMulNT, 512, 512, 512, swiftShader, 512, 512},
	} {
		rows, columns := c.target.Block(c.form, dense(c.form, c.m, c.n, c.k), 64)
		assert.Equal(t, [2]int{c.rows, c.columns}, [2]int{rows, columns}, "%v %d x %d x %d", c.form, c.m, c.n, c.k)
	}
}

func TestMatMulElements(t *testing.T) {
	a := dense(shaders.MatMulTN, 5, 6, 7) // A is 7 x 5 in rows of 8, B 7 x 6 in rows of 8, C 5 x 6 in rows of 8
	assert.Equal(t, [3]int{56, 56, 40}, a.Elements(shaders.MatMulTN, 1))
	a.StrideA, a.OffsetB = 0, 16
	assert.Equal(t, [3]int{56, 3*56 + 16, 3 * 40}, a.Elements(shaders.MatMulTN, 3))
	assert.Equal(t, []uint32{5, 6, 7, 8, 8, 8, 0, 56, 40, 0, 16, 0, 0}, a.Words(shaders.MatMulTN))
}

func TestMatMulRejects(t *testing.T) {
	for _, c := range []struct {
		spoil func(*shaders.MatMulArgs)
		batch int
		want  string
	}{
		{func(a *shaders.MatMulArgs) { a.K = 0 }, 1, "at least 1"},
		{func(*shaders.MatMulArgs) {}, 0, "0 products"},
		{func(a *shaders.MatMulArgs) { a.LDB = 10 }, 1, "ldb is 10, not a multiple of 4"},
		{func(a *shaders.MatMulArgs) { a.OffsetC = -4 }, 1, "offset of C is -4"},
		{func(a *shaders.MatMulArgs) { a.LDC = 8 }, 1, "ldc is 8, shorter than its row of 10 elements rounded up to 12"},
		{func(a *shaders.MatMulArgs) { a.StrideC = 0 }, 2, "results would overlap"},
		{func(a *shaders.MatMulArgs) { a.StrideA = 1 << 31 }, 4, "A spans"},
	} {
		a := dense(shaders.MatMulNN, 10, 10, 10)
		c.spoil(&a)
		_, err := shaders.MatMul(shaders.MatMulNN, a, c.batch, swiftShader)
		assert.ErrorContains(t, err, c.want)
	}
	_, err := shaders.MatMul(shaders.MatMulNN, dense(shaders.MatMulNN, 8, 8, 8), 65536, bigGPU)
	assert.ErrorContains(t, err, "more than 65535 workgroups")
}

func TestSquaresModulesAreValid(t *testing.T) {
	files, err := filepath.Glob("glsl/squares_*.spv")
	require.NoError(t, err)
	assert.Len(t, shaders.SquaresKernels(), len(files), "a module that no table lists")
	for _, k := range shaders.SquaresKernels() {
		out, err := exec.Command("spirv-val", "--target-env", "vulkan1.1", filepath.Join("glsl", k.Name+".spv")).CombinedOutput()
		require.NoError(t, err, "%s: %s", k.Name, out)
	}
}

// Every product of the batch is in one part, and no part is empty.
func TestSumSquaresCutsTheBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string, most int) int { return rapid.IntRange(1, most).Draw(t, name) }
		args := shaders.SquaresArgs{M: n("m", 200), N: n("n", 200), K: n("k", 9), Batch: n("batch", 100)}
		for _, target := range []shaders.MatMulTarget{swiftShader, lavapipe} {
			k, a, ok := shaders.SumSquares(args, target)
			require.True(t, ok)
			require.GreaterOrEqual(t, a.Count, 1)
			require.Less(t, (a.Parts()-1)*a.Count, a.Batch)
			require.GreaterOrEqual(t, a.Parts()*a.Count, a.Batch)
			if k.Views[0] == shaders.TexelVector {
				require.LessOrEqual(t, int64(a.Batch*a.K*(max(a.M, a.N)+3)/4), target.MaxTexels+int64(a.Batch*a.K))
			}
		}
		_, _, ok := shaders.SumSquares(args, bigGPU)
		require.False(t, ok)
	})
}
