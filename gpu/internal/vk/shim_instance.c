//go:build !windows

#include "shim.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim_internal.h"

void *lg_open(const char *path, const char *symbol, char *err, int err_len) {
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib) {
		const char *why = dlerror();
		snprintf(err, err_len, "%s", why ? why : "unknown error");
		return NULL;
	}
	void *f = dlsym(lib, symbol);
	if (!f) snprintf(err, err_len, "%s has no %s", path, symbol);
	return f; // the library stays open for the life of the process: drivers own threads
}

int lg_probe(const char *path, char *err, int err_len) {
	void *lib = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (!lib) {
		const char *why = dlerror();
		snprintf(err, err_len, "%s", why ? why : "unknown error");
		return 0;
	}
	int ok = dlsym(lib, "vk_icdGetInstanceProcAddr") || dlsym(lib, "vkGetInstanceProcAddr");
	if (!ok) snprintf(err, err_len, "it is no Vulkan driver: it exports no vk_icdGetInstanceProcAddr");
	dlclose(lib);
	return ok;
}

#define GLOBAL(name) PFN_##name name = (PFN_##name)((PFN_vkGetInstanceProcAddr)gipa)(NULL, #name)

uint32_t lg_loader_version(void *gipa) {
	GLOBAL(vkEnumerateInstanceVersion);
	uint32_t v = VK_API_VERSION_1_0;
	if (vkEnumerateInstanceVersion) vkEnumerateInstanceVersion(&v);
	return v;
}

int lg_has_layer(void *gipa, const char *name) {
	GLOBAL(vkEnumerateInstanceLayerProperties);
	uint32_t n = 0;
	if (!vkEnumerateInstanceLayerProperties || vkEnumerateInstanceLayerProperties(&n, NULL) != VK_SUCCESS) return 0;
	VkLayerProperties *p = calloc(n ? n : 1, sizeof *p);
	int found = 0;
	if (p && vkEnumerateInstanceLayerProperties(&n, p) >= 0)
		for (uint32_t i = 0; i < n; i++) found |= !strcmp(p[i].layerName, name);
	free(p);
	return found;
}

int lg_has_extension(void *gipa, const char *name) {
	GLOBAL(vkEnumerateInstanceExtensionProperties);
	uint32_t n = 0;
	if (!vkEnumerateInstanceExtensionProperties || vkEnumerateInstanceExtensionProperties(NULL, &n, NULL) != VK_SUCCESS) return 0;
	VkExtensionProperties *p = calloc(n ? n : 1, sizeof *p);
	int found = 0;
	if (p && vkEnumerateInstanceExtensionProperties(NULL, &n, p) >= 0)
		for (uint32_t i = 0; i < n; i++) found |= !strcmp(p[i].extensionName, name);
	free(p);
	return found;
}

// Validation messages: the last MESSAGES texts in a ring; the count never goes back.
enum { MESSAGES = 64, MESSAGE_BYTES = 2048 };
static char ring[MESSAGES][MESSAGE_BYTES];
static uint64_t message_count;
static pthread_mutex_t message_lock = PTHREAD_MUTEX_INITIALIZER;

static VkBool32 VKAPI_PTR on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity, VkDebugUtilsMessageTypeFlagsEXT types,
	const VkDebugUtilsMessengerCallbackDataEXT *data, void *user) {
	(void)severity, (void)types, (void)user;
	pthread_mutex_lock(&message_lock);
	snprintf(ring[message_count++ % MESSAGES], MESSAGE_BYTES, "%s", data && data->pMessage ? data->pMessage : "(no text)");
	pthread_mutex_unlock(&message_lock);
	return VK_FALSE;
}

uint64_t lg_message_count(void) {
	pthread_mutex_lock(&message_lock);
	uint64_t n = message_count;
	pthread_mutex_unlock(&message_lock);
	return n;
}

int lg_message(uint64_t index, char *out, int len) {
	pthread_mutex_lock(&message_lock);
	int kept = index < message_count && index + MESSAGES >= message_count;
	if (kept) snprintf(out, len, "%s", ring[index % MESSAGES]);
	pthread_mutex_unlock(&message_lock);
	return kept;
}

