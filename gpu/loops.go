package gpu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Loop repeats a range of a program's dispatches. Loops nest or are disjoint.
type Loop struct {
	First, Last int // the dispatches [First, Last)
	Count       int // rounds, for loops without While

	// While, if not nil, is an argument whose first 32-bit word says whether to go on: the loop ends when it is 0. The host looks before
	// the first round and then from time to time, so that rounds may run after the word became 0: they must not change anything.
	While *Binding
}

const (
	// inlineDispatches is how many dispatches a loop may add to the command buffer that it stands in.
	inlineDispatches = 2048
	// submitDispatches is about how many dispatches of longer loops one submission has.
	submitDispatches = 1024
)

// mostRounds of a loop with a condition run before the host looks again.
var mostRounds = []int{1, 8, 64}

// stage is a part of a program's run: a segment, or a loop around stages.
type stage struct {
	segment int // index into program.segments, -1 for a loop
	count   int
	word    int       // the argument with the loop's condition, -1 for none
	bodies  [][]stage // for a condition: of growing numbers of rounds; else one
}

// segment is the content of one command buffer: dispatches in the order in which they run, repeats written out.
type segment struct {
	order    []int
	barriers []bool // before each, if no two arguments are the same array
}

// checkLoops holds the loops against the dispatches.
func (d *Device) checkLoops(spec *ProgramSpec) error {
	for i, l := range spec.Loops {
		switch {
		case l.First < 0 || l.Last < l.First || l.Last > len(spec.Dispatches):
			return fmt.Errorf("loop %d: dispatches %d to %d of %d", i, l.First, l.Last, len(spec.Dispatches))
		case l.Count < 0:
			return fmt.Errorf("loop %d: %d rounds", i, l.Count)
		case l.While != nil && (l.While.Slot < 0 || l.While.Slot >= len(spec.Slots) || l.While.Offset != 0 || spec.Slots[l.While.Slot] < 4):
			return fmt.Errorf("loop %d: its condition must be the first word of an argument", i)
		}
		for j, m := range spec.Loops[:i] {
			if l.First < m.Last && m.First < l.Last && !l.holds(m) && !m.holds(l) {
				return fmt.Errorf("loops %d and %d overlap without one holding the other", j, i)
			}
		}
	}
	return nil
}

func (l Loop) holds(m Loop) bool { return l.First <= m.First && m.Last <= l.Last }

// schedule divides the dispatches, of which those with work are numbered by place, into segments and loops around them.
func (s *program) schedule(spec ProgramSpec, place []int) {
	loops := slices.Clone(spec.Loops)
	// Outer loops first: of two over one range the earlier one is the outer.
	slices.SortStableFunc(loops, func(a, b Loop) int {
		if a.First != b.First {
			return a.First - b.First
		}
		return b.Last - a.Last
	})
	s.stages = s.stagesOf(loops, place, 0, len(spec.Dispatches))
	for i := range s.segments {
		s.segments[i].barriers = planBarriers(s.pick(s.segments[i].order), nil)
	}
}

// pick lists dispatches by number.
func (s *program) pick(order []int) []Dispatch {
	out := make([]Dispatch, len(order))
	for i, at := range order {
		out[i] = s.spec[at]
	}
	return out
}

// stagesOf divides the dispatches [first, last), in which the given loops stand.
func (s *program) stagesOf(loops []Loop, place []int, first, last int) []stage {
	var stages []stage
	var run []int // dispatches not yet in a stage
	flush := func() {
		if len(run) > 0 {
			stages = append(stages, s.segmentOf(run))
			run = nil
		}
	}
	for at := first; at < last; {
		if len(loops) == 0 || loops[0].First > at {
			if place[at] >= 0 {
				run = append(run, place[at])
			}
			at++
			continue
		}
		l := loops[0]
		inner := 1
		for inner < len(loops) && loops[inner].First < l.Last {
			inner++
		}
		switch order, flat := flatten(loops[1:inner], place, l.First, l.Last); {
		case flat && l.While == nil && len(order)*l.Count <= inlineDispatches:
			run = append(run, slices.Repeat(order, l.Count)...)
		case flat && len(order) > 0:
			flush()
			stages = append(stages, s.flatLoop(l, order)...)
		case !flat:
			flush()
			stages = append(stages, s.deepLoop(l, s.stagesOf(loops[1:inner], place, l.First, l.Last)))
		}
		at, loops = l.Last, loops[inner:]
	}
	flush()
	return stages
}

// flatten lists the dispatches of a round in the order in which they run, if they are few and no condition stands between.
func flatten(loops []Loop, place []int, first, last int) (order []int, ok bool) {
	for at := first; at < last; {
		if len(loops) == 0 || loops[0].First > at {
			if place[at] >= 0 {
				order = append(order, place[at])
			}
			at++
			continue
		}
		l := loops[0]
		inner := 1
		for inner < len(loops) && loops[inner].First < l.Last {
			inner++
		}
		body, flat := flatten(loops[1:inner], place, l.First, l.Last)
		if !flat || l.While != nil || len(body)*l.Count > inlineDispatches {
			return nil, false
		}
		order = append(order, slices.Repeat(body, l.Count)...)
		at, loops = l.Last, loops[inner:]
	}
	return order, true
}

func (s *program) segmentOf(order []int) stage {
	s.segments = append(s.segments, segment{order: order})
	return stage{segment: len(s.segments) - 1, word: -1}
}

