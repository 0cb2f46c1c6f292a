//go:build cgo && !windows

package vk

/*
#cgo noescape lg_record
#cgo nocallback lg_record
#cgo nocallback lg_record_copy
#cgo noescape lg_submit
#cgo nocallback lg_submit
#cgo nocallback lg_wait
#cgo nocallback lg_completed
#include "shim.h"
*/
import "C"

import (
	"sync"
	"unsafe"
)

// Go and C see the same bytes: these arrays have negative lengths, so do not compile, where the sizes differ.
var (
	_ [unsafe.Sizeof(Write{}) - unsafe.Sizeof(C.lg_write{})]struct{}
	_ [unsafe.Sizeof(C.lg_write{}) - unsafe.Sizeof(Write{})]struct{}
	_ [unsafe.Sizeof(Dispatch{}) - unsafe.Sizeof(C.lg_dispatch{})]struct{}
	_ [unsafe.Sizeof(C.lg_dispatch{}) - unsafe.Sizeof(Dispatch{})]struct{}
)

// Device is a VkDevice with its queue, command pool and timeline semaphore. Submit, Record, RecordCopy and the creation of command
// buffers must be serialised by the caller; the rest may be called from any goroutine.
type Device struct{ d *C.lg_device }

// Command is a VkCommandBuffer.
type Command struct{ c unsafe.Pointer }

// keepFreed spares drivers that compile on the processor the pages that they give back after every kernel.
var keepFreed = sync.OnceFunc(func() { C.lg_keep_freed() })

// NewDevice creates a device with the given features, a subset of p.Features.
func (p *Physical) NewDevice(features Features) (*Device, error) {
	if p.Type == C.VK_PHYSICAL_DEVICE_TYPE_CPU {
		keepFreed()
	}
	var r C.VkResult
	d := C.lg_device_new(p.in.in, unsafe.Pointer(p.handle), C.uint32_t(p.QueueFamily), C.uint32_t(features), &r)
	if d == nil {
		return nil, &Error{"vkCreateDevice", Result(r)}
	}
	return &Device{d}, nil
}

// Close waits until the device is idle and destroys it; everything made from it must have been freed before.
func (d *Device) Close() {
	C.lg_device_free(d.d)
	d.d = nil
}

// BufferTypes returns the bit mask of memory types that buffers may live in.
func (d *Device) BufferTypes() uint32 { return uint32(C.lg_buffer_types(d.d)) }

// Block is a piece of device memory with the one buffer that covers it; Mapped is nil unless it was asked for.
type Block struct {
	Memory, Buffer uint64
	Mapped         unsafe.Pointer
}

// Alloc allocates size bytes of a memory type.
func (d *Device) Alloc(size int64, memoryType int, mapped bool) (Block, error) {
	var memory, buffer C.uint64_t
	var host unsafe.Pointer
	var m C.int
	if mapped {
		m = 1
	}
	if r := Result(C.lg_alloc(d.d, C.uint64_t(size), C.uint32_t(memoryType), m, &memory, &buffer, &host)); r < 0 {
		return Block{}, &Error{"vkAllocateMemory", r}
	}
	return Block{uint64(memory), uint64(buffer), host}, nil
}

// Free returns a block to the driver; no pending submission may use it.
func (d *Device) Free(b Block) { C.lg_free(d.d, C.uint64_t(b.Memory), C.uint64_t(b.Buffer)) }

// NewView makes an RGBA32F texel view of a range, both numbers in bytes.
func (d *Device) NewView(buffer uint64, offset, size int64) (uint64, error) {
	var v C.uint64_t
	r := C.lg_view_new(d.d, C.uint64_t(buffer), C.uint64_t(offset), C.uint64_t(size), &v)
	return uint64(v), check("vkCreateBufferView", Result(r))
}

// FreeView destroys a view.
func (d *Device) FreeView(v uint64) { C.lg_view_free(d.d, C.uint64_t(v)) }

