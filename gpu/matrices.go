package gpu

import (
	"fmt"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// Component is the type of a cooperative matrix's elements.
type Component uint8

// The components that drivers name.
const (
	MatrixFloat16 Component = iota + 1
	MatrixFloat32
	MatrixFloat64
	MatrixInt8
	MatrixInt16
	MatrixInt32
	MatrixInt64
	MatrixUint8
	MatrixUint16
	MatrixUint32
	MatrixUint64
	MatrixBFloat16
)

// String returns a short name such as "f16", "bf16" or "i8".
func (c Component) String() string {
	names := [...]string{"?", "f16", "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bf16"}
	if int(c) >= len(names) {
		return names[0]
	}
	return names[c]
}

// component reads a VkComponentTypeKHR: 0 to 10 in the order of the constants, and one of a later extension.
func component(vulkan uint32) Component {
	const bfloat16 = 1000141000 // VK_COMPONENT_TYPE_BFLOAT16_KHR
	switch {
	case vulkan < uint32(MatrixBFloat16-MatrixFloat16):
		return MatrixFloat16 + Component(vulkan)
	case vulkan == bfloat16:
		return MatrixBFloat16
	}
	return 0
}

// MatrixProduct is a product that a subgroup computes as one instruction: Result = A B + C, where A is M x K, B is K x N, C and the result are M x N, and the
// fields are their components.
type MatrixProduct struct {
	M, N, K         int
	A, B, C, Result Component
	Saturating      bool // integers keep to the ends of their range instead of wrapping
}

// String writes the product, such as "16x16x16 f16 f16 + f32 = f32", M, N and K in this order.
func (p MatrixProduct) String() string {
	s := fmt.Sprintf("%dx%dx%d %v %v + %v = %v", p.M, p.N, p.K, p.A, p.B, p.C, p.Result)
	if p.Saturating {
		s += " saturating"
	}
	return s
}

// matrixProducts lists the products at subgroup scope whose components have a name and, for bfloat16, a feature.
func matrixProducts(p *vk.Properties) []MatrixProduct {
	const subgroup = 3 // VK_SCOPE_SUBGROUP_KHR
	var list []MatrixProduct
	for _, m := range p.Matrices {
		x := MatrixProduct{M: int(m.M), N: int(m.N), K: int(m.K), A: component(m.A), B: component(m.B), C: component(m.C), Result: component(m.Result), Saturating: m.Saturating}
		known := x.A != 0 && x.B != 0 && x.C != 0 && x.Result != 0
		for _, c := range [...]Component{x.A, x.B, x.C, x.Result} {
			known = known && (c != MatrixBFloat16 || p.Features&vk.BFloat16 != 0)
		}
		if known && m.Scope == subgroup {
			list = append(list, x)
		}
	}
	return list
}
