package graph

import (
	"cmp"
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

// chunked lowers outputs. Where what they need at once beside parameters and results does not fit the budget, the largest arrays are computed
// in chunks of samples, by loops that fold the chunks or stack them: all that can be cut along the axis of the samples goes into the loop
// (chunk_region.go), so that nothing is computed more often than what waits for results over all samples needs. How many samples are
// a chunk is found by planning the memory of the result.
func chunked(outputs []*node, p gpu.Profile, conf jitConfig) *lowered {
	l := finish(outputs, p, conf)
	budget := p.MaxAllocation
	if conf.plan.budget > 0 {
		budget = min(budget, conf.plan.budget)
	} else if conf.plan.plain {
		return l
	}
	for range chunkGroups {
		whole := l.arena()
		if whole <= budget {
			break
		}
		r, pc := chooseRegion(l.planned, budget)
		if r == nil {
			break
		}
		better := r.fitTo(l, budget, pc)
		if better == nil {
			break
		}
		l = better
	}
	return l
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

// fitTo is the plan with the region in the largest chunks that keep within the budget. Where none do, it is one that needs little more than the
// least; nil where chunks gain nothing.
func (r *chunkRegion) fitTo(l *lowered, budget int64, pc uintptr) *lowered {
	type trial struct {
		size  int
		arena int64
		plan  *lowered
	}
	try := func(size int) trial {
		plan := finish(r.emit(l.planned, size, pc), l.profile, l.conf)
		return trial{size, plan.arena(), plan}
	}
	whole := l.arena()
	var best, last trial
	size := r.chunkSize(int(float64(r.samples) * float64(budget) / float64(whole)))
	tried := map[int]bool{}
	for range chunkTrials {
		if tried[size] {
			break
		}
		tried[size] = true
		t := try(size)
		fits, fitted := t.arena <= budget, best.plan != nil && best.arena <= budget
		switch {
		case best.plan == nil, fits && (!fitted || size > best.size), !fits && !fitted && t.arena < best.arena:
			best = t
		}
		// Memory is nearly linear in the size of a chunk; what does not depend on it shows from the second trial on.
		fixed, slope := 0.0, float64(t.arena)/float64(size)
		if last.plan != nil && last.size != size {
			slope = float64(last.arena-t.arena) / float64(last.size-size)
			fixed = max(float64(t.arena)-slope*float64(size), 0)
		}
		last = t
		next := size / 4
		if slope > 0 && float64(budget) > fixed {
			next = int((float64(budget) - fixed) / slope)
			if fits && next <= size {
				break
			}
			if !fits {
				next = min(next, size-1)
			}
		} else if fits {
			break
		} else if slope*float64(size) < fixed/8 {
			break // smaller chunks would be no help
		}
		size = r.chunkSize(next)
	}
	if best.arena > whole-whole/10 {
		return nil
	}
	return best.plan
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
