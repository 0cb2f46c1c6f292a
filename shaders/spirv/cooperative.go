package spirv

// Cooperative matrices (SPV_KHR_cooperative_matrix) are held by a subgroup together, whose invocations all must come where one is loaded, multiplied
// or stored. Kernels that use them set Config.Cooperative, and need a device that enumerates a product of these types and sizes.

// Component is the type of a cooperative matrix's elements.
type Component uint8

// The components that kernels multiply and add.
const (
	Half     Component = iota + 1 // IEEE binary16
	Brain                         // bfloat16 (SPV_KHR_bfloat16)
	Single                        // IEEE binary32
	anyOther                      // the number of components
)

// MatrixUse is what a cooperative matrix is in a product.
type MatrixUse uint32

// The uses, by their SPIR-V numbers.
const (
	MatrixA MatrixUse = iota
	MatrixB
	Accumulator
)

// MatrixType is the type of a cooperative matrix. Types are comparable.
type MatrixType struct {
	Component  Component
	Rows, Cols int
	Use        MatrixUse
}

// Matrix is a cooperative matrix.
type Matrix struct {
	ID   uint32
	Type MatrixType
}

// MatrixVar is a variable that holds one, such as a sum over the rounds of a loop.
type MatrixVar struct {
	id   uint32
	Type MatrixType
}

// MatrixLayout is how a matrix lies in memory.
type MatrixLayout uint32

// The layouts, by their SPIR-V numbers.
const (
	RowMajor MatrixLayout = iota
	ColumnMajor
)

// cooperativeUse is what a module declares for its matrices.
type cooperativeUse struct {
	half, brain bool
	vars        section // function variables, which come first in the function
}

func (b *Builder) componentType(c Component) uint32 {
	switch c {
	case Half:
		b.cooperative.half = true
		return b.declareType(opTypeFloat, 0, 16)
	case Brain:
		b.cooperative.brain = true
		key := typeKey{op: opTypeFloat, args: [7]uint32{16}, tag: capBFloat16Type}
		if id, ok := b.types[key]; ok {
			return id
		}
		id := b.newID()
		b.types[key] = id
		b.globals.add(opTypeFloat, id, 16, encodingBFloat16)
		return id
	case Single:
		return b.typeOf(F32)
	}
	bug("matrix component %d", c)
	return 0
}

func (b *Builder) matrixType(t MatrixType) uint32 {
	if !b.cfg.Cooperative {
		bug("a cooperative matrix in a kernel without Config.Cooperative")
	}
	if t.Rows < 1 || t.Cols < 1 || t.Component < 1 || t.Component >= anyOther || t.Use > Accumulator {
		bug("cooperative matrix %v", t)
	}
	u := func(x uint32) uint32 { return b.ConstU32(x).ID }
	return b.declareType(opTypeCooperativeMatrix, 0, b.componentType(t.Component), u(scopeSubgroup), u(uint32(t.Rows)), u(uint32(t.Cols)), u(uint32(t.Use)))
}

// MatrixVariable declares a variable, at first a matrix of zeros of a type of Single elements.
func (b *Builder) MatrixVariable(t MatrixType) MatrixVar {
	if t.Component != Single {
		bug("variable of %v", t)
	}
	typeID := b.matrixType(t)
	zero := b.zeroMatrix(typeID)
	v := MatrixVar{b.newID(), t}
	b.cooperative.vars.add(opVariable, b.pointerTo(classFunction, typeID), v.id, classFunction, zero)
	return v
}

// zeroMatrix is the constant of a matrix type whose elements are all 0.
func (b *Builder) zeroMatrix(typeID uint32) uint32 {
	key := typeKey{op: opConstantComposite, args: [7]uint32{typeID}}
	id, ok := b.types[key]
	if !ok {
		element := b.ConstF32(0).ID
		id = b.newID()
		b.types[key] = id
		b.globals.add(opConstantComposite, typeID, id, element)
	}
	return id
}

// LoadMatrix reads a matrix from an array in workgroup memory whose elements hold the bits of the components one after the other, from element
// index on; rows of a RowMajor one, columns of a ColumnMajor one, begin stride elements apart. A row or column, and the stride, must be multiples of 16
// bytes.
func (b *Builder) LoadMatrix(a *SharedArray, index, stride Value, layout MatrixLayout, t MatrixType) Matrix {
	m := Matrix{Type: t}
	typeID := b.matrixType(t)
	ptr := b.sharedElement(a, index)
	order := b.ConstU32(uint32(layout)).ID
	m.ID = b.newID()
	b.body.add(opCooperativeMatrixLoad, typeID, m.ID, ptr, order, stride.ID, accessNonPrivate)
	return m
}

// StoreMatrix writes what a variable holds to an array in workgroup memory, row by row, as LoadMatrix reads.
func (b *Builder) StoreMatrix(a *SharedArray, index, stride Value, v MatrixVar) {
	m := b.matrix(v)
	ptr := b.sharedElement(a, index)
	b.body.add(opCooperativeMatrixStore, ptr, m, b.ConstU32(uint32(RowMajor)).ID, stride.ID, accessNonPrivate)
}

// MulAddMatrix adds the product of two matrices to a variable.
func (b *Builder) MulAddMatrix(sum MatrixVar, x, y Matrix) {
	if x.Type.Use != MatrixA || y.Type.Use != MatrixB || sum.Type.Use != Accumulator || x.Type.Cols != y.Type.Rows ||
		x.Type.Rows != sum.Type.Rows || y.Type.Cols != sum.Type.Cols || x.Type.Component != y.Type.Component {
		bug("product of %v and %v added to %v", x.Type, y.Type, sum.Type)
	}
	old := b.matrix(sum)
	id := b.newID()
	b.body.add(opCooperativeMatrixMulAdd, b.matrixType(sum.Type), id, x.ID, y.ID, old)
	b.body.add(opStore, sum.id, id)
}

func (b *Builder) matrix(v MatrixVar) uint32 {
	typeID := b.matrixType(v.Type)
	id := b.newID()
	b.body.add(opLoad, typeID, id, v.id)
	return id
}

// declareCooperative adds the capabilities of a kernel with cooperative matrices, and names its extensions.
func (b *Builder) declareCooperative(s *section) []string {
	s.add(opCapability, capVulkanMemoryModel)
	s.add(opCapability, capCooperativeMatrix)
	extensions := []string{"SPV_KHR_vulkan_memory_model", "SPV_KHR_cooperative_matrix"}
	if b.cooperative.half {
		s.add(opCapability, capFloat16)
	}
	if b.cooperative.brain {
		s.add(opCapability, capBFloat16Type)
		s.add(opCapability, capBFloat16CooperativeMatrix)
		extensions = append(extensions, "SPV_KHR_bfloat16")
	}
	return extensions
}
