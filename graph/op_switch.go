package graph

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// switchOp is one of its branches. Operands: the branch's number (int32 scalar, in range), then what the branches
// captured, all of which all branches take.
type switchOp struct {
	multiRules
	branches []region
}

func (switchOp) Name() string { return "switch" }

func (o switchOp) Key() string {
	var b strings.Builder
	b.WriteString("switch")
	for _, r := range o.branches {
		fmt.Fprintf(&b, " {%s}", r.key)
	}
	return b.String()
}

func (o switchOp) InferAll([]Spec) ([]Spec, error) { return o.branches[0].specs(), nil }

func (o switchOp) EvalAll(ctx context.Context, out, in []*Host) error {
	results, err := o.branches[int(in[0].V[0])].evaluate(ctx, in[1:])
	if err != nil {
		return err
	}
	for i, h := range results {
		copy(out[i].V, h.V)
	}
	return nil
}

// JVPAll and VJPAll choose between the branches' derivatives, so that what the branch not taken would give, be it NaN,
// has no part in the result.
func (o switchOp) JVPAll(c MultiCall, tangents []Tensor) []Tensor {
	return o.choose(c, func(r region, in []Tensor) []Tensor {
		_, derivatives := linearized("switch", r.call, in, tangents[1:])
		var out []Tensor
		for _, d := range derivatives {
			if d.DType().IsFloat() {
				out = append(out, d)
			}
		}
		return out
	}, floats(c.Out))
}

func (o switchOp) VJPAll(c MultiCall, cotangents []Tensor) []Tensor {
	isFloat := floats(c.In)
	isFloat[0] = false
	return o.choose(c, func(r region, in []Tensor) []Tensor {
		var out []Tensor
		for i, g := range pulled("switch", r.call, in, cotangents) {
			if isFloat[1+i] {
				out = append(out, g)
			}
		}
		return out
	}, isFloat)
}

// choose is a switch between f of the branches; its results go where place is true.
func (o switchOp) choose(c MultiCall, f func(r region, in []Tensor) []Tensor, place []bool) []Tensor {
	var fs []func() []Tensor
	for _, r := range o.branches {
		fs = append(fs, func() []Tensor { return f(r, c.In[1:]) })
	}
	outs := switchOn(c.In[0], fs)
	result := make([]Tensor, len(place))
	for i, yes := range place {
		if yes {
			result[i], outs = outs[0], outs[1:]
		}
	}
	return result
}

// BatchAll: where samples take different branches, all branches are computed and each sample takes its own's results.
func (o switchOp) BatchAll(_ MultiCall, in []Tensor, batched []bool, size int) []Tensor {
	if batched[0] {
		axes := make([]int, len(in))
		for i, b := range batched {
			if !b {
				axes[i] = Shared
			}
		}
		return VectorizeNamed("switch", o.branches[0].axis, o.inlined, in, axes, func(int, int) (int, bool) { return 0, false })
	}
	out := make([]bool, len(o.branches[0].outs))
	for i := range out {
		out[i] = true
	}
	var fs []func() []Tensor
	for _, r := range o.branches {
		fs = append(fs, func() []Tensor {
			all := r.vectorized("switch", in[1:], batched[1:], out)
			for i, t := range all {
				if t.Rank() == len(r.outs[i].spec.Shape) {
					all[i] = t.stretch(t.Shape().prepend(size))
				}
			}
			return all
		})
	}
	return switchOn(in[0], fs)
}

// inlined is the op as selections between the results of all branches. Loops and checks of the branches that are not
// taken do not run.
func (o switchOp) inlined(in []Tensor) []Tensor {
	var outs []Tensor
	for k := len(o.branches) - 1; k >= 0; k-- {
		taken := in[0].Eq(in[0].Like(float64(k)))
		all := o.branches[k].guarded(taken, in[1:])
		for i, t := range all {
			if outs != nil {
				all[i] = Where(taken, t, outs[i])
			}
		}
		outs = all
	}
	return outs
}

