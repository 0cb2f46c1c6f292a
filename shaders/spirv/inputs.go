package spirv

// Push declares n push-constant words at byte offsets 0, 4, ...; call it once,
// before the first use. Vulkan guarantees 128 bytes, 32 words.
func (b *Builder) Push(n int) {
	if b.pushVar != 0 {
		bug("push constants declared twice")
	}
	if n < 1 {
		bug("%d push-constant words", n)
	}
	word := b.typeOf(U32)
	members := make([]uint32, n)
	for i := range members {
		members[i] = word
	}
	// A module has one push block, so it needs no memoisation.
	block := b.newID()
	b.globals.add(opTypeStruct, append([]uint32{block}, members...)...)
	b.decorate(block, decBlock)
	for i := range n {
		b.annotations.add(opMemberDecorate, block, uint32(i), decOffset, uint32(4*i))
	}
	ptr := b.pointerTo(classPushConstant, block)
	b.pushVar = b.newID()
	b.globals.add(opVariable, ptr, b.pushVar, classPushConstant)
	b.pushWords = n
}

// PushU32 returns push-constant word i.
func (b *Builder) PushU32(i int) Value {
	if i < 0 || i >= b.pushWords {
		bug("push-constant word %d of %d", i, b.pushWords)
	}
	ptrType := b.pointerTo(classPushConstant, b.typeOf(U32))
	index := b.ConstU32(uint32(i)).ID
	key := instKey{op: opAccessChain, typ: ptrType, n: 2, args: [6]uint32{b.pushVar, index}}
	ptr, ok := b.entryCache[key]
	if !ok {
		ptr = Value{ID: b.newID()}
		b.entry.add(opAccessChain, ptrType, ptr.ID, b.pushVar, index)
		b.entryCache[key] = ptr
	}
	return b.atEntry(opLoad, U32, ptr.ID)
}

// PushI32 returns push-constant word i as a signed integer.
func (b *Builder) PushI32(i int) Value { return b.atEntry(opBitcast, I32, b.PushU32(i).ID) }

// PushF32 returns push-constant word i as a float.
func (b *Builder) PushF32(i int) Value { return b.atEntry(opBitcast, F32, b.PushU32(i).ID) }

// GlobalID returns the invocation's index in the whole dispatch along axis 0, 1 or 2.
func (b *Builder) GlobalID(axis int) Value { return b.input(builtInGlobalInvocationID, axis) }

// LocalID returns the invocation's index in its workgroup along axis 0, 1 or 2.
func (b *Builder) LocalID(axis int) Value { return b.input(builtInLocalInvocationID, axis) }

// WorkgroupID returns the workgroup's index along axis 0, 1 or 2.
func (b *Builder) WorkgroupID(axis int) Value { return b.input(builtInWorkgroupID, axis) }

// NumWorkgroups returns the number of workgroups along axis 0, 1 or 2.
func (b *Builder) NumWorkgroups(axis int) Value { return b.input(builtInNumWorkgroups, axis) }

// LocalIndex returns the invocation's index in its workgroup, x running fastest.
func (b *Builder) LocalIndex() Value {
	return b.atEntry(opLoad, U32, b.inputVar(builtInLocalInvocationIndex, U32))
}

// input loads one axis of a built-in vector at function entry.
func (b *Builder) input(builtIn uint32, axis int) Value {
	if axis < 0 || axis > 2 {
		bug("axis %d", axis)
	}
	// An axis with one invocation a workgroup needs no load, and folds away.
	if builtIn == builtInLocalInvocationID && b.cfg.LocalSize[axis] == 1 {
		return b.ConstU32(0)
	}
	t := U32.Vec(3)
	v := b.atEntry(opLoad, t, b.inputVar(builtIn, t))
	return b.atEntry(opCompositeExtract, U32, v.ID, uint32(axis))
}

func (b *Builder) inputVar(builtIn uint32, t Type) uint32 {
	if id, ok := b.inputs[builtIn]; ok {
		return id
	}
	ptr := b.pointerTo(classInput, b.typeOf(t))
	id := b.newID()
	b.globals.add(opVariable, ptr, id, classInput)
	b.decorate(id, decBuiltIn, builtIn)
	b.inputs[builtIn] = id
	b.interfaces = append(b.interfaces, id)
	return id
}
