package gpu

import (
	"runtime"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// Kind is what sort of hardware a device is.
type Kind int

// The kinds, best first: Open prefers them in this order.
const (
	Discrete Kind = iota
	Integrated
	Virtual
	CPU
)

// String returns "discrete", "integrated", "virtual" or "cpu".
func (k Kind) String() string { return [...]string{"discrete", "integrated", "virtual", "cpu"}[k] }

func kindOf(physicalDeviceType uint32) Kind {
	switch physicalDeviceType { // VkPhysicalDeviceType
	case 2:
		return Discrete
	case 1:
		return Integrated
	case 4:
		return CPU
	}
	return Virtual
}

// driverNames maps VkDriverId to the short names that users choose drivers by.
var driverNames = map[uint32]string{
	1: "amd", 2: "amd-open", 3: "radv", 4: "nvidia", 5: "intel-windows", 6: "anv", 8: "qualcomm", 9: "arm",
	10: "swiftshader", 13: "lavapipe", 14: "moltenvk", 18: "turnip", 19: "v3dv", 20: "panvk", 21: "samsung", 22: "venus", 23: "dozen", 24: "nvk",
}

// Profile says how kernels should be shaped for a device: its limits, and facts, which are a table by driver until package tune has
// measured them on the device at hand.
type Profile struct {
	Kind   Kind
	Driver string // "lavapipe", "swiftshader", "nvidia", "radv", "anv", ...; otherwise the driver's own name

	// Facts.
	LocalSize        int  // invocations of a workgroup for elementwise kernels
	VecPerInvocation int  // contiguous vec4 an invocation handles in elementwise kernels
	Unrolled         bool // and handles one after the other in straight code, rather than in a loop
	TexelReads       bool // reads of vectors through RGBA32F texel buffers beat storage buffers
	TexelScalars     bool // and so do reads of single elements
	PairStores       bool // vectors of four are stored faster as two words of 64 bits; needs Features.Float64
	SharedMemory     bool // tiles in shared memory pay; on CPU drivers register tiles without it are faster
	WorkgroupFolds   bool // a workgroup folds few long reductions together, by subgroup operations and shared memory
	MatMul           MatMulFamily
	RoundedMatrices  bool // products of operands rounded to 16 bits are faster on cooperative matrices (Matrices) than in float32
	SplitMatrices    bool // and so are products of operands that are sums of three 16-bit numbers
	MatrixTile       int  // rows of the largest tile of such products that a workgroup should compute; 0 for any
	Cores            int  // CPU cores, or an estimate of the independent compute units of a GPU
	Rates            Rates
	Measured         Measured // which of the facts were measured on this device

	// Limits.
	SubgroupSize     int
	PreserveNaN      bool            // kernels may ask for NaN, infinities and signed zeros to be kept (SignedZeroInfNanPreserve)
	SubgroupOps      bool            // basic, vote, ballot, shuffle and arithmetic subgroup operations in compute kernels
	SubgroupQuads    bool            // quad operations
	MaxWorkgroup     int             // invocations of a workgroup
	MaxWorkgroupSize [3]int          // and per axis
	MaxGroups        [3]int          // groups of a dispatch per axis
	MaxShared        int             // bytes of shared memory of a workgroup
	MaxPushWords     int             // 32-bit words of push constants
	MaxBindings      int             // storage bindings of a kernel
	MaxStorageRange  int64           // bytes of one storage binding
	MaxTexelElements int64           // texels (16 bytes each) of one texel binding
	MaxAllocation    int64           // bytes of one array
	MaxIterations    int             // of all loops of an invocation together, after which the driver ends loops silently; 0 for no limit
	BindingAlign     int64           // offsets of bindings are multiples of this
	TimestampPeriod  float64         // nanoseconds a tick of the device's clock; 0 without timestamps
	Matrices         []MatrixProduct // products of cooperative matrices of a subgroup, in the driver's order (matrices.go)
}

// Rates are how fast a device works, for those who weigh one order of work against another. Only their ratios decide.
type Rates struct {
	MatMul   float64 `json:"matmul"`   // operations a second in matrix product kernels
	Vector   float64 `json:"vector"`   // operations a second in fused kernels that fold
	Bytes    float64 `json:"bytes"`    // bytes a second to and from memory
	Dispatch float64 `json:"dispatch"` // seconds for one more kernel
}

// MatMulFamily names a set of matrix product kernels of package shaders.
type MatMulFamily string

// The families.
const (
	MatMulTexel  MatMulFamily = "texel"  // register tiles, operands read through texel buffers
	MatMulQuad   MatMulFamily = "quad"   // the same, four invocations share what they read of one operand
	MatMulShared MatMulFamily = "shared" // tiles in shared memory
)

// Measured is a set of groups of facts.
type Measured uint8

// The groups of facts that are measured together.
const (
	MeasuredStreams Measured = 1 << iota // workgroups, vectors, texel reads, the rates but that of matrix products
	MeasuredMatMul                       // the family of matrix product kernels and its rate, and of what use cooperative matrices are
)

// BuiltInRates is the table of rates: for CPU drivers by bench/results, for GPUs round numbers of a middling one, which no measurement backs.
func BuiltInRates(k Kind, driver string) Rates {
	switch {
	case driver == "swiftshader":
		return Rates{MatMul: 7e9, Vector: 1.5e9, Bytes: 3e9, Dispatch: 30e-6}
	case k == CPU:
		return Rates{MatMul: 20e9, Vector: 4e9, Bytes: 9e9, Dispatch: 40e-6}
	}
	return Rates{MatMul: 10e12, Vector: 1e12, Bytes: 400e9, Dispatch: 4e-6}
}

// newProfile combines the device's limits with the table of measured facts.
func newProfile(p *vk.Properties) Profile {
	// VkSubgroupFeatureFlagBits: basic, vote, arithmetic, ballot, shuffle; quad.
	const ops, quad = 1 | 2 | 4 | 8 | 16, 128
	f := Profile{
		Kind: kindOf(p.Type), Driver: driverNames[p.DriverID],
		SubgroupSize: max(int(p.SubgroupSize), 1), SubgroupOps: p.SubgroupOps&ops == ops, SubgroupQuads: p.SubgroupOps&quad != 0, PreserveNaN: p.PreservesNaN,
		MaxWorkgroup: int(p.MaxInvocations), MaxShared: int(p.SharedBytes), MaxPushWords: int(p.PushBytes / 4),
		MaxBindings: int(min(p.MaxStorageBindings, 1<<20)), MaxStorageRange: p.MaxStorageRange, MaxTexelElements: int64(p.MaxTexels),
		MaxAllocation: min(p.MaxAllocation, p.MaxBuffer), BindingAlign: max(p.StorageAlign, p.TexelAlign, 16), Matrices: matrixProducts(p),
	}
	if f.Driver == "" {
		f.Driver = p.DriverName
	}
	for i := range 3 {
		f.MaxWorkgroupSize[i], f.MaxGroups[i] = int(p.MaxSize[i]), int(min(p.MaxGroups[i], 1<<31-1))
	}
	if p.TimestampBits > 0 {
		f.TimestampPeriod = p.TimestampPeriod
	}
	f.builtIn()
	f.PairStores = f.PairStores && p.Features&vk.Float64 != 0
	return f
}

// builtIn fills in the facts by driver: best forms of axpy, matmul and reductions on two cores of an AMD EPYC (Milan) with
// SwiftShader (Chromium's, 2026) and lavapipe 22.3; conservative values for GPUs, which no measurement backs yet.
func (f *Profile) builtIn() {
	switch {
	case f.Driver == "swiftshader": // axpy 4.6 GB/s in this form, 3.3 with one vector an invocation, 1.2 with one element
		f.LocalSize, f.VecPerInvocation, f.TexelReads, f.Cores = 128, 8, true, runtime.NumCPU()
		f.MatMul = MatMulQuad
	case f.Driver == "lavapipe": // axpy 15.8 GB/s, 10.7 with one vector an invocation; texel reads lead on 22.3 and no longer on 25.0
		f.LocalSize, f.VecPerInvocation, f.TexelReads, f.TexelScalars, f.Cores = 256, 8, true, true, runtime.NumCPU()
		f.MatMul = MatMulTexel
		f.PairStores = true // it stores lane by lane and takes all lanes of a register through memory for each word: outer products 8.4 ms for 9.4
	case f.Kind == CPU:
		f.LocalSize, f.VecPerInvocation, f.Cores = 64, 4, runtime.NumCPU()
		f.MatMul = MatMulTexel
	default:
		f.LocalSize, f.VecPerInvocation, f.SharedMemory, f.Cores = 256, 1, true, 64
		f.MatMul, f.WorkgroupFolds = MatMulShared, f.SubgroupOps
		f.RoundedMatrices = len(f.Matrices) > 0
	}
	f.Rates = BuiltInRates(f.Kind, f.Driver)
	if f.Driver == "lavapipe" {
		f.MaxIterations = 1<<16 - 1 // LP_MAX_TGSI_LOOP_ITERATIONS of Mesa's gallivm: a sum of 262,144 products gave 262,140 here
	}
	f.LocalSize = min(f.LocalSize, f.MaxWorkgroup, f.MaxWorkgroupSize[0])
}
