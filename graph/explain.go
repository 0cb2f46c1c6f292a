package graph

import (
	"fmt"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
)

// Explain tells how the program that Jit makes of f for a device computes its sums of products: for each one that is not done as
// written, the user's line, the steps, with an axis a letter, and what a step takes by the planner's estimate; then operations and memory of the
// whole program beside those of the program that is done as written. f is traced at an argument like a, which may be made of
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
		outputs := simplify((&executable{}).addChecks(l.outputs, false))
		c := planContractions(outputs, machineOf(profileOf(dev), conf.plan.budget), !conf.plan.noGram)
		for _, p := range c.order {
			p.explain(&b)
		}
		if len(c.order) == 0 {
			b.WriteString("no sum of products is better done in another order\n")
		}
	}
	planned, err := CostOn(dev, f, a, opts...)
	if err != nil {
		return "", err
	}
	written, err := CostOn(dev, f, a, WithoutContraction())
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "as planned: %v\nas written: %v\n", planned, written)
	return b.String(), nil
}

// explain writes the steps of the plan.
func (p *contractPlan) explain(b *strings.Builder) {
	root := p.form.root
	fmt.Fprintf(b, "sum of products at %s: %v\n", position(root.pc), root.spec)
	for _, t := range p.terms {
		t.steps(t.tree, func(s *planTree) {
			below := work{}
			if s.left != nil {
				below = s.left.work
				if !t.same(s.left, s.right) {
					below = below.plus(s.right.work)
				}
			}
			place := "in place"
			if s.stored {
				place = engineering(4*t.extent(s.labels)) + " bytes"
			}
			fmt.Fprintf(b, "  %s   %s operations, %s\n", t.notation(s), engineering(s.work.flops-below.flops), place)
		})
	}
	if len(p.terms) > 1 {
		fmt.Fprintf(b, "  and the sum of these %d terms\n", len(p.terms))
	}
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
