package vmap

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
)

// Chunk maps f over n samples at a time, one chunk after the other, so that temporary values take the memory of n samples
// whatever the size of the batch; results are written whole. The last chunk may be smaller. A gradient through the
// map computes each chunk again on its way back, in the same memory. f is traced up to twice. Results do not depend on n
// beyond rounding. It cannot fold over a named axis: Name with Chunk is an error.
func Chunk(n int) Option {
	if n < 1 {
		graph.Fail("vmap", graph.ErrArgument, "give a number of samples", "chunks of %d samples", n)
	}
	return func(c *config) { c.chunk = n }
}

// vectorize is graph.VectorizeNamed in chunks, where they are asked for.
func (c config) vectorize(f func([]graph.Tensor) []graph.Tensor, in []graph.Tensor, axes []int, outAxes func(i, rank int) (int, bool)) []graph.Tensor {
	all := func() []graph.Tensor { return graph.VectorizeNamed("vmap", c.name, f, in, axes, outAxes) }
	if c.chunk == 0 {
		return all()
	}
	if c.name != "" {
		graph.Fail("vmap", graph.ErrArgument, "leave one of them out, or compute what is folded in a map of its own",
			"an axis with a name (%q) cannot be mapped in chunks: PSum would see one chunk only", c.name)
	}
	size, ok := samples(in, axes)
	if !ok || size <= c.chunk {
		return all() // which finds what is wrong
	}
	rounds := size / c.chunk
	var mapped []int // positions in in
	var first, rest []graph.Tensor
	for i, t := range in {
		if axes[i] == Shared {
			continue
		}
		t = t.MoveAxis(axes[i], 0)
		mapped = append(mapped, i)
		first = append(first, t.Slice(0, 0, rounds*c.chunk).Reshape(slices.Concat(graph.Shape{rounds, c.chunk}, t.Shape()[1:])...))
		rest = append(rest, t.Slice(0, rounds*c.chunk, size))
	}
	var shared []bool // results
	chunk := func(x []graph.Tensor) []graph.Tensor {
		args, front := slices.Clone(in), slices.Clone(axes)
		for j, i := range mapped {
			args[i], front[i] = x[j], 0
		}
		shared = nil
		return graph.VectorizeNamed("vmap", "", f, args, front, func(i, rank int) (int, bool) {
			_, s := outAxes(i, rank)
			shared = append(shared, s)
			return 0, s
		})
	}
	_, out := graph.Scan(func(none struct{}, x []graph.Tensor) (struct{}, []graph.Tensor) { return none, chunk(x) },
		struct{}{}, first, graph.Rolled())
	var last []graph.Tensor
	if rounds*c.chunk < size {
		last = chunk(rest)
	}
	for i, y := range out {
		if shared[i] {
			out[i] = y.Index(0, 0)
			continue
		}
		y = y.Reshape(append(graph.Shape{rounds * c.chunk}, y.Shape()[2:]...)...)
		if last != nil {
			y = graph.Concat(0, y, last[i])
		}
		axis, _ := outAxes(i, y.Rank())
		out[i] = y.MoveAxis(0, axis)
	}
	return out
}

// samples is the length of all mapped axes, if there are any and they agree.
func samples(in []graph.Tensor, axes []int) (size int, ok bool) {
	size = -1
	for i, t := range in {
		a := axes[i]
		if a == Shared {
			continue
		}
		if !t.Valid() || a < -t.Rank() || a >= t.Rank() || size >= 0 && t.Dim(a) != size {
			return 0, false
		}
		size = t.Dim(a)
	}
	return size, size >= 0
}