// guarded is call with checks and loops that have no effect, and end at once, where ok is false.
func (r region) guarded(ok Tensor, args []Tensor) []Tensor {
	done := map[*node]*node{}
	for i, p := range r.params {
		done[p] = args[i].n
	}
	for _, n := range reach(r.outs, nil) {
		if done[n] != nil {
			continue
		}
		c := n.with(done)
		done[n] = c
		switch o := n.op.(type) {
		case checkOp:
			in := tensors(c.in())
			done[n] = newNode(o, []*node{in[0].n, in[1].Or(ok.Not()).n}, n.spec, n.pc)
		case whileOp:
			in := tensors(c.in())
			in[0] = in[0].And(ok)
			done[n] = newNode(o, nodes(in), n.spec, n.pc)
		case scanOp:
			in := tensors(c.in())
			done[n] = o.guardedNode(ok, in)
		case switchOp:
			in := tensors(c.in())
			var fs []func() []Tensor
			for _, b := range o.branches {
				fs = append(fs, func() []Tensor { return b.guarded(ok, in[1:]) })
			}
			done[n] = switchOn(in[0], fs)[0].n.in()[0]
		}
	}
	out := make([]Tensor, len(r.outs))
	for i, o := range r.outs {
		out[i] = Tensor{done[o]}
	}
	return out
}

// guardedNode is the scan with a guarded body.
func (o scanOp) guardedNode(ok Tensor, in []Tensor) *node {
	carry, walked, captured := o.parts(in)
	outs, history := scan(o.rounds, o.scanOrder, carry, walked, func(st, x []Tensor) (next, ys []Tensor) {
		all := o.body.guarded(ok, slices.Concat(st, x, captured))
		return all[:o.carry], all[o.carry:]
	})
	return append(outs, history...)[0].n.in()[0]
}

// switchOn builds the op; every branch gives results of the same specs.
func switchOn(index Tensor, branches []func() []Tensor) []Tensor {
	fs := make([]func([]Tensor) []Tensor, len(branches))
	for i, f := range branches {
		fs[i] = func([]Tensor) []Tensor { return f() }
	}
	rs, captured := captureAll("switch", nil, false, fs)
	return applyMulti(switchOp{branches: rs}, append([]Tensor{index}, captured...)...)
}

// Cond is then(a) where pred (bool scalar) is true, else otherwise(a). Both must return trees of the same structure,
// shapes and dtypes; both may capture tensors. Gradients flow through the branch that is taken alone: a NaN in the other's
// derivative stays there. Outside vmap, and where samples take different branches, the device computes both branches and
// selects; loops and checks inside the branch not taken do not run.
func Cond[A, R any](pred Tensor, then, otherwise func(A) R, a A) R {
	if p := pred.must("cond"); p.spec.DType != Bool || len(p.spec.Shape) != 0 {
		fail("cond", ErrDType, "give one comparison; to choose element by element use Where", "the predicate is %v, want bool[]", p.spec)
	}
	return choice("cond", []string{"then", "otherwise"}, Where(pred, Int(0), Int(1)), []func(A) R{then, otherwise}, a)
}

// Switch is branches[index](a) for an int32 scalar; an index out of range is brought to the nearest branch, as JAX does.
// Otherwise it is like Cond.
func Switch[A, R any](index Tensor, branches []func(A) R, a A) R {
	if n := index.must("switch"); !n.spec.DType.IsInt() || len(n.spec.Shape) != 0 {
		fail("switch", ErrDType, "give one integer, for example with AsInt", "the index is %v, want int32[]", n.spec)
	}
	if len(branches) == 0 {
		fail("switch", ErrArgument, "give at least one branch", "there are no branches")
	}
	names := make([]string, len(branches))
	for k := range names {
		names[k] = fmt.Sprintf("branch %d", k)
	}
	top := index.Like(float64(len(branches) - 1))
	return choice("switch", names, index.Min(top).Max(index.Like(0)).AsInt(), branches, a)
}

// choice is Switch for an index in range; the names of the branches are for errors.
func choice[A, R any](what string, names []string, index Tensor, branches []func(A) R, a A) R {
	var like R
	var first []Tensor
	fs := make([]func() []Tensor, len(branches))
	for k, f := range branches {
		fs[k] = func() []Tensor {
			r := f(a)
			outs := leavesOf(what, r)
			if k == 0 {
				like, first = r, outs
			}
			paths := sameLeaves(what, "result of "+names[0], "result of "+names[k], like, r, "return the same structure from every branch")
			for i, t := range outs {
				if !t.Shape().Equal(first[i].Shape()) || t.DType() != first[i].DType() {
					fail(what, ErrShape, "return the same shapes and dtypes from every branch",
						"result %s is %v in %s and %v in %s", leafAt(paths, i), first[i].Spec(), names[0], t.Spec(), names[k])
				}
			}
			return outs
		}
	}
	return rebuild(what, like, switchOn(index, fs))
}
