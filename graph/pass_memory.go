package graph

import "slices"

// alignment of arrays in the arena, in bytes: what every driver accepts for a binding's offset.
const alignment = 256

// span is a range of the arena.
type span struct{ offset, size int64 }

// planMemory places every array that only lives inside the program in one arena: arrays whose
// lifetimes do not overlap share bytes. Larger arrays are placed first, each at the lowest offset that is free
// while it lives.
func planMemory(l *lowered, temporary func(buffer) bool, size func(buffer) int64) (map[buffer]span, int64) {
	type life struct {
		b           buffer
		first, last int
		size        int64
	}
	var lives []life
	index := map[buffer]int{}
	for i, s := range l.steps {
		for _, b := range s.args {
			b = b.whole()
			if !temporary(b) {
				continue
			}
			j, ok := index[b]
			if !ok {
				j = len(lives)
				index[b] = j
				lives = append(lives, life{b: b, first: i, size: roundUp(max(size(b), 16), alignment)})
			}
			lives[j].last = i
		}
	}
	// What a loop reads of before, or leaves for after, or hands from round to round, lives as long as the loop.
	for changed := true; changed; {
		changed = false
		for _, r := range l.loops {
			for i := range lives {
				x := &lives[i]
				inside := x.first < r.last && x.last >= r.first
				if inside && (x.first < r.first || x.last >= r.last) && (x.first > r.first || x.last < r.last-1) {
					x.first, x.last = min(x.first, r.first), max(x.last, r.last-1)
					changed = true
				}
			}
		}
	}
	if off("arena") {
		for i := range lives {
			lives[i].first, lives[i].last = 0, len(l.steps)
		}
	}
	slices.SortStableFunc(lives, func(a, b life) int { return int(b.size - a.size) })
	place := map[buffer]span{}
	var placed []life
	var total int64
	for _, x := range lives {
		var busy []span
		for _, y := range placed {
			if y.first <= x.last && x.first <= y.last {
				busy = append(busy, place[y.b])
			}
		}
		slices.SortFunc(busy, func(a, b span) int { return int(a.offset - b.offset) })
		at := int64(0)
		for _, s := range busy {
			if at+x.size <= s.offset {
				break
			}
			at = max(at, s.offset+s.size)
		}
		place[x.b] = span{at, x.size}
		placed = append(placed, x)
		total = max(total, at+x.size)
	}
	return place, total
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
