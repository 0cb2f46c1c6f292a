package graph

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
)

// smallDevice allocates few bytes at once.
func smallDevice(bytes int64) gpu.Profile {
	return gpu.Profile{Kind: gpu.CPU, Driver: "lavapipe", Cores: 2, LocalSize: 64, VecPerInvocation: 1, SubgroupSize: 8, MaxBindings: 24,
		MaxAllocation: bytes, MaxStorageRange: bytes}
}

// Without a budget, what the device allocates is one; and a program that nothing brings below it says what takes the memory.
func TestChunksForTheDevice(t *testing.T) {
	tr := newTrace("test")
	x, w := tr.param(Spec{Float32, Shape{512, 64}}), tr.param(Spec{Float32, Shape{64, 256}})
	h := x.MatMul(w).Tanh()
	total := h.Mul(h.CumSum(1)).Sum(0).n
	plan := passes([]*node{total}, smallDevice(1<<30), jitConfig{})
	require.Greater(t, plan.arena(), int64(4*512*256))
	plan = passes([]*node{total}, smallDevice(100<<10), jitConfig{})
	require.LessOrEqual(t, plan.arena(), int64(100<<10))
	require.NoError(t, plan.fits(plan.arena()))

	// Sorted along both axes, nothing can be told apart.
	sorted := h.Sort(0).CumSum(0).CumSum(1).Square().Sum().n
	plan = passes([]*node{sorted}, smallDevice(600<<10), jitConfig{})
	err := plan.fits(plan.arena())
	require.ErrorIs(t, err, gpu.ErrOutOfMemory)
	require.Regexp(t, `temporaries take \d+ bytes, an array of this device at most 614400; the largest is .* float32\[.*\] at .*chunk_plan_test.go:\d+ with 524288 bytes; .*MemoryBudget`, err.Error())
}

// What is cut, and how far.
func TestChunkRegions(t *testing.T) {
	tr := newTrace("test")
	x, w := tr.param(Spec{Float32, Shape{12, 5, 4}}), tr.param(Spec{Float32, Shape{4, 6}})
	h := x.Reshape(60, 4).MatMul(w).Reshape(12, 30) // two positions of the middle axis for each sample
	norms := h.Abs().Sum(1)
	total := h.Mul(norms.Div(norms.Sort(0).Index(0, 11)).ExpandDims(1)).Sum(0)
	outs := simplify([]*node{total.n, norms.Sum().n})
	order := reach(outs, nil)
	plan := fuse(outs, map[*node]bool{}, map[*node]bool{})
	var product *node
	for _, n := range order {
		if o, ok := n.op.(contractOp); ok && len(o.summed()) == 1 && n.spec.Shape.Equal(Shape{60, 6}) {
			product = n
		}
	}
	require.NotNil(t, product)
	r := regionOf(order, outs, product, cut{0, 5}, plan.root, 0)
	require.NotNil(t, r)
	require.Equal(t, 12, r.samples)
	require.Equal(t, cut{0, 1}, r.cuts[x.n])
	require.NotContains(t, r.cuts, w.n)
	require.Len(t, r.loops, 2, "the second waits for the largest norm")
	require.Equal(t, []int{1, 1}, []int{len(r.loops[0].folds), len(r.loops[1].folds)}, "the sum of the norms, and the weighted sum")
	require.Len(t, r.loops[0].stacks, 1, "the norms")
}

// An update that changes a sum of gradients element by element needs no array beside its result, however long the chain.
func TestArraysShareResults(t *testing.T) {
	tr := newTrace("test")
	x, y, w := tr.param(Spec{Float32, Shape{64, 512}}), tr.param(Spec{Float32, Shape{64, 256}}), tr.param(Spec{Float32, Shape{512, 256}})
	g := x.Transpose().MatMul(y)
	const size = 4 * 512 * 256
	dev := smallDevice(1 << 30)
	plan := passes([]*node{w.Sub(g.Scale(0.1)).n}, dev, jitConfig{})
	require.Less(t, plan.arena(), int64(size/2))
	plan = passes([]*node{g.CumSum(1).Add(w).n}, dev, jitConfig{})
	require.Less(t, plan.arena(), int64(3*size/2), "the running sums, not the gradient")
	// What is read again keeps its own.
	plan = passes([]*node{w.Sub(g.Scale(0.1)).n, g.CumSum(1).n}, dev, jitConfig{})
	require.GreaterOrEqual(t, plan.arena(), int64(size))
	plan = passes([]*node{w.Sub(g).Add(g.Flip(0)).n}, dev, jitConfig{})
	require.GreaterOrEqual(t, plan.arena(), int64(size), "another element is read")
}
