package curvature

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// Option adjusts how a matrix is summed over a batch.
type Option func(*config)

type config struct {
	mean  bool
	chunk int
	draws int
}

// Normalize divides by the number of samples. An empty batch is then an error.
func Normalize() Option { return func(c *config) { c.mean = true } }

// Chunk sums n samples at a time, one chunk after the other, in the memory of n samples. Results do not depend on n beyond
// rounding.
func Chunk(n int) Option {
	if n < 1 {
		graph.Fail("curvature", graph.ErrArgument, "give a number of samples", "chunks of %d samples", n)
	}
	return func(c *config) { c.chunk = n }
}

func configure(opts []Option) (c config) {
	for _, o := range opts {
		o(&c)
	}
	return c
}

// shared maps functions of parameters and a sample.
func shared() vmap.Option { return vmap.In(vmap.Shared, 0) }

// samples is the length of the leading axis that all leaves of a batch have.
func samples[S any](op string, batch S) int {
	leaves, paths, err := tree.LeavesAndPaths[graph.Tensor](batch)
	check(op, err)
	n := -1
	for i, l := range leaves {
		if !l.Valid() || l.Rank() == 0 || n >= 0 && l.Dim(0) != n {
			what := "the zero Tensor"
			if l.Valid() {
				what = l.Spec().String()
			}
			graph.Fail(op, graph.ErrShape, "give every leaf of the batch the same number of samples in front", "the leaf %q of the batch is %s, others have %d samples", paths[i], what, max(n, 0))
		}
		n = l.Dim(0)
	}
	if n < 0 {
		graph.Fail(op, graph.ErrArgument, "give a batch with a tensor", "the batch has no leaves")
	}
	return n
}

// sum adds up f over chunks of the batch, and divides where the mean is asked for. f of no samples must be zeros.
func sum[S, R any](op string, c config, batch S, f func(part S) R) R {
	n := samples(op, batch)
	if c.mean && n == 0 {
		graph.Fail(op, graph.ErrArgument, "give at least one sample, or leave out Normalize", "the mean over an empty batch")
	}
	part := func(lo, hi int) S {
		return mapLeaves(op, batch, func(x graph.Tensor) graph.Tensor { return x.Slice(0, lo, hi) })
	}
	var total R
	if c.chunk == 0 || n <= c.chunk {
		total = f(batch)
	} else {
		// From zeros on, so that the loop walks over the batch itself where chunks divide it: what lies behind a first chunk would be a copy.
		rounds := n / c.chunk
		total = mapLeaves(op, f(part(0, c.chunk)), func(x graph.Tensor) graph.Tensor { return x.Like(0).BroadcastTo(x.Shape()...) })
		xs := mapLeaves(op, part(0, rounds*c.chunk), func(x graph.Tensor) graph.Tensor {
			return x.Reshape(slices.Concat(graph.Shape{rounds, c.chunk}, x.Shape()[1:])...)
		})
		total, _ = graph.Scan(func(carry R, x S) (R, struct{}) { return add(op, carry, f(x)), struct{}{} }, total, xs, graph.Rolled())
		if rounds*c.chunk < n {
			total = add(op, total, f(part(rounds*c.chunk, n)))
		}
	}
	if c.mean {
		total = mapLeaves(op, total, func(x graph.Tensor) graph.Tensor { return x.Scale(1 / float64(n)) })
	}
	return total
}

func add[R any](op string, a, b R) R {
	out, err := tree.Map2(graph.Tensor.Add, a, b)
	check(op, err)
	return out
}

func mapLeaves[T any](op string, t T, f func(graph.Tensor) graph.Tensor) T {
	out, err := tree.Map(f, t)
	check(op, err)
	return out
}

func check(op string, err error) {
	if err != nil {
		graph.Fail(op, graph.ErrArgument, "give trees of tensors, vectors like the parameters", "%v", err)
	}
}

// PerSamplify makes a function of one sample of a function of batches: the sample becomes a batch of one, and the result, which
// must have one element, a scalar. With vmap it gives a value for each sample of a batch. f must not fold over other samples,
// as batch normalisation does.
func PerSamplify[P, B, A any](f func(P, B) (graph.Tensor, A)) func(P, B) (graph.Tensor, A) {
	return func(p P, sample B) (graph.Tensor, A) {
		y, aux := f(p, mapLeaves("per-samplify", sample, func(x graph.Tensor) graph.Tensor { return x.ExpandDims(0) }))
		if y.Valid() && y.Size() != 1 {
			graph.Fail("per-samplify", graph.ErrShape, "return one number for each sample, or their sum or mean", "for a batch of one sample the function returned %v", y.Spec())
		}
		return y.Reshape(), aux
	}
}
