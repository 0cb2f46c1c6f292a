#version 450
// y[i] = a * x[i] + b; constant 0 is the local size, constant 1 a factor on b.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const float scale = 1.0;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Y { float y[]; };
layout(push_constant) uniform P { uint n; float a; float b; };
void main() {
	uint i = gl_GlobalInvocationID.x;
	if (i < n) y[i] = a * x[i] + scale * b;
}
