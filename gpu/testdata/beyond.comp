#version 450
// Writes far past the bound range: robustBufferAccess must drop that.
layout(local_size_x = 1) in;
layout(binding = 0) buffer Y { uint y[]; };
layout(push_constant) uniform P { uint at; };
void main() {
	y[at] = 0xdeadbeefu;
}
