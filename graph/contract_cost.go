package graph

import (
	"math"
	mathbits "math/bits"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/tune"
	"github.com/lavagrad/lavagrad/shaders"
)

// machine is what the contraction planner believes of a device: rates of work that it weighs against each other. Only their ratios
// decide.
type machine struct {
	matmul   float64 // operations a second in the matrix product kernels
	vector   float64 // operations a second in fused kernels that fold
	bytes    float64 // bytes a second to and from memory
	dispatch float64 // seconds for one more kernel
	budget   float64 // bytes that one intermediate array may take
	binding  float64 // bytes that a kernel binds at once

	products shaders.MatMulTarget // for the kernels that have no other form
}

// machineOf takes the rates of the profile, which are measured on the device or, without that, a table by driver (gpu/profile.go).
func machineOf(p gpu.Profile, budget int64) machine {
	r := p.Rates
	m := machine{matmul: r.MatMul, vector: r.Vector, bytes: r.Bytes, dispatch: r.Dispatch,
		binding: float64(p.MaxStorageRange), products: tune.MatMulTarget(p)}
	if m.budget = float64(p.MaxAllocation); budget > 0 {
		m.budget = min(m.budget, float64(budget))
	}
	return m
}

// overBudget is added to the cost, in seconds, of a step whose result exceeds the budget: such a step is taken only where every
// other way has one too.
const overBudget = 1e6

// labelSet is a set of labels, numbered within one term.
type labelSet uint64

// extent is how many elements an array with these labels has.
func (p *planner) extent(s labelSet) float64 {
	n := 1.0
	for ; s != 0; s &= s - 1 {
		n *= p.lens[mathbits.TrailingZeros64(uint64(s))]
	}
	return n
}

// work is what steps of a plan take.
type work struct {
	seconds float64
	flops   float64
	bytes   float64 // of the intermediates stored
}

func (w work) plus(v work) work {
	return work{w.seconds + v.seconds, w.flops + v.flops, w.bytes + v.bytes}
}

// reduction is the work of summing an operand over labels that nothing else has.
func (p *planner) reduction(in, out labelSet, stored bool) work {
	n := p.extent(in)
	moved := 4 * p.extent(out)
	if stored {
		moved += 4 * n
	}
	return work{max(n/p.m.vector, moved/p.m.bytes) + p.m.dispatch, n, 4 * p.extent(out)}
}

// step is the work of multiplying two operands and summing over the labels that are not in out. Without a label to sum it is
// computed where it is read, at no memory.
func (p *planner) step(x, y *planTree, out labelSet) (w work, stored bool) {
	a, b := x.labels, y.labels
	all := a | b
	n := p.extent(all)
	if all == out {
		return work{seconds: n / p.m.vector, flops: n}, false
	}
	size := 4 * p.extent(out)
	w = work{flops: 2 * n, bytes: size}
	moved := size
	rows, cols, sum := p.extent(a&out&^b), p.extent(b&out&^a), p.extent(all&^out)
	rate := p.m.vector
	if rows >= 4 && cols >= 4 && sum >= 4 && n >= matmulWork {
		// The kernels work on tiles, and on operands in memory, of which one may be the image that windows are read out of.
		rate = p.m.matmul * filled(rows) * filled(cols)
		over := x
		if p.image(y) < p.image(x) {
			over = y
		}
		for _, o := range []*planTree{x, y} {
			bytes := 4 * p.extent(o.labels)
			if o == over {
				bytes = min(bytes, p.image(o))
			}
			moved += bytes
			if !o.stored {
				moved += 2 * bytes
				w.bytes += bytes
			}
		}
	} else {
		for _, o := range []*planTree{x, y} {
			if o.stored {
				moved += 4 * p.extent(o.labels)
			}
		}
	}
	w.seconds = max(w.flops/rate, moved/p.m.bytes) + p.m.dispatch
	if w.bytes > p.m.budget {
		w.seconds += overBudget
	}
	return w, true
}

// image is how many bytes the image has that products read the operand out of, where it is windows of one; else infinity.
func (p *planner) image(t *planTree) float64 {
	if t.left != nil || t.stored {
		return math.Inf(1)
	}
	return p.factors[mathbits.TrailingZeros32(uint32(t.set))].image
}

// imageBytes is how many bytes the image has that n is windows of, where the device's products read windows out of images; else infinity.
func (m machine) imageBytes(n *node) float64 {
	o, x, ok := windowsOf(Tensor{n})
	if !ok || !m.products.ReadsWindows() || !o.inImage() {
		return math.Inf(1)
	}
	return float64(bytesOf(x.Spec()))
}

// filled is how much of a tile of 16 a matrix with n rows fills.
func filled(n float64) float64 { return min(n/16, 1) }
