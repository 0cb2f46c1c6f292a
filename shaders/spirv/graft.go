package spirv

import "slices"

// graft is a finished module whose stores to one buffer are replaced.
type graft struct {
	host    []uint32
	binding uint32
	index   uint32 // the function's parameters
	value   uint32
}

// NewGraft continues a finished module that stores vectors of four floats to the storage buffer at a binding of descriptor set 0: what the
// builder emits is done in the place of each of these stores. It gets the element that was stored to and the value. The buffer is
// gone, so its binding is free; those that the module keeps are not. The builder emits a function, which the module calls: its push constants and built-in inputs are the module's own and not
// to be had.
//
// Module gives the whole.
func NewGraft(cfg Config, host []uint32, binding int) (b *Builder, index, value Value) {
	b = NewBuilder(cfg)
	b.graft = &graft{host: host, binding: uint32(binding)}
	b.nextID = host[3] - 1
	b.extSet = 0
	eachInstruction(host, func(op opcode, w []uint32) {
		switch op {
		case opExtInstImport:
			b.extSet = w[1]
		case opTypeVoid, opTypeBool, opTypeInt, opTypeFloat, opTypeVector, opTypeImage, opTypeFunction:
			// Equal types must be one.
			key := typeKey{op: op}
			copy(key.args[:], w[2:])
			b.types[key] = w[1]
		}
	})
	if b.extSet == 0 {
		b.extSet = b.newID()
	}
	b.mainID, b.entryID = b.newID(), b.newID()
	b.block = b.entryID
	index, value = Value{b.newID(), U32}, Value{b.newID(), F32.Vec(4)}
	b.graft.index, b.graft.value = index.ID, value.ID
	return b, index, value
}

// eachInstruction visits a module's instructions: words with the first, which has the length and the number.
func eachInstruction(words []uint32, visit func(op opcode, w []uint32)) {
	for at := 5; at < len(words); at += int(words[at] >> 16) {
		visit(opcode(words[at]&0xffff), words[at:at+int(words[at]>>16)])
	}
}

// grafted joins the builder's code with the module that it continues.
func (b *Builder) grafted() []uint32 {
	g := b.graft
	if b.pushVar != 0 || len(b.inputs) > 0 {
		bug("push constants or inputs in a graft")
	}
	index, value := b.typeOf(U32), b.typeOf(F32.Vec(4))
	void := b.declareType(opTypeVoid, 0)
	fnType := b.declareType(opTypeFunction, 0, void, index, value)

	target := uint32(0) // the variable of the buffer
	has := map[uint32]bool{}
	imported := false
	eachInstruction(g.host, func(op opcode, w []uint32) {
		switch {
		case op == opDecorate && w[2] == decBinding && w[3] == g.binding:
			target = w[1]
		case op == opCapability:
			has[w[1]] = true
		case op == opExtInstImport:
			imported = imported || w[1] == b.extSet
		}
	})
	if target == 0 {
		bug("no buffer at binding %d", g.binding)
	}

	s := section(slices.Clone(g.host[:5]))
	wanted := section{}
	for _, c := range []struct {
		used bool
		id   uint32
	}{{b.texelUsed, capSampledBuffer}, {b.doubleUsed, capFloat64}, {b.subgroupUsed, capGroupNonUniform}, {b.shuffleUsed, capGroupNonUniformShuffle},
		{b.cfg.PreserveNaN, capSignedZeroInfNanPreserve}} {
		if c.used && !has[c.id] {
			wanted.add(opCapability, c.id)
		}
	}
	if b.cfg.PreserveNaN {
		wanted.add(opExtension, literal("SPV_KHR_float_controls")...)
	}
	places := map[uint32]uint32{} // the element that a pointer into the buffer points to
	capabilities, modes, annotations, globals := false, false, false, false
	once := func(done *bool, more section) {
		if !*done {
			*done = true
			s = append(s, more...)
		}
	}
	var marks section
	b.decorateBuffers(&marks)
	stores := 0
	eachInstruction(g.host, func(op opcode, w []uint32) {
		switch op { // the parts of a module, in order
		case opCapability:
		case opExtension, opExtInstImport, opMemoryModel:
			once(&capabilities, wanted)
			if op == opMemoryModel && !imported {
				s.add(opExtInstImport, append([]uint32{b.extSet}, literal("GLSL.std.450")...)...)
			}
		case opEntryPoint:
		case opExecutionMode:
			if b.cfg.PreserveNaN {
				var mode section
				mode.add(opExecutionMode, w[1], modeSignedZeroInfNanPreserv, 32)
				once(&modes, mode)
			}
		case opDecorate, opMemberDecorate:
			once(&annotations, append(slices.Clone(b.annotations), marks...))
		case opFunction:
			once(&globals, b.globals)
		}
		switch {
		case op == opDecorate && w[1] == target, op == opVariable && w[2] == target:
		case op == opAccessChain && w[3] == target:
			places[w[2]] = w[5]
		case op == opStore && places[w[1]] != 0:
			stores++
			s.add(opFunctionCall, void, b.newID(), b.mainID, places[w[1]], w[2])
		default:
			s = append(s, w...)
		}
	})
	if stores == 0 {
		bug("no store to binding %d", g.binding)
	}
	s.add(opFunction, void, b.mainID, 0, fnType)
	s.add(opFunctionParameter, index, g.index)
	s.add(opFunctionParameter, value, g.value)
	s.add(opLabel, b.entryID)
	s = append(s, b.entry...)
	s = append(s, b.body...)
	s.add(opReturn)
	s.add(opFunctionEnd)
	s[3] = b.nextID + 1
	return s
}
