// Package shaders holds everything that becomes SPIR-V: the emission of fused kernels from expressions,
// and the hand-written GLSL kernels with their compiled modules.
//
// A Fused kernel is an expression of loads, elementwise functions and reductions over a space of output
// axes. Package graph builds one for every kernel of a program; Compile turns it into words:
//
//	expr.go      the expressions and their sharing
//	index.go     affine positions, simplified by their ranges
//	collapse.go  neighbouring axes that act as one are made one
//	split.go     long reductions into few results are cut in two kernels
//	pieces.go    what a binding cannot hold, or reads slowly, is cut along the outermost axis
//	base.go      arguments of which a part is read begin with it
//	scalars.go   the user's scalars are push constants
//	schedule.go  vector axis, tile and workgroup for a target device
//	emit*.go     the code
//
// No kernel handles one element an invocation: every form works on vectors of four along the axis that
// makes most memory accesses whole vectors, and on tiles of positions that share loads. The length of
// the outermost output axis and of each reduction's outermost axis are push constants, so that another
// batch size needs no new module.
//
// Subpackage spirv is the assembler, emath the elementary functions. The GLSL sources in glsl/ are compiled by
// tools/glslc.sh into the modules embedded here.
package shaders
