// Package spirv assembles SPIR-V compute kernels.
//
// A [Builder] emits one compute entry point named "main" for SPIR-V 1.3, the
// version every Vulkan 1.1 driver accepts, with storage buffers in the
// StorageBuffer class and structured control flow only. Values are typed:
// booleans, 32-bit integers and 32-bit floats, as scalars or vectors of up to
// four lanes. Types and constants are memoised, integer arithmetic on
// constants is folded, and a pure instruction already emitted in the same or
// an enclosing block is reused, so that code generators may be naive. The
// same calls give the same words. Cooperative matrices (cooperative.go) have
// types of their own.
//
// A kernel that doubles a buffer:
//
//	b := spirv.NewBuilder(spirv.Config{Name: "double", LocalSize: [3]uint32{64, 1, 1}})
//	x := b.StorageBuffer(0, spirv.F32, spirv.ReadOnly)
//	y := b.StorageBuffer(1, spirv.F32, spirv.WriteOnly)
//	b.Push(1) // word 0: number of elements
//	i := b.GlobalID(0)
//	b.If(b.Lt(i, b.PushU32(0)), func() {
//		v := b.Load(x, i)
//		b.Store(y, i, b.Add(v, v))
//	})
//	words := b.Module()
//
// [NewGraft] continues a finished module instead: what is emitted runs in the
// place of its stores.
//
// Misuse (mixing types, closing what is not open) is a broken invariant of the
// code generator, not of its input, and panics with a "BUG: spirv:" message.
//
// # Sources
//
// SPIR-V Specification 1.6 (instruction numbers and layout, sections 2 and 3;
// structured control flow, section 2.11), the SPIR-V environment for Vulkan
// (Vulkan 1.1, appendix A), and the GLSL.std.450 extended instruction set.
package spirv
