package vmap

import (
	"fmt"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// Map turns f, a function of one sample, into a function of many: every leaf of a has one more axis,
// and so has every leaf of the result. All mapped leaves must have the same number of samples.
func Map[A, R any](f func(A) R, opts ...Option) func(A) R {
	c := configure("vmap", 1, opts)
	return func(a A) R {
		return run(c, func(args []any) R { return f(args[0].(A)) }, part[A]{a})
	}
}

// Map2 is Map for a function of two arguments.
func Map2[A, B, R any](f func(A, B) R, opts ...Option) func(A, B) R {
	c := configure("vmap", 2, opts)
	return func(a A, b B) R {
		return run(c, func(args []any) R { return f(args[0].(A), args[1].(B)) }, part[A]{a}, part[B]{b})
	}
}

// Map3 is Map for a function of three arguments.
func Map3[A, B, C, R any](f func(A, B, C) R, opts ...Option) func(A, B, C) R {
	conf := configure("vmap", 3, opts)
	return func(a A, b B, c C) R {
		return run(conf, func(args []any) R { return f(args[0].(A), args[1].(B), args[2].(C)) }, part[A]{a}, part[B]{b}, part[C]{c})
	}
}

// part is one argument, whatever its type.
type part[T any] struct{ v T }

func (p part[T]) leaves() ([]graph.Tensor, []string, error) {
	return tree.LeavesAndPaths[graph.Tensor](p.v)
}
func (p part[T]) with(leaves []graph.Tensor) (any, error) { return tree.Unflatten(p.v, leaves) }

type argument interface {
	leaves() ([]graph.Tensor, []string, error)
	with([]graph.Tensor) (any, error)
}

// run maps f over the arguments.
func run[R any](c config, f func([]any) R, args ...argument) R {
	var flat []graph.Tensor
	var axes, counts []int
	for i, a := range args {
		leaves, paths, err := a.leaves()
		check(err)
		flat = append(flat, leaves...)
		counts = append(counts, len(leaves))
		axes = append(axes, c.in[i].resolve(fmt.Sprintf("argument %d", i), paths)...)
	}
	var result R
	var outAxes []int
	out := c.vectorize(func(in []graph.Tensor) []graph.Tensor {
		values := make([]any, len(args))
		for i, a := range args {
			v, err := a.with(in[:counts[i]])
			check(err)
			values[i] = v
			in = in[counts[i]:]
		}
		result = f(values)
		leaves, paths, err := tree.LeavesAndPaths[graph.Tensor](result)
		check(err)
		outAxes = c.out.resolve("the result", paths)
		return leaves
	}, flat, axes, func(i, _ int) (int, bool) { return outAxes[i], outAxes[i] == Shared })
	result, err := tree.Unflatten(result, out)
	check(err)
	return result
}

func check(err error) {
	if err != nil {
		graph.Fail("vmap", graph.ErrArgument, "give trees of graph.Tensor", "%v", err)
	}
}
