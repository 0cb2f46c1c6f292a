package graph

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
)

// compiledSize is what the compiler makes of a function: how much work it is to make, and then for the driver.
type compiledSize struct {
	nodes, emitted, words int
	kernels               map[string]bool // by their words
}

// sizeOf compiles the norms of per-sample gradients of a convolutional net (that of torch.func's example) for a batch of b, as far as the
// driver.
func sizeOf(t *testing.T, p gpu.Profile, b int) compiledSize {
	of := func(shape ...int) Tensor { return Placeholder(Float32, shape...) }
	loss := func(in []Tensor) Tensor {
		x, y := in[8], in[9]
		bias := func(b Tensor) Tensor { return b.Reshape(-1, 1, 1) }
		h := Conv(x, in[0], ConvOptions{}).Add(bias(in[1])).ReLU()
		h = Conv(h, in[2], ConvOptions{}).Add(bias(in[3])).ReLU()
		h = h.Reshape(64, 12, 2, 12, 2).ReduceMax(2, 4).Flatten()
		h = h.MatMul(in[4]).Add(in[5]).ReLU().MatMul(in[6]).Add(in[7])
		return h.LogSumExp().Sub(h.Mul(y).Sum())
	}
	norms := func(in []Tensor) Tensor {
		axes := make([]int, len(in))
		for i := range axes[:8] {
			axes[i] = Shared
		}
		grads := Vectorize("vmap", func(in []Tensor) []Tensor { return Grad(loss)(in)[:8] }, in, axes, func(int, int) (int, bool) { return 0, false })
		total := Zeros(b)
		for _, g := range grads {
			total = total.Add(g.Reshape(b, -1).Square().Sum(1))
		}
		return total
	}
	args := []Tensor{of(32, 1, 3, 3), of(32), of(64, 32, 3, 3), of(64), of(9216, 128), of(128), of(128, 10), of(10), of(b, 1, 28, 28), of(b, 10)}
	return sizeOfProgram(t, p, norms, args)
}

// sizeOfProgram compiles f as far as the driver.
func sizeOfProgram(t *testing.T, p gpu.Profile, f func([]Tensor) Tensor, args []Tensor) compiledSize {
	params, _, outs := traceLike("test", f, args)
	l, err := lift(params, outs)
	require.NoError(t, err)
	steps := passes(l.outputs, p, jitConfig{})
	s := compiledSize{nodes: len(steps.order), kernels: map[string]bool{}}
	emissions := map[*uint32]bool{}
	for _, step := range steps.steps {
		code := step.kernel().Code
		emissions[&code[0]] = true
		var words []byte
		for _, w := range code {
			words = binary.LittleEndian.AppendUint32(words, w)
		}
		if !s.kernels[string(words)] {
			s.kernels[string(words)] = true
			s.words += len(words) / 4
		}
	}
	s.emitted = len(emissions)
	return s
}

// What compiling takes does not depend on the batch size: no more nodes, no more kernels, no longer ones, and none emitted twice, also where
// arrays are too long for a binding. A few words differ, because kernels for many tiles do without the test for the last one.
func TestCompilingDoesNotGrowWithTheBatch(t *testing.T) {
	whole := gpu.Profile{Kind: gpu.CPU, Driver: "lavapipe", LocalSize: 256, VecPerInvocation: 8, SubgroupSize: 8, Cores: 2, PreserveNaN: true,
		TexelReads: true, MaxTexelElements: 1 << 27, MaxBindings: 24, MaxStorageRange: math.MaxUint32, MaxAllocation: math.MaxInt64}
	pieces := whole
	pieces.MaxStorageRange = 1 << 27
	first := sizeOf(t, whole, 8)
	for _, p := range []gpu.Profile{whole, pieces} {
		for _, b := range []int{64, 512, 1024, 2048} {
			s := sizeOf(t, p, b)
			assert.LessOrEqual(t, float64(s.nodes), 1.1*float64(first.nodes), "batch %d: nodes", b)
			assert.LessOrEqual(t, len(s.kernels), len(first.kernels)+1, "batch %d: kernels: short reductions share one while they are short", b)
			assert.LessOrEqual(t, float64(s.words), 1.25*float64(first.words), "batch %d: words", b)
			assert.LessOrEqual(t, s.emitted, len(s.kernels)+1, "batch %d: kernels emitted, and those of them that differ", b)
		}
	}
}

// Steps of an unrolled loop share their kernels, though each reads a part of an array of its own and has a scalar of its own, and sums over all
// steps are cut in few rounds.
func TestUnrolledStepsShareKernels(t *testing.T) {
	p := gpu.Profile{Kind: gpu.CPU, Driver: "lavapipe", LocalSize: 256, VecPerInvocation: 8, SubgroupSize: 8, Cores: 2, PreserveNaN: true,
		TexelReads: true, MaxTexelElements: 1 << 27, MaxBindings: 24, MaxStorageRange: math.MaxUint32, MaxAllocation: math.MaxInt64, BindingAlign: 16}
	unrolled := func(steps int) compiledSize {
		loss := func(in []Tensor) Tensor {
			h := Zeros(16, 32)
			for i := range steps {
				h = in[2].Index(0, i).MatMul(in[0]).Scale(1 / float64(3+i)).Add(h.MatMul(in[1])).Tanh()
			}
			return h.Square().Sum()
		}
		gradient := func(in []Tensor) Tensor {
			g := Grad(loss)(in)
			return g[0].Square().Sum().Add(g[1].Square().Sum())
		}
		return sizeOfProgram(t, p, gradient, []Tensor{Placeholder(Float32, 8, 32), Placeholder(Float32, 32, 32), Placeholder(Float32, steps, 16, 8)})
	}
	few, many := unrolled(30), unrolled(120)
	assert.LessOrEqual(t, len(many.kernels), len(few.kernels)+2)
	assert.Less(t, len(few.kernels), 20)
	for _, p.MaxBindings = range []int{8, 4} { // 4 is the least that Vulkan promises
		assert.Less(t, len(unrolled(20).kernels), 25, "%d bindings", p.MaxBindings)
	}
}
