// What shim_instance.c, shim_device.c and shim_record.c share: the function tables.
#ifndef LAVAGRAD_VK_SHIM_INTERNAL_H
#define LAVAGRAD_VK_SHIM_INTERNAL_H

#include "shim.h"

#define LG_INSTANCE_FUNCTIONS(X)                                                                                      \
	X(vkGetPhysicalDeviceProperties); X(vkGetPhysicalDeviceProperties2); X(vkGetPhysicalDeviceFeatures2);             \
	X(vkGetPhysicalDeviceQueueFamilyProperties); X(vkGetPhysicalDeviceMemoryProperties);                              \
	X(vkGetPhysicalDeviceMemoryProperties2); X(vkEnumerateDeviceExtensionProperties);                                 \
	X(vkCreateDevice); X(vkGetDeviceProcAddr)

#define LG_DEVICE_FUNCTIONS(X)                                                                                        \
	X(vkDestroyDevice); X(vkGetDeviceQueue); X(vkDeviceWaitIdle); X(vkQueueSubmit);                                   \
	X(vkAllocateMemory); X(vkFreeMemory); X(vkMapMemory); X(vkCreateBuffer); X(vkDestroyBuffer);                      \
	X(vkGetBufferMemoryRequirements); X(vkBindBufferMemory); X(vkCreateBufferView); X(vkDestroyBufferView);           \
	X(vkCreateDescriptorSetLayout); X(vkDestroyDescriptorSetLayout); X(vkCreatePipelineLayout);                       \
	X(vkDestroyPipelineLayout); X(vkCreateShaderModule); X(vkDestroyShaderModule); X(vkCreateComputePipelines);       \
	X(vkDestroyPipeline); X(vkCreatePipelineCache); X(vkGetPipelineCacheData); X(vkDestroyPipelineCache); X(vkCreateCommandPool); X(vkDestroyCommandPool); X(vkAllocateCommandBuffers);               \
	X(vkFreeCommandBuffers); X(vkBeginCommandBuffer); X(vkEndCommandBuffer); X(vkCmdPipelineBarrier);                 \
	X(vkCmdBindPipeline); X(vkCmdBindDescriptorSets); X(vkCmdPushConstants); X(vkCmdDispatch); X(vkCmdCopyBuffer);    \
	X(vkCmdResetQueryPool); X(vkCmdWriteTimestamp); X(vkCreateDescriptorPool); X(vkDestroyDescriptorPool);            \
	X(vkAllocateDescriptorSets); X(vkUpdateDescriptorSets); X(vkCreateFence); X(vkDestroyFence); X(vkResetFences);    \
	X(vkWaitForFences); X(vkCreateSemaphore); X(vkDestroySemaphore); X(vkWaitSemaphores);                             \
	X(vkGetSemaphoreCounterValue); X(vkCreateQueryPool); X(vkDestroyQueryPool); X(vkGetQueryPoolResults)

#define LG_DECLARE(name) PFN_##name name

// VK_KHR_cooperative_matrix and VK_KHR_shader_bfloat16 are newer than the vendored headers: numbers and layouts of vk.xml, version 1.4.
enum {
	LG_ST_COOPERATIVE_MATRIX_FEATURES = 1000506000,
	LG_ST_COOPERATIVE_MATRIX_PROPERTIES = 1000506001, // of one kind of product
	LG_ST_COOPERATIVE_MATRIX_DEVICE_PROPERTIES = 1000506002,
	LG_ST_SHADER_BFLOAT16_FEATURES = 1000141000,
};

typedef struct {
	VkStructureType sType;
	void *pNext;
	VkBool32 cooperativeMatrix, cooperativeMatrixRobustBufferAccess;
} lg_cooperative_features;

typedef struct {
	VkStructureType sType;
	void *pNext;
	VkShaderStageFlags stages;
} lg_cooperative_stages;

typedef struct {
	VkStructureType sType;
	void *pNext;
	VkBool32 shaderBFloat16Type, shaderBFloat16DotProduct, shaderBFloat16CooperativeMatrix;
} lg_bfloat16_features;

typedef struct {
	VkStructureType sType;
	void *pNext;
	uint32_t m, n, k, a, b, c, result;
	VkBool32 saturating;
	uint32_t scope;
} lg_cooperative_properties;

typedef VkResult(VKAPI_PTR *lg_get_cooperative_properties)(VkPhysicalDevice, uint32_t *, lg_cooperative_properties *);

struct lg_instance {
	VkInstance instance;
	LG_INSTANCE_FUNCTIONS(LG_DECLARE);
	lg_get_cooperative_properties cooperative_properties; // NULL where no driver of the loader's has the extension
};

struct lg_device {
	VkDevice device;
	VkQueue queue;
	VkCommandPool pool;
	VkSemaphore timeline;
	VkFence fence; // only lg_submit_fence_wait uses it
	LG_DEVICE_FUNCTIONS(LG_DECLARE);
};

#endif
