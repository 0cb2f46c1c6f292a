// The C side of package vk: every Vulkan call that takes an array of structures or is newer than Vulkan 1.1.
// Nothing here calls back into Go, and Go memory is only read during the call it is passed to.
#ifndef LAVAGRAD_VK_SHIM_H
#define LAVAGRAD_VK_SHIM_H

#include <stdint.h>

#define VK_NO_PROTOTYPES 1
// Non-dispatchable handles are uint64_t on every platform, so Go keeps them as plain numbers.
#define VK_USE_64_BIT_PTR_DEFINES 0
#include "vulkan/vulkan_core.h"

// Feature bits: lg_info.features says what is there, lg_device_new enables all of it but robustness, which is asked for.
enum {
	LG_INT64 = 1 << 0,
	LG_FLOAT64 = 1 << 1,
	LG_INT16 = 1 << 2,
	LG_FLOAT16 = 1 << 3,
	LG_INT8 = 1 << 4,
	LG_STORAGE8 = 1 << 5,
	LG_STORAGE16 = 1 << 6,
	LG_TIMELINE = 1 << 7,
	LG_SUBGROUP_EXTENDED = 1 << 8,
	LG_MEMORY_MODEL = 1 << 9,
	LG_MAINTENANCE4 = 1 << 10,
	LG_SUBGROUP_SIZE = 1 << 11,
	LG_MEMORY_BUDGET = 1 << 12,
	LG_PORTABILITY = 1 << 13,
	LG_ROBUST = 1 << 14,
	LG_COOPERATIVE = 1 << 15,
	LG_BFLOAT16 = 1 << 16,
};

typedef struct {
	char name[256], driver_name[256], driver_info[256];
	uint32_t type, vendor_id, device_id, api_version, driver_version, driver_id;
	uint8_t device_uuid[16], driver_uuid[16];
	uint32_t features;
	uint32_t max_texels, max_invocations, max_size[3], max_groups[3], shared_bytes, push_bytes;
	uint32_t max_stage_storage, max_stage_texel, max_set_storage, max_set_texel;
	uint32_t subgroup_size, subgroup_ops, subgroup_stages, preserves_nan;
	uint64_t max_storage_range, storage_align, texel_align, max_allocation, max_buffer;
	float timestamp_period;
	uint32_t timestamp_bits, queue_family, has_compute;
	uint32_t type_count, heap_count;
	uint32_t type_flags[VK_MAX_MEMORY_TYPES], type_heap[VK_MAX_MEMORY_TYPES];
	uint64_t heap_size[VK_MAX_MEMORY_HEAPS];
	uint32_t heap_flags[VK_MAX_MEMORY_HEAPS];
} lg_info;

// One kind of product of VK_KHR_cooperative_matrix: M x K times K x N, component types and scope by their Vulkan numbers.
typedef struct {
	uint32_t m, n, k, a, b, c, result, saturating, scope;
} lg_matrix;

typedef struct lg_instance lg_instance;
typedef struct lg_device lg_device;

// Loader and instance (shim_instance.c).
void *lg_open(const char *path, const char *symbol, char *err, int err_len);
int lg_probe(const char *path, char *err, int err_len);
uint32_t lg_loader_version(void *gipa);
int lg_has_layer(void *gipa, const char *name);
int lg_has_extension(void *gipa, const char *name);
VkInstanceCreateInfo *lg_instance_info(int validate, int portability);
lg_instance *lg_instance_new(void *gipa, void *instance);
void lg_describe(lg_instance *in, void *physical, lg_info *out);
// lg_matrices writes up to n kinds of cooperative matrix products and returns how many there are.
uint32_t lg_matrices(lg_instance *in, void *physical, lg_matrix *out, uint32_t n);
void lg_budget(lg_instance *in, void *physical, uint32_t heap, uint64_t *budget, uint64_t *usage);
uint64_t lg_message_count(void);
int lg_message(uint64_t index, char *out, int len);

// Device, memory and pipelines (shim_device.c).
lg_device *lg_device_new(lg_instance *in, void *physical, uint32_t family, uint32_t features, VkResult *result);
void lg_device_free(lg_device *d);
// lg_keep_freed has the C library keep what is freed, for the compilers of drivers on the processor.
void lg_keep_freed(void);
uint32_t lg_buffer_types(lg_device *d);
VkResult lg_alloc(lg_device *d, uint64_t size, uint32_t type, int map, uint64_t *memory, uint64_t *buffer, void **mapped);
void lg_free(lg_device *d, uint64_t memory, uint64_t buffer);
VkResult lg_view_new(lg_device *d, uint64_t buffer, uint64_t offset, uint64_t range, uint64_t *view);
void lg_view_free(lg_device *d, uint64_t view);
VkResult lg_layout_new(lg_device *d, const uint32_t *kinds, uint32_t n, uint32_t push_bytes, uint64_t *set_layout, uint64_t *layout);
void lg_layout_free(lg_device *d, uint64_t set_layout, uint64_t layout);
VkResult lg_module_new(lg_device *d, const uint32_t *code, uint64_t words, uint64_t *module);
void lg_module_free(lg_device *d, uint64_t module);
VkResult lg_pipeline_new(lg_device *d, uint64_t cache, uint64_t module, uint64_t layout, const uint32_t *spec, uint32_t n,
	int full_subgroups, uint64_t *pipeline);
void lg_pipeline_free(lg_device *d, uint64_t pipeline);
VkResult lg_cache_new(lg_device *d, const void *data, uint64_t size, uint64_t *cache);
VkResult lg_cache_data(lg_device *d, uint64_t cache, void *data, uint64_t *size);
void lg_cache_free(lg_device *d, uint64_t cache);

// Recording and submission (shim_record.c).
typedef struct {
	uint64_t set, buffer, offset, range, view;
	uint32_t binding, kind;
} lg_write;

typedef struct {
	uint64_t pipeline, layout, set;
	uint32_t push_offset, push_words; // in words of the push array
	uint32_t groups[3];
	uint32_t barrier; // 1: a barrier before this dispatch
} lg_dispatch;

VkResult lg_command_new(lg_device *d, void **command);
void lg_command_free(lg_device *d, void *command);
VkResult lg_sets_new(lg_device *d, const uint64_t *layouts, uint32_t n, uint32_t storage, uint32_t texel, uint64_t *pool, uint64_t *sets);
void lg_sets_free(lg_device *d, uint64_t pool);
VkResult lg_record(lg_device *d, void *command, const lg_write *writes, uint32_t n_writes, const lg_dispatch *dispatches,
	uint32_t n_dispatches, const uint32_t *push, uint64_t queries);
VkResult lg_record_copy(lg_device *d, void *command, uint64_t src, uint64_t src_offset, uint64_t dst, uint64_t dst_offset, uint64_t size);
VkResult lg_submit(lg_device *d, void *const *commands, uint32_t n, uint64_t value);
VkResult lg_submit_fence_wait(lg_device *d, void *command);
VkResult lg_wait(lg_device *d, uint64_t value, uint64_t timeout_ns);
int64_t lg_completed(lg_device *d);
VkResult lg_idle(lg_device *d);
VkResult lg_queries_new(lg_device *d, uint32_t n, uint64_t *pool);
void lg_queries_free(lg_device *d, uint64_t pool);
VkResult lg_queries_get(lg_device *d, uint64_t pool, uint32_t n, uint64_t *out);

#endif
