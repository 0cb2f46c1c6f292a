#version 450
// y[i] = x[i] + 1 over vec4, x read through a texel buffer.
layout(local_size_x = 64) in;
layout(binding = 0) uniform samplerBuffer x;
layout(binding = 1) buffer Y { vec4 y[]; };
layout(push_constant) uniform P { uint n; };
void main() {
	uint i = gl_GlobalInvocationID.x;
	if (i < n) y[i] = texelFetch(x, int(i)) + 1.0;
}
