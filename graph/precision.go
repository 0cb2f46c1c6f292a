package graph

import (
	"fmt"
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/tune"
	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Precision is how exactly float32 products are computed: MatMul, Einsum, DotGeneral, Conv and the like, wherever they sum, and those that derivatives are
// made of. Products of other types, products that sum nothing, and elementwise arithmetic do not depend on it.
type Precision uint8

// The precisions. Sums are float32 in all of them.
const (
	// PrecisionHighest multiplies float32.
	PrecisionHighest Precision = iota

	// PrecisionHigh lets the device compute each product from three bfloat16 parts of both operands, where it has matrix units for them and the
	// profile says that they are faster (gpu.Profile.SplitMatrices). The error is bounded as float32's is, if with another constant:
	//
	//	|error of sum over k of a[k] b[k]| <= (K + 2) 2^-23 sum over k of |a[k] b[k]|
	//
	// for numbers that are 0 or at least 2^-103 in magnitude (parts of smaller ones may count as 0), and results below 2^127: larger ones may
	// become infinite. Infinities and NaN give what they give in float32. Elsewhere it is PrecisionHighest, which keeps the same bound.
	PrecisionHigh

	// PrecisionBFloat16 rounds both operands to bfloat16, to nearest, ties to even: 8 bits, a relative error of 2^-8 an operand, and the range of float32, but
	// that numbers from 3.396e38 on become infinite. Beside float32's error of the sum, that of a product is at most 2^-7 sum over k of |a[k] b[k]|.
	PrecisionBFloat16

	// PrecisionFloat16 rounds both operands to float16, to nearest, ties to even: 11 bits, a relative error of 2^-11 an operand from 2^-14 on and an absolute one of
	// 2^-25 below; numbers from 65520 on become infinite, and then make NaN where they meet 0, or an infinity of the other sign. Beside float32's error of
	// the sum, that of a product of operands from 2^-14 to 65504 is at most 2^-10 sum over k of |a[k] b[k]|.
	PrecisionFloat16
)

// String names the precision.
func (p Precision) String() string {
	if names := [...]string{"highest", "high", "bfloat16", "float16"}; int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("precision(%d)", uint8(p))
}

// ProductPrecision says how exactly the compiled function multiplies, and its gradients if it takes any. The default is PrecisionHighest.
//
// PrecisionBFloat16 and PrecisionFloat16 are about results, not about hardware: each product that the function is made of, after derivatives and
// maps, has its operands rounded and is otherwise exact but for float32 sums. A device whose driver enumerates cooperative matrices of the type
// multiplies on its matrix units; on others ordinary kernels multiply rounded numbers, which gives the same results, in a little more time than without
// the option. (Products that lavagrad's compiler moves together, such as those of a norm of per-sample gradients, are rounded as they were written,
// before it does.)
func ProductPrecision(p Precision) JitOption { return func(c *jitConfig) { c.plan.precision = p } }

// The ops that the option puts before products. They are the compiler's own: derivatives have been taken when they come in.
var (
	bfloat16Rule = roundingRule(shaders.RoundBFloat16, 8)
	float16Rule  = roundingRule(shaders.RoundFloat16, 16)
)

func roundingRule(r shaders.Rounding, cost int) *rule {
	return &rule{name: "round to " + r.String(), types: sameFloat, cost: cost,
		eval: func(x []float64) float64 { return float64(r.Nearest(float32(x[0]))) },
		emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value { return shaders.Round(b, x[0], r) }}
}

// tolerance is by how much a sound program may differ from the evaluator, in units of the largest value: a number between two 16-bit ones may be rounded to
// either, by what float32 made of it.
func (p Precision) tolerance() float64 {
	switch p {
	case PrecisionBFloat16:
		return 2e-2
	case PrecisionFloat16:
		return 4e-3
	}
	return 1e-3
}

// rounds is the op that rounds operands, nil for none.
func (p Precision) rounds() *rule {
	switch p {
	case PrecisionBFloat16:
		return bfloat16Rule
	case PrecisionFloat16:
		return float16Rule
	}
	return nil
}

// apply puts roundings before the operands of products, also of those inside loops and branches; where an operand is a view, before the view, so that
// products find the windows of an image, or a transposed matrix, as they do without.
func (p Precision) apply(outputs []*node) []*node {
	r := p.rounds()
	if r == nil {
		return outputs
	}
	var round func(n *node) *node
	round = func(n *node) *node {
		switch n.op.(type) {
		case reshapeOp, transposeOp, broadcastOp, sliceOp, padOp, windowsOp, flipOp:
			return newNode(n.op, []*node{round(n.in()[0])}, n.spec, n.pc)
		}
		return newNode(elementwise{r}, []*node{n}, n.spec, n.pc)
	}
	return rewrite(outputs, func(n *node, in []*node) *node {
		switch o := n.op.(type) {
		case contractOp:
			if n.spec.DType == Float32 && len(o.summed()) > 0 {
				return newNode(o, []*node{round(in[0]), round(in[1])}, n.spec, n.pc)
			}
		case scanOp:
			o.body = p.within(o.body)
			return newNode(o, in, n.spec, n.pc)
		case whileOp:
			o.cond, o.body = p.within(o.cond), p.within(o.body)
			return newNode(o, in, n.spec, n.pc)
		case switchOp:
			o.branches = slices.Clone(o.branches)
			for i, b := range o.branches {
				o.branches[i] = p.within(b)
			}
			return newNode(o, in, n.spec, n.pc)
		}
		return nil
	})
}

// within is apply for a region.
func (p Precision) within(r region) region {
	r.outs = p.apply(r.outs)
	r.key = p.String() + " " + r.key
	return r
}

// productTarget is what kernels of products must know of a device with profile p, and of its matrix units those that are to be used.
func productTarget(p gpu.Profile, precision Precision) shaders.MatMulTarget {
	t := tune.MatMulTarget(p)
	switch {
	case precision == PrecisionHigh && p.SplitMatrices && t.Cooperative(shaders.SplitBFloat16):
		t.Rounding = shaders.SplitBFloat16
	case !p.RoundedMatrices:
		t.Units = nil
	}
	return t
}

// onUnits gives operands of one rounding as they are before it, with the target for products that round them; else all as it is.
func onUnits(t shaders.MatMulTarget, a, b Tensor) (shaders.MatMulTarget, Tensor, Tensor) {
	r := roundingOf(a.n)
	if r == shaders.Unrounded || r != roundingOf(b.n) || !t.Cooperative(r) {
		return t, a, b
	}
	t.Rounding = r
	return t, Tensor{unrounded(a.n)}, Tensor{unrounded(b.n)}
}

// roundingOf is how n, or what it is a view of, has been rounded.
func roundingOf(n *node) shaders.Rounding {
	for n.op.Class() == View && len(n.in()) == 1 {
		n = n.in()[0]
	}
	if e, ok := n.op.(elementwise); ok {
		switch e.rule {
		case bfloat16Rule:
			return shaders.RoundBFloat16
		case float16Rule:
			return shaders.RoundFloat16
		}
	}
	return shaders.Unrounded
}

// unrounded is n, a view of something rounded, as that was before.
func unrounded(n *node) *node {
	x := n.in()[0]
	if n.op.Class() != View {
		return x
	}
	return newNode(n.op, []*node{unrounded(x)}, n.spec, n.pc)
}
