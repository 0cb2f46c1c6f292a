package spirv

// Config describes a kernel.
type Config struct {
	// Name is written as the debug name of the entry point; may be empty. It
	// is part of the words, so kernels that should share a pipeline share it.
	Name string
	// LocalSize is the workgroup size; zeros count as 1.
	LocalSize [3]uint32
	// PreserveNaN asks for SignedZeroInfNanPreserve at 32 bits
	// (SPV_KHR_float_controls), which forbids the driver to assume that no
	// float is NaN, infinite or a negative zero. Use it only where the
	// device reports shaderSignedZeroInfNanPreserveFloat32.
	PreserveNaN bool
	// ScalarShifts says that the driver shifts the lanes of a register one by
	// one: shifts by constants are then made of multiplications, which are
	// the same to the bit.
	ScalarShifts bool
	// Overlap says that different bindings may name overlapping memory, for
	// kernels that update in place; buffers are then not marked Restrict.
	Overlap bool
	// Cooperative says that the kernel uses cooperative matrices
	// (cooperative.go). Its module then has the Vulkan memory model.
	Cooperative bool
}

// section is a run of instructions of one part of a module.
type section []uint32

func (s *section) add(op opcode, words ...uint32) {
	*s = append(*s, uint32(len(words)+1)<<16|uint32(op))
	*s = append(*s, words...)
}

// Builder emits one compute kernel. It is not safe for concurrent use.
type Builder struct {
	cfg    Config
	nextID uint32

	extSet  uint32 // GLSL.std.450
	mainID  uint32
	entryID uint32 // label of the first block

	annotations section // decorations
	globals     section // types, constants, module-scope variables
	entry       section // loads at function entry, which dominate everything
	body        section

	types      map[typeKey]uint32
	consts     map[constKey]Value
	constBits  map[uint32][]uint32 // constant id -> bits of each lane
	parts      map[uint32][]Value  // composite id -> its lanes
	scopes     []map[instKey]Value // value numbering, innermost last
	entryCache map[instKey]Value   // values of section entry
	inputs     map[uint32]uint32   // built-in -> variable
	interfaces []uint32            // variables listed in OpEntryPoint

	buffers   []*Buffer
	pushVar   uint32
	pushWords int

	block     uint32 // label of the block being emitted
	precise   bool
	texelUsed bool

	subgroupUsed, shuffleUsed bool

	graft *graft // what the code is put into (graft.go), or nil

	doubles    map[uint64]Value // constants of Float64
	doubleUsed bool

	cooperative cooperativeUse
}

// NewBuilder starts a kernel.
func NewBuilder(cfg Config) *Builder {
	for i, n := range cfg.LocalSize {
		if n == 0 {
			cfg.LocalSize[i] = 1
		}
	}
	b := &Builder{
		cfg:        cfg,
		types:      map[typeKey]uint32{},
		consts:     map[constKey]Value{},
		constBits:  map[uint32][]uint32{},
		parts:      map[uint32][]Value{},
		entryCache: map[instKey]Value{},
		inputs:     map[uint32]uint32{},
		doubles:    map[uint64]Value{},
		scopes:     []map[instKey]Value{{}},
	}
	b.extSet = b.newID()
	b.mainID = b.newID()
	b.entryID = b.newID()
	b.block = b.entryID
	return b
}

// LocalSize returns the workgroup size of the kernel.
func (b *Builder) LocalSize() [3]uint32 { return b.cfg.LocalSize }

