// y = 2 x + y over vectors of four, read through uniform texel buffers: the best form by hand on the CPU drivers.
//
//   WIDTH  invocations of a workgroup
//   RUN    consecutive vectors an invocation
//
// variants: 256x1=-DWIDTH=256 -DRUN=1; 128x8=-DWIDTH=128 -DRUN=8
#version 450
#extension GL_EXT_control_flow_attributes : require

layout(local_size_x = WIDTH) in;
layout(binding = 0) uniform samplerBuffer X;
layout(binding = 1) uniform samplerBuffer Y;
layout(std430, binding = 2) writeonly buffer Out { vec4 Z[]; };

void main() {
	uint at = gl_GlobalInvocationID.x * RUN;
	[[unroll]] for (uint i = at; i < at + RUN; i++) {
		Z[i] = 2.0 * texelFetch(X, int(i)) + texelFetch(Y, int(i));
	}
}
