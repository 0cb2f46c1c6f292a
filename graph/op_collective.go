package graph

import "fmt"

// collectiveOp folds over the samples of the enclosing vmap whose axis has this name. Until that vmap has run, it stands
// for a value that each sample shares with the others; the vmap replaces it by a reduction.
type collectiveOp struct {
	identityRules
	kind reduction
	axis string
}

// reduction is the kind of a collective.
type reduction string

const (
	collectiveSum  reduction = "psum"
	collectiveMean reduction = "pmean"
	collectiveMax  reduction = "pmax"
)

func (o collectiveOp) Name() string { return string(o.kind) }
func (o collectiveOp) Key() string  { return fmt.Sprintf("%s %q", o.kind, o.axis) }

func (o collectiveOp) Infer(in []Spec) (Spec, error) {
	d := in[0].DType
	if d == Bool || o.kind == collectiveMean && !d.IsFloat() {
		return Spec{}, dtypeError("convert it with AsFloat", "the operand is %v", in[0])
	}
	return in[0], nil
}

// share gives every sample among which x is the largest its part of the derivative of the maximum.
func (o collectiveOp) share(x, largest Tensor) Tensor {
	is := x.Eq(largest).Convert(x.DType())
	return is.Div(PSum(is, o.axis))
}

func (o collectiveOp) JVP(c Call, t []Tensor) Tensor {
	if o.kind == collectiveMax {
		return PSum(t[0].Mul(o.share(c.In[0], c.Out)), o.axis)
	}
	return apply(o, t[0])
}

// VJP: a sample's operand enters the results of all samples, so their cotangents are folded alike.
func (o collectiveOp) VJP(c Call, ct Tensor) []Tensor {
	if o.kind == collectiveMax {
		return []Tensor{PSum(ct, o.axis).Mul(o.share(c.In[0], c.Out))}
	}
	return []Tensor{apply(o, ct)}
}

// Batch is for an axis of another name.
func (o collectiveOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor { return apply(o, in[0]) }

// fold is the reduction over the samples of x, or of as many equal ones where x has no sample axis.
func (o collectiveOp) fold(x Tensor, mapped bool, size int) Tensor {
	if size == 0 {
		if mapped {
			return x
		}
		return x.stretch(x.Shape().prepend(0))
	}
	shape := x.Shape().prepend(size)
	switch {
	case !mapped:
		if o.kind == collectiveSum {
			x = x.Scale(float64(size))
		}
		return x.stretch(shape)
	case o.kind == collectiveSum:
		return x.Sum(0).stretch(x.Shape())
	case o.kind == collectiveMean:
		return x.Mean(0).stretch(x.Shape())
	}
	return x.ReduceMax(0).stretch(x.Shape())
}

func (o collectiveOp) unbound(n *node) error {
	return &Error{Op: o.Name(), Pos: position(n.pc), Kind: ErrArgument, Detail: fmt.Sprintf("no enclosing vmap has an axis named %q", o.axis),
		Fix: fmt.Sprintf("map the function with vmap.Name(%q)", o.axis)}
}

// PSum is the sum of t over the samples of the enclosing vmap whose axis has the given name (vmap.Name); every sample gets
// it. A tensor that does not depend on the sample counts once for each. A gradient taken inside the mapped function counts
// a sample's effect on the results of all samples. Without such a vmap, computing the value is an error.
func PSum(t Tensor, axis string) Tensor {
	return apply(collectiveOp{kind: collectiveSum, axis: axis}, t)
}

// PMean is the mean over the samples of a named axis, of float tensors; see PSum.
func PMean(t Tensor, axis string) Tensor {
	return apply(collectiveOp{kind: collectiveMean, axis: axis}, t)
}

// PMax is the largest over the samples of a named axis, element by element; see PSum. NaN wins. Samples
// that share the maximum share its gradient.
func PMax(t Tensor, axis string) Tensor {
	return apply(collectiveOp{kind: collectiveMax, axis: axis}, t)
}
