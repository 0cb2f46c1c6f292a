package graph

import (
	"context"
	"fmt"
	"slices"
)

// whileOp runs its body as long as its condition holds. Operands: enabled (bool: false where it must not run at
// all), the carry's leaves, what the condition captured, what the body captured. The condition takes (carry,
// captured) and gives a bool of the lanes' shape, which is the shape of enabled; the body gives the next carry.
// Under vmap every sample is a lane: all leaves of the carry then begin with the lanes' axes, and a lane whose
// condition is false keeps its carry while others go on. The result is the last carry.
type whileOp struct {
	multiRules
	cond, body region
	carry      int
	lanes      int // axes of the lanes' shape
	unmasked   int // leaves at the carry's end that have no lanes, which the compiler added
}

func (whileOp) Name() string { return "while" }

func (o whileOp) Key() string {
	return fmt.Sprintf("while %d %d {%s} {%s}", o.carry, o.lanes, o.cond.key, o.body.key)
}

func (o whileOp) InferAll([]Spec) ([]Spec, error) { return o.body.specs(), nil }

// parts of a list that is ordered as the operands are.
func (o whileOp) parts(in []Tensor) (enabled Tensor, carry, forCond, forBody []Tensor) {
	n := 1 + o.carry
	m := n + len(o.cond.params) - o.carry
	return in[0], in[1:n], in[n:m], in[m:]
}

func (o whileOp) EvalAll(ctx context.Context, out, in []*Host) error {
	n := 1 + o.carry
	m := n + len(o.cond.params) - o.carry
	carry := slices.Clone(in[1:n])
	active := slices.Clone(in[0].V)
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("graph: while: %w", err)
		}
		on, err := o.cond.evaluate(ctx, slices.Concat(carry, in[n:m]))
		if err != nil {
			return err
		}
		some := false
		for i, c := range on[0].V {
			active[i] *= c
			some = some || active[i] != 0
		}
		if !some {
			break
		}
		next, err := o.body.evaluate(ctx, slices.Concat(carry, in[m:]))
		if err != nil {
			return err
		}
		for i, c := range next {
			merged := newHost(c.Spec)
			each := len(c.V) / len(active)
			for j := range c.V {
				merged.V[j] = carry[i].V[j]
				if active[j/each] != 0 {
					merged.V[j] = c.V[j]
				}
			}
			carry[i] = merged
		}
	}
	for i, c := range carry {
		copy(out[i].V, c.V)
	}
	return nil
}

// JVPAll: tangents are carried beside the values and the condition sees the values only.
func (o whileOp) JVPAll(c MultiCall, tangents []Tensor) []Tensor {
	enabled, carry, forCond, forBody := o.parts(c.In)
	_, tCarry, _, tBody := o.parts(tangents)
	isFloat := floats(carry)
	start := slices.Clone(carry)
	for i, x := range carry {
		if isFloat[i] {
			start = append(start, orZeros(tCarry[i], x))
		}
	}
	outs := while(enabled, o.lanes, start, func(st []Tensor) Tensor {
		return o.cond.call(slices.Concat(st[:o.carry], forCond))[0]
	}, func(st []Tensor) []Tensor {
		ts := make([]Tensor, o.carry)
		at := o.carry
		for i, f := range isFloat {
			if f {
				ts[i] = st[at]
				at++
			}
		}
		values, derivatives := linearized("while", o.body.call, slices.Concat(st[:o.carry], forBody), slices.Concat(ts, tBody))
		next := slices.Clone(values)
		for i, d := range derivatives {
			if isFloat[i] {
				next = append(next, d)
			}
		}
		return next
	})
	result := make([]Tensor, o.carry)
	at := o.carry
	for i, f := range isFloat {
		if f {
			result[i] = outs[at]
			at++
		}
	}
	return result
}

// VJPAll: how many rounds there are is not known before, so neither is how much to keep for the way back.
func (o whileOp) VJPAll(MultiCall, []Tensor) []Tensor {
	fail("while", ErrArgument, "use Scan or Fori over the most rounds, with Where or Cond for what has ended; or take JVP, which While supports; or give what the loop solves a derivative by CustomVJP",
		"While has no reverse-mode derivative")
	return nil
}