// lg_instance_info returns a static structure (the caller holds a lock): the binding would otherwise build the name lists itself,
// in memory that its finalizers may free before the driver has read them.
VkInstanceCreateInfo *lg_instance_info(int validate, int portability) {
	static VkApplicationInfo app;
	static VkInstanceCreateInfo info;
	static VkValidationFeaturesEXT checks;
	static VkDebugUtilsMessengerCreateInfoEXT messenger;
	static const VkValidationFeatureEnableEXT enabled[] = {VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT};
	static const char *layers[] = {"VK_LAYER_KHRONOS_validation"};
	static const char *extensions[3];
	app = (VkApplicationInfo){VK_STRUCTURE_TYPE_APPLICATION_INFO};
	app.pEngineName = "lavagrad";
	app.apiVersion = VK_API_VERSION_1_3;
	info = (VkInstanceCreateInfo){VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
	info.pApplicationInfo = &app;
	info.ppEnabledExtensionNames = extensions;
	if (portability) {
		extensions[info.enabledExtensionCount++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
		info.flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
	}
	if (!validate) return &info;
	extensions[info.enabledExtensionCount++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
	info.enabledLayerCount = 1;
	info.ppEnabledLayerNames = layers;
	// In the pNext chain the messenger also sees vkCreateInstance and vkDestroyInstance.
	messenger = (VkDebugUtilsMessengerCreateInfoEXT){VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT};
	messenger.messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
	messenger.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT; // GENERAL is the loader's chatter about absent drivers
	messenger.pfnUserCallback = on_message;
	checks = (VkValidationFeaturesEXT){VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT};
	checks.enabledValidationFeatureCount = 1;
	checks.pEnabledValidationFeatures = enabled;
	checks.pNext = &messenger;
	info.pNext = &checks;
	return &info;
}

lg_instance *lg_instance_new(void *gipa, void *instance) {
	lg_instance *in = calloc(1, sizeof *in);
	if (!in) return NULL;
	in->instance = instance;
	PFN_vkGetInstanceProcAddr get = (PFN_vkGetInstanceProcAddr)gipa;
#define LOAD(name) in->name = (PFN_##name)get(in->instance, #name)
	LG_INSTANCE_FUNCTIONS(LOAD);
#undef LOAD
	in->cooperative_properties = (lg_get_cooperative_properties)get(in->instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
	PFN_vkCreateDebugUtilsMessengerEXT create = (PFN_vkCreateDebugUtilsMessengerEXT)get(in->instance, "vkCreateDebugUtilsMessengerEXT");
	const VkInstanceCreateInfo *info = lg_instance_info(1, 0);
	if (create) { // loaded only where the extension was enabled
		VkDebugUtilsMessengerCreateInfoEXT messenger = *(const VkDebugUtilsMessengerCreateInfoEXT *)((const VkValidationFeaturesEXT *)info->pNext)->pNext;
		VkDebugUtilsMessengerEXT handle;
		create(in->instance, &messenger, NULL, &handle);
	}
	return in;
}

static int has_device_extension(lg_instance *in, VkPhysicalDevice physical, const char *name) {
	uint32_t n = 0;
	if (in->vkEnumerateDeviceExtensionProperties(physical, NULL, &n, NULL) != VK_SUCCESS) return 0;
	VkExtensionProperties *p = calloc(n ? n : 1, sizeof *p);
	int found = 0;
	if (p && in->vkEnumerateDeviceExtensionProperties(physical, NULL, &n, p) >= 0)
		for (uint32_t i = 0; i < n; i++) found |= !strcmp(p[i].extensionName, name);
	free(p);
	return found;
}

static void describe_features(lg_instance *in, VkPhysicalDevice physical, lg_info *out) {
	VkPhysicalDeviceVulkan13Features f13 = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
	VkPhysicalDeviceVulkan12Features f12 = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
	VkPhysicalDeviceVulkan11Features f11 = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES};
	VkPhysicalDeviceFeatures2 f = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
	f.pNext = &f11;
	f11.pNext = &f12;
	if (out->api_version >= VK_API_VERSION_1_3) f12.pNext = &f13;
	in->vkGetPhysicalDeviceFeatures2(physical, &f);
	out->features = (f.features.shaderInt64 ? LG_INT64 : 0) | (f.features.shaderFloat64 ? LG_FLOAT64 : 0) |
		(f.features.shaderInt16 ? LG_INT16 : 0) | (f.features.robustBufferAccess ? LG_ROBUST : 0) | (f12.shaderFloat16 ? LG_FLOAT16 : 0) |
		(f12.shaderInt8 ? LG_INT8 : 0) | (f12.storageBuffer8BitAccess ? LG_STORAGE8 : 0) |
		(f11.storageBuffer16BitAccess ? LG_STORAGE16 : 0) | (f12.timelineSemaphore ? LG_TIMELINE : 0) |
		(f12.shaderSubgroupExtendedTypes ? LG_SUBGROUP_EXTENDED : 0) | (f12.vulkanMemoryModel ? LG_MEMORY_MODEL : 0) |
		(f13.maintenance4 ? LG_MAINTENANCE4 : 0) | (f13.subgroupSizeControl && f13.computeFullSubgroups ? LG_SUBGROUP_SIZE : 0) |
		(has_device_extension(in, physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME) ? LG_MEMORY_BUDGET : 0) |
		(has_device_extension(in, physical, "VK_KHR_portability_subset") ? LG_PORTABILITY : 0);
}

// describe_matrices sets the features of the two extensions. The matrices are only of use with the memory model that orders their accesses
// to shared memory, and with subgroups known to be full.
static void describe_matrices(lg_instance *in, VkPhysicalDevice physical, lg_info *out) {
	uint32_t need = LG_MEMORY_MODEL | LG_SUBGROUP_SIZE;
	if (!in->cooperative_properties || (out->features & need) != need || !has_device_extension(in, physical, "VK_KHR_cooperative_matrix")) return;
	int bfloat16 = has_device_extension(in, physical, "VK_KHR_shader_bfloat16");
	lg_bfloat16_features b = {LG_ST_SHADER_BFLOAT16_FEATURES};
	lg_cooperative_features c = {LG_ST_COOPERATIVE_MATRIX_FEATURES, bfloat16 ? &b : NULL};
	VkPhysicalDeviceFeatures2 f = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, &c};
	in->vkGetPhysicalDeviceFeatures2(physical, &f);
	lg_cooperative_stages stages = {LG_ST_COOPERATIVE_MATRIX_DEVICE_PROPERTIES};
	VkPhysicalDeviceProperties2 p = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, &stages};
	in->vkGetPhysicalDeviceProperties2(physical, &p);
	if (!c.cooperativeMatrix || !(stages.stages & VK_SHADER_STAGE_COMPUTE_BIT)) return;
	out->features |= LG_COOPERATIVE | (b.shaderBFloat16Type && b.shaderBFloat16CooperativeMatrix ? LG_BFLOAT16 : 0);
}

uint32_t lg_matrices(lg_instance *in, void *physical, lg_matrix *out, uint32_t n) {
	uint32_t all = 0;
	if (!in->cooperative_properties || in->cooperative_properties(physical, &all, NULL) < 0 || !all) return 0;
	lg_cooperative_properties *p = calloc(all, sizeof *p);
	if (!p) return 0;
	for (uint32_t i = 0; i < all; i++) p[i].sType = LG_ST_COOPERATIVE_MATRIX_PROPERTIES;
	if (in->cooperative_properties(physical, &all, p) < 0) all = 0;
	for (uint32_t i = 0; i < all && i < n; i++)
		out[i] = (lg_matrix){p[i].m, p[i].n, p[i].k, p[i].a, p[i].b, p[i].c, p[i].result, p[i].saturating, p[i].scope};
	free(p);
	return all;
}

static void describe_properties(lg_instance *in, VkPhysicalDevice physical, lg_info *out) {
	VkPhysicalDeviceVulkan13Properties p13 = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES};
	VkPhysicalDeviceVulkan12Properties p12 = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES};
	VkPhysicalDeviceVulkan11Properties p11 = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES};
	VkPhysicalDeviceProperties2 p = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
	p.pNext = &p11;
	p11.pNext = &p12;
	if (out->api_version >= VK_API_VERSION_1_3) p12.pNext = &p13;
	in->vkGetPhysicalDeviceProperties2(physical, &p);
	snprintf(out->driver_name, sizeof out->driver_name, "%s", p12.driverName);
	snprintf(out->driver_info, sizeof out->driver_info, "%s", p12.driverInfo);
	out->driver_id = p12.driverID;
	memcpy(out->device_uuid, p11.deviceUUID, 16);
	memcpy(out->driver_uuid, p11.driverUUID, 16);
	out->subgroup_size = p11.subgroupSize;
	out->subgroup_ops = p11.subgroupSupportedOperations;
	out->subgroup_stages = p11.subgroupSupportedStages;
	out->preserves_nan = p12.shaderSignedZeroInfNanPreserveFloat32;
	out->max_allocation = p11.maxMemoryAllocationSize;
	out->max_buffer = p13.maxBufferSize ? p13.maxBufferSize : p11.maxMemoryAllocationSize;
}