// flatLoop is a loop over dispatches that a command buffer cannot hold whole: submissions of several rounds each.
func (s *program) flatLoop(l Loop, order []int) []stage {
	if l.While != nil {
		loop := stage{segment: -1, word: l.While.Slot}
		for i, rounds := range mostRounds {
			if i == 0 || rounds*len(order) <= inlineDispatches {
				loop.bodies = append(loop.bodies, []stage{s.segmentOf(slices.Repeat(order, rounds))})
			}
		}
		return []stage{loop}
	}
	rounds := max(submitDispatches/len(order), 1)
	stages := []stage{{segment: -1, word: -1, count: l.Count / rounds, bodies: [][]stage{{s.segmentOf(slices.Repeat(order, rounds))}}}}
	if rest := l.Count % rounds; rest > 0 {
		stages = append(stages, s.segmentOf(slices.Repeat(order, rest)))
	}
	return stages
}

// deepLoop is a loop around stages.
func (s *program) deepLoop(l Loop, body []stage) stage {
	loop := stage{segment: -1, word: -1, count: l.Count, bodies: [][]stage{body}}
	if l.While != nil {
		loop.word = l.While.Slot
	}
	return loop
}

// looped reports a program that takes more than one submission.
func (s *program) looped() bool {
	return len(s.stages) > 1 || len(s.stages) == 1 && s.stages[0].segment < 0
}

// hasLoops reports that some dispatch may run more or less than once.
func (s *program) hasLoops() bool {
	return s.looped() || len(s.segments) == 1 && len(s.segments[0].order) > len(s.spec)
}

// errBusy: another goroutine runs a program of several submissions, whose temporaries nobody may touch meanwhile.
var errBusy = errors.New("gpu: a program with loops is running")

// whenFree waits until no program of several submissions runs.
func (d *Device) whenFree(ctx context.Context) error {
	d.mu.Lock()
	busy := d.looping
	d.mu.Unlock()
	if busy == nil {
		return nil
	}
	select {
	case <-busy:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("gpu: waiting for a program with loops: %w", ctx.Err())
	}
}

// runLoops runs a program of several submissions: nobody else's run comes in between, and the arguments' memory stays.
func (s *program) runLoops(ctx context.Context, args []*Array) error {
	r, err := s.beginLoops(ctx, args)
	if err != nil {
		return err
	}
	defer s.endLoops(args)
	return s.runStages(ctx, r, args, s.stages)
}

// beginLoops takes the device and finds, or makes, the recording.
func (s *program) beginLoops(ctx context.Context, args []*Array) (*recording, error) {
	d := s.d
	for {
		r, blocker, err := s.tryBegin(args)
		switch {
		case errors.Is(err, errBusy):
			err = d.whenFree(ctx)
		case err == nil && blocker != 0:
			err = d.wait(ctx, blocker)
		default:
			return r, err
		}
		if err != nil {
			return nil, err
		}
	}
}

func (s *program) tryBegin(args []*Array) (r *recording, blocker uint64, err error) {
	d := s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.looping != nil {
		return nil, 0, errBusy
	}
	if err := s.prepare(args); err != nil {
		return nil, 0, err
	}
	if d.looping != nil { // mu may have been given up
		return nil, 0, errBusy
	}
	if r = s.match(args); r == nil {
		if r, blocker, err = s.vacant(); err != nil || blocker != 0 {
			return nil, blocker, err
		}
		if err := s.record(r, args, 0); err != nil {
			return nil, 0, err
		}
	}
	for _, a := range args {
		a.b.pins++
	}
	d.calls.Add(1)
	d.looping = make(chan struct{})
	return r, 0, nil
}

func (s *program) endLoops(args []*Array) {
	d := s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.calls.Done()
	for _, a := range args {
		if a.b.pins--; a.b.closed && a.b.pins == 0 {
			d.memory.release(a.b)
		}
	}
	close(d.looping)
	d.looping = nil
}

func (s *program) runStages(ctx context.Context, r *recording, args []*Array, stages []stage) error {
	for i := range stages {
		st := &stages[i]
		switch {
		case st.segment >= 0:
			if err := s.submitWhenRoom(ctx, r, st.segment, args); err != nil {
				return err
			}
		case st.word < 0:
			for range st.count {
				if err := s.runStages(ctx, r, args, st.bodies[0]); err != nil {
					return err
				}
			}
		default:
			if err := s.runWhile(ctx, r, args, st); err != nil {
				return err
			}
		}
	}
	return nil
}

// runWhile submits more and more rounds between looks at the condition.
func (s *program) runWhile(ctx context.Context, r *recording, args []*Array, st *stage) error {
	for looks := 0; ; looks++ {
		var word [4]byte
		if err := args[st.word].Download(ctx, word[:]); err != nil {
			return fmt.Errorf("gpu: program %q: reading a loop's condition: %w", s.name, err)
		}
		if binary.LittleEndian.Uint32(word[:]) == 0 {
			return nil
		}
		// Two looks at each number of rounds: short loops waste little, long ones soon look seldom.
		if err := s.runStages(ctx, r, args, st.bodies[min(looks/2, len(st.bodies)-1)]); err != nil {
			return err
		}
	}
}

// submitWhenRoom submits a segment as soon as not too much is in flight.
func (s *program) submitWhenRoom(ctx context.Context, r *recording, segment int, args []*Array) error {
	d := s.d
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("gpu: program %q: between two rounds: %w", s.name, err)
		}
		blocker, err := s.trySubmit(r, segment, args)
		if err != nil || blocker == 0 {
			return err
		}
		if err := d.wait(ctx, blocker); err != nil {
			return err
		}
	}
}

func (s *program) trySubmit(r *recording, segment int, args []*Array) (blocker uint64, err error) {
	d := s.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return 0, err
	}
	if blocker, err := d.tooMuchInFlight(); err != nil || blocker != 0 {
		return blocker, err
	}
	return 0, s.submit(r, segment, args)
}
