package spirv

// Access says how a kernel uses a storage buffer.
type Access uint8

// The ways of access.
const (
	ReadOnly Access = iota + 1
	WriteOnly
	ReadWrite
)

// Buffer is a view of a storage buffer as an array of elements.
type Buffer struct {
	Binding int
	Elem    Type
	Access  Access
	id      uint32
}

// Texel is a uniform texel buffer of rgba32f texels.
type Texel struct {
	Binding int
	id      uint32
}

// SharedArray is an array in workgroup memory.
type SharedArray struct {
	Elem Type
	Len  int
	id   uint32
}

// StorageBuffer declares a view of the storage buffer at a binding of
// descriptor set 0: an array of elem without a length, stride elem.Bytes().
// Elements are integers or floats of 1, 2 or 4 lanes. Several views of one
// binding with different elements are allowed, with the same access; a store
// through one is then seen by a load through another only by chance within
// one invocation, so use them for reading, or on separate elements.
func (b *Builder) StorageBuffer(binding int, elem Type, access Access) *Buffer {
	if !elem.valid() || elem.Kind == Bool || elem.Lanes == 3 {
		bug("storage buffer of %v", elem)
	}
	for _, other := range b.buffers {
		if other.Binding == binding && other.Access != access {
			bug("binding %d declared with two kinds of access", binding)
		}
		if other.Binding == binding && other.Elem == elem {
			return other
		}
	}
	block := b.blockOf(elem)
	ptr := b.pointerTo(classStorageBuffer, block)
	buf := &Buffer{Binding: binding, Elem: elem, Access: access, id: b.newID()}
	b.globals.add(opVariable, ptr, buf.id, classStorageBuffer)
	b.bind(buf.id, binding)
	b.buffers = append(b.buffers, buf)
	return buf
}

// blockOf returns the Block struct that holds a runtime array of elem.
func (b *Builder) blockOf(elem Type) uint32 {
	elemID := b.typeOf(elem)
	before := b.nextID
	array := b.declareType(opTypeRuntimeArray, 0, elemID)
	if array > before {
		b.decorate(array, decArrayStride, uint32(elem.Bytes()))
	}
	block := b.declareType(opTypeStruct, decBlock, array)
	if block > before {
		b.decorate(block, decBlock)
		b.annotations.add(opMemberDecorate, block, 0, decOffset, 0)
	}
	return block
}

func (b *Builder) bind(id uint32, binding int) {
	b.decorate(id, decDescriptorSet, 0)
	b.decorate(id, decBinding, uint32(binding))
}

// decorateBuffers adds what is known only when all views are declared.
func (b *Builder) decorateBuffers(s *section) {
	views := map[int]int{}
	for _, buf := range b.buffers {
		views[buf.Binding]++
	}
	for _, buf := range b.buffers {
		switch {
		case views[buf.Binding] > 1:
			s.add(opDecorate, buf.id, decAliased)
		case !b.cfg.Overlap:
			s.add(opDecorate, buf.id, decRestrict)
		}
		switch buf.Access {
		case ReadOnly:
			s.add(opDecorate, buf.id, decNonWritable)
		case WriteOnly:
			s.add(opDecorate, buf.id, decNonReadable)
		}
	}
}

// Load reads element index (an integer scalar) of a buffer. The index must be
// in range: the driver's answer past the end depends on its robustness. Loads
// of the same element of a read-only buffer are one load.
func (b *Builder) Load(buf *Buffer, index Value) Value {
	if buf.Access == WriteOnly {
		bug("load from write-only binding %d", buf.Binding)
	}
	ptr := b.element(buf, index)
	if buf.Access == ReadOnly {
		return b.pure(opLoad, buf.Elem, ptr)
	}
	return b.effect(opLoad, buf.Elem, ptr)
}

// Store writes v, of the buffer's element type, to element index.
func (b *Builder) Store(buf *Buffer, index, v Value) {
	if buf.Access == ReadOnly {
		bug("store to read-only binding %d", buf.Binding)
	}
	if v.Type != buf.Elem {
		bug("store of %v to a buffer of %v", v.Type, buf.Elem)
	}
	b.body.add(opStore, b.element(buf, index), v.ID)
}

