//go:build cgo && !windows

package vk

/*
#cgo CFLAGS: -I${SRCDIR}/include -O2
#cgo linux LDFLAGS: -ldl -lpthread
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	binding "github.com/vulkan-go/vulkan"
)

// Instance is a Vulkan instance that lives as long as the process: several devices share it, and drivers start threads that outlive it.
type Instance struct {
	in      *C.lg_instance
	handle  binding.Instance
	Version uint32 // of the loader
}

// loader is process-wide state: the binding's function table is too.
var loader struct {
	sync.Mutex
	proc      unsafe.Pointer // vkGetInstanceProcAddr
	tables    bool           // the binding's instance functions are loaded
	instances [2]*Instance   // without and with validation
}

func libraryNames() []string {
	if runtime.GOOS == "darwin" {
		return []string{"libvulkan.1.dylib", "libvulkan.dylib", "libMoltenVK.dylib"}
	}
	return []string{"libvulkan.so.1", "libvulkan.so"}
}

func openLoader() error {
	if loader.proc != nil {
		return nil
	}
	symbol := C.CString("vkGetInstanceProcAddr")
	defer C.free(unsafe.Pointer(symbol))
	var why []string
	for _, name := range libraryNames() {
		path := C.CString(name)
		var text [512]C.char
		loader.proc = C.lg_open(path, symbol, &text[0], C.int(len(text)))
		C.free(unsafe.Pointer(path))
		if loader.proc != nil {
			binding.SetGetInstanceProcAddr(loader.proc)
			return binding.Init()
		}
		why = append(why, C.GoString(&text[0]))
	}
	return fmt.Errorf("%w: %s", ErrNoLoader, strings.Join(why, "; "))
}

// LoaderVersion opens the loader and returns its version (VK_MAKE_API_VERSION); ErrNoLoader if there is none.
func LoaderVersion() (uint32, error) {
	loader.Lock()
	defer loader.Unlock()
	if err := openLoader(); err != nil {
		return 0, err
	}
	return uint32(C.lg_loader_version(loader.proc)), nil
}

// Open returns the process's instance, with the validation layer or without. Drivers are searched when it is first called with this
// setting, so environment variables for the loader must be set before. Errors: ErrNoLoader, ErrNoLayer, *Error.
func Open(validate bool) (*Instance, error) {
	loader.Lock()
	defer loader.Unlock()
	if err := openLoader(); err != nil {
		return nil, err
	}
	slot := 0
	if validate {
		slot = 1
	}
	if in := loader.instances[slot]; in != nil {
		return in, nil
	}
	if validate && !hasLayer("VK_LAYER_KHRONOS_validation") {
		return nil, ErrNoLayer
	}
	extension := C.CString("VK_KHR_portability_enumeration")
	defer C.free(unsafe.Pointer(extension))
	portability := C.int(0)
	if runtime.GOOS == "darwin" {
		portability = C.lg_has_extension(loader.proc, extension)
	}
	// A wrapper around C's structure: the binding passes it on untouched instead of building (and freeing) its own name lists.
	info := binding.NewInstanceCreateInfoRef(unsafe.Pointer(C.lg_instance_info(C.int(slot), portability)))
	var handle binding.Instance
	if r := Result(binding.CreateInstance(info, nil, &handle)); r < 0 {
		return nil, &Error{"vkCreateInstance", r}
	}
	if !loader.tables { // the loader's trampolines serve every instance
		if err := binding.InitInstance(handle); err != nil {
			return nil, err
		}
		loader.tables = true
	}
	in := &Instance{handle: handle, Version: uint32(C.lg_loader_version(loader.proc))}
	in.in = C.lg_instance_new(loader.proc, unsafe.Pointer(handle))
	if in.in == nil {
		return nil, &Error{"vkCreateInstance", ErrorOutOfHostMemory}
	}
	loader.instances[slot] = in
	return in, nil
}

func hasLayer(layer string) bool {
	name := C.CString(layer)
	defer C.free(unsafe.Pointer(name))
	return C.lg_has_layer(loader.proc, name) != 0
}

// Physical is one device that the loader offers.
type Physical struct {
	in     *Instance
	handle binding.PhysicalDevice
	Properties
}

// Physicals lists the devices of all drivers in the loader's order.
func (in *Instance) Physicals() ([]*Physical, error) {
	loader.Lock()
	defer loader.Unlock()
	var n uint32
	if r := Result(binding.EnumeratePhysicalDevices(in.handle, &n, nil)); r < 0 {
		return nil, &Error{"vkEnumeratePhysicalDevices", r}
	}
	if n == 0 {
		return nil, nil
	}
	handles := make([]binding.PhysicalDevice, n)
	if r := Result(binding.EnumeratePhysicalDevices(in.handle, &n, handles)); r < 0 {
		return nil, &Error{"vkEnumeratePhysicalDevices", r}
	}
	list := make([]*Physical, n)
	for i := range list {
		list[i] = &Physical{in: in, handle: handles[i]}
		list[i].describe()
	}
	return list, nil
}

func (p *Physical) describe() {
	c := new(C.lg_info)
	C.lg_describe(p.in.in, unsafe.Pointer(p.handle), c)
	text := func(b *[256]C.char) string { return C.GoString(&b[0]) }
	three := func(b [3]C.uint32_t) [3]uint32 { return [3]uint32{uint32(b[0]), uint32(b[1]), uint32(b[2])} }
	uuid := func(b *[16]C.uint8_t) [16]byte { return *(*[16]byte)(unsafe.Pointer(b)) }
	const computeStage = 0x20 // VK_SHADER_STAGE_COMPUTE_BIT
	p.Properties = Properties{
		Name: text(&c.name), DriverName: text(&c.driver_name), DriverInfo: text(&c.driver_info),
		Type: uint32(c._type), VendorID: uint32(c.vendor_id), DeviceID: uint32(c.device_id), DriverID: uint32(c.driver_id),
		APIVersion: uint32(c.api_version), DriverVersion: uint32(c.driver_version),
		DeviceUUID: uuid(&c.device_uuid), DriverUUID: uuid(&c.driver_uuid), Features: Features(c.features),
		MaxTexels: uint32(c.max_texels), MaxInvocations: uint32(c.max_invocations),
		MaxSize: three(c.max_size), MaxGroups: three(c.max_groups),
		SharedBytes: uint32(c.shared_bytes), PushBytes: uint32(c.push_bytes),
		MaxStorageBindings: min(uint32(c.max_stage_storage), uint32(c.max_set_storage)),
		MaxTexelBindings:   min(uint32(c.max_stage_texel), uint32(c.max_set_texel)),
		SubgroupSize:       uint32(c.subgroup_size), PreservesNaN: c.preserves_nan != 0,
		MaxStorageRange: int64(c.max_storage_range), MaxAllocation: signed(c.max_allocation), MaxBuffer: signed(c.max_buffer),
		StorageAlign: int64(c.storage_align), TexelAlign: int64(c.texel_align),
		TimestampPeriod: float64(c.timestamp_period), TimestampBits: uint32(c.timestamp_bits),
		QueueFamily: uint32(c.queue_family), HasCompute: c.has_compute != 0,
	}
	if c.subgroup_stages&computeStage != 0 {
		p.SubgroupOps = uint32(c.subgroup_ops)
	}
	for i := range int(c.type_count) {
		flags, heap := uint32(c.type_flags[i]), int(c.type_heap[i])
		p.MemoryTypes = append(p.MemoryTypes, MemoryType{
			DeviceLocal: flags&1 != 0, HostVisible: flags&2 != 0, HostCoherent: flags&4 != 0, HostCached: flags&8 != 0,
			Heap: heap, HeapBytes: signed(c.heap_size[heap]),
		})
	}
	p.describeMatrices()
}

// describeMatrices lists the kinds of products of cooperative matrices.
func (p *Physical) describeMatrices() {
	if p.Features&Cooperative == 0 {
		return
	}
	list := make([]C.lg_matrix, 256) // drivers know some tens
	n := C.lg_matrices(p.in.in, unsafe.Pointer(p.handle), &list[0], C.uint32_t(len(list)))
	for _, m := range list[:min(int(n), len(list))] {
		p.Matrices = append(p.Matrices, Matrix{M: uint32(m.m), N: uint32(m.n), K: uint32(m.k), A: uint32(m.a), B: uint32(m.b), C: uint32(m.c),
			Result: uint32(m.result), Saturating: m.saturating != 0, Scope: uint32(m.scope)})
	}
}

// signed reads a size that drivers may set to 2^64-1 for "no limit".
func signed(v C.uint64_t) int64 { return int64(min(uint64(v), 1<<63-1)) }

// Budget returns what this process may hold of a heap and what it holds, in bytes; zeros without the MemoryBudget feature.
func (p *Physical) Budget(heap int) (budget, usage int64) {
	if p.Features&MemoryBudget == 0 {
		return 0, 0
	}
	var b, u C.uint64_t
	C.lg_budget(p.in.in, unsafe.Pointer(p.handle), C.uint32_t(heap), &b, &u)
	return signed(b), signed(u)
}

// Probe tries to open a driver's library and returns why it cannot be used, nil if it can.
func Probe(library string) error {
	path := C.CString(library)
	defer C.free(unsafe.Pointer(path))
	var text [512]C.char
	if C.lg_probe(path, &text[0], C.int(len(text))) == 0 {
		return fmt.Errorf("%s", C.GoString(&text[0]))
	}
	return nil
}

// MessageCount returns how many validation messages this process has seen; Message returns the text of one of the last 64.
func MessageCount() uint64 { return uint64(C.lg_message_count()) }

// Message returns the text of message i of MessageCount, false when it has been overwritten.
func Message(i uint64) (string, bool) {
	var text [2048]C.char
	ok := C.lg_message(C.uint64_t(i), &text[0], C.int(len(text))) != 0
	return C.GoString(&text[0]), ok
}
