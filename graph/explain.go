package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
)

// Explain tells how the program that Jit makes of f for a device computes its sums of products: for each one that is not done as
// written, the user's line, the steps, with an axis a letter, and what a step takes by the planner's estimate; for each loop
// over chunks of samples, which keep the program within its memory budget, how many there are; for each matrix product whose kernel
// computes elementwise operations as well, the last of these; then operations and memory of the
// whole program beside those of the program without chunks, where it has any, and of the one that is done as written. f is traced at an argument like a, which may be made of
// Placeholders; nothing runs, and the driver compiles nothing. Options are Jit's.
//
//	sum of products at norms.go:31: float32[256]
//	  ac,ac->a   65.54 k operations, 1.024 k bytes
//	  ab,a->ab   200.7 k operations, in place
//	  ab,ab->a   401.4 k operations, 1.024 k bytes
//	as planned: 53.86 M operations, ...
//	as written: 157 M operations, ...
func Explain[A, R any](dev *gpu.Device, f func(A) R, a A, opts ...JitOption) (s string, err error) {
	defer Recover(&err)
	params, _, outs := traceLike("explain", f, a)
	l, err := lift(params, outs)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	conf := configured(opts)
	if !conf.plan.plain {
		outputs := simplify((&executable{}).addChecks(l.outputs, false, conf.plan))
		c := planContractions(outputs, machineOf(profileOf(dev), conf.plan.budget), !conf.plan.noGram)
		for _, p := range c.order {
			p.explain(&b)
		}
		if len(c.order) == 0 {
			b.WriteString("no sum of products is better done in another order\n")
		}
	}
	planned, steps, err := costOn(profileOf(dev), f, a, opts)
	if err != nil {
		return "", err
	}
	other := func(what string, opts ...JitOption) error {
		c, err := CostOn(dev, f, a, opts...)
		if errors.Is(err, gpu.ErrOutOfMemory) { // what the device has no room for is told as well
			fmt.Fprintf(&b, "%s: %v\n", what, err)
			return nil
		}
		if err == nil {
			fmt.Fprintf(&b, "%s: %v\n", what, c)
		}
		return err
	}
	some := steps.explainChunks(&b)
	steps.explainEpilogues(&b) // pass_epilogue.go
	fmt.Fprintf(&b, "as planned: %v\n", planned)
	if some {
		if err := other("without chunks", append(slices.Clone(opts), WithoutChunks())...); err != nil {
			return "", err
		}
	}
	if err := other("as written", WithoutContraction()); err != nil {
		return "", err
	}
	return b.String(), nil
}

// explain writes the steps of the plan.
func (p *contractPlan) explain(b *strings.Builder) {
	root := p.form.root
	fmt.Fprintf(b, "sum of products at %s: %v\n", position(root.pc), root.spec)
	for _, alike := range p.alike() {
		switch t := alike; len(t) {
		case 0: // with the term that it shares an operand with
		case 1:
			t[0].term.steps(t[0].term.tree, func(s *planTree) { t[0].term.explain(b, s) })
		default:
			first := t[0].term
			first.steps(t[0].common, func(s *planTree) { first.explain(b, s) })
			for _, x := range t {
				x.term.steps(x.other, func(s *planTree) { x.term.explain(b, s) })
			}
			first.explain(b, first.tree)
			fmt.Fprintf(b, "    with the sum of %d terms that share the other operand\n", len(t))
		}
	}
	if len(p.terms) > 1 {
		fmt.Fprintf(b, "  and the sum of these %d terms\n", len(p.terms))
	}
}

// explain writes one step of a term.
func (t *boundTerm) explain(b *strings.Builder, s *planTree) {
	below := work{}
	if l, r := s.left, s.right; l != nil {
		if s.squared {
			l, r = s.left.left, s.left.right
		}
		below = l.work
		if !t.same(l, r) {
			below = below.plus(r.work)
		}
	}
	place := "in place"
	if s.stored {
		place = engineering(4*t.extent(s.labels)) + " bytes"
	}
	fmt.Fprintf(b, "  %s   %s operations, %s\n", t.notation(s), engineering(s.work.flops-below.flops), place)
}

// engineering writes a number with a prefix of its thousands.
func engineering(x float64) string {
	for _, prefix := range []string{"", "k", "M", "G"} {
		if x < 1000 {
			return strings.TrimSpace(fmt.Sprintf("%.4g %s", x, prefix))
		}
		x /= 1000
	}
	return fmt.Sprintf("%.4g T", x)
}
