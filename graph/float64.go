package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders/emath64"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// doubleForms are the elementwise ops that exist for float64, by name, with their kernel code; nil stands for the
// code that the op has for the other types.
var doubleForms = map[string]func(b *builder, x []value) value{
	"add": nil, "sub": nil, "mul": nil, "div": nil, "max": nil, "min": nil, "neg": nil, "abs": nil, "sign": nil,
	"floor": nil, "ceil": nil, "round": nil, "eq": nil, "ne": nil, "lt": nil, "le": nil, "isnan": nil,
	"trunc": nil, "isinf": nil, "isfinite": nil,
	"center": emit2(func(b *builder, x, y value) value { return b.Select(b.Eq(x, y), b.ConstF64(0), b.Sub(x, y)) }),
	"sqrt":   emit1(emath64.Sqrt), "rsqrt": emit1(emath64.Rsqrt), "exp": emit1(emath64.Exp), "expm1": emit1(emath64.Expm1),
	"log": emit1(emath64.Log), "log1p": emit1(emath64.Log1p), "tanh": emit1(emath64.Tanh), "sigmoid": emit1(emath64.Sigmoid),
	"softplus": emit1(emath64.Softplus), "logaddexp": emit2(emath64.LogAddExp), "pow": emit2(emath64.Pow), "exp2": emit1(emath64.Exp2),
	"log2": emit1(emath64.Log2), "sin": emit1(emath64.Sin), "cos": emit1(emath64.Cos), "tan": emit1(emath64.Tan), "sinh": emit1(emath64.Sinh),
	"cosh": emit1(emath64.Cosh), "asinh": emit1(emath64.Asinh), "acosh": emit1(emath64.Acosh), "atanh": emit1(emath64.Atanh), "erf": emit1(emath64.Erf), "erfc": emit1(emath64.Erfc), "atan": emit1(emath64.Atan),
	"atan2": emit2(emath64.Atan2), "asin": emit1(emath64.Asin), "acos": emit1(emath64.Acos),
	"relu":   emit1(func(b *builder, x value) value { return b.Max(x, b.ConstF64(0)) }),
	"erfinv": emit1(emath64.Erfinv), "lgamma": emit1(emath64.Lgamma), "digamma": emit1(emath64.Digamma),
	"normal cdf": emit1(emath64.NormalCDF), "normal quantile": emit1(emath64.NormalQuantile),
	"gamma draw": nil, "log gamma draw": nil, "poisson draw": nil, // whose code looks at the operand's type
	"reciprocal": emit1(func(b *builder, x value) value {
		return b.Div(b.Splat(b.ConstF64(1), x.Type.Lanes), x)
	}),
}

// double is the op's kernel code for float64, nil where it has none.
func (r *rule) double() func(b *spirv.Builder, x []spirv.Value) spirv.Value {
	if r.emit64 != nil {
		return r.emit64
	}
	emit, ok := doubleForms[r.name]
	if ok && emit == nil {
		return r.emit
	}
	return emit
}

// firstFloat64 is the first operand of Float64, or -1.
func firstFloat64(in []Spec) int {
	return slices.IndexFunc(in, func(s Spec) bool { return s.DType == Float64 })
}

// noFloat64 is the error of an op that has no form for float64 operands.
func noFloat64(s Spec) error {
	return dtypeError("convert with AsFloat", "the operand is %v, and this op has no float64 form", s)
}

func hasFloat64(dev *gpu.Device) bool { return dev.Info().Features.Float64 }

// float64Missing says that a device cannot compute in float64.
func float64Missing(dev *gpu.Device, op string, pc uintptr, s Spec) *Error {
	return &Error{Op: op, Pos: position(pc), Kind: ErrDType, Detail: s.String() + ", but the device " + dev.Name() + " lacks the feature shaderFloat64",
		Fix: "use float32, or a device with float64 arithmetic (lavagrad doctor lists them)"}
}

// supported reports nodes whose element type the device has no arithmetic for.
func supported(dev *gpu.Device, outputs []*node) error {
	if hasFloat64(dev) {
		return nil
	}
	for _, n := range reach(outputs, nil) {
		if n.spec.DType == Float64 {
			return float64Missing(dev, n.op.Name(), n.pc, n.spec)
		}
	}
	return nil
}

// checkKernelTypes fails for ops with kernels of their own that see float64 without being made for it.
func checkKernelTypes(n *node) {
	if _, ok := n.op.(interface{ float64Kernels() }); ok {
		return
	}
	for _, x := range append([]*node{n}, n.in()...) {
		if x.spec.DType == Float64 {
			panic(&Error{Op: n.op.Name(), Pos: position(n.pc), Kind: ErrDType, Detail: x.spec.String() + ": this op has no float64 form",
				Fix: "convert with AsFloat"})
		}
	}
}

// orFloat32 is the type of d's tangents: d itself for floats, float32 for others.
func (d DType) orFloat32() DType {
	if d.IsFloat() {
		return d
	}
	return Float32
}
