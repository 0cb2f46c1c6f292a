package graph

import (
	"context"
	"fmt"
	"slices"
)

// scanOp runs its body a fixed number of rounds. Operands: the carry's leaves, the leaves that are walked
// over (leading axis: rounds), what the body captured. The body takes (carry, one position of each walked leaf,
// captured) and gives (next carry, outputs of the round). Results: the last carry, the outputs of all rounds
// stacked, and the history: the carry at the beginning of each round, stacked. Only reverse mode reads the
// history, and the compiler writes no result that nobody reads.
type scanOp struct {
	multiRules
	body   region
	rounds int
	carry  int // how many leaves the carry has
	walked int
	chunk  *chunkNote // of a loop over chunks, which the compiler made; else nil
	scanOrder
}

// scanOrder is how the rounds of a scan run.
type scanOrder struct {
	reverse bool // the last position first
	rolled  bool // never written out
}

func (scanOp) Name() string { return "scan" }

func (o scanOp) Key() string {
	return fmt.Sprintf("scan %d %d %d %t %t {%s}", o.rounds, o.carry, o.walked, o.reverse, o.rolled, o.body.key)
}

func (o scanOp) InferAll(in []Spec) ([]Spec, error) {
	specs := o.body.specs()
	for i := o.carry; i < len(specs); i++ {
		specs[i].Shape = specs[i].Shape.prepend(o.rounds)
	}
	for _, s := range in[:o.carry] {
		specs = append(specs, Spec{s.DType, s.Shape.prepend(o.rounds)})
	}
	return specs, nil
}

func (o scanOp) EvalAll(ctx context.Context, out, in []*Host) error {
	carry := slices.Clone(in[:o.carry])
	walked, captured := in[o.carry:o.carry+o.walked], in[o.carry+o.walked:]
	outputs := len(o.body.outs) - o.carry
	for r := range o.rounds {
		if o.reverse {
			r = o.rounds - 1 - r
		}
		for i, c := range carry {
			out[o.carry+outputs+i].setRow(r, c)
		}
		args := slices.Clone(carry)
		for _, x := range walked {
			args = append(args, x.row(r))
		}
		results, err := o.body.evaluate(ctx, append(args, captured...))
		if err != nil {
			return err
		}
		carry = slices.Clone(results[:o.carry])
		for i, y := range results[o.carry:] {
			out[o.carry+i].setRow(r, y)
		}
	}
	for i, c := range carry {
		copy(out[i].V, c.V)
	}
	return nil
}

// row is one position of the leading axis.
func (h *Host) row(i int) *Host {
	s := Spec{h.DType, h.Shape[1:]}
	n := s.Shape.Size()
	return &Host{s, h.V[i*n : (i+1)*n]}
}

func (h *Host) setRow(i int, from *Host) { copy(h.V[i*len(from.V):], from.V) }

// parts of a list that is ordered as the operands are.
func (o scanOp) parts(in []Tensor) (carry, walked, captured []Tensor) {
	return in[:o.carry], in[o.carry : o.carry+o.walked], in[o.carry+o.walked:]
}

// JVPAll: tangents of the carry are carried beside it.
func (o scanOp) JVPAll(c MultiCall, tangents []Tensor) []Tensor {
	carry, walked, captured := o.parts(c.In)
	tCarry, tWalked, tCaptured := o.parts(tangents)
	isFloat := floats(carry)
	var moving []Tensor // walked leaves that have tangents
	for _, t := range tWalked {
		if t.Valid() {
			moving = append(moving, t)
		}
	}
	start := slices.Clone(carry)
	for i, x := range carry {
		if isFloat[i] {
			start = append(start, orZeros(tCarry[i], x))
		}
	}
	nOut := len(o.body.outs)
	floatOut := make([]bool, nOut)
	for i, n := range o.body.outs {
		floatOut[i] = n.spec.DType.IsFloat()
	}
	outs, history := scan(o.rounds, o.scanOrder, start, append(slices.Clone(walked), moving...), func(st, x []Tensor) (next, ys []Tensor) {
		primals := slices.Concat(st[:o.carry], x[:o.walked], captured)
		var ts []Tensor
		at := o.carry
		for _, f := range isFloat {
			if f {
				ts = append(ts, st[at])
				at++
			} else {
				ts = append(ts, Tensor{})
			}
		}
		at = o.walked
		for _, t := range tWalked {
			if t.Valid() {
				ts = append(ts, x[at])
				at++
			} else {
				ts = append(ts, Tensor{})
			}
		}
		values, derivatives := linearized("scan", o.body.call, primals, append(ts, tCaptured...))
		next = slices.Clone(values[:o.carry])
		for i, d := range derivatives {
			switch {
			case !floatOut[i]:
			case i < o.carry:
				next = append(next, d)
			default:
				ys = append(ys, d)
			}
		}
		return next, ys
	})
	// The new scan's results: carry, its tangents, the outputs' tangents.
	result := make([]Tensor, nOut+o.carry)
	at := o.carry
	for i := range nOut {
		if floatOut[i] {
			result[i] = outs[at]
			at++
		}
	}
	at = o.carry
	for i := range o.carry {
		if isFloat[i] {
			result[nOut+i] = history[at]
			at++
		}
	}
	return result
}

