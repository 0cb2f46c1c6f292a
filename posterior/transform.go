package posterior

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// None is the aux of a log posterior that has no auxiliary values.
type None = struct{}

// Transform is an inference algorithm bound to a log posterior and its hyperparameters. P is the tree of parameters, B that of a batch, S the
// algorithm's state. It may be used by several goroutines.
type Transform[P, B, S any] struct {
	start func(P, random.Key) S
	step  func(S, B) S
	bare  func(S) S

	mu   sync.Mutex
	runs map[*gpu.Device]*updates[P, B, S]
}

// updates are the compiled functions for a device, with and without checks.
type updates[P, B, S any] struct {
	init            func(context.Context, P, random.Key) (S, error)
	pure, inPlace   func(context.Context, S, B) (S, error)
	pureU, inPlaceU func(context.Context, S, B) (S, error)
}

// NewTransform makes a Transform of pure functions: start gives the state before the first step, step the next state, and bare the state
// without its aux, whose shapes are known only after a step. step must not depend on the aux of the state it is given.
func NewTransform[P, B, S any](start func(params P, key random.Key) S, step func(S, B) S, bare func(S) S) *Transform[P, B, S] {
	return &Transform[P, B, S]{start: start, step: step, bare: bare, runs: map[*gpu.Device]*updates[P, B, S]{}}
}

// Start is the state before the first step, as a pure function.
func (t *Transform[P, B, S]) Start(params P, key random.Key) S { return t.start(params, key) }

// Step is the update as a pure function: it can be compiled, mapped, scanned and differentiated. It fails as ops do when the input is wrong.
func (t *Transform[P, B, S]) Step(state S, batch B) S { return t.step(state, batch) }

// Params are the parameters in a state, its field Params: what field selection gives, for code that serves any algorithm, such as the keep of a
// Runner. They are the state's own tensors. A state without such a field is graph.ErrArgument.
func (t *Transform[P, B, S]) Params(state S) P {
	v := reflect.ValueOf(&state).Elem()
	if v.Kind() == reflect.Struct {
		if p := v.FieldByName("Params"); p.IsValid() {
			if p, ok := p.Interface().(P); ok {
				return p
			}
		}
	}
	var none P
	graph.Fail("params", graph.ErrArgument, "give the state a field Params", "a %T has no field Params of type %T", state, none)
	return none
}

// Bare is the state without its aux: the form that the state has before the first step, and that a loop must carry, since a carry keeps its form:
//
//	graph.Scan(func(s S, b B) (S, A) {
//		s = t.Step(s, b)
//		return t.Bare(s), *s.Aux
//	}, t.Bare(state), batches)
func (t *Transform[P, B, S]) Bare(state S) S { return t.bare(state) }

// Chains is the same algorithm for many chains or models at once: params, key (see random.Split) and state have one more axis in front, all of one
// length, and the batch is shared. Hyperparameters that are leaves of the state may differ between chains.
func (t *Transform[P, B, S]) Chains() *Transform[P, B, S] {
	return NewTransform(vmap.Map2(t.start), vmap.Map2(t.step, vmap.In(0, vmap.Shared)), t.bare)
}

// Init gives the state before the first step, in memory of its own on dev.
func (t *Transform[P, B, S]) Init(ctx context.Context, dev *gpu.Device, params P, key random.Key) (state S, err error) {
	if dev == nil {
		return state, errors.New("posterior: init: the device is nil; open one with gpu.Open")
	}
	return t.on(dev).init(ctx, params, key)
}

// UpdateOption adjusts an update.
type UpdateOption uint8

const (
	// InPlace writes the new state over the memory of the old: every tensor of the argument that is no aux sees its new value, and the
	// result has the same tensors. Nothing is allocated but the aux, which is new. See graph.JitInPlace2 for what must not share that memory.
	InPlace UpdateOption = 1 << iota
	// WithoutChecks leaves out what is checked on the device; calls then return when the work is submitted.
	WithoutChecks
)

// Update makes one step. The first call for each form of state and batch compiles. Without InPlace the argument is untouched, and the result
// is new memory, which the caller may Close. In place the values are the same to the bit. After an error the state is as before.
//
// Errors: those of graph.Jit2 and graph.JitInPlace2; graph.ErrCheck for what only the device sees, such as a log posterior that is NaN;
// graph.ErrShape and graph.ErrArgument for what the algorithm finds wrong with its arguments.
func (t *Transform[P, B, S]) Update(ctx context.Context, state S, batch B, opts ...UpdateOption) (next S, err error) {
	dev, err := deviceOf(state)
	if err != nil {
		return next, err
	}
	var all UpdateOption
	for _, o := range opts {
		all |= o
	}
	run := t.on(dev)
	f := run.pure
	switch all & (InPlace | WithoutChecks) {
	case InPlace:
		f = run.inPlace
	case WithoutChecks:
		f = run.pureU
	case InPlace | WithoutChecks:
		f = run.inPlaceU
	}
	// The old aux is no input, so one program serves the first step and all others.
	return f(ctx, t.bare(state), batch)
}

// deviceOf is where a state's memory is.
func deviceOf[S any](state S) (*gpu.Device, error) {
	leaves, err := tree.Leaves[graph.Tensor](state)
	if err != nil {
		return nil, fmt.Errorf("posterior: update: the state is no tree of tensors: %w", err)
	}
	for _, l := range leaves {
		if d := l.Device(); d != nil {
			return d, nil
		}
	}
	return nil, errors.New("posterior: update: no tensor of the state is on a device; make the state with Init, or compile Step with graph.Jit2")
}

func (t *Transform[P, B, S]) on(dev *gpu.Device) *updates[P, B, S] {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.runs[dev]; u != nil {
		return u
	}
	for d := range t.runs {
		if d.Closed() {
			delete(t.runs, d)
		}
	}
	u := &updates[P, B, S]{
		init:     graph.Jit2(dev, t.start),
		pure:     graph.Jit2(dev, t.step),
		inPlace:  graph.JitInPlace2(dev, t.step),
		pureU:    graph.Jit2(dev, t.step, graph.WithoutChecks()),
		inPlaceU: graph.JitInPlace2(dev, t.step, graph.WithoutChecks()),
	}
	t.runs[dev] = u
	return u
}
