//go:build !windows

#include "shim_internal.h"

VkResult lg_command_new(lg_device *d, void **command) {
	VkCommandBufferAllocateInfo info = {VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
	info.commandPool = d->pool;
	info.commandBufferCount = 1;
	VkCommandBuffer c = NULL;
	VkResult r = d->vkAllocateCommandBuffers(d->device, &info, &c);
	*command = c;
	return r;
}

void lg_command_free(lg_device *d, void *command) {
	VkCommandBuffer c = command;
	d->vkFreeCommandBuffers(d->device, d->pool, 1, &c);
}

VkResult lg_sets_new(lg_device *d, const uint64_t *layouts, uint32_t n, uint32_t storage, uint32_t texel, uint64_t *pool, uint64_t *sets) {
	VkDescriptorPoolSize sizes[2];
	VkDescriptorPoolCreateInfo info = {VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
	info.maxSets = n;
	info.pPoolSizes = sizes;
	if (storage) sizes[info.poolSizeCount++] = (VkDescriptorPoolSize){VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, storage};
	if (texel) sizes[info.poolSizeCount++] = (VkDescriptorPoolSize){VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, texel};
	VkDescriptorPool p = 0;
	VkResult r = d->vkCreateDescriptorPool(d->device, &info, NULL, &p);
	if (r != VK_SUCCESS) return r;
	VkDescriptorSetAllocateInfo a = {VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
	a.descriptorPool = p;
	a.descriptorSetCount = n;
	a.pSetLayouts = layouts;
	r = d->vkAllocateDescriptorSets(d->device, &a, sets);
	if (r != VK_SUCCESS) d->vkDestroyDescriptorPool(d->device, p, NULL);
	*pool = p;
	return r;
}

void lg_sets_free(lg_device *d, uint64_t pool) { d->vkDestroyDescriptorPool(d->device, pool, NULL); }

static void write_descriptors(lg_device *d, const lg_write *w, uint32_t n) {
	enum { BATCH = 64 };
	VkWriteDescriptorSet writes[BATCH];
	VkDescriptorBufferInfo ranges[BATCH];
	VkBufferView views[BATCH];
	for (uint32_t i = 0; i < n;) {
		uint32_t k = 0;
		for (; k < BATCH && i < n; k++, i++) {
			writes[k] = (VkWriteDescriptorSet){VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET};
			writes[k].dstSet = w[i].set;
			writes[k].dstBinding = w[i].binding;
			writes[k].descriptorCount = 1;
			writes[k].descriptorType = w[i].kind;
			ranges[k] = (VkDescriptorBufferInfo){w[i].buffer, w[i].offset, w[i].range};
			views[k] = w[i].view;
			writes[k].pBufferInfo = &ranges[k];
			writes[k].pTexelBufferView = &views[k];
		}
		d->vkUpdateDescriptorSets(d->device, k, writes, 0, NULL);
	}
}

static void barrier(lg_device *d, VkCommandBuffer c, VkPipelineStageFlags from, VkAccessFlags made, VkPipelineStageFlags to, VkAccessFlags seen) {
	VkMemoryBarrier b = {VK_STRUCTURE_TYPE_MEMORY_BARRIER, NULL, made, seen};
	d->vkCmdPipelineBarrier(c, from, to, 0, 1, &b, 0, NULL, 0, NULL);
}

enum {
	COMPUTE = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
	TRANSFER = VK_PIPELINE_STAGE_TRANSFER_BIT,
	HOST = VK_PIPELINE_STAGE_HOST_BIT,
	SHADER_RW = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT,
	TRANSFER_RW = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
	WRITES = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
};

// begin opens a command buffer with a barrier on everything submitted before, so that submissions are ordered like calls.
static VkResult begin(lg_device *d, VkCommandBuffer c) {
	VkCommandBufferBeginInfo info = {VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
	info.flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT; // resubmitted without waiting for the run before
	VkResult r = d->vkBeginCommandBuffer(c, &info);
	if (r == VK_SUCCESS) barrier(d, c, COMPUTE | TRANSFER | HOST, WRITES | VK_ACCESS_HOST_WRITE_BIT, COMPUTE | TRANSFER, SHADER_RW | TRANSFER_RW);
	return r;
}

// end makes what was written visible to the host once the submission's ticket is reached.
static VkResult end(lg_device *d, VkCommandBuffer c) {
	barrier(d, c, COMPUTE | TRANSFER, WRITES, HOST, VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT);
	return d->vkEndCommandBuffer(c);
}

VkResult lg_record(lg_device *d, void *command, const lg_write *writes, uint32_t n_writes, const lg_dispatch *dispatches,
	uint32_t n_dispatches, const uint32_t *push, uint64_t queries) {
	write_descriptors(d, writes, n_writes);
	VkCommandBuffer c = command;
	VkResult r = begin(d, c);
	if (r != VK_SUCCESS) return r;
	if (queries) {
		d->vkCmdResetQueryPool(c, queries, 0, n_dispatches + 1);
		d->vkCmdWriteTimestamp(c, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, queries, 0);
	}
	uint64_t pipeline = 0;
	for (uint32_t i = 0; i < n_dispatches; i++) {
		const lg_dispatch *p = &dispatches[i];
		if (p->barrier || queries) barrier(d, c, COMPUTE, VK_ACCESS_SHADER_WRITE_BIT, COMPUTE, SHADER_RW);
		if (p->pipeline != pipeline) d->vkCmdBindPipeline(c, VK_PIPELINE_BIND_POINT_COMPUTE, p->pipeline);
		pipeline = p->pipeline;
		if (p->set) d->vkCmdBindDescriptorSets(c, VK_PIPELINE_BIND_POINT_COMPUTE, p->layout, 0, 1, &p->set, 0, NULL);
		if (p->push_words) d->vkCmdPushConstants(c, p->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, p->push_words * 4, push + p->push_offset);
		d->vkCmdDispatch(c, p->groups[0], p->groups[1], p->groups[2]);
		if (queries) d->vkCmdWriteTimestamp(c, COMPUTE, queries, i + 1);
	}
	return end(d, c);
}

VkResult lg_record_copy(lg_device *d, void *command, uint64_t src, uint64_t src_offset, uint64_t dst, uint64_t dst_offset, uint64_t size) {
	VkCommandBuffer c = command;
	VkResult r = begin(d, c);
	if (r != VK_SUCCESS) return r;
	VkBufferCopy copy = {src_offset, dst_offset, size};
	d->vkCmdCopyBuffer(c, src, dst, 1, &copy);
	return end(d, c);
}

VkResult lg_submit(lg_device *d, void *const *commands, uint32_t n, uint64_t value) {
	VkTimelineSemaphoreSubmitInfo values = {VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO};
	values.signalSemaphoreValueCount = 1;
	values.pSignalSemaphoreValues = &value;
	VkSubmitInfo info = {VK_STRUCTURE_TYPE_SUBMIT_INFO, &values};
	info.commandBufferCount = n;
	info.pCommandBuffers = (const VkCommandBuffer *)commands;
	info.signalSemaphoreCount = 1;
	info.pSignalSemaphores = &d->timeline;
	return d->vkQueueSubmit(d->queue, 1, &info, 0);
}

VkResult lg_submit_fence_wait(lg_device *d, void *command) {
	VkCommandBuffer c = command;
	VkSubmitInfo info = {VK_STRUCTURE_TYPE_SUBMIT_INFO};
	info.commandBufferCount = 1;
	info.pCommandBuffers = &c;
	VkResult r = d->vkResetFences(d->device, 1, &d->fence);
	if (r == VK_SUCCESS) r = d->vkQueueSubmit(d->queue, 1, &info, d->fence);
	if (r == VK_SUCCESS) r = d->vkWaitForFences(d->device, 1, &d->fence, VK_TRUE, UINT64_MAX);
	return r;
}

VkResult lg_wait(lg_device *d, uint64_t value, uint64_t timeout_ns) {
	VkSemaphoreWaitInfo info = {VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO};
	info.semaphoreCount = 1;
	info.pSemaphores = &d->timeline;
	info.pValues = &value;
	return d->vkWaitSemaphores(d->device, &info, timeout_ns);
}

int64_t lg_completed(lg_device *d) {
	uint64_t value = 0;
	VkResult r = d->vkGetSemaphoreCounterValue(d->device, d->timeline, &value);
	return r == VK_SUCCESS ? (int64_t)value : (int64_t)r;
}

VkResult lg_idle(lg_device *d) { return d->vkDeviceWaitIdle(d->device); }

VkResult lg_queries_new(lg_device *d, uint32_t n, uint64_t *pool) {
	VkQueryPoolCreateInfo info = {VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
	info.queryType = VK_QUERY_TYPE_TIMESTAMP;
	info.queryCount = n;
	VkQueryPool q = 0;
	VkResult r = d->vkCreateQueryPool(d->device, &info, NULL, &q);
	*pool = q;
	return r;
}

void lg_queries_free(lg_device *d, uint64_t pool) { d->vkDestroyQueryPool(d->device, pool, NULL); }

VkResult lg_queries_get(lg_device *d, uint64_t pool, uint32_t n, uint64_t *out) {
	return d->vkGetQueryPoolResults(d->device, pool, 0, n, n * sizeof *out, out, sizeof *out,
		VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
}
