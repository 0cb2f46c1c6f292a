package graph

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// convertOp changes the element type, keeping values: floats are truncated towards zero and
// saturate at the integer range, NaN becomes 0; anything but 0 is true.
type convertOp struct{ to DType }

func (convertOp) Name() string                    { return "convert" }
func (convertOp) Class() Class                    { return Pointwise }
func (o convertOp) Infer(in []Spec) (Spec, error) { return Spec{o.to, in[0].Shape}, nil }

func (o convertOp) Eval(out *Host, in []*Host) {
	for i, v := range in[0].V {
		out.V[i] = o.convert(v, in[0].DType)
	}
}

func (o convertOp) convert(v float64, from DType) float64 {
	switch {
	case o.to == Bool:
		if v != 0 {
			return 1
		}
		return 0
	case !o.to.IsInt():
		return v
	case from.IsInt():
		return o.to.wrap(v)
	case math.IsNaN(v):
		return 0
	case o.to == Int32:
		return min(max(math.Trunc(v), math.MinInt32), math.MaxInt32)
	default:
		return min(max(math.Trunc(v), 0), math.MaxUint32)
	}
}

func (o convertOp) JVP(c Call, t []Tensor) Tensor {
	if !o.to.IsFloat() {
		return Tensor{}
	}
	return t[0].Convert(o.to)
}

func (o convertOp) VJP(c Call, ct Tensor) []Tensor {
	if !c.In[0].DType().IsFloat() || !o.to.IsFloat() {
		return []Tensor{{}}
	}
	return []Tensor{ct.Convert(c.In[0].DType())}
}

func (o convertOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor { return apply(o, in[0]) }

func (o convertOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	k := o.to.kind()
	fn := &shaders.Fn{Name: "convert " + o.to.String(), Cost: 2, Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value {
		return b.Convert(x[0], k)
	}}
	return l.Apply(o.to, fn, l.At(0, at))
}

func (convertOp) Cases() []Case {
	return []Case{
		{Op: convertOp{Int32}, In: []Sample{sampleIn(-9, 9, 6)}},
		{Op: convertOp{Uint32}, In: []Sample{sampleIn(-3, 9, 6)}},
		{Op: convertOp{Float32}, In: []Sample{sampleOf(Int32, -9, 9, 6)}},
		{Op: convertOp{Float32}, In: []Sample{sampleOf(Bool, 0, 2, 6)}},
		{Op: convertOp{Bool}, In: []Sample{sampleOf(Int32, -2, 2, 6)}},
	}
}

// Convert changes the element type. Floats are truncated towards zero and saturate at the integer
// range, NaN becomes 0; anything but 0 is true. Gradients flow between floats only.
func (t Tensor) Convert(to DType) Tensor {
	if t.must("convert").spec.DType == to {
		return t
	}
	return apply(convertOp{to}, t)
}

// AsFloat converts to float32.
func (t Tensor) AsFloat() Tensor { return t.Convert(Float32) }

// AsInt converts to int32.
func (t Tensor) AsInt() Tensor { return t.Convert(Int32) }
