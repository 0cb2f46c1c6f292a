package graph

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// rule is a row of the table of elementwise ops: everything that tells one from another.
type rule struct {
	name   string
	eval   func(x []float64) float64                           // the definition
	eval64 func(x []float64) float64                           // for operands of float64 instead, where the definition is another
	emit64 func(b *spirv.Builder, x []spirv.Value) spirv.Value // the kernel code for float64 of a row that doubleForms does not name
	ints   func(x []int64) int64                               // for integers instead, where float64 would not be exact
	emit   func(b *spirv.Builder, x []spirv.Value) spirv.Value // the kernel code, scalars or vectors
	part   []func(c Call) Tensor                               // partial derivative by each operand; nil: none flows
	types  typeRule
	cost   int // rough number of machine operations an element
	cases  func(o Op) []Case
}

// elementwise is an op whose result element depends on the operands' elements at the same index.
// The operands have one shape: the Tensor methods broadcast beforehand.
type elementwise struct{ *rule }

func (o elementwise) Name() string { return o.name }
func (o elementwise) Key() string  { return o.name }
func (o elementwise) Class() Class { return Pointwise }

func (o elementwise) Infer(in []Spec) (Spec, error) {
	for _, s := range in[1:] {
		if !s.Shape.Equal(in[0].Shape) {
			return Spec{}, shapeError("broadcast the operands first", "shapes %v and %v differ", in[0].Shape, s.Shape)
		}
	}
	d, err := o.types(in)
	if i := firstFloat64(in); err == nil && i >= 0 && o.double() == nil {
		err = noFloat64(in[i])
	}
	return Spec{d, in[0].Shape}, err
}

func (o elementwise) Eval(out *Host, in []*Host) {
	if o.ints != nil && out.DType.IsInt() {
		o.evalInts(out, in)
		return
	}
	eval := o.eval
	if o.eval64 != nil && slices.ContainsFunc(in, func(h *Host) bool { return h.DType == Float64 }) {
		eval = o.eval64
	}
	x := make([]float64, len(in))
	for i := range out.V {
		for j, h := range in {
			x[j] = h.V[i]
		}
		out.V[i] = out.DType.wrap(eval(x))
	}
}

func (o elementwise) evalInts(out *Host, in []*Host) {
	x := make([]int64, len(in))
	for i := range out.V {
		for j, h := range in {
			x[j] = int64(h.V[i])
		}
		if v := o.ints(x); out.DType == Int32 {
			out.V[i] = float64(int32(v))
		} else {
			out.V[i] = float64(uint32(v))
		}
	}
}

// JVP is the sum of the partial derivatives times the tangents.
func (o elementwise) JVP(c Call, tangents []Tensor) Tensor {
	var sum Tensor
	for i, t := range tangents {
		if t.Valid() && o.part != nil && o.part[i] != nil {
			sum = addTangent(sum, scaleBy(t, o.part[i](c)))
		}
	}
	return sum
}

// VJP is the cotangent times each partial derivative.
func (o elementwise) VJP(c Call, ct Tensor) []Tensor {
	out := make([]Tensor, len(c.In))
	for i, x := range c.In {
		if o.part != nil && o.part[i] != nil && x.DType().IsFloat() {
			out[i] = scaleBy(ct, o.part[i](c))
		}
	}
	return out
}

func (o elementwise) Batch(c Call, in []Tensor, batched []bool, size int) Tensor {
	return apply(o, alignBatch(in, batched, size)...)
}

func (o elementwise) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	x := make([]*shaders.Expr, n.Len())
	for i := range x {
		x[i] = l.At(i, at)
	}
	emit := o.emit
	for i := range x {
		if n.In(i).DType == Float64 { // the floats among the operands have one type
			emit = o.double()
		}
	}
	return l.Apply(n.Out().DType, &shaders.Fn{Name: o.name, Cost: o.cost, Emit: emit}, x...)
}

func (o elementwise) Cases() []Case { return o.cases(o) }

// addTangent adds two tangents of which either may be absent.
func addTangent(a, b Tensor) Tensor {
	switch {
	case !a.Valid():
		return b
	case !b.Valid():
		return a
	}
	return a.Add(b)
}

// scaleBy multiplies a tangent with a derivative; the literal 1 and -1 cost nothing.
func scaleBy(t, d Tensor) Tensor {
	if c, ok := d.n.op.(constOp); ok && c.splat() {
		switch c.values[0] {
		case 1:
			return t
		case -1:
			return t.Neg()
		}
	}
	return t.Mul(d)
}

// alignBatch gives every operand the batch axis.
func alignBatch(in []Tensor, batched []bool, size int) []Tensor {
	out := make([]Tensor, len(in))
	for i, t := range in {
		if !batched[i] {
			t = t.stretch(t.Shape().prepend(size))
		}
		out[i] = t
	}
	return out
}

// typeRule gives the result's dtype from the operands' specs.
type typeRule func(in []Spec) (DType, error)