func floats(ts []Tensor) []bool {
	out := make([]bool, len(ts))
	for i, t := range ts {
		out[i] = t.DType().IsFloat()
	}
	return out
}

// VJPAll walks the rounds backwards, each computed again from the carry it began with: the history is all that is kept.
func (o scanOp) VJPAll(c MultiCall, cotangents []Tensor) []Tensor {
	carry, walked, captured := o.parts(c.In)
	nOut := len(o.body.outs)
	history := c.Out[nOut:]
	// Carried: cotangents of the float leaves of the carry, then the sums for the float captured tensors.
	var start []Tensor
	for i, x := range carry {
		if x.DType().IsFloat() {
			start = append(start, orZeros(cotangents[i], x))
		}
	}
	nCarry := len(start)
	for _, x := range captured {
		if x.DType().IsFloat() {
			start = append(start, Full(x.DType(), 0, x.Shape()...))
		}
	}
	// Walked: the history, the walked leaves, the cotangents of the outputs and of the history that there are.
	xs := slices.Concat(history, walked)
	place := make([]int, len(cotangents)) // in xs, 0 for none
	for i := o.carry; i < len(cotangents); i++ {
		if cotangents[i].Valid() {
			place[i] = len(xs)
			xs = append(xs, cotangents[i])
		}
	}
	outs, _ := scan(o.rounds, scanOrder{!o.reverse, o.rolled}, start, xs, func(st, x []Tensor) (next, ys []Tensor) {
		cts := make([]Tensor, nOut)
		at := 0
		for i, t := range carry {
			if t.DType().IsFloat() {
				cts[i] = st[at]
				at++
			}
		}
		for i := o.carry; i < nOut; i++ {
			if place[i] > 0 {
				cts[i] = x[place[i]]
			}
		}
		grads := pulled("scan", o.body.call, slices.Concat(x[:o.carry+o.walked], captured), cts)
		gCarry, gWalked, gCaptured := o.parts(grads)
		for i, g := range gCarry {
			if carry[i].DType().IsFloat() {
				if p := place[nOut+i]; p > 0 {
					g = g.Add(x[p])
				}
				next = append(next, g)
			}
		}
		at = nCarry
		for i, g := range gCaptured {
			if captured[i].DType().IsFloat() {
				next = append(next, st[at].Add(g))
				at++
			}
		}
		for i, g := range gWalked {
			if walked[i].DType().IsFloat() {
				ys = append(ys, g)
			}
		}
		return next, ys
	})
	result := make([]Tensor, len(c.In))
	byCarry, byCaptured, byWalked := outs[:nCarry], outs[nCarry:len(start)], outs[len(start):]
	for i, x := range c.In {
		list := &byCaptured
		switch {
		case !x.DType().IsFloat():
			continue
		case i < o.carry:
			list = &byCarry
		case i < o.carry+o.walked:
			list = &byWalked
		}
		result[i], *list = (*list)[0], (*list)[1:]
	}
	return result
}

// BatchAll: leaves of the carry that never see the sample stay as they are.
func (o scanOp) BatchAll(_ MultiCall, in []Tensor, batched []bool, size int) []Tensor {
	batched = slices.Clone(batched)
	nOut := len(o.body.outs)
	var out []bool
	for changed := true; changed; {
		changed = false
		out = o.body.reaches(batched)
		for i := range o.carry {
			if out[i] && !batched[i] {
				batched[i], changed = true, true
			}
			out[i] = batched[i]
		}
	}
	carry, walked, captured := o.parts(slices.Clone(in))
	for i, x := range carry {
		if batched[i] && x.Rank() == len(o.body.params[i].spec.Shape) {
			carry[i] = x.stretch(x.Shape().prepend(size))
		}
	}
	for i, x := range walked {
		if batched[o.carry+i] {
			walked[i] = x.MoveAxis(0, 1)
		}
	}
	outs, history := scan(o.rounds, o.scanOrder, carry, walked, func(st, x []Tensor) (next, ys []Tensor) {
		all := o.body.vectorized("scan", slices.Concat(st, x, captured), batched, out)
		return all[:o.carry], all[o.carry:]
	})
	outs = append(outs, history...)
	for i := range outs {
		switch b := i >= nOut && batched[i-nOut] || i < nOut && out[i]; {
		case !b:
			outs[i] = outs[i].stretch(outs[i].Shape().prepend(size))
		case i >= o.carry:
			outs[i] = outs[i].MoveAxis(1, 0)
		}
	}
	return outs
}