static void describe_queue(lg_instance *in, VkPhysicalDevice physical, lg_info *out) {
	VkQueueFamilyProperties families[16];
	uint32_t n = 16;
	in->vkGetPhysicalDeviceQueueFamilyProperties(physical, &n, families);
	for (uint32_t i = 0; i < n; i++) {
		if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)) continue;
		if (out->has_compute && (out->timestamp_bits || !families[i].timestampValidBits)) continue;
		out->has_compute = 1;
		out->queue_family = i;
		out->timestamp_bits = families[i].timestampValidBits;
	}
}

void lg_describe(lg_instance *in, void *physical, lg_info *out) {
	memset(out, 0, sizeof *out);
	VkPhysicalDeviceProperties p;
	in->vkGetPhysicalDeviceProperties(physical, &p);
	snprintf(out->name, sizeof out->name, "%s", p.deviceName);
	out->type = p.deviceType;
	out->vendor_id = p.vendorID;
	out->device_id = p.deviceID;
	out->api_version = p.apiVersion;
	out->driver_version = p.driverVersion;
	out->max_texels = p.limits.maxTexelBufferElements;
	out->max_invocations = p.limits.maxComputeWorkGroupInvocations;
	memcpy(out->max_size, p.limits.maxComputeWorkGroupSize, sizeof out->max_size);
	memcpy(out->max_groups, p.limits.maxComputeWorkGroupCount, sizeof out->max_groups);
	out->shared_bytes = p.limits.maxComputeSharedMemorySize;
	out->push_bytes = p.limits.maxPushConstantsSize;
	out->max_stage_storage = p.limits.maxPerStageDescriptorStorageBuffers;
	out->max_stage_texel = p.limits.maxPerStageDescriptorSampledImages; // uniform texel buffers count as sampled images
	out->max_set_storage = p.limits.maxDescriptorSetStorageBuffers;
	out->max_set_texel = p.limits.maxDescriptorSetSampledImages;
	out->max_storage_range = p.limits.maxStorageBufferRange;
	out->storage_align = p.limits.minStorageBufferOffsetAlignment;
	out->texel_align = p.limits.minTexelBufferOffsetAlignment;
	out->timestamp_period = p.limits.timestampPeriod;
	describe_queue(in, physical, out);
	VkPhysicalDeviceMemoryProperties m;
	in->vkGetPhysicalDeviceMemoryProperties(physical, &m);
	out->type_count = m.memoryTypeCount;
	out->heap_count = m.memoryHeapCount;
	for (uint32_t i = 0; i < m.memoryTypeCount; i++) {
		out->type_flags[i] = m.memoryTypes[i].propertyFlags;
		out->type_heap[i] = m.memoryTypes[i].heapIndex;
	}
	for (uint32_t i = 0; i < m.memoryHeapCount; i++) {
		out->heap_size[i] = m.memoryHeaps[i].size;
		out->heap_flags[i] = m.memoryHeaps[i].flags;
	}
	if (p.apiVersion < VK_API_VERSION_1_2) return; // the caller refuses such a device: the structures below came with 1.2
	describe_properties(in, physical, out);
	describe_features(in, physical, out);
	describe_matrices(in, physical, out);
}

void lg_budget(lg_instance *in, void *physical, uint32_t heap, uint64_t *budget, uint64_t *usage) {
	VkPhysicalDeviceMemoryBudgetPropertiesEXT b = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
	VkPhysicalDeviceMemoryProperties2 m = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
	m.pNext = &b;
	in->vkGetPhysicalDeviceMemoryProperties2(physical, &m);
	*budget = b.heapBudget[heap];
	*usage = b.heapUsage[heap];
}
