// C = A B for square matrices of a multiple of 64, row-major, read through uniform texel buffers: 16 rows by 8 columns an
// invocation, no shared memory. With SHARE each four neighbours load a quarter of A's values and hand them round.
//
// variants: plain=-DWIDTH=8; share=-DWIDTH=4 -DSHARE
#version 450
#extension GL_EXT_control_flow_attributes : require
#ifdef SHARE
#extension GL_KHR_shader_subgroup_quad : require
#endif

layout(local_size_x = WIDTH) in;
layout(binding = 0) uniform samplerBuffer A;
layout(binding = 1) uniform samplerBuffer B;
layout(std430, binding = 2) writeonly buffer Out { vec4 C[]; };
layout(push_constant) uniform Push { uint N; };

#define ROWS 16

void main() {
	uint row = gl_WorkGroupID.y * ROWS, column = gl_GlobalInvocationID.x * 2, width = N / 4; // columns in vectors
	vec4 sum[ROWS][2];
	[[unroll]] for (int r = 0; r < ROWS; r++) {
		sum[r][0] = sum[r][1] = vec4(0);
	}
	for (uint k = 0; k < width; k++) {
		vec4 a[ROWS];
#ifdef SHARE
		uint lane = gl_LocalInvocationID.x & 3u;
		[[unroll]] for (int r = 0; r < ROWS; r += 4) {
			vec4 v = texelFetch(A, int((row + r + lane) * width + k));
			a[r] = subgroupQuadBroadcast(v, 0);
			a[r + 1] = subgroupQuadBroadcast(v, 1);
			a[r + 2] = subgroupQuadBroadcast(v, 2);
			a[r + 3] = subgroupQuadBroadcast(v, 3);
		}
#else
		[[unroll]] for (int r = 0; r < ROWS; r++) {
			a[r] = texelFetch(A, int((row + r) * width + k));
		}
#endif
		[[unroll]] for (int i = 0; i < 4; i++) {
			[[unroll]] for (int c = 0; c < 2; c++) {
				vec4 b = texelFetch(B, int((4 * k + i) * width + column + c));
				[[unroll]] for (int r = 0; r < ROWS; r++) {
					sum[r][c] += a[r][i] * b;
				}
			}
		}
	}
	[[unroll]] for (int r = 0; r < ROWS; r++) {
		[[unroll]] for (int c = 0; c < 2; c++) {
			C[(row + r) * width + column + c] = sum[r][c];
		}
	}
}
