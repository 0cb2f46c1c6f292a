package vk

import (
	"errors"
	"fmt"
)

// ErrNoCgo says that this build cannot reach Vulkan.
var ErrNoCgo = errors.New("built without cgo: Vulkan is reached through C; build with CGO_ENABLED=1 and a C compiler (Linux and macOS so far)")

// ErrNoLoader says that the Vulkan loader is not installed.
var ErrNoLoader = errors.New("no Vulkan loader")

// ErrNoLayer says that the validation layer was asked for and is not installed.
var ErrNoLayer = errors.New("the layer VK_LAYER_KHRONOS_validation is not installed (Debian and Ubuntu: apt-get install vulkan-validationlayers, or bash tools/setup.sh)")

// Result is a VkResult.
type Result int32

// The results that callers treat by name; https://registry.khronos.org/vulkan/specs/1.3/html/vkspec.html#VkResult.
const (
	Success              Result = 0
	Timeout              Result = 2
	ErrorOutOfHostMemory Result = -1
	ErrorOutOfMemory     Result = -2
	ErrorDeviceLost      Result = -4
	ErrorMemoryMapFailed Result = -5
	ErrorTooManyObjects  Result = -10
	ErrorOutOfPoolMemory Result = -1000069000
)

var resultNames = map[Result]string{
	0: "VK_SUCCESS", 1: "VK_NOT_READY", 2: "VK_TIMEOUT", 3: "VK_EVENT_SET", 4: "VK_EVENT_RESET", 5: "VK_INCOMPLETE",
	-1: "VK_ERROR_OUT_OF_HOST_MEMORY", -2: "VK_ERROR_OUT_OF_DEVICE_MEMORY", -3: "VK_ERROR_INITIALIZATION_FAILED",
	-4: "VK_ERROR_DEVICE_LOST", -5: "VK_ERROR_MEMORY_MAP_FAILED", -6: "VK_ERROR_LAYER_NOT_PRESENT",
	-7: "VK_ERROR_EXTENSION_NOT_PRESENT", -8: "VK_ERROR_FEATURE_NOT_PRESENT", -9: "VK_ERROR_INCOMPATIBLE_DRIVER",
	-10: "VK_ERROR_TOO_MANY_OBJECTS", -11: "VK_ERROR_FORMAT_NOT_SUPPORTED", -12: "VK_ERROR_FRAGMENTED_POOL",
	-13: "VK_ERROR_UNKNOWN", -1000069000: "VK_ERROR_OUT_OF_POOL_MEMORY", -1000161000: "VK_ERROR_FRAGMENTATION",
	-1000012000: "VK_ERROR_INVALID_SHADER_NV", 1000297000: "VK_PIPELINE_COMPILE_REQUIRED",
}

// String returns the specification's name of the result.
func (r Result) String() string {
	if s, ok := resultNames[r]; ok {
		return s
	}
	return fmt.Sprintf("VkResult(%d)", int32(r))
}

// Error is a Vulkan call that failed.
type Error struct {
	Call   string
	Result Result
}

func (e *Error) Error() string { return e.Call + ": " + e.Result.String() }

func check(call string, r Result) error {
	if r >= 0 {
		return nil
	}
	return &Error{call, r}
}

// Features are the optional abilities of a device that lavagrad knows of; each bit that is present is enabled, Robust only on request.
type Features uint32

// The bits mirror the LG_ constants of shim.h.
const (
	Int64 Features = 1 << iota
	Float64
	Int16
	Float16
	Int8
	Storage8
	Storage16
	Timeline
	SubgroupExtended
	MemoryModel
	Maintenance4
	SubgroupSize
	MemoryBudget
	Portability
	Robust
	Cooperative // matrices of VK_KHR_cooperative_matrix, in compute kernels
	BFloat16    // and such of VK_KHR_shader_bfloat16
)

// MemoryType is one entry of a device's memory table.
type MemoryType struct {
	DeviceLocal, HostVisible, HostCoherent, HostCached bool
	Heap                                               int
	HeapBytes                                          int64
}

// Matrix is one kind of product that VK_KHR_cooperative_matrix enumerates: M x K times K x N plus M x N. A, B, C and Result are VkComponentTypeKHR,
// Scope is a VkScopeKHR.
type Matrix struct {
	M, N, K, A, B, C, Result uint32
	Saturating               bool
	Scope                    uint32
}

// Properties describe a physical device.
type Properties struct {
	Name, DriverName, DriverInfo       string
	Type, VendorID, DeviceID, DriverID uint32
	APIVersion, DriverVersion          uint32
	DeviceUUID, DriverUUID             [16]byte
	Features                           Features
	MaxTexels, MaxInvocations          uint32
	MaxSize, MaxGroups                 [3]uint32
	SharedBytes, PushBytes             uint32
	MaxStorageBindings                 uint32 // storage buffers of one kernel
	MaxTexelBindings                   uint32 // texel buffers of one kernel
	SubgroupSize                       uint32
	SubgroupOps                        uint32 // VkSubgroupFeatureFlagBits of the compute stage, 0 without subgroups there
	PreservesNaN                       bool   // float32 kernels may ask for NaN, infinities and signed zeros to be kept
	MaxStorageRange, MaxAllocation     int64
	MaxBuffer                          int64
	StorageAlign, TexelAlign           int64
	TimestampPeriod                    float64 // nanoseconds a tick
	TimestampBits                      uint32
	QueueFamily                        uint32
	HasCompute                         bool
	MemoryTypes                        []MemoryType
	Matrices                           []Matrix // with the feature Cooperative
}

// Write sets one descriptor. Kind is a VkDescriptorType: KindStorage takes Buffer, Offset, Range, KindTexel takes View.
type Write struct {
	Set, Buffer, Offset, Range, View uint64
	Binding, Kind                    uint32
}

// The descriptor types in use.
const (
	KindStorage uint32 = 7
	KindTexel   uint32 = 4
)

// Dispatch is one recorded kernel call.
type Dispatch struct {
	Pipeline, Layout, Set uint64
	PushOffset, PushWords uint32 // words of the push array given to Record
	Groups                [3]uint32
	Barrier               uint32 // 1: wait for the writes of earlier dispatches first
}