// sameFloat: operands of one float type, which is the result's.
func sameFloat(in []Spec) (DType, error) {
	for i, s := range in {
		if !s.DType.IsFloat() {
			return 0, dtypeError("convert with AsFloat", "operand %d is %v, want float32 or float64", i, s)
		}
	}
	return sameType(in)
}

// sameNumber: operands of one number type, which is the result's.
func sameNumber(in []Spec) (DType, error) {
	if in[0].DType == Bool {
		return 0, dtypeError("convert with AsFloat or AsInt", "operand 0 is %v, want numbers", in[0])
	}
	return sameType(in)
}

func sameType(in []Spec) (DType, error) {
	for i, s := range in[1:] {
		if s.DType != in[0].DType {
			return 0, dtypeError("convert one of them with AsFloat, AsInt or Convert", "operand 0 is %v, operand %d is %v", in[0], i+1, s)
		}
	}
	return in[0].DType, nil
}

// sameInt: integers of one type.
func sameInt(in []Spec) (DType, error) {
	if !in[0].DType.IsInt() {
		return 0, dtypeError("convert with AsInt", "operand 0 is %v, want integers", in[0])
	}
	return sameType(in)
}

// comparison: operands of one type, boolean result.
func comparison(in []Spec) (DType, error) {
	_, err := sameType(in)
	return Bool, err
}

// ordering: as comparison, but booleans have no order.
func ordering(in []Spec) (DType, error) {
	_, err := sameNumber(in)
	return Bool, err
}

// floatTest: float operand, boolean result.
func floatTest(in []Spec) (DType, error) {
	_, err := sameFloat(in)
	return Bool, err
}

// logical: booleans.
func logical(in []Spec) (DType, error) {
	if in[0].DType != Bool {
		return 0, dtypeError("compare first, for example x.Ne(x.Like(0))", "operand 0 is %v, want bool", in[0])
	}
	return sameType(in)
}

// Shorthands for the table's columns.

type (
	builder = spirv.Builder
	value   = spirv.Value
)

func eval1(f func(float64) float64) func([]float64) float64 {
	return func(x []float64) float64 { return f(x[0]) }
}

func eval2(f func(a, b float64) float64) func([]float64) float64 {
	return func(x []float64) float64 { return f(x[0], x[1]) }
}

func test2(f func(a, b float64) bool) func([]float64) float64 {
	return func(x []float64) float64 {
		if f(x[0], x[1]) {
			return 1
		}
		return 0
	}
}

func emit1(f func(*builder, value) value) func(*builder, []value) value {
	return func(b *builder, x []value) value { return f(b, x[0]) }
}

func emit2(f func(*builder, value, value) value) func(*builder, []value) value {
	return func(b *builder, x []value) value { return f(b, x[0], x[1]) }
}

func d1(f func(x, y Tensor) Tensor) []func(Call) Tensor {
	return []func(Call) Tensor{func(c Call) Tensor { return f(c.In[0], c.Out) }}
}

func d2(f, g func(a, b, y Tensor) Tensor) []func(Call) Tensor {
	return []func(Call) Tensor{
		func(c Call) Tensor { return f(c.In[0], c.In[1], c.Out) },
		func(c Call) Tensor { return g(c.In[0], c.In[1], c.Out) },
	}
}

// floats1 and the like are the sample operands of a row.
func floats1(lo, hi float64) func(Op) []Case {
	return func(o Op) []Case {
		return []Case{
			{Op: o, In: []Sample{sampleIn(lo, hi, 7)}},
			{Op: o, In: []Sample{sampleIn(lo, hi, 3, 8)}},
		}
	}
}

func floats2(lo, hi float64) func(Op) []Case {
	return func(o Op) []Case {
		return []Case{{Op: o, In: []Sample{sampleIn(lo, hi, 2, 5), sampleIn(lo, hi, 2, 5)}}}
	}
}

func numbers2(lo, hi float64) func(Op) []Case {
	return func(o Op) []Case {
		return []Case{
			{Op: o, In: []Sample{sampleIn(lo, hi, 2, 5), sampleIn(lo, hi, 2, 5)}},
			{Op: o, In: []Sample{sampleOf(Int32, -50, 50, 9), sampleOf(Int32, 1, 50, 9)}},
		}
	}
}

func kinked(f func(Op) []Case) func(Op) []Case {
	return func(o Op) []Case {
		cs := f(o)
		for i := range cs {
			cs[i].Kinked = true
		}
		return cs
	}
}

func loose(tol float64, f func(Op) []Case) func(Op) []Case {
	return func(o Op) []Case {
		cs := f(o)
		for i := range cs {
			cs[i].Tolerance = tol
		}
		return cs
	}
}

func ints2(o Op) []Case {
	return []Case{{Op: o, In: []Sample{sampleOf(Int32, -9, 9, 8), sampleOf(Int32, 1, 9, 8)}}}
}

func bools(n int) func(Op) []Case {
	return func(o Op) []Case {
		c := Case{Op: o}
		for range n {
			c.In = append(c.In, sampleOf(Bool, 0, 2, 8))
		}
		return []Case{c}
	}
}

func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
