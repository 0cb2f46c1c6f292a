package graph

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// simplify rewrites the graph below outputs: markers that only differentiation needs vanish, equal
// nodes become one, views of views merge, and arithmetic on constants is done. It never changes a
// value, not even in NaN, infinity or the sign of zero.
type simplifier struct {
	done map[*node]*node
	same map[string]*node // by op and operands
	only bool             // markers vanish, and nothing else
}

func simplify(outputs []*node) []*node {
	s := &simplifier{done: map[*node]*node{}, same: map[string]*node{}, only: off("simplify")}
	for _, n := range reach(outputs, nil) {
		s.done[n] = s.node(n)
	}
	out := make([]*node, len(outputs))
	for i, n := range outputs {
		out[i] = s.done[n]
	}
	return out
}

// separate gives every output an array of its own: one that is a leaf, or that shares its array with
// another output, is copied.
func separate(outputs []*node) []*node {
	taken := map[*node]bool{}
	out := slices.Clone(outputs)
	for i, n := range out {
		if s := storage(n); s.op.Class() == Leaf || taken[s] {
			out[i] = newNode(aliasOp{}, []*node{n}, n.spec, n.pc)
		}
		taken[storage(out[i])] = true
	}
	return out
}

func (s *simplifier) node(n *node) *node {
	if n.isParam() {
		return n
	}
	in := make([]*node, len(n.in()))
	for i, x := range n.in() {
		in[i] = s.done[x]
	}
	return s.make(n.op, in, n)
}

// make is the simplest node for op on in; from lends spec and position.
func (s *simplifier) make(op Op, in []*node, from *node) *node {
	if r := s.rule(op, in, from); r != nil {
		return r
	}
	if s.only {
		if slices.Equal(in, from.in()) {
			return from
		}
		return newNode(op, in, from.spec, from.pc)
	}
	var key strings.Builder
	key.WriteString(opKey(op))
	for _, x := range in {
		fmt.Fprintf(&key, " %d", x.id)
	}
	if old, ok := s.same[key.String()]; ok {
		return old
	}
	n := from
	if !slices.Equal(in, from.in()) || opKey(op) != opKey(from.op) {
		n = newNode(op, in, from.spec, from.pc)
	}
	s.same[key.String()] = n
	return n
}

// rule applies the first rewrite that fits, or gives nil.
func (s *simplifier) rule(op Op, in []*node, from *node) *node {
	switch op.(type) {
	case aliasOp, stopGradientOp, checkOp:
		return in[0]
	}
	if s.only {
		return nil
	}
	switch o := op.(type) {
	case reshapeOp:
		if in[0].spec.Shape.Equal(o.shape) {
			return in[0]
		}
		if _, ok := in[0].op.(reshapeOp); ok {
			return s.make(o, in[0].in(), from)
		}
	case transposeOp:
		if p, ok := in[0].op.(transposeOp); ok {
			perm := make([]int, len(o.perm))
			for i, x := range o.perm {
				perm[i] = p.perm[x]
			}
			return s.make(transposeOp{perm}, in[0].in(), from)
		}
		if slices.IsSorted(o.perm) {
			return in[0]
		}
	case broadcastOp:
		if in[0].spec.Shape.Equal(o.shape) {
			return in[0]
		}
		if _, ok := in[0].op.(broadcastOp); ok {
			return s.make(o, in[0].in(), from)
		}
	case convertOp:
		if in[0].spec.DType == o.to {
			return in[0]
		}
	case elementwise:
		if r := s.arithmetic(o, in); r != nil {
			return r
		}
	}
	if op.Class() == View || op.Class() == Pointwise {
		return s.fold(op, in, from)
	}
	return nil
}

// arithmetic drops what changes nothing: factors and divisors of 1, differences with 0, double negation, a second rounding.
func (s *simplifier) arithmetic(o elementwise, in []*node) *node {
	switch o.rule {
	case mulRule:
		if isSplat(in[1], 1) {
			return in[0]
		}
		if isSplat(in[0], 1) {
			return in[1]
		}
	case divRule:
		if isSplat(in[1], 1) {
			return in[0]
		}
	case subRule:
		if isSplat(in[1], 0) && !math.Signbit(in[1].op.(constOp).values[0]) {
			return in[0]
		}
	case bfloat16Rule, float16Rule: // of what is rounded already
		if x, ok := in[0].op.(elementwise); ok && x.rule == o.rule {
			return in[0]
		}
	case negRule:
		if x, ok := in[0].op.(elementwise); ok && x.rule == negRule {
			return in[0].in()[0]
		}
	}
	return nil
}

func isSplat(n *node, v float64) bool {
	c, ok := n.op.(constOp)
	return ok && c.splat() && c.values[0] == v
}

// fold evaluates an op whose operands are all one repeated constant. Transcendental functions are left to
// the device, so that a value does not depend on what the compiler could see.
func (s *simplifier) fold(op Op, in []*node, from *node) *node {
	if e, ok := op.(elementwise); ok && e.cost > 8 {
		return nil
	}
	if len(in) == 0 || from.spec.Shape.Size() == 0 || fills(op) {
		return nil
	}
	small := make([]*Host, len(in))
	for i, x := range in {
		c, ok := x.op.(constOp)
		if !ok || !c.splat() {
			return nil
		}
		if i > 0 && op.Class() == View && math.Float64bits(c.values[0]) != math.Float64bits(small[0].V[0]) {
			return nil // a concatenation of different constants
		}
		small[i] = &Host{Spec{x.spec.DType, Shape{}}, c.values}
	}
	v := small[0].V[0]
	if op.Class() == Pointwise {
		out := newHost(Spec{from.spec.DType, Shape{}})
		op.Eval(out, small)
		v = out.V[0]
	}
	if from.spec.DType == Float32 {
		v = float64(float32(v))
	}
	return s.make(constOp{spec: from.spec, values: []float64{v}}, nil, from)
}

// fills reports a view with elements that are none of its operand's, and ops whose rules need more than an element of each operand.
func fills(op Op) bool {
	switch o := op.(type) {
	case padOp, foldOp, dynamicPlaceOp, contractOp, scatterOp:
		return true
	case windowsOp:
		return o.pads()
	}
	return false
}
