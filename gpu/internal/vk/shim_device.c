//go:build !windows

#include "shim_internal.h"

#include <stdlib.h>
#include <string.h>

// Every slab, so every array and every staging buffer, has these usages.
static const VkBufferUsageFlags usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
	VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;

static VkResult create_objects(lg_device *d, uint32_t family) {
	VkCommandPoolCreateInfo pool = {VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
	pool.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
	pool.queueFamilyIndex = family;
	VkResult r = d->vkCreateCommandPool(d->device, &pool, NULL, &d->pool);
	if (r != VK_SUCCESS) return r;
	VkSemaphoreTypeCreateInfo type = {VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO};
	type.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE;
	VkSemaphoreCreateInfo semaphore = {VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, &type};
	r = d->vkCreateSemaphore(d->device, &semaphore, NULL, &d->timeline);
	if (r != VK_SUCCESS) return r;
	VkFenceCreateInfo fence = {VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
	return d->vkCreateFence(d->device, &fence, NULL, &d->fence);
}

lg_device *lg_device_new(lg_instance *in, void *physical, uint32_t family, uint32_t features, VkResult *result) {
	lg_device *d = calloc(1, sizeof *d);
	if (!d) {
		*result = VK_ERROR_OUT_OF_HOST_MEMORY;
		return NULL;
	}
	float priority = 1;
	VkDeviceQueueCreateInfo queue = {VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
	queue.queueFamilyIndex = family;
	queue.queueCount = 1;
	queue.pQueuePriorities = &priority;
	VkPhysicalDeviceVulkan13Features f13 = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
	f13.maintenance4 = !!(features & LG_MAINTENANCE4);
	f13.subgroupSizeControl = f13.computeFullSubgroups = !!(features & LG_SUBGROUP_SIZE);
	VkPhysicalDeviceVulkan12Features f12 = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
	if (f13.maintenance4 || f13.subgroupSizeControl) f12.pNext = &f13; // both bits are only set on a 1.3 device
	f12.timelineSemaphore = VK_TRUE;
	f12.shaderFloat16 = !!(features & LG_FLOAT16);
	f12.shaderInt8 = !!(features & LG_INT8);
	f12.storageBuffer8BitAccess = !!(features & LG_STORAGE8);
	f12.shaderSubgroupExtendedTypes = !!(features & LG_SUBGROUP_EXTENDED);
	f12.vulkanMemoryModel = !!(features & LG_MEMORY_MODEL);
	VkPhysicalDeviceVulkan11Features f11 = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, &f12};
	f11.storageBuffer16BitAccess = !!(features & LG_STORAGE16);
	VkPhysicalDeviceFeatures2 f = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, &f11};
	f.features.shaderInt64 = !!(features & LG_INT64);
	f.features.shaderFloat64 = !!(features & LG_FLOAT64);
	f.features.shaderInt16 = !!(features & LG_INT16);
	f.features.robustBufferAccess = !!(features & LG_ROBUST);
	lg_bfloat16_features bfloat16 = {LG_ST_SHADER_BFLOAT16_FEATURES, &f11, VK_TRUE, VK_FALSE, VK_TRUE};
	lg_cooperative_features cooperative = {LG_ST_COOPERATIVE_MATRIX_FEATURES, features & LG_BFLOAT16 ? (void *)&bfloat16 : &f11, VK_TRUE};
	if (features & LG_COOPERATIVE) f.pNext = &cooperative;
	const char *extensions[4];
	VkDeviceCreateInfo info = {VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, &f};
	info.queueCreateInfoCount = 1;
	info.pQueueCreateInfos = &queue;
	info.ppEnabledExtensionNames = extensions;
	if (features & LG_MEMORY_BUDGET) extensions[info.enabledExtensionCount++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
	if (features & LG_PORTABILITY) extensions[info.enabledExtensionCount++] = "VK_KHR_portability_subset";
	if (features & LG_COOPERATIVE) extensions[info.enabledExtensionCount++] = "VK_KHR_cooperative_matrix";
	if (features & LG_COOPERATIVE && features & LG_BFLOAT16) extensions[info.enabledExtensionCount++] = "VK_KHR_shader_bfloat16";
	*result = in->vkCreateDevice(physical, &info, NULL, &d->device);
	if (*result != VK_SUCCESS) {
		free(d);
		return NULL;
	}
#define LOAD(name) d->name = (PFN_##name)in->vkGetDeviceProcAddr(d->device, #name)
	LG_DEVICE_FUNCTIONS(LOAD);
#undef LOAD
	d->vkGetDeviceQueue(d->device, family, 0, &d->queue);
	*result = create_objects(d, family);
	if (*result != VK_SUCCESS) {
		lg_device_free(d);
		return NULL;
	}
	return d;
}

// glibc returns large blocks that are freed to the system at once, until one that it had mapped by itself was freed: then it keeps all up to that size. So
// it is taught the largest size that it learns (RATIONALE.md, "Why opening a CPU driver takes 32 MiB and frees them"). Nothing is written to the block.
void lg_keep_freed(void) {
	enum { LARGEST = 32 << 20, HEADER = 1 << 13 }; // DEFAULT_MMAP_THRESHOLD_MAX of malloc.c, for 64 bits
	void *volatile block = malloc(LARGEST - HEADER); // volatile: compilers leave pairs of malloc and free out
	free(block);
}

void lg_device_free(lg_device *d) {
	d->vkDeviceWaitIdle(d->device);
	d->vkDestroyFence(d->device, d->fence, NULL);
	d->vkDestroySemaphore(d->device, d->timeline, NULL);
	d->vkDestroyCommandPool(d->device, d->pool, NULL);
	d->vkDestroyDevice(d->device, NULL);
	free(d);
}

static VkResult create_buffer(lg_device *d, uint64_t size, VkBuffer *buffer) {
	VkBufferCreateInfo info = {VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
	info.size = size;
	info.usage = usage;
	return d->vkCreateBuffer(d->device, &info, NULL, buffer);
}

// lg_buffer_types returns the memory types our buffers may use; the specification makes it the same for every size.
uint32_t lg_buffer_types(lg_device *d) {
	VkBuffer buffer;
	if (create_buffer(d, 256, &buffer) != VK_SUCCESS) return 0;
	VkMemoryRequirements need;
	d->vkGetBufferMemoryRequirements(d->device, buffer, &need);
	d->vkDestroyBuffer(d->device, buffer, NULL);
	return need.memoryTypeBits;
}

VkResult lg_alloc(lg_device *d, uint64_t size, uint32_t type, int map, uint64_t *memory, uint64_t *buffer, void **mapped) {
	VkBuffer b;
	VkResult r = create_buffer(d, size, &b);
	if (r != VK_SUCCESS) return r;
	VkMemoryRequirements need;
	d->vkGetBufferMemoryRequirements(d->device, b, &need);
	VkMemoryAllocateInfo info = {VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
	info.allocationSize = need.size;
	info.memoryTypeIndex = type;
	VkDeviceMemory m = 0;
	*mapped = NULL;
	r = d->vkAllocateMemory(d->device, &info, NULL, &m);
	if (r == VK_SUCCESS) r = d->vkBindBufferMemory(d->device, b, m, 0);
	if (r == VK_SUCCESS && map) r = d->vkMapMemory(d->device, m, 0, VK_WHOLE_SIZE, 0, mapped);
	if (r != VK_SUCCESS) {
		lg_free(d, m, b);
		return r;
	}
	*memory = m;
	*buffer = b;
	return r;
}

void lg_free(lg_device *d, uint64_t memory, uint64_t buffer) {
	d->vkDestroyBuffer(d->device, buffer, NULL);
	d->vkFreeMemory(d->device, memory, NULL); // unmaps
}

VkResult lg_view_new(lg_device *d, uint64_t buffer, uint64_t offset, uint64_t range, uint64_t *view) {
	VkBufferViewCreateInfo info = {VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO};
	info.buffer = buffer;
	info.format = VK_FORMAT_R32G32B32A32_SFLOAT;
	info.offset = offset;
	info.range = range;
	VkBufferView v = 0;
	VkResult r = d->vkCreateBufferView(d->device, &info, NULL, &v);
	*view = v;
	return r;
}

void lg_view_free(lg_device *d, uint64_t view) { d->vkDestroyBufferView(d->device, view, NULL); }

VkResult lg_layout_new(lg_device *d, const uint32_t *kinds, uint32_t n, uint32_t push_bytes, uint64_t *set_layout, uint64_t *layout) {
	VkDescriptorSetLayoutBinding *b = calloc(n ? n : 1, sizeof *b);
	if (!b) return VK_ERROR_OUT_OF_HOST_MEMORY;
	for (uint32_t i = 0; i < n; i++) {
		b[i].binding = i;
		b[i].descriptorType = kinds[i];
		b[i].descriptorCount = 1;
		b[i].stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
	}
	VkDescriptorSetLayoutCreateInfo info = {VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
	info.bindingCount = n;
	info.pBindings = b;
	VkDescriptorSetLayout s = 0;
	VkResult r = d->vkCreateDescriptorSetLayout(d->device, &info, NULL, &s);
	free(b);
	if (r != VK_SUCCESS) return r;
	VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, push_bytes};
	VkPipelineLayoutCreateInfo p = {VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
	p.setLayoutCount = 1;
	p.pSetLayouts = &s;
	p.pushConstantRangeCount = push_bytes ? 1 : 0;
	p.pPushConstantRanges = &push;
	VkPipelineLayout l = 0;
	r = d->vkCreatePipelineLayout(d->device, &p, NULL, &l);
	if (r != VK_SUCCESS) d->vkDestroyDescriptorSetLayout(d->device, s, NULL);
	*set_layout = s;
	*layout = l;
	return r;
}

void lg_layout_free(lg_device *d, uint64_t set_layout, uint64_t layout) {
	d->vkDestroyPipelineLayout(d->device, layout, NULL);
	d->vkDestroyDescriptorSetLayout(d->device, set_layout, NULL);
}

VkResult lg_module_new(lg_device *d, const uint32_t *code, uint64_t words, uint64_t *module) {
	VkShaderModuleCreateInfo info = {VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
	info.codeSize = words * 4;
	info.pCode = code;
	VkShaderModule m = 0;
	VkResult r = d->vkCreateShaderModule(d->device, &info, NULL, &m);
	*module = m;
	return r;
}

void lg_module_free(lg_device *d, uint64_t module) { d->vkDestroyShaderModule(d->device, module, NULL); }

VkResult lg_pipeline_new(lg_device *d, uint64_t cache, uint64_t module, uint64_t layout, const uint32_t *spec, uint32_t n,
	int full_subgroups, uint64_t *pipeline) {
	VkSpecializationMapEntry *entries = calloc(n ? n : 1, sizeof *entries);
	if (!entries) return VK_ERROR_OUT_OF_HOST_MEMORY;
	for (uint32_t i = 0; i < n; i++) entries[i] = (VkSpecializationMapEntry){i, i * 4, 4};
	VkSpecializationInfo constants = {n, entries, n * 4, spec};
	VkComputePipelineCreateInfo info = {VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
	info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
	info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
	info.stage.module = module;
	info.stage.pName = "main";
	info.stage.pSpecializationInfo = n ? &constants : NULL;
	if (full_subgroups) info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
	info.layout = layout;
	VkPipeline p = 0;
	VkResult r = d->vkCreateComputePipelines(d->device, cache, 1, &info, NULL, &p);
	free(entries);
	*pipeline = p;
	return r;
}

void lg_pipeline_free(lg_device *d, uint64_t pipeline) { d->vkDestroyPipeline(d->device, pipeline, NULL); }

VkResult lg_cache_new(lg_device *d, const void *data, uint64_t size, uint64_t *cache) {
	VkPipelineCacheCreateInfo info = {VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
	info.initialDataSize = size;
	info.pInitialData = size ? data : NULL;
	VkPipelineCache c = 0;
	VkResult r = d->vkCreatePipelineCache(d->device, &info, NULL, &c);
	*cache = c;
	return r;
}

// lg_cache_data writes up to *size bytes and sets *size to how many; without data, to how many there are.
VkResult lg_cache_data(lg_device *d, uint64_t cache, void *data, uint64_t *size) {
	size_t n = *size;
	VkResult r = d->vkGetPipelineCacheData(d->device, cache, &n, data);
	*size = n;
	return r;
}

void lg_cache_free(lg_device *d, uint64_t cache) { d->vkDestroyPipelineCache(d->device, cache, NULL); }
