package spirv

// Subgroups are the invocations of a workgroup that run in step; how many, the driver decides. Kernels that use them need a device with basic
// and shuffle subgroup operations in compute kernels, and a workgroup that subgroups fill.

// SubgroupSize returns the number of invocations of a subgroup.
func (b *Builder) SubgroupSize() Value { return b.subgroupInput(builtInSubgroupSize) }

// SubgroupID returns the number of the invocation's subgroup in its workgroup.
func (b *Builder) SubgroupID() Value { return b.subgroupInput(builtInSubgroupID) }

// NumSubgroups returns how many subgroups the workgroup has.
func (b *Builder) NumSubgroups() Value { return b.subgroupInput(builtInNumSubgroups) }

// SubgroupLane returns the number of the invocation in its subgroup.
func (b *Builder) SubgroupLane() Value { return b.subgroupInput(builtInSubgroupLocalInvocationID) }

func (b *Builder) subgroupInput(builtIn uint32) Value {
	b.subgroupUsed = true
	return b.atEntry(opLoad, U32, b.inputVar(builtIn, U32))
}

// ShuffleXor returns the x of the invocation whose number in the subgroup is this one's with the bits of mask (an u32 that is the same in all of
// them) flipped. All invocations of the subgroup must come here.
func (b *Builder) ShuffleXor(x, mask Value) Value {
	if mask.Type != U32 || x.Type.Kind == Bool {
		bug("shuffle of %v by %v", x.Type, mask.Type)
	}
	b.subgroupUsed, b.shuffleUsed = true, true
	return b.effect(opShuffleXor, x.Type, b.ConstU32(scopeSubgroup).ID, x.ID, mask.ID)
}
