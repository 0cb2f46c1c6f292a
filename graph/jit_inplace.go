package graph

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/tree"
)

// JitInPlace compiles f as Jit does, but writes the result over the memory of the argument: every leaf of the result that
// the argument has at the same path is stored in that leaf's array, and the returned tree has that very Tensor there. All handles to it see the new
// value. Leaves that only the result has get new arrays. Calls allocate no memory for the others after the first; where the result has just
// the argument's structure, the argument itself is returned, and a call allocates nothing at all, neither on the device nor in Go.
//
// The values are those of the pure call to the bit. When a call fails (a check, memory, a cancelled context) the argument is as before;
// functions with checks or loops need spare memory of the argument's size for that. Only a lost device leaves it undefined.
//
// Leaves of the argument that are lazy or constants are evaluated first; their handles then see the new values, too. ErrArgument: two leaves share memory, also
// with a captured tensor, so that one would overwrite the other; the argument has a leaf that the result has not. ErrShape, ErrDType: a leaf
// changes its type. ErrTraced: a gradient is being taken through the argument. ErrOverwritten is what computing an op gives
// that was recorded on the old values and not evaluated before the call, and what calls of a compiled function give that captured them.
//
// Calls may run on several goroutines as long as each has an argument of its own. Whoever reads a tensor on one goroutine while another
// overwrites it must order the two.
func JitInPlace[S any](dev *gpu.Device, f func(S) S, opts ...JitOption) func(context.Context, S) (S, error) {
	j := newJit(dev, func(a []any) S { return f(a[0].(S)) }, opts)
	j.over = true
	return func(ctx context.Context, s S) (S, error) {
		c := j.begin()
		defer j.end(c)
		bind(c, 0, s)
		return j.call(ctx, c)
	}
}

// JitInPlace2 is JitInPlace for a function of two arguments, of which the first is overwritten.
func JitInPlace2[S, B any](dev *gpu.Device, f func(S, B) S, opts ...JitOption) func(context.Context, S, B) (S, error) {
	j := newJit(dev, func(a []any) S { return f(a[0].(S), a[1].(B)) }, opts)
	j.over = true
	return func(ctx context.Context, s S, b B) (S, error) {
		c := j.begin()
		defer j.end(c)
		bind(c, 0, s)
		bind(c, 1, b)
		return j.call(ctx, c)
	}
}

// placeResults pairs the leaves of the result with those of the first argument by path. It gives the results to compute, which are not those
// that are the argument's as they are, and for each the parameter to write it over, or -1.
func (j *jit[R]) placeResults(f *compiled[R], c *jitCall, stand, outs []Tensor) (results []*node, over []int, err error) {
	like := &arg[R]{f.like}
	from, err := c.args[0].paths()
	if err != nil {
		return nil, nil, j.argumentError(err)
	}
	to, err := like.paths()
	if err != nil {
		return nil, nil, j.argumentError(err)
	}
	given, err := c.args[0].appendKey(nil)
	if err != nil {
		return nil, nil, j.argumentError(err)
	}
	got, err := like.appendKey(nil)
	if err != nil {
		return nil, nil, j.argumentError(err)
	}
	f.same = bytes.Equal(given, got)
	at := make(map[string]int, len(from))
	for i, p := range from {
		at[p] = i
	}
	for i, p := range to {
		place, ok := at[p]
		if !ok {
			place = -1
		}
		delete(at, p)
		f.over = append(f.over, place)
		if ok {
			have, got := stand[place].Spec(), outs[i].Spec()
			kind := ErrShape
			if have.DType != got.DType {
				kind = ErrDType
			}
			if have.DType != got.DType || !have.Shape.Equal(got.Shape) {
				return nil, nil, &Error{Op: "jit in place", Pos: position(j.pc), Kind: kind, Fix: "keep every leaf's type, or use Jit",
					Detail: fmt.Sprintf("the function makes %v of %v at %s", got, have, cmp.Or(p, "(root)"))}
			}
			if outs[i].n == stand[place].n {
				continue // it is there already
			}
		}
		results, over = append(results, outs[i].n), append(over, place)
	}
	for _, p := range from {
		if _, left := at[p]; left {
			return nil, nil, &Error{Op: "jit in place", Pos: position(j.pc), Kind: ErrArgument, Fix: "return a tree like the first argument",
				Detail: fmt.Sprintf("the result has no tensor at %s, where the argument has one", cmp.Or(p, "(root)"))}
		}
	}
	return results, append([]int{}, over...), nil
}

// overwrite runs a compiled form on the argument's own memory and gives the result.
func (j *jit[R]) overwrite(ctx context.Context, f *compiled[R], c *jitCall) (result R, err error) {
	own := c.leaves[:c.own]
	if err := j.checkOwn(own, c); err != nil {
		return result, err
	}
	c.old = c.old[:0]
	c.outs, err = f.x.overwrite(ctx, c.arrays, c.outs, func() {
		now := nodeIDs.Add(1)
		for _, t := range own {
			t.n.over.pc.Store(j.pc)
			c.old = append(c.old, t.n.over.id.Swap(now))
		}
	})
	if err != nil {
		for i, old := range c.old {
			own[i].n.over.id.Store(old)
		}
		return result, err
	}
	if f.same {
		return c.args[0].(*arg[R]).v, nil
	}
	leaves, fresh := make([]Tensor, len(f.specs)), c.outs
	for i, at := range f.over {
		if at >= 0 {
			leaves[i] = own[at]
		} else {
			leaves[i], fresh = wrap(fresh[0], f.specs[i], j.pc), fresh[1:]
		}
	}
	return tree.Unflatten(f.like, leaves)
}

// checkOwn fails when the memory to be overwritten is needed by anything else.
func (j *jit[R]) checkOwn(own []Tensor, c *jitCall) error {
	bad := func(i int, kind error, format, fix string) error {
		paths, err := c.args[0].paths()
		if err != nil {
			return j.argumentError(err)
		}
		return &Error{Op: "jit in place", Pos: position(j.pc), Kind: kind, Fix: fix, Detail: fmt.Sprintf(format, cmp.Or(paths[i], "(root)"))}
	}
	for i, a := range c.arrays {
		at, taken := c.first[a]
		switch {
		case taken:
			return bad(at, ErrArgument, "the tensor at %s is given a second time, or captured", "give each leaf memory of its own, and overwrite nothing that is read beside it")
		case i < len(own):
			c.first[a] = i
		}
	}
	for i, t := range own {
		if t.DType().IsFloat() && len(t.n.in()) > 0 {
			return bad(i, ErrTraced, "a gradient is being taken through the tensor at %s", "use the pure call inside Grad, VJP and JVP")
		}
	}
	return nil
}

// captureChanged says that a compiled function's captured tensor is no longer what it was.
func (j *jit[R]) captureChanged(n *node) error {
	return &Error{Op: "jit", Pos: position(j.pc), Kind: ErrOverwritten, Fix: "give the tensor as an argument",
		Detail: fmt.Sprintf("the function captured %v made at %s, which the in-place function made at %s has overwritten since", n.spec, position(n.pc), position(n.over.pc.Load()))}
}
