package gpu

import "math"

// access is a range of bytes touched since the last barrier.
type access struct {
	from, to int64
	write    bool
}

// planBarriers says before which dispatches a barrier is needed: where a range conflicts (read after write, write after read, write
// after write) with one touched since the last barrier. Arguments are distinct arrays unless alias maps a slot to an earlier one.
// A barrier waits for everything before it, so the ranges start anew there.
func planBarriers(dispatches []Dispatch, alias []int) []bool {
	plan := make([]bool, len(dispatches))
	touched := map[int][]access{}
	slotOf := func(b Binding) int {
		if alias != nil && b.Slot >= 0 {
			return alias[b.Slot]
		}
		return b.Slot
	}
	for i, c := range dispatches {
		for _, b := range c.Bindings {
			if conflicts(touched[slotOf(b)], accessOf(b)) {
				plan[i] = true
				clear(touched)
				break
			}
		}
		for _, b := range c.Bindings {
			slot := slotOf(b)
			touched[slot] = append(touched[slot], accessOf(b))
		}
	}
	return plan
}

func accessOf(b Binding) access {
	if b.Size == 0 {
		return access{b.Offset, math.MaxInt64, b.Write}
	}
	return access{b.Offset, b.Offset + roundUp(b.Size, padding), b.Write}
}

func conflicts(earlier []access, a access) bool {
	for _, e := range earlier {
		if (e.write || a.write) && e.from < a.to && a.from < e.to {
			return true
		}
	}
	return false
}
