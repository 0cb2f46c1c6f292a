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

struct lg_instance {
	VkInstance instance;
	LG_INSTANCE_FUNCTIONS(LG_DECLARE);
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
