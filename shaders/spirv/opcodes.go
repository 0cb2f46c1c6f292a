package spirv

// Numbers of the SPIR-V specification, section 3, under their names there.

const (
	magicNumber  = 0x07230203
	versionWord  = 0x00010300 // SPIR-V 1.3, what Vulkan 1.1 must accept
	generatorTag = 0
)

// opcode is an instruction number (section 3.42).
type opcode uint16

const (
	opName                 opcode = 5
	opExtension            opcode = 10
	opExtInstImport        opcode = 11
	opExtInst              opcode = 12
	opMemoryModel          opcode = 14
	opEntryPoint           opcode = 15
	opExecutionMode        opcode = 16
	opCapability           opcode = 17
	opTypeVoid             opcode = 19
	opTypeBool             opcode = 20
	opTypeInt              opcode = 21
	opTypeFloat            opcode = 22
	opTypeVector           opcode = 23
	opTypeImage            opcode = 25
	opTypeArray            opcode = 28
	opTypeRuntimeArray     opcode = 29
	opTypeStruct           opcode = 30
	opTypePointer          opcode = 32
	opTypeFunction         opcode = 33
	opConstantTrue         opcode = 41
	opConstantFalse        opcode = 42
	opConstant             opcode = 43
	opConstantComposite    opcode = 44
	opSpecConstant         opcode = 50
	opFunction             opcode = 54
	opFunctionParameter    opcode = 55
	opFunctionEnd          opcode = 56
	opFunctionCall         opcode = 57
	opVariable             opcode = 59
	opLoad                 opcode = 61
	opStore                opcode = 62
	opAccessChain          opcode = 65
	opDecorate             opcode = 71
	opMemberDecorate       opcode = 72
	opVectorShuffle        opcode = 79
	opCompositeConstruct   opcode = 80
	opCompositeExtract     opcode = 81
	opImageFetch           opcode = 95
	opConvertFToU          opcode = 109
	opConvertFToS          opcode = 110
	opConvertSToF          opcode = 111
	opConvertUToF          opcode = 112
	opFConvert             opcode = 115
	opBitcast              opcode = 124
	opSNegate              opcode = 126
	opFNegate              opcode = 127
	opIAdd                 opcode = 128
	opFAdd                 opcode = 129
	opISub                 opcode = 130
	opFSub                 opcode = 131
	opIMul                 opcode = 132
	opFMul                 opcode = 133
	opUDiv                 opcode = 134
	opSDiv                 opcode = 135
	opFDiv                 opcode = 136
	opUMod                 opcode = 137
	opUMulExtended         opcode = 151
	opAny                  opcode = 154
	opAll                  opcode = 155
	opLogicalEqual         opcode = 164
	opLogicalNotEqual      opcode = 165
	opLogicalOr            opcode = 166
	opLogicalAnd           opcode = 167
	opLogicalNot           opcode = 168
	opSelect               opcode = 169
	opIEqual               opcode = 170
	opINotEqual            opcode = 171
	opUGreaterThan         opcode = 172
	opSGreaterThan         opcode = 173
	opUGreaterThanEqual    opcode = 174
	opSGreaterThanEqual    opcode = 175
	opULessThan            opcode = 176
	opSLessThan            opcode = 177
	opULessThanEqual       opcode = 178
	opSLessThanEqual       opcode = 179
	opFOrdEqual            opcode = 180
	opFUnordNotEqual       opcode = 183
	opFOrdLessThan         opcode = 184
	opFOrdGreaterThan      opcode = 186
	opFOrdLessThanEqual    opcode = 188
	opFOrdGreaterThanEqual opcode = 190
	opShiftRightLogical    opcode = 194
	opShiftRightArithmetic opcode = 195
	opShiftLeftLogical     opcode = 196
	opBitwiseOr            opcode = 197
	opBitwiseXor           opcode = 198
	opBitwiseAnd           opcode = 199
	opNot                  opcode = 200
	opBitCount             opcode = 205
	opControlBarrier       opcode = 224
	opPhi                  opcode = 245
	opLoopMerge            opcode = 246
	opSelectionMerge       opcode = 247
	opLabel                opcode = 248
	opBranch               opcode = 249
	opBranchConditional    opcode = 250
	opReturn               opcode = 253
	opShuffleXor           opcode = 346 // OpGroupNonUniformShuffleXor

	// SPV_KHR_cooperative_matrix
	opTypeCooperativeMatrix   opcode = 4456
	opCooperativeMatrixLoad   opcode = 4457
	opCooperativeMatrixStore  opcode = 4458
	opCooperativeMatrixMulAdd opcode = 4459
)

// GLSL.std.450 instructions that are exact, or whose error is bounded by
// Vulkan's precision table. The transcendental ones are left out on purpose:
// package emath has better ones.
const (
	glslRoundEven = 2
	glslTrunc     = 3
	glslFAbs      = 4
	glslSAbs      = 5
	glslSSign     = 7
	glslFloor     = 8
	glslCeil      = 9
	glslSqrt      = 31
	glslUMin      = 38
	glslSMin      = 39
	glslUMax      = 41
	glslSMax      = 42
	glslFma       = 50
)

// Capabilities (section 3.31).
const (
	capShader                   = 1
	capFloat64                  = 10
	capSampledBuffer            = 46
	capGroupNonUniform          = 61
	capGroupNonUniformShuffle   = 65
	capSignedZeroInfNanPreserve = 4466

	capFloat16                   = 9
	capBFloat16Type              = 5116 // SPV_KHR_bfloat16
	capBFloat16CooperativeMatrix = 5118
	capVulkanMemoryModel         = 5345
	capCooperativeMatrix         = 6022
)

// Storage classes (section 3.7).
const (
	classUniformConstant = 0
	classInput           = 1
	classWorkgroup       = 4
	classFunction        = 7
	classPushConstant    = 9
	classStorageBuffer   = 12
)

// Decorations (section 3.20).
const (
	decSpecID        = 1
	decBlock         = 2
	decArrayStride   = 6
	decBuiltIn       = 11
	decRestrict      = 19
	decAliased       = 20
	decNonWritable   = 24
	decNonReadable   = 25
	decBinding       = 33
	decDescriptorSet = 34
	decOffset        = 35
	decNoContraction = 42
)

// Built-in variables (section 3.21).
const (
	builtInNumWorkgroups        = 24
	builtInWorkgroupID          = 26
	builtInLocalInvocationID    = 27
	builtInGlobalInvocationID   = 28
	builtInLocalInvocationIndex = 29

	builtInSubgroupSize              = 36
	builtInNumSubgroups              = 38
	builtInSubgroupID                = 40
	builtInSubgroupLocalInvocationID = 41
)

// Execution model and modes, addressing, memory model, scopes and semantics
// (sections 3.3 to 3.6, 3.25, 3.27).
const (
	modelGLCompute              = 5
	modeLocalSize               = 17
	modeSignedZeroInfNanPreserv = 4461
	addressingLogical           = 0
	memoryModelGLSL450          = 1
	memoryModelVulkan           = 3
	scopeWorkgroup              = 2
	scopeSubgroup               = 3
	semanticsAcquireRelease     = 0x8
	semanticsWorkgroupMemory    = 0x100
	semanticsMakeAvailable      = 0x2000
	semanticsMakeVisible        = 0x4000
	accessNonPrivate            = 0x20 // memory operand NonPrivatePointer: barriers order the access
	encodingBFloat16            = 0    // FP encoding BFloat16KHR
	dimBuffer                   = 5
)
