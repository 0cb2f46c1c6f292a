package posterior

import (
	"context"
	"fmt"
	"sync"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// RunConfig says how many steps Run makes and what it keeps.
type RunConfig struct {
	Steps    int                         // steps in all, a multiple of Thin
	Thin     int                         // every Thin-th state is kept; 0 means all of them
	Chunk    int                         // kept states for each call of the device; 0 means all in one call
	Progress func(done, total int) error // called with the steps done after every chunk; an error ends the run
}

// Runner makes many steps of a Transform over a data set, in loops on the device.
type Runner[P, B, S, D, K any] struct {
	t     *Transform[P, B, S]
	batch func(data D, step graph.Tensor) B
	keep  func(S) K
	opts  []graph.JitOption

	mu   sync.Mutex
	runs map[*gpu.Device]*runs[S, D, K]
}

// runs are the compiled functions for a device.
type runs[S, D, K any] struct {
	chunk func(context.Context, runArgs[S, D]) (runResult[S, K], error)
	join  func(context.Context, []K) (K, error)
}

// NewRunner makes a Runner. batch gives the batch of a step from the data, step being an int32 scalar counted from 0 in each run: slices and
// gathers by it, or draws of random.FoldIn, happen on the device. keep gives what is kept of a state, any tree of tensors. The options are those of the compiled loops, for example
// graph.WithoutChecks.
func NewRunner[P, B, S, D, K any](t *Transform[P, B, S], batch func(data D, step graph.Tensor) B, keep func(S) K, opts ...graph.JitOption) *Runner[P, B, S, D, K] {
	return &Runner[P, B, S, D, K]{t: t, batch: batch, keep: keep, opts: opts, runs: map[*gpu.Device]*runs[S, D, K]{}}
}

// runArgs are the arguments of a chunk's program.
type runArgs[S, D any] struct {
	State      S
	Data       D
	First      graph.Tensor // steps done before, int32
	Kept, Thin int
}

type runResult[S, K any] struct {
	State S
	Kept  K
}

// Run makes c.Steps steps from state and gives the last state and what was kept, stacked along a new leading axis. The argument stays as it is.
//
// The loops are compiled at a Runner's first chunk of each length. Errors: those of Update, and what Progress returned.
func (r *Runner[P, B, S, D, K]) Run(ctx context.Context, state S, data D, c RunConfig) (last S, kept K, err error) {
	dev, err := deviceOf(state)
	if err != nil {
		return last, kept, err
	}
	thin, err := c.check()
	if err != nil {
		return last, kept, err
	}
	run := r.on(dev)
	total := c.Steps / thin
	var parts []K
	defer func() {
		for _, p := range parts {
			graph.Close(p)
		}
	}()
	last = r.t.bare(state)
	for done := 0; done < total; {
		n := total - done
		if c.Chunk > 0 {
			n = min(n, c.Chunk)
		}
		first := graph.Int(done * thin)
		out, err := run.chunk(ctx, runArgs[S, D]{last, data, first, n, thin})
		graph.Close(first)
		if done > 0 {
			graph.Close(last)
		}
		if err != nil {
			var none S
			return none, kept, err
		}
		last, parts = out.State, append(parts, out.Kept)
		if done += n; c.Progress != nil {
			if err := c.Progress(done*thin, c.Steps); err != nil {
				graph.Close(last)
				var none S
				return none, kept, err
			}
		}
	}
	if len(parts) == 1 {
		kept, parts = parts[0], nil
		return last, kept, nil
	}
	if kept, err = run.join(ctx, parts); err != nil {
		graph.Close(last)
		var none S
		return none, kept, err
	}
	return last, kept, nil
}

func (r *Runner[P, B, S, D, K]) on(dev *gpu.Device) *runs[S, D, K] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.runs[dev] == nil {
		r.runs[dev] = &runs[S, D, K]{chunk: graph.Jit(dev, r.chunk, r.opts...), join: graph.Jit(dev, joined[K])}
	}
	return r.runs[dev]
}

func (c RunConfig) check() (thin int, err error) {
	thin = max(c.Thin, 1)
	switch {
	case c.Thin < 0 || c.Chunk < 0:
		return 0, fmt.Errorf("posterior: run: Thin is %d and Chunk %d: give 0 or more", c.Thin, c.Chunk)
	case c.Steps <= 0 || c.Steps%thin != 0:
		return 0, fmt.Errorf("posterior: run: %d steps with Thin %d: give a positive multiple of Thin", c.Steps, thin)
	}
	return thin, nil
}

// chunk is a scan over kept states of a scan over the steps between.
func (r *Runner[P, B, S, D, K]) chunk(a runArgs[S, D]) runResult[S, K] {
	type carry struct {
		State S
		Step  graph.Tensor
	}
	step := func(c carry) (S, graph.Tensor) {
		return r.t.step(c.State, r.batch(a.Data, c.Step)), c.Step.AddScalar(1)
	}
	last, kept := graph.Scan(func(c carry, _ struct{}) (carry, K) {
		if a.Thin > 1 {
			c, _ = graph.Scan(func(c carry, _ struct{}) (carry, struct{}) {
				s, n := step(c)
				return carry{r.t.bare(s), n}, struct{}{}
			}, c, struct{}{}, graph.Rounds(a.Thin-1))
		}
		s, n := step(c)
		return carry{r.t.bare(s), n}, r.keep(s)
	}, carry{a.State, a.First}, struct{}{}, graph.Rounds(a.Kept))
	return runResult[S, K]{last.State, kept}
}

// joined puts what chunks kept one after the other.
func joined[K any](parts []K) K {
	out, err := tree.MapN(func(x []graph.Tensor) (graph.Tensor, error) { return graph.Concat(0, x...), nil }, parts...)
	if err != nil {
		graph.Fail("run", graph.ErrArgument, "keep trees of one structure", "%v", err)
	}
	return out
}
