package vmap

import (
	"cmp"
	"strings"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// Shared in the place of an axis marks an argument, or a leaf, that every sample sees whole, and a result that
// does not depend on the sample.
const Shared = graph.Shared

// Option says along which axes a function is mapped.
type Option func(*config)

type config struct {
	in   []axes
	out  axes
	name string
	// chunk is how many samples are mapped at a time, 0 for all.
	chunk int
}

// In gives the sample axis of each argument, for all of its leaves; negative axes count from the
// end, and Shared leaves an argument as it is. The default is axis 0 for every argument.
func In(axes ...int) Option {
	return func(c *config) {
		c.in = c.in[:0]
		for _, a := range axes {
			c.in = append(c.in, oneAxis(a))
		}
	}
}

// InTree is In for arguments whose leaves have different sample axes. Each is an int, as for In, or a tree of ints that
// is a prefix of the argument: an int stands for every leaf below its path. Struct fields, map keys and slice
// positions are matched by name, so any struct with the argument's field names will do:
//
//	vmap.InTree(vmap.Shared, struct{ X, Y int }{0, 1})
func InTree(axes ...any) Option {
	return func(c *config) {
		c.in = c.in[:0]
		for _, a := range axes {
			c.in = append(c.in, treeAxes("InTree", a))
		}
	}
}

// Out gives the place of the sample axis in every result; negative axes count from the end, and Shared states that the
// results do not depend on the sample, and have no such axis. The default is 0.
func Out(axis int) Option { return func(c *config) { c.out = oneAxis(axis) } }

// OutTree is Out for each leaf of the result, by a tree of ints as for InTree.
func OutTree(axes any) Option { return func(c *config) { c.out = treeAxes("OutTree", axes) } }

// Name names the sample axis for the collective reductions PSum, PMean and PMax inside the mapped function. Where maps nest, the
// innermost with the name counts.
func Name(axis string) Option {
	if axis == "" {
		graph.Fail("vmap", graph.ErrArgument, "name the axis, such as \"batch\"", "the axis name is empty")
	}
	return func(c *config) { c.name = axis }
}

func configure(what string, args int, opts []Option) config {
	c := config{in: make([]axes, args), out: oneAxis(0)}
	for i := range c.in {
		c.in[i] = oneAxis(0)
	}
	for _, o := range opts {
		o(&c)
	}
	if len(c.in) != args {
		graph.Fail(what, graph.ErrArgument, "give In one axis for each argument", "%d axes for %d arguments", len(c.in), args)
	}
	return c
}

// axes are sample axes by path prefix.
type axes struct {
	paths []string
	at    []int
}

func oneAxis(a int) axes { return axes{[]string{""}, []int{a}} }

func treeAxes(what string, t any) axes {
	at, paths, err := tree.LeavesAndPaths[int](t)
	if err != nil {
		graph.Fail(what, graph.ErrArgument, "give an int, or a struct, slice or map of ints", "%v", err)
	}
	if len(at) == 0 {
		graph.Fail(what, graph.ErrArgument, "give an int, or a struct, slice or map of ints", "%T has no int", t)
	}
	return axes{paths, at}
}

// resolve gives the axis of the leaf at each path. Every leaf must have one, and every axis a leaf.
func (x axes) resolve(what string, paths []string) []int {
	out := make([]int, len(paths))
	used := make([]bool, len(x.paths))
	for i, p := range paths {
		found := false
		for j, prefix := range x.paths {
			if below(p, prefix) {
				out[i], used[j], found = x.at[j], true, true
			}
		}
		if !found {
			graph.Fail("vmap", graph.ErrArgument, "give an axis, or vmap.Shared, for each leaf or a branch above it",
				"%s has no axis for its leaf %s", what, cmp.Or(p, "(root)"))
		}
	}
	for j, u := range used {
		if !u && x.paths[j] != "" {
			graph.Fail("vmap", graph.ErrArgument, "axes trees have the names of the tree they belong to",
				"%s has no leaf at or below %s, for which an axis is given", what, x.paths[j])
		}
	}
	return out
}

// below reports whether path is prefix or in the branch that begins there.
func below(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