func (b *Builder) element(buf *Buffer, index Value) uint32 {
	b.checkIndex(index)
	ptr := b.pointerTo(classStorageBuffer, b.typeOf(buf.Elem))
	return b.pureID(opAccessChain, ptr, buf.id, b.ConstU32(0).ID, index.ID)
}

func (b *Builder) checkIndex(index Value) {
	if !index.Type.Kind.isInt() || index.Type.Lanes != 1 {
		bug("index of type %v", index.Type)
	}
}

// effect emits an instruction that must stay where it is.
func (b *Builder) effect(op opcode, t Type, args ...uint32) Value {
	typeID := b.typeOf(t)
	v := Value{b.newID(), t}
	b.body.add(op, append([]uint32{typeID, v.ID}, args...)...)
	return v
}

// TexelBuffer declares the uniform texel buffer at a binding of descriptor
// set 0, read with Fetch. Its view must have format R32G32B32A32_SFLOAT.
func (b *Builder) TexelBuffer(binding int) *Texel {
	b.texelUsed = true
	ptr := b.pointerTo(classUniformConstant, b.texelType())
	t := &Texel{Binding: binding, id: b.newID()}
	b.globals.add(opVariable, ptr, t.id, classUniformConstant)
	b.bind(t.id, binding)
	return t
}

// texelType: sampled as float, a buffer, no depth, not arrayed, single sample,
// used with a sampler or fetch (1), of format Unknown (0).
func (b *Builder) texelType() uint32 {
	return b.declareType(opTypeImage, 0, b.typeOf(F32), dimBuffer, 0, 0, 0, 1, 0)
}

// Fetch reads texel i (an integer scalar), four floats.
func (b *Builder) Fetch(t *Texel, i Value) Value {
	b.checkIndex(i)
	image := b.pureID(opLoad, b.texelType(), t.id)
	return b.pure(opImageFetch, F32.Vec(4), image, i.ID)
}

// Shared declares an array of n elements in workgroup memory. Its content is
// undefined at first.
func (b *Builder) Shared(elem Type, n int) *SharedArray {
	if !elem.valid() || n < 1 {
		bug("shared array of %d x %v", n, elem)
	}
	array := b.declareType(opTypeArray, 0, b.typeOf(elem), b.ConstU32(uint32(n)).ID)
	ptr := b.pointerTo(classWorkgroup, array)
	a := &SharedArray{Elem: elem, Len: n, id: b.newID()}
	b.globals.add(opVariable, ptr, a.id, classWorkgroup)
	return a
}

// LoadShared reads element index of a.
func (b *Builder) LoadShared(a *SharedArray, index Value) Value {
	return b.effect(opLoad, a.Elem, append([]uint32{b.sharedElement(a, index)}, b.sharedAccess()...)...)
}

// StoreShared writes v, of the array's element type, to element index of a.
func (b *Builder) StoreShared(a *SharedArray, index, v Value) {
	if v.Type != a.Elem {
		bug("store of %v to a shared array of %v", v.Type, a.Elem)
	}
	b.body.add(opStore, append([]uint32{b.sharedElement(a, index), v.ID}, b.sharedAccess()...)...)
}

// sharedAccess is the memory operands of accesses to workgroup memory. In the Vulkan memory model only accesses so marked are ordered by barriers.
func (b *Builder) sharedAccess() []uint32 {
	if b.cfg.Cooperative {
		return []uint32{accessNonPrivate}
	}
	return nil
}

func (b *Builder) sharedElement(a *SharedArray, index Value) uint32 {
	b.checkIndex(index)
	ptr := b.pointerTo(classWorkgroup, b.typeOf(a.Elem))
	return b.pureID(opAccessChain, ptr, a.id, index.ID)
}

// Barrier waits for all invocations of the workgroup and makes their writes to
// workgroup memory visible to each other. Call it in uniform control flow only.
func (b *Builder) Barrier() {
	scope := b.ConstU32(scopeWorkgroup).ID
	semantics := uint32(semanticsAcquireRelease | semanticsWorkgroupMemory)
	if b.cfg.Cooperative {
		semantics |= semanticsMakeAvailable | semanticsMakeVisible
	}
	b.body.add(opControlBarrier, scope, scope, b.ConstU32(semantics).ID)
}
