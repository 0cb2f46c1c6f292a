package graph

import (
	"fmt"
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// paramOp is a parameter of a trace.
type paramOp struct{ leafRules }

func (paramOp) Name() string               { return "parameter" }
func (paramOp) Infer([]Spec) (Spec, error) { panic("BUG: graph: parameters are made by traces") }
func (paramOp) Eval(*Host, []*Host)        { panic("BUG: graph: a parameter has no value") }
func (paramOp) Lower(*Lowering, Operands, []shaders.Index) *shaders.Expr {
	panic("BUG: graph: a parameter is an array of the kernel")
}

// dataOp is an array on a device.
type dataOp struct{ leafRules }

func (dataOp) Name() string               { return "array" }
func (dataOp) Infer([]Spec) (Spec, error) { panic("BUG: graph: arrays are made by uploads") }
func (dataOp) Eval(*Host, []*Host)        { panic("BUG: graph: the evaluator downloads arrays itself") }
func (dataOp) Lower(*Lowering, Operands, []shaders.Index) *shaders.Expr {
	panic("BUG: graph: an array is an argument of the kernel")
}

// constOp is a literal: one value for the whole shape, or one for each element.
type constOp struct {
	leafRules
	spec   Spec
	values []float64
}

func (o constOp) Name() string { return "constant" }

// Key tells constants apart to the bit, so that NaN equals NaN and 0 is not -0.
func (o constOp) Key() string {
	bits := make([]uint64, len(o.values))
	for i, v := range o.values {
		bits[i] = math.Float64bits(v)
	}
	return fmt.Sprintf("constant %v %x", o.spec, bits)
}

func (o constOp) splat() bool                { return len(o.values) == 1 }
func (o constOp) Infer([]Spec) (Spec, error) { return o.spec, nil }

func (o constOp) Eval(out *Host, _ []*Host) {
	for i := range out.V {
		if o.splat() {
			out.V[i] = o.values[0]
		} else {
			out.V[i] = o.values[i]
		}
	}
}

func (o constOp) Lower(l *Lowering, _ Operands, _ []shaders.Index) *shaders.Expr {
	return l.Literal(o.spec.DType, o.values[0])
}

func constant(s Spec, values ...float64) Tensor {
	if s.DType.IsInt() {
		for _, v := range values {
			if !s.DType.holds(v) {
				fail("constant", ErrArgument, "convert the tensor to a float type first, or give a whole number that the type has", "%v is no %v", v, s.DType)
			}
		}
	}
	return apply(constOp{spec: s, values: values})
}

// Scalar is a float32 constant without axes.
func Scalar(v float64) Tensor { return constant(Spec{Float32, Shape{}}, v) }

// Int is an int32 constant without axes.
func Int(v int) Tensor { return constant(Spec{Int32, Shape{}}, float64(v)) }

// Full is a constant tensor with the same value everywhere.
func Full(d DType, v float64, shape ...int) Tensor {
	checkDims("full", shape)
	return constant(Spec{d, slices.Clone(shape)}, v)
}

// Zeros is a float32 tensor of zeros.
func Zeros(shape ...int) Tensor { return Full(Float32, 0, shape...) }

// Ones is a float32 tensor of ones.
func Ones(shape ...int) Tensor { return Full(Float32, 1, shape...) }

// Literal is a small constant written into the program, such as a stencil or a table. Use FromSlice
// for data. The values are float32 elements in row-major order; without a shape the result is a vector.
func Literal(values []float32, shape ...int) Tensor {
	if len(shape) == 0 {
		shape = []int{len(values)}
	}
	checkDims("literal", shape)
	s := Spec{Float32, slices.Clone(shape)}
	if s.Shape.Size() != len(values) {
		fail("literal", ErrShape, "give as many values as the shape has elements", "%d values for shape %v", len(values), s.Shape)
	}
	v := make([]float64, len(values))
	for i, x := range values {
		v[i] = float64(x)
	}
	if len(v) == 0 {
		v = []float64{0}
	}
	return constant(s, v...)
}

// Like is a constant without axes of t's element type. For integers v must be whole and in the type's range.
func (t Tensor) Like(v float64) Tensor { return constant(Spec{t.DType(), Shape{}}, v) }

func checkDims(op string, shape []int) {
	for i, d := range shape {
		if d < 0 {
			fail(op, ErrArgument, "axis lengths are 0 or more", "axis %d of %v is negative", i, Shape(shape))
		}
	}
	if Shape(shape).overflows() {
		fail(op, ErrArgument, "work in smaller parts", "%v has more than 2^63-1 elements", Shape(shape))
	}
}
