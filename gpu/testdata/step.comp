#version 450
// y[i] = a * x[i] + b in uint32 while the word is not 0, else x[i].
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer W { uint word; };
layout(binding = 1) readonly buffer X { uint x[]; };
layout(binding = 2) buffer Y { uint y[]; };
layout(push_constant) uniform P { uint n; uint a; uint b; };
void main() {
	uint i = gl_GlobalInvocationID.x;
	if (i < n) y[i] = word != 0 ? a * x[i] + b : x[i];
}
