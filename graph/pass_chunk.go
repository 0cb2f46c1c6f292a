package graph

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
)

// Limits of the search for chunks.
const (
	chunkSeeds  = 4 // arrays, the largest first, whose axes are tried
	chunkTrials = 6 // sizes tried for a region
	chunkGroups = 3 // regions with samples of their own
)

// attempt is a lowered graph and what it takes beside parameters and results; without a plan, why there is none: an array that the device
// does not allocate.
type attempt struct {
	plan  *lowered
	arena int64
	err   *Error
}

// try lowers outputs.
func try(outputs []*node, p gpu.Profile, conf jitConfig) (a attempt) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Error:
			if !errors.Is(r, gpu.ErrOutOfMemory) {
				panic(r)
			}
			a = attempt{arena: math.MaxInt64, err: r}
		default:
			panic(r)
		}
	}()
	l := finish(outputs, p, conf)
	return attempt{plan: l, arena: l.arena()}
}

// chunked lowers outputs. Where what they need at once beside parameters and results does not fit the budget, the largest arrays are computed
// in chunks of samples, by loops that fold the chunks or stack them: all that can be cut along the axis of the samples goes into the loop
// (chunk_region.go), so that nothing is computed more often than what waits for results over all samples needs. How many samples are
// a chunk is found by planning the memory of the result.
func chunked(outputs []*node, p gpu.Profile, conf jitConfig) *lowered {
	best := try(outputs, p, conf)
	budget := p.MaxAllocation
	switch {
	case conf.plan.budget > 0:
		budget = min(budget, conf.plan.budget)
	case conf.plan.plain:
		conf.plan.whole = true
	}
	for i := 0; i < chunkGroups && !conf.plan.whole && best.arena > budget; i++ {
		r, pc := chooseRegion(outputs, budget)
		if r == nil {
			break
		}
		better, graph := r.fitTo(outputs, best, budget, func(outputs []*node) attempt { return try(outputs, p, conf) }, pc)
		if better.plan == nil {
			break
		}
		best, outputs = better, graph
	}
	if best.err != nil {
		panic(best.err)
	}
	return best.plan
}

// chooseRegion finds what to compute in chunks: of the regions around the largest arrays, the one that writes the fewest bytes with
// all samples.
func chooseRegion(outputs []*node, budget int64) (best *chunkRegion, pc uintptr) {
	plan := fuse(outputs, map[*node]bool{}, map[*node]bool{})
	result := map[*node]bool{}
	for _, n := range outputs {
		result[storage(n)] = true
	}
	stored := map[*node]bool{}
	var seeds []*node
	for _, n := range plan.order {
		if plan.root[n] && n.spec.DType != tuple {
			stored[n] = true
			if !result[n] {
				seeds = append(seeds, n)
			}
		}
	}
	slices.SortStableFunc(seeds, func(a, b *node) int { return cmp.Compare(bytesOf(b.spec), bytesOf(a.spec)) })
	var most int64
	for _, n := range seeds[:min(len(seeds), chunkSeeds)] {
		for axis, d := range n.spec.Shape {
			if d < 2 {
				continue
			}
			r := regionOf(plan.order, outputs, n, cut{axis, 1}, stored, budget/8)
			if r == nil {
				continue
			}
			if saved := r.saved(); saved > most {
				best, pc, most = r, n.pc, saved
			}
		}
	}
	return best, pc
}

// fitTo is the plan, and the graph, with the region in the largest chunks that keep within the budget. Where none do, it is one that needs little
// more than the least; without a plan where chunks gain nothing over whole.
func (r *chunkRegion) fitTo(outputs []*node, whole attempt, budget int64, try func([]*node) attempt, pc uintptr) (best attempt, graph []*node) {
	share := float64(budget) / float64(whole.arena)
	if whole.err != nil {
		share = float64(budget) / float64(budget+r.saved())
	}
	size, bestSize := r.chunkSize(int(float64(r.samples)*share)), 0
	last, lastSize := attempt{}, 0
	tried := map[int]bool{}
	for range chunkTrials {
		if tried[size] {
			break
		}
		tried[size] = true
		form := r.emit(outputs, size, pc)
		t := try(form)
		if t.err != nil {
			size = r.chunkSize(size / 4)
			continue
		}
		fits, fitted := t.arena <= budget, best.plan != nil && best.arena <= budget
		if best.plan == nil || fits && (!fitted || size > bestSize) || !fits && !fitted && t.arena < best.arena {
			best, bestSize, graph = t, size, form
		}
		// Memory is nearly linear in the size of a chunk; what does not depend on it shows from the second trial on.
		fixed, slope := 0.0, float64(t.arena)/float64(size)
		if last.plan != nil && lastSize != size {
			slope = max(float64(last.arena-t.arena)/float64(lastSize-size), 0)
			fixed = max(float64(t.arena)-slope*float64(size), 0)
		}
		last, lastSize = t, size
		next := size / 4
		if slope > 0 && float64(budget) > fixed {
			next = int((float64(budget) - fixed) / slope)
		} else if slope*float64(size) < fixed/8 {
			break // what is left is not the chunks'
		}
		if !fits {
			next = min(next, size-1)
		} else if next <= size {
			break
		}
		size = r.chunkSize(next)
	}
	if whole.err == nil && best.arena > whole.arena-whole.arena/10 {
		return attempt{}, nil
	}
	return best, graph
}

// chunkSize is a size of chunks of at most the given number of samples: one that divides their number, if that is not much smaller, and
// else a multiple of the matrix products' tiles.
func (r *chunkRegion) chunkSize(most int) int {
	most = max(min(most, r.samples/2), 1)
	best := 1
	for d := 1; d <= most; d++ {
		if r.samples%d == 0 && (d%16 == 0 || best%16 != 0 || d > 2*best) {
			best = d
		}
	}
	switch {
	case 2*best > most:
		return best
	case most >= 16:
		return most / 16 * 16
	default:
		return 1 << int(math.Log2(float64(most)))
	}
}
