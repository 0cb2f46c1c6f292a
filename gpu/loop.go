package gpu

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// Loop repeats a range of a program's dispatches. The ranges of two loops are disjoint or one holds the other; of two equal ranges the
// loop that comes first in the list is the outer one.
//
// A counted loop (no While) runs its body Count times, 0 times included. One that is short is written out in the command buffer; a longer
// one submits its body's command buffer again and again, as many rounds at a time as last some tens of milliseconds by measurement, so
// that no watchdog of a GPU ends it.
//
// A while loop reads its word before a round and ends when it is 0. The host looks at the word before the first round and then after 1, 2,
// 4, ... more, so rounds may run when the word is 0 already: they must change nothing then (package graph masks them). A while loop whose
// dispatches all have a zero group count is skipped, whatever its word.
type Loop struct {
	First, Last int      // the dispatches [First, Last)
	Count       int      // rounds; with While set, the most rounds, 0 for no limit
	While       *Binding // where the uint32 word is (Slot and Offset, a multiple of 4); nil for a counted loop
}

const (
	// inlineMost is the most dispatches of a command buffer that loops are written out in. It bounds what a run with new arguments has to
	// record (0.2 microseconds a dispatch) and what one submission takes on a GPU with a watchdog.
	inlineMost = 256
	// bulkDispatches is how many dispatches the rounds of a loop fill that share a command buffer: enough to hide the cost of one.
	bulkDispatches = 256
	// firstNanos is the guess of a dispatch's time before there is a measurement: long, so that the first submission is short.
	firstNanos = 10e6
)

// piece is one command buffer: dispatches in order, with repetitions, and the barriers between them.
type piece struct {
	order    []int
	barriers []bool // if no two arguments are the same array
}

// leaf is a part of a program without loops of its own (but short ones, written out).
type leaf struct {
	single int     // the piece that is one round
	bulk   int     // the piece of several rounds
	rounds int     // of bulk; 0 if there is none
	least  float64 // nanoseconds that one round takes at least, so that a wrong measurement does no lasting harm
	nanos  float64 // and takes by measurement: time / count
	// Sums over the submissions so far, each counting half of the next. Sums of times, because a host that wakes late takes from one
	// submission what it adds to the one before.
	time, count float64
	flight      uint64 // the last submission it was part of
	at          int    // and its place there
}

// step is a leaf or a loop over steps.
type step struct {
	leaf  *leaf
	body  []step
	loop  Loop
	word  int  // of a while loop: its place among the program's
	plain bool // the body is one leaf
}

// checkLoops checks the ranges and words of a program's loops.
func checkLoops(spec *ProgramSpec) error {
	for i, l := range spec.Loops {
		if l.First < 0 || l.Last < l.First || l.Last > len(spec.Dispatches) {
			return fmt.Errorf("loop %d: dispatches [%d, %d) of %d", i, l.First, l.Last, len(spec.Dispatches))
		}
		if l.Count < 0 {
			return fmt.Errorf("loop %d: %d rounds", i, l.Count)
		}
		for j, m := range spec.Loops[:i] {
			if m.First < l.First && l.First < m.Last && m.Last < l.Last || l.First < m.First && m.First < l.Last && l.Last < m.Last {
				return fmt.Errorf("loops %d and %d: [%d, %d) and [%d, %d) overlap; loops must be disjoint or one within the other",
					j, i, m.First, m.Last, l.First, l.Last)
			}
		}
		if l.While == nil {
			continue
		}
		if err := checkWord(spec, l.While); err != nil {
			return fmt.Errorf("loop %d: the word of its condition: %w", i, err)
		}
	}
	return nil
}

func checkWord(spec *ProgramSpec, b *Binding) error {
	room := spec.ArenaBytes
	switch {
	case b.Slot != Arena && (b.Slot < 0 || b.Slot >= len(spec.Slots)):
		return fmt.Errorf("slot %d of %d", b.Slot, len(spec.Slots))
	case b.Size != 0 && b.Size != 4:
		return fmt.Errorf("%d bytes, a uint32 has 4", b.Size)
	case b.Offset%4 != 0:
		return errors.New("its offset is no multiple of 4")
	case b.Slot != Arena:
		room = spec.Slots[b.Slot]
	}
	if b.Offset < 0 || b.Offset > room-4 {
		return fmt.Errorf("bytes %d to %d of slot %d, which has %d", b.Offset, b.Offset+4, b.Slot, room)
	}
	return nil
}

