package graph

import (
	"context"
	"slices"
)

// transparentOp is an op with several results that are its first operands. It only changes what their derivatives
// are; the compiler drops it.
type transparentOp interface {
	multiOp
	transparent()
}

// transparentRules are the rules that such ops share.
type transparentRules struct {
	multiRules
	results int    // the first operands
	axis    string // name of the axis that BatchAll adds
}

func (transparentRules) transparent() {}

func (r transparentRules) InferAll(in []Spec) ([]Spec, error) { return in[:r.results], nil }

func (r transparentRules) EvalAll(_ context.Context, out, in []*Host) error {
	for i, h := range out {
		copy(h.V, in[i].V)
	}
	return nil
}

// batchResults gives the first operands the sample axis that every result must have.
func (r transparentRules) batchResults(in []Tensor, batched []bool, size int) []Tensor {
	return slices.Concat(alignBatch(in[:r.results], batched, size), in[r.results:])
}

// axisNamer is an op that transforms functions of its own when it is batched, and must know the name of the axis.
type axisNamer interface{ named(axis string) multiOp }

func (o scanOp) named(axis string) multiOp { o.body.axis = axis; return o }

func (o whileOp) named(axis string) multiOp { o.cond.axis, o.body.axis = axis, axis; return o }

func (o switchOp) named(axis string) multiOp {
	o.branches = slices.Clone(o.branches)
	for i := range o.branches {
		o.branches[i].axis = axis
	}
	return o
}

// customOp is a function with a derivative of the user's own. Its operands are the results, saved values for the
// rule, the arguments, and what the function captured.
type customOp struct {
	transparentRules
	saved, args int
	reverse     bool
	// rule is linear in along. Reverse: the cotangents of the arguments from those of the results. Else: the
	// tangents of the results from those of the arguments. All are floats, none is missing.
	rule func(saved, args, along []Tensor) []Tensor
}

func (o customOp) Name() string {
	if o.reverse {
		return "custom vjp"
	}
	return "custom jvp"
}

// Key: the compiled program does not depend on the rule.
func (o customOp) Key() string { return o.Name() }

func (o customOp) named(axis string) multiOp { o.axis = axis; return o }

func (o customOp) split(in []Tensor) (saved, args, captured []Tensor) {
	s, a := o.results+o.saved, o.results+o.saved+o.args
	return in[o.results:s], in[s:a], in[a:]
}

func (o customOp) JVPAll(c MultiCall, tangents []Tensor) []Tensor {
	saved, args, _ := o.split(c.In)
	_, ts, captured := o.split(tangents)
	for _, t := range captured {
		if t.Valid() {
			capturedError(o)
		}
	}
	if !slices.ContainsFunc(ts, Tensor.Valid) {
		return make([]Tensor, o.results) // only what the rule replaces has tangents
	}
	ts = completed(ts, args)
	if !o.reverse {
		return o.rule(saved, args, ts)
	}
	return transposeLinear(func(cts []Tensor) []Tensor { return o.rule(saved, args, cts) }, zerosLike(c.Out), ts)
}

func (o customOp) VJPAll(c MultiCall, cotangents []Tensor) []Tensor {
	saved, args, _ := o.split(c.In)
	cts := completed(cotangents, c.Out)
	var out []Tensor
	if o.reverse {
		out = o.rule(saved, args, cts)
	} else {
		out = transposeLinear(func(ts []Tensor) []Tensor { return o.rule(saved, args, ts) }, zerosLike(args), cts)
	}
	return padded(append(make([]Tensor, o.results+o.saved), out...), len(c.In))
}

// transposeLinear applies the transpose of a linear function, which takes tensors like at, to cts.
func transposeLinear(linear func([]Tensor) []Tensor, at, cts []Tensor) []Tensor {
	_, pull := VJP(linear, at)
	return pull(cts)
}

// completed is ts with zeros in the place of those missing.
func completed(ts, like []Tensor) []Tensor {
	out := zerosLike(like)
	for i, t := range ts {
		if t.Valid() {
			out[i] = t
		}
	}
	return out
}

// BatchAll maps the rule. A shared argument of a mapped function gets the sum of the samples' cotangents.
func (o customOp) BatchAll(_ MultiCall, in []Tensor, batched []bool, size int) []Tensor {
	in = o.batchResults(in, batched, size)
	mapped := o
	mapped.axis = ""
	own := batched[o.results : o.results+o.saved+o.args]
	ofArgs := own[o.saved:]
	mapped.rule = func(saved, args, along []Tensor) []Tensor {
		axes := make([]int, 0, len(own)+len(along))
		for _, b := range own {
			axes = append(axes, axisIf(b))
		}
		for i := range along {
			axes = append(axes, axisIf(o.reverse || ofArgs[i]))
		}
		rule := func(x []Tensor) []Tensor { return o.rule(x[:o.saved], x[o.saved:len(own)], x[len(own):]) }
		out := mapOver(o.Name(), o.axis, rule, slices.Concat(saved, args, along), axes, size)
		if o.reverse {
			for i, b := range ofArgs {
				if !b {
					out[i] = out[i].Sum(0)
				}
			}
		}
		return out
	}
	return applyMulti(mapped, in...)
}

func axisIf(mapped bool) int {
	if mapped {
		return 0
	}
	return Shared
}

// mapOver is VectorizeNamed with results of the given number of samples also where no operand is mapped.
func mapOver(what, axis string, f func([]Tensor) []Tensor, in []Tensor, axes []int, size int) []Tensor {
	stretchAll := func(int, int) (int, bool) { return 0, false }
	if slices.ContainsFunc(axes, func(a int) bool { return a != Shared }) {
		return VectorizeNamed(what, axis, f, in, axes, stretchAll)
	}
	// A sample axis that nobody reads still gives its length.
	return VectorizeNamed(what, axis, func(x []Tensor) []Tensor { return f(x[1:]) },
		append([]Tensor{Zeros(size)}, in...), append([]int{0}, axes...), stretchAll)
}

// rejectCaptured fails where a function with a derivative of its own captured what is being differentiated by: its
// rule says nothing about that, and zero would be wrong.
func rejectCaptured(a applied, dep map[*node]bool) {
	o, ok := a.op.(customOp)
	if !ok {
		return
	}
	for _, n := range a.from[o.results+o.saved+o.args:] {
		if dep[n] && n.spec.DType.IsFloat() {
			capturedError(o)
		}
	}
}

func capturedError(o customOp) {
	fail(o.Name(), ErrArgument, "pass it as an argument, or through StopGradient if it is meant as a constant",
		"the function captured a tensor that is being differentiated by, of which its rule knows nothing")
}