// Module returns the words of the finished module. It may be called again,
// with more emitted in between, but not from inside a control-flow body.
func (b *Builder) Module() []uint32 {
	if len(b.scopes) != 1 {
		bug("Module called inside a control-flow body, %d deep", len(b.scopes)-1)
	}
	if b.graft != nil {
		return b.grafted()
	}
	// Types needed below must be declared before the sections are joined.
	void := b.declareType(opTypeVoid, 0)
	fnType := b.declareType(opTypeFunction, 0, void)

	var s section
	s.add(opCapability, capShader)
	if b.texelUsed {
		s.add(opCapability, capSampledBuffer)
	}
	if b.doubleUsed {
		s.add(opCapability, capFloat64)
	}
	if b.subgroupUsed {
		s.add(opCapability, capGroupNonUniform)
	}
	if b.shuffleUsed {
		s.add(opCapability, capGroupNonUniformShuffle)
	}
	var extensions []string
	if b.cfg.PreserveNaN {
		s.add(opCapability, capSignedZeroInfNanPreserve)
		extensions = append(extensions, "SPV_KHR_float_controls")
	}
	if b.cfg.Cooperative {
		extensions = append(extensions, b.declareCooperative(&s)...)
	}
	for _, name := range extensions {
		s.add(opExtension, literal(name)...)
	}
	s.add(opExtInstImport, append([]uint32{b.extSet}, literal("GLSL.std.450")...)...)
	model := uint32(memoryModelGLSL450)
	if b.cfg.Cooperative {
		model = memoryModelVulkan
	}
	s.add(opMemoryModel, addressingLogical, model)
	point := append([]uint32{modelGLCompute, b.mainID}, literal("main")...)
	s.add(opEntryPoint, append(point, b.interfaces...)...)
	l := b.cfg.LocalSize
	s.add(opExecutionMode, b.mainID, modeLocalSize, l[0], l[1], l[2])
	if b.cfg.PreserveNaN {
		s.add(opExecutionMode, b.mainID, modeSignedZeroInfNanPreserv, 32)
	}
	if b.cfg.Name != "" {
		s.add(opName, append([]uint32{b.mainID}, literal(b.cfg.Name)...)...)
	}
	s = append(s, b.annotations...)
	b.decorateBuffers(&s)
	s = append(s, b.globals...)
	// The function's own id is mainID; 0 is FunctionControl None.
	s.add(opFunction, void, b.mainID, 0, fnType)
	s.add(opLabel, b.entryID)
	s = append(s, b.cooperative.vars...)
	s = append(s, b.entry...)
	s = append(s, b.body...)
	s.add(opReturn)
	s.add(opFunctionEnd)

	header := []uint32{magicNumber, versionWord, generatorTag, b.nextID + 1, 0}
	return append(header, s...)
}

func (b *Builder) newID() uint32 {
	b.nextID++
	return b.nextID
}

func (b *Builder) decorate(id, decoration uint32, extra ...uint32) {
	b.annotations.add(opDecorate, append([]uint32{id, decoration}, extra...)...)
}

// literal packs a string: UTF-8, little endian, with at least one zero byte.
func literal(s string) []uint32 {
	words := make([]uint32, len(s)/4+1)
	for i := range len(s) {
		words[i/4] |= uint32(s[i]) << (8 * (i % 4))
	}
	return words
}

// instKey identifies a pure instruction for value numbering.
type instKey struct {
	op      opcode
	precise bool
	n       uint8
	typ     uint32
	args    [6]uint32
}

// pure emits an instruction without side effects, or returns an equal one
// that dominates the current block.
func (b *Builder) pure(op opcode, t Type, args ...uint32) Value {
	return Value{b.pureID(op, b.typeOf(t), args...), t}
}

func (b *Builder) pureID(op opcode, typeID uint32, args ...uint32) uint32 {
	key := instKey{op: op, typ: typeID, n: uint8(len(args))}
	key.precise = b.precise && contractable(op)
	memo := len(args) <= len(key.args)
	if memo {
		copy(key.args[:], args)
		if commutes(op) && key.args[0] > key.args[1] {
			key.args[0], key.args[1] = key.args[1], key.args[0]
		}
		for i := len(b.scopes) - 1; i >= 0; i-- {
			if v, ok := b.scopes[i][key]; ok {
				return v.ID
			}
		}
	}
	id := b.newID()
	b.body.add(op, append([]uint32{typeID, id}, args...)...)
	if key.precise {
		b.decorate(id, decNoContraction)
	}
	if memo {
		b.scopes[len(b.scopes)-1][key] = Value{ID: id}
	}
	return id
}

// atEntry is pure for the function's first block: the result dominates all.
func (b *Builder) atEntry(op opcode, t Type, args ...uint32) Value {
	typeID := b.typeOf(t)
	key := instKey{op: op, typ: typeID, n: uint8(len(args))}
	copy(key.args[:], args)
	if v, ok := b.entryCache[key]; ok {
		return v
	}
	v := Value{b.newID(), t}
	b.entry.add(op, append([]uint32{typeID, v.ID}, args...)...)
	b.entryCache[key] = v
	return v
}

// contractable tells which instructions NoContraction means something for.
func contractable(op opcode) bool {
	switch op {
	case opFAdd, opFSub, opFMul, opFDiv, opFNegate:
		return true
	}
	return false
}

// commutes tells which instructions give the same for swapped operands.
func commutes(op opcode) bool {
	switch op {
	case opIAdd, opFAdd, opIMul, opFMul, opIEqual, opINotEqual, opFOrdEqual, opFUnordNotEqual,
		opBitwiseAnd, opBitwiseOr, opBitwiseXor, opLogicalAnd, opLogicalOr, opLogicalEqual, opLogicalNotEqual:
		return true
	}
	return false
}
