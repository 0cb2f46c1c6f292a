package graph

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/lavagrad/lavagrad/gpu"
)

// newResult makes the array of a result; tests put guard words behind it, and look at them in inspectResult.
var (
	newResult = func(_ context.Context, dev *gpu.Device, bytes int64) (*gpu.Array, error) { return dev.NewArray(bytes) }

	inspectResult func(a *gpu.Array, bytes int64)
)

// scratch is what a run needs on the host, kept for the next one.
type scratch struct {
	all      []*gpu.Array // the program's arguments
	hidden   []*gpu.Array // results of checks and words of loops: arrays of the program's own
	copied   []*gpu.Array
	word     [4]byte
	detached detached
}

// detached is a context that never ends: half a run would be half an update.
type detached struct{ context.Context }

func (*detached) Done() <-chan struct{}       { return nil }
func (*detached) Err() error                  { return nil }
func (*detached) Deadline() (time.Time, bool) { return time.Time{}, false }

func (x *executable) begin() *scratch {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.idle); n > 0 {
		s := x.idle[n-1]
		x.idle = x.idle[:n-1]
		return s
	}
	return &scratch{}
}

func (x *executable) end(s *scratch) {
	clear(s.all)
	clear(s.copied)
	s.detached.Context = nil
	x.mu.Lock()
	defer x.mu.Unlock()
	x.idle = append(x.idle, s)
}

// run executes the program on args and appends new arrays for the outputs to dst.
func (x *executable) run(ctx context.Context, args, dst []*gpu.Array) ([]*gpu.Array, error) {
	s := x.begin()
	defer x.end(s)
	return x.runInto(ctx, s, args, nil, dst)
}

// runInto is run with the caller's arrays for the outputs where into has one.
func (x *executable) runInto(ctx context.Context, s *scratch, args, into, dst []*gpu.Array) ([]*gpu.Array, error) {
	for i := len(s.hidden); i < len(x.checks)+x.flags; i++ {
		// The program's own, as its constants are.
		a, err := x.dev.UploadConstant(ctx, make([]byte, bytesOf(Spec{Int32, nil})))
		if err != nil {
			return dst, fmt.Errorf("graph: check: %w", err)
		}
		s.hidden = append(s.hidden, a)
	}
	all := append(append(s.all[:0], args...), x.tables...)
	first := len(all)
	given := func(i int) bool { return i < len(into) && into[i] != nil }
	var err error
	for i := 0; i < len(x.specs) && err == nil; i++ {
		if given(i) {
			all = append(all, into[i])
			continue
		}
		var a *gpu.Array
		if a, err = newResult(ctx, x.dev, bytesOf(x.specs[i])); err == nil {
			all = append(all, a)
		} else {
			err = fmt.Errorf("graph: result %v: %w", x.specs[i], err)
		}
	}
	results := all[first:]
	all = append(all, s.hidden...)
	s.all = all
	if err == nil {
		if err = x.program.Run(ctx, all); err != nil {
			err = fmt.Errorf("graph: run: %w", err)
		}
	}
	if err == nil && inspectResult != nil {
		for i, spec := range x.specs {
			inspectResult(results[i], bytesOf(spec))
		}
	}
	if err == nil && len(x.checks) > 0 {
		err = x.verify(ctx, s)
	}
	if err == nil {
		err = x.checkResults(ctx, args, results)
	}
	if err != nil {
		for i, a := range results {
			if !given(i) {
				a.Close()
			}
		}
		return dst, err
	}
	return append(dst, results...), nil
}

func closeArrays(arrays []*gpu.Array) {
	for _, a := range arrays {
		a.Close()
	}
}

// verify reads what the checks found.
func (x *executable) verify(ctx context.Context, s *scratch) error {
	for i, c := range x.checks {
		if err := s.hidden[i].Download(ctx, s.word[:]); err != nil {
			return fmt.Errorf("graph: check: %w", err)
		}
		if pos := int32(binary.LittleEndian.Uint32(s.word[:])); pos != math.MaxInt32 {
			return c.n.op.(checkOp).failure(c.n, c.shape, int(pos))
		}
	}
	return nil
}