// NewLayout makes the layouts of kernels with these binding kinds and this many bytes of push constants.
func (d *Device) NewLayout(kinds []uint32, pushBytes int) (set, pipeline uint64, err error) {
	var s, l C.uint64_t
	r := C.lg_layout_new(d.d, (*C.uint32_t)(unsafe.SliceData(kinds)), C.uint32_t(len(kinds)), C.uint32_t(pushBytes), &s, &l)
	return uint64(s), uint64(l), check("vkCreatePipelineLayout", Result(r))
}

// FreeLayout destroys what NewLayout made.
func (d *Device) FreeLayout(set, pipeline uint64) {
	C.lg_layout_free(d.d, C.uint64_t(set), C.uint64_t(pipeline))
}

// NewModule makes a shader module of SPIR-V words.
func (d *Device) NewModule(code []uint32) (uint64, error) {
	var m C.uint64_t
	r := C.lg_module_new(d.d, (*C.uint32_t)(unsafe.SliceData(code)), C.uint64_t(len(code)), &m)
	return uint64(m), check("vkCreateShaderModule", Result(r))
}

// FreeModule destroys a module.
func (d *Device) FreeModule(m uint64) { C.lg_module_free(d.d, C.uint64_t(m)) }

// NewPipeline compiles the entry point "main" with specialization constants 0, 1, ..., through a cache (0 for none). Full subgroups need the
// feature SubgroupSize and a workgroup whose x is a multiple of the largest subgroup.
func (d *Device) NewPipeline(cache, module, layout uint64, spec []uint32, fullSubgroups bool) (uint64, error) {
	var p C.uint64_t
	full := C.int(0)
	if fullSubgroups {
		full = 1
	}
	r := C.lg_pipeline_new(d.d, C.uint64_t(cache), C.uint64_t(module), C.uint64_t(layout), (*C.uint32_t)(unsafe.SliceData(spec)), C.uint32_t(len(spec)), full, &p)
	return uint64(p), check("vkCreateComputePipelines", Result(r))
}

// FreePipeline destroys a pipeline.
func (d *Device) FreePipeline(p uint64) { C.lg_pipeline_free(d.d, C.uint64_t(p)) }

// NewCache makes a pipeline cache from what CacheData gave in another process, nil for an empty one. Drivers ignore data of others.
func (d *Device) NewCache(data []byte) (uint64, error) {
	var c C.uint64_t
	r := C.lg_cache_new(d.d, unsafe.Pointer(unsafe.SliceData(data)), C.uint64_t(len(data)), &c)
	return uint64(c), check("vkCreatePipelineCache", Result(r))
}

// CacheData returns what a pipeline cache holds.
func (d *Device) CacheData(cache uint64) ([]byte, error) {
	var n C.uint64_t
	if r := Result(C.lg_cache_data(d.d, C.uint64_t(cache), nil, &n)); r < 0 {
		return nil, &Error{"vkGetPipelineCacheData", r}
	}
	data := make([]byte, n)
	r := Result(C.lg_cache_data(d.d, C.uint64_t(cache), unsafe.Pointer(unsafe.SliceData(data)), &n))
	return data[:n], check("vkGetPipelineCacheData", r)
}

// FreeCache destroys a pipeline cache.
func (d *Device) FreeCache(cache uint64) { C.lg_cache_free(d.d, C.uint64_t(cache)) }

// NewCommand allocates a command buffer.
func (d *Device) NewCommand() (Command, error) {
	var c unsafe.Pointer
	r := C.lg_command_new(d.d, &c)
	return Command{c}, check("vkAllocateCommandBuffers", Result(r))
}

// FreeCommand frees a command buffer that is not pending.
func (d *Device) FreeCommand(c Command) { C.lg_command_free(d.d, c.c) }

// NewSets allocates one descriptor set for each layout from a pool of its own, with room for the given numbers of descriptors.
func (d *Device) NewSets(layouts []uint64, storage, texel int) (pool uint64, sets []uint64, err error) {
	sets = make([]uint64, len(layouts))
	var p C.uint64_t
	r := C.lg_sets_new(d.d, (*C.uint64_t)(unsafe.SliceData(layouts)), C.uint32_t(len(layouts)), C.uint32_t(storage), C.uint32_t(texel),
		&p, (*C.uint64_t)(unsafe.SliceData(sets)))
	return uint64(p), sets, check("vkAllocateDescriptorSets", Result(r))
}