// BatchAll makes every sample a lane if the condition depends on the sample; else only the leaves that do are batched.
func (o whileOp) BatchAll(_ MultiCall, in []Tensor, batched []bool, size int) []Tensor {
	batched = slices.Clone(batched)
	n := 1 + o.carry
	m := n + len(o.cond.params) - o.carry
	carried := batched[1:n]
	for changed := true; changed; {
		changed = false
		for i, out := range o.body.reaches(slices.Concat(carried, batched[m:])) {
			if out && !carried[i] {
				carried[i], changed = true, true
			}
		}
	}
	byLane := o.lanes > 0 || batched[0] || o.cond.reaches(slices.Concat(carried, batched[n:m]))[0]
	in = slices.Clone(in)
	for i := range n {
		if byLane {
			batched[i] = true
		}
		spec := o.laneSpec()
		if i > 0 {
			spec = o.body.params[i-1].spec.Shape
		}
		if batched[i] && in[i].Rank() == len(spec) {
			in[i] = in[i].stretch(spec.prepend(size))
		}
	}
	enabled, carry, forCond, forBody := o.parts(in)
	lanes := o.lanes
	if byLane {
		lanes++
	}
	outs := while(enabled, lanes, carry, func(st []Tensor) Tensor {
		return o.cond.vectorized("while", slices.Concat(st, forCond), slices.Concat(carried, batched[n:m]), []bool{byLane})[0]
	}, func(st []Tensor) []Tensor {
		return o.body.vectorized("while", slices.Concat(st, forBody), slices.Concat(carried, batched[m:]), carried)
	})
	for i := range outs {
		if !carried[i] {
			outs[i] = outs[i].stretch(outs[i].Shape().prepend(size))
		}
	}
	return outs
}

// laneSpec is the lanes' shape.
func (o whileOp) laneSpec() Shape { return o.cond.outs[0].spec.Shape }

// while builds the op on flat lists.
func while(enabled Tensor, lanes int, init []Tensor, cond func([]Tensor) Tensor, body func([]Tensor) []Tensor) []Tensor {
	var specs []Spec
	for _, t := range init {
		specs = append(specs, t.Spec())
	}
	c, forCond := capture("while", specs, true, func(st []Tensor) []Tensor {
		// Conditions that do not depend on the carry still need the lanes' shape.
		return []Tensor{cond(st).stretch(enabled.Shape())}
	})
	b, forBody := capture("while", specs, true, body)
	o := whileOp{cond: c, body: b, carry: len(init), lanes: lanes}
	return applyMulti(o, slices.Concat([]Tensor{enabled}, init, forCond, forBody)...)
}

// While applies body to the carry as long as cond of it is true (bool scalar); no round runs when it is false at
// first. The carry is a tree of tensors that keeps its structure, shapes and dtypes. Under vmap every sample stops when its
// own condition says so. The host looks at the condition from time to time, so that a call of a compiled function
// waits for the end of its loops. While differentiates in forward mode (JVP) only: for gradients use Scan or Fori.
func While[C any](cond func(C) Tensor, body func(C) C, init C) C {
	start := leavesOf("while", init)
	outs := while(Full(Bool, 1), 0, start, func(st []Tensor) Tensor {
		c := cond(rebuild("while", init, st))
		if !c.Valid() || c.DType() != Bool || c.Rank() != 0 {
			fail("while", ErrDType, "return one comparison, for example x.Sum().Gt(limit); combine several with And, or reduce with Any",
				"the condition is %v, want bool[]", c)
		}
		return c
	}, func(st []Tensor) []Tensor {
		r, captured := capture("while", specsOf(st), true, func(st []Tensor) []Tensor {
			c := body(rebuild("while", init, st))
			next := leavesOf("while", c)
			checkCarry("while", init, c, start, next)
			return next
		})
		all := append(slices.Clone(st), captured...)
		if !r.hasEffects() {
			return r.call(all)
		}
		// The device may run rounds after the last: checks and loops inside must not mind.
		return r.guarded(cond(rebuild("while", init, st)), all)
	})
	return rebuild("while", init, outs)
}