// scan builds the op on flat lists. The results are the last carry and the stacked outputs, and the history.
func scan(rounds int, order scanOrder, init, xs []Tensor, f func(carry, x []Tensor) (next, ys []Tensor)) (outs, history []Tensor) {
	var specs []Spec
	for _, t := range init {
		specs = append(specs, t.Spec())
	}
	for _, t := range xs {
		specs = append(specs, Spec{t.DType(), t.Shape()[1:]})
	}
	body, captured := capture("scan", specs, rounds > 0, func(args []Tensor) []Tensor {
		next, ys := f(args[:len(init)], args[len(init):])
		return append(slices.Clone(next), ys...)
	})
	o := scanOp{body: body, rounds: rounds, carry: len(init), walked: len(xs), scanOrder: order}
	all := applyMulti(o, slices.Concat(init, xs, captured)...)
	return all[:len(body.outs)], all[len(body.outs):]
}

// ScanOption adjusts a Scan.
type ScanOption func(*scanConfig)

type scanConfig struct {
	scanOrder
	rounds int
}

// Reverse makes Scan walk from the last position to the first; outputs stay at the positions they belong to.
func Reverse() ScanOption { return func(c *scanConfig) { c.reverse = true } }

// Rolled keeps a short Scan a loop as well, where the compiler otherwise writes the rounds out to fuse them: each round's
// temporary values then take the memory of the last one's.
func Rolled() ScanOption { return func(c *scanConfig) { c.rolled = true } }

// Rounds gives the number of rounds of a Scan whose xs has no tensors.
func Rounds(n int) ScanOption { return func(c *scanConfig) { c.rounds = n } }

// Scan runs f once for every position of the leading axis of xs, handing the carry on from round to round:
// (carry, y[t]) = f(carry, x[t]). It returns the last carry and all y stacked along a new leading axis. C, X and Y are
// trees of tensors (struct{} for none); all leaves of xs have the same leading length, the number of rounds, and the
// carry keeps its structure, shapes and dtypes. f is traced once: the size of the program does not depend on the number
// of rounds. Scan differentiates in both modes to any order: reverse mode keeps the carry of every round, and computes each
// round again on its way back. Under vmap all samples go through the rounds together.
func Scan[C, X, Y any](f func(carry C, x X) (C, Y), init C, xs X, opts ...ScanOption) (C, Y) {
	conf := scanConfig{rounds: -1}
	for _, o := range opts {
		o(&conf)
	}
	start, walked := leavesOf("scan", init), leavesOf("scan", xs)
	for i, x := range walked {
		if x.Rank() == 0 {
			fail("scan", ErrShape, "capture what every round sees whole", "leaf %d of xs is a scalar: it has no axis to walk along", i)
		}
		if n := x.Shape()[0]; conf.rounds < 0 {
			conf.rounds = n
		} else if n != conf.rounds {
			fail("scan", ErrShape, "all leaves of xs need the same leading length", "leaf %d of xs is %v, want %d rounds", i, x.Spec(), conf.rounds)
		}
	}
	if conf.rounds < 0 {
		fail("scan", ErrArgument, "give the number of rounds with graph.Rounds", "xs has no tensors")
	}
	var like Y
	outs, _ := scan(conf.rounds, conf.scanOrder, start, walked, func(carry, x []Tensor) (next, ys []Tensor) {
		c, y := f(rebuild("scan", init, carry), rebuild("scan", xs, x))
		like = y
		next = leavesOf("scan", c)
		checkCarry("scan", init, c, start, next)
		return next, leavesOf("scan", y)
	})
	return rebuild("scan", init, outs[:len(start)]), rebuild("scan", like, outs[len(start):])
}

// checkCarry compares what a loop's body returned with what it was given.
func checkCarry[C any](op string, init, next C, before, after []Tensor) {
	paths := sameLeaves(op, "first carry", "body's result", init, next, "return a carry of the structure it came in")
	for i, t := range after {
		if b := before[i]; !t.Shape().Equal(b.Shape()) || t.DType() != b.DType() {
			fail(op, ErrShape, "the carry keeps shapes and dtypes: broadcast or convert its first value",
				"carry %s is %v at first and %v after a round", leafAt(paths, i), b.Spec(), t.Spec())
		}
	}
}

// Fori is f applied for i = lo, ..., hi-1, each time to what it gave before: Scan over the numbers, with i an int32
// scalar. It differentiates in both modes.
func Fori[C any](lo, hi int, f func(i Tensor, carry C) C, init C) C {
	numbers := Iota(0, max(hi-lo, 0)).AddScalar(float64(lo))
	last, _ := Scan(func(c C, i Tensor) (C, struct{}) { return f(i, c), struct{}{} }, init, numbers)
	return last
}
