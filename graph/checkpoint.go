package graph

import "slices"

// Checkpoint is f, but a gradient through it keeps only its arguments (and what it captured) until the backward pass and
// computes the intermediate values again there: less memory for one more forward pass (Chen et al. 2016, arXiv
// 1604.06174). Values and derivatives are those of f. f itself runs once.
func Checkpoint[P, R any](f func(P) R) func(P) R {
	const what = "checkpoint"
	return func(p P) R {
		in := leavesOf(what, p)
		tr := newTrace(what)
		defer tr.close()
		fresh := tr.aliases(in)
		result := f(rebuild(what, p, fresh))
		outs := leavesOf(what, result)
		order := recordSince(outs, fresh)
		captured := capturedBy(order, fresh, outs)
		from := slices.Concat(fresh, captured)
		o := checkpointOp{transparentRules{results: len(outs)}, func(to []Tensor) []Tensor { return replay(order, from, to, outs) }}
		return rebuild(what, result, applyMulti(o, slices.Concat(outs, in, captured)...))
	}
}

// replay builds again what was recorded between from and outs, with to in from's place.
func replay(order []applied, from, to, outs []Tensor) []Tensor {
	now := map[*node]*node{}
	for i, f := range from {
		now[f.n] = to[i].n
	}
	for _, a := range order {
		if _, done := now[a.node]; done {
			continue
		}
		in := slices.Clone(a.from)
		for i, x := range in {
			if n := now[x]; n != nil {
				in[i] = n
			}
		}
		if !slices.Equal(in, a.from) {
			now[a.node] = newNode(a.op, in, a.spec, a.pc)
		}
	}
	result := make([]Tensor, len(outs))
	for i, o := range outs {
		result[i] = o
		if n := now[o.n]; n != nil {
			result[i] = Tensor{n}
		}
	}
	return result
}

// checkpointOp is a function that is computed again for its derivative. Its operands are the results and what they
// are computed from.
type checkpointOp struct {
	transparentRules
	f func([]Tensor) []Tensor
}

func (checkpointOp) Name() string { return "checkpoint" }

// Key: the compiled program does not depend on the function.
func (checkpointOp) Key() string { return "checkpoint" }

func (o checkpointOp) named(axis string) multiOp { o.axis = axis; return o }

// JVPAll: in forward mode nothing needs keeping; what f computes twice is merged.
func (o checkpointOp) JVPAll(c MultiCall, tangents []Tensor) []Tensor {
	tr := newTrace("checkpoint")
	defer tr.close()
	fresh := tr.aliases(c.In[o.results:])
	outs := o.f(fresh)
	return pushforward(fresh, tangents[o.results:], outs)
}

// VJPAll differentiates a second computation, which waits for the cotangents.
func (o checkpointOp) VJPAll(c MultiCall, cotangents []Tensor) []Tensor {
	var known []Tensor
	for _, ct := range cotangents {
		if ct.Valid() {
			known = append(known, ct)
		}
	}
	in := c.In[o.results:]
	late := make([]Tensor, len(in))
	for i, x := range in {
		late[i] = apply(barrierOp{}, append([]Tensor{x}, known...)...)
	}
	_, pull := VJP(o.f, late)
	return append(make([]Tensor, o.results), pull(completed(cotangents, c.Out))...)
}

func (o checkpointOp) BatchAll(_ MultiCall, in []Tensor, batched []bool, size int) []Tensor {
	in = o.batchResults(in, batched, size)
	axes := make([]int, len(in)-o.results)
	for i := range axes {
		axes[i] = axisIf(batched[o.results+i])
	}
	mapped := checkpointOp{transparentRules{results: o.results}, func(x []Tensor) []Tensor {
		return mapOver("checkpoint", o.axis, o.f, x, axes, size)
	}}
	return applyMulti(mapped, in...)
}