// plan makes the steps and pieces of a program. The loops' ranges count all given dispatches, s.index those with work to do.
func (s *program) plan(loops []Loop) {
	var list []Loop
	for _, l := range loops {
		from, _ := slices.BinarySearch(s.index, l.First)
		to, _ := slices.BinarySearch(s.index, l.Last)
		if from == to {
			continue
		}
		l.First, l.Last = from, to
		if l.While != nil {
			word := *l.While
			l.While = &word
		}
		list = append(list, l)
	}
	slices.SortStableFunc(list, func(a, b Loop) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(b.Last, a.Last)) })
	s.steps = s.planSteps(0, len(s.spec), list)
	s.straight = len(s.steps) == 0 || len(s.steps) == 1 && s.steps[0].leaf != nil
	longest := 0
	for _, p := range s.pieces {
		longest = max(longest, len(p.order))
	}
	s.dispatches = make([]vk.Dispatch, longest)
	s.walk.s = s
}

// watched reports that a watchdog may end long submissions: then a long list of dispatches is several command buffers, too, which share a
// submission if they last some tens of milliseconds together.
func (d *Device) watched() bool { return d.info.Kind != CPU || d.config.watched }

// planSteps plans the dispatches [from, to), in which the sorted loops lie.
func (s *program) planSteps(from, to int, loops []Loop) []step {
	var list []step
	var order []int
	flush := func() {
		most := len(order)
		if s.d.watched() {
			most = inlineMost
		}
		for len(order) > 0 {
			n := min(len(order), most)
			list = append(list, step{leaf: s.newLeaf(order[:n])})
			order = order[n:]
		}
		order = nil
	}
	for len(loops) > 0 {
		l := loops[0]
		var inner []Loop
		inner, loops = within(l, loops[1:])
		order = appendRange(order, from, l.First)
		from = l.Last
		if n, ok := unrolled(l, inner); ok && (n == 0 || len(order)+n <= inlineMost) {
			order = appendUnrolled(order, l, inner)
			continue
		}
		flush()
		st := step{loop: l, body: s.planSteps(l.First, l.Last, inner)}
		if len(st.body) == 0 { // only loops of no rounds
			continue
		}
		st.plain = len(st.body) == 1 && st.body[0].leaf != nil
		if st.plain {
			s.addBulk(st.body[0].leaf, l.Count)
		}
		if l.While != nil {
			st.word = len(s.words)
			s.words = append(s.words, *l.While)
		}
		list = append(list, st)
	}
	order = appendRange(order, from, to)
	flush()
	return list
}

// within splits sorted loops into those inside l and those behind it.
func within(l Loop, loops []Loop) (inside, behind []Loop) {
	n := 0
	for n < len(loops) && loops[n].Last <= l.Last {
		n++
	}
	return loops[:n], loops[n:]
}

// unrolled counts the dispatches of a loop with all its rounds; false if it cannot be written out: too many, or while loops in it.
func unrolled(l Loop, inner []Loop) (n int, ok bool) {
	if l.While != nil {
		return 0, false
	}
	if l.Count == 0 {
		return 0, true
	}
	n = l.Last - l.First
	for len(inner) > 0 {
		m := inner[0]
		var deeper []Loop
		deeper, inner = within(m, inner[1:])
		k, ok := unrolled(m, deeper)
		if !ok {
			return 0, false
		}
		n += k - (m.Last - m.First)
	}
	return n * l.Count, n == 0 || l.Count <= inlineMost/n
}

func appendUnrolled(order []int, l Loop, inner []Loop) []int {
	for range l.Count {
		from := l.First
		for rest := inner; len(rest) > 0; {
			m := rest[0]
			var deeper []Loop
			deeper, rest = within(m, rest[1:])
			order = appendRange(order, from, m.First)
			order = appendUnrolled(order, m, deeper)
			from = m.Last
		}
		order = appendRange(order, from, l.Last)
	}
	return order
}

func appendRange(order []int, from, to int) []int {
	for i := from; i < to; i++ {
		order = append(order, i)
	}
	return order
}

func (s *program) newLeaf(order []int) *leaf {
	n := float64(len(order))
	return &leaf{single: s.newPiece(order), least: 20 * n, nanos: firstNanos * n}
}

func (s *program) newPiece(order []int) int {
	s.pieces = append(s.pieces, piece{order, s.barriers(order, nil)})
	return len(s.pieces) - 1
}

// barriers plans the barriers of a piece.
func (s *program) barriers(order []int, alias []int) []bool {
	list := make([]Dispatch, len(order))
	for i, at := range order {
		list[i] = s.spec[at]
	}
	return planBarriers(list, alias)
}

// addBulk gives the body of a loop a command buffer of several rounds, if there are so many (count 0 is no limit).
func (s *program) addBulk(l *leaf, count int) {
	order := s.pieces[l.single].order
	rounds := bulkDispatches / len(order)
	if count > 0 {
		rounds = min(rounds, count)
	}
	if rounds < 2 {
		return
	}
	l.rounds, l.bulk = rounds, s.newPiece(slices.Repeat(order, rounds))
}