// FreeSets destroys a pool and its sets.
func (d *Device) FreeSets(pool uint64) { C.lg_sets_free(d.d, C.uint64_t(pool)) }

// Record rewrites descriptors and records the dispatches into c, which must not be pending. With queries (a pool of len(dispatches)+1
// timestamps) every dispatch is timed and waits for the one before.
func (d *Device) Record(c Command, writes []Write, dispatches []Dispatch, push []uint32, queries uint64) error {
	r := C.lg_record(d.d, c.c, (*C.lg_write)(unsafe.Pointer(unsafe.SliceData(writes))), C.uint32_t(len(writes)),
		(*C.lg_dispatch)(unsafe.Pointer(unsafe.SliceData(dispatches))), C.uint32_t(len(dispatches)),
		(*C.uint32_t)(unsafe.SliceData(push)), C.uint64_t(queries))
	return check("vkEndCommandBuffer", Result(r))
}

// RecordCopy records a copy of size bytes between buffers into c, which must not be pending.
func (d *Device) RecordCopy(c Command, src uint64, srcOffset int64, dst uint64, dstOffset, size int64) error {
	r := C.lg_record_copy(d.d, c.c, C.uint64_t(src), C.uint64_t(srcOffset), C.uint64_t(dst), C.uint64_t(dstOffset), C.uint64_t(size))
	return check("vkEndCommandBuffer", Result(r))
}

// Submit queues commands, which run in their order and may repeat; the timeline reaches ticket once they and everything before them are
// done. Tickets must grow.
func (d *Device) Submit(commands []Command, ticket uint64) error {
	r := C.lg_submit(d.d, (*unsafe.Pointer)(unsafe.Pointer(unsafe.SliceData(commands))), C.uint32_t(len(commands)), C.uint64_t(ticket))
	return check("vkQueueSubmit", Result(r))
}

// SubmitFenceWait submits c with a fence and waits for it: the least a call can cost, which benchmarks compare with.
func (d *Device) SubmitFenceWait(c Command) error {
	return check("vkWaitForFences", Result(C.lg_submit_fence_wait(d.d, c.c)))
}

// Wait waits for a ticket for at most the given time; false means that the time ran out.
func (d *Device) Wait(ticket uint64, nanoseconds int64) (bool, error) {
	r := Result(C.lg_wait(d.d, C.uint64_t(ticket), C.uint64_t(nanoseconds)))
	return r == Success, check("vkWaitSemaphores", r)
}

// Completed returns the last ticket that was reached.
func (d *Device) Completed() (uint64, error) {
	v := int64(C.lg_completed(d.d))
	if v < 0 {
		return 0, &Error{"vkGetSemaphoreCounterValue", Result(v)}
	}
	return uint64(v), nil
}

// Idle waits for everything submitted.
func (d *Device) Idle() error { return check("vkDeviceWaitIdle", Result(C.lg_idle(d.d))) }

// NewQueries makes a pool of n timestamps.
func (d *Device) NewQueries(n int) (uint64, error) {
	var q C.uint64_t
	r := C.lg_queries_new(d.d, C.uint32_t(n), &q)
	return uint64(q), check("vkCreateQueryPool", Result(r))
}

// FreeQueries destroys a pool of timestamps.
func (d *Device) FreeQueries(q uint64) { C.lg_queries_free(d.d, C.uint64_t(q)) }

// Queries waits for and reads the timestamps, in ticks.
func (d *Device) Queries(q uint64, out []uint64) error {
	r := C.lg_queries_get(d.d, C.uint64_t(q), C.uint32_t(len(out)), (*C.uint64_t)(unsafe.SliceData(out)))
	return check("vkGetQueryPoolResults", Result(r))
}
