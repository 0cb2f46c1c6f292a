// Squares of matrix products, added up: C[z] = the sum over a part z of the batch of the element-wise squares of A[b]^T B[b], for drivers that run
// kernels on a CPU. It is matmul_cpu.comp's register tile in the form TN with a second tile of sums; no product reaches memory.
//
// The calling convention (push words, padding, groups) is documented in shaders/squares.go; TM, TN, LX, QUAD and TEXEL are those of matmul_cpu.comp.
//
// variants: quad16x4=-DTM=16 -DTN=4 -DLX=4 -DQUAD; quadtexel16x4=-DTM=16 -DTN=4 -DLX=4 -DQUAD -DTEXEL
// variants: quad32x4=-DTM=32 -DTN=4 -DLX=4 -DQUAD; quadtexel32x8=-DTM=32 -DTN=8 -DLX=4 -DQUAD -DTEXEL
// variants: texel16x8=-DTM=16 -DTN=8 -DLX=8 -DTEXEL; texel4x8=-DTM=4 -DTN=8 -DLX=8 -DTEXEL
#version 450
#extension GL_EXT_control_flow_attributes : require
#ifdef QUAD
#extension GL_KHR_shader_subgroup_quad : require
#endif

layout(local_size_x = LX) in;
#ifdef TEXEL
layout(binding = 0) uniform samplerBuffer A;
layout(binding = 1) uniform samplerBuffer B;
#define LOAD_A(i) texelFetch(A, int(i))
#define LOAD_B(i) texelFetch(B, int(i))
#else
layout(std430, binding = 0) readonly buffer BufferA { vec4 A[]; };
layout(std430, binding = 1) readonly buffer BufferB { vec4 B[]; };
#define LOAD_A(i) A[i]
#define LOAD_B(i) B[i]
#endif
layout(std430, binding = 2) writeonly buffer BufferC { vec4 C[]; };

layout(push_constant) uniform Push {
	uint M, N, K;
	uint lda, ldb, ldc;
	uint strideA, strideB, strideC;
	uint batch, count;
};

// keep zeroes the elements past K bit by bit: a product with 0 would let NaN padding through.
vec4 keep(vec4 v, uint mask) { return uintBitsToFloat(floatBitsToUint(v) & uvec4(mask)); }

void main() {
	uint m0 = gl_WorkGroupID.y * TM, n0 = gl_GlobalInvocationID.x * TN;
	uint z = gl_WorkGroupID.z * count, end = min(z + count, batch);
	// All addresses below count vec4s.
	uint lda4 = lda >> 2, ldb4 = ldb >> 2;
#ifdef QUAD
	uint lane = gl_LocalInvocationID.x & 3u;
#endif

	float sum[TM][TN];
	[[unroll]] for (int r = 0; r < TM; r++) [[unroll]] for (int j = 0; j < TN; j++) sum[r][j] = 0.0;
	do {
		// Rows and columns past the edge are clamped to the last one: they read valid memory and are not stored.
		uint a0 = z * (strideA >> 2), b0 = z * (strideB >> 2);
		uint colA[TM / 4], colB[TN / 4];
		[[unroll]] for (int h = 0; h < TM / 4; h++) colA[h] = a0 + min((m0 >> 2) + h, (M - 1) >> 2);
		[[unroll]] for (int h = 0; h < TN / 4; h++) colB[h] = b0 + min((n0 >> 2) + h, (N - 1) >> 2);

		float acc[TM][TN];
		[[unroll]] for (int r = 0; r < TM; r++) [[unroll]] for (int j = 0; j < TN; j++) acc[r][j] = 0.0;
		uint k = 0;
		do {
			uvec4 ks = k + uvec4(0, 1, 2, 3);
#ifdef QUAD
			ks = k + (uvec4(0, 1, 2, 3) ^ lane); // each lane visits the four k in its own order
#endif
			uvec4 mask = mix(uvec4(0), uvec4(0xffffffffu), lessThan(ks, uvec4(K)));
			uvec4 row = min(ks, uvec4(K - 1));

			vec4 a[TM]; // a[r] holds A[ks][r]
			[[unroll]] for (int h = 0; h < TM / 4; h++) {
				vec4 v[4];
#ifdef QUAD
				v[0] = keep(LOAD_A(colA[h] + row[0] * lda4), mask.x);
				v[1] = subgroupQuadSwapHorizontal(v[0]);
				v[2] = subgroupQuadSwapVertical(v[0]);
				v[3] = subgroupQuadSwapDiagonal(v[0]);
#else
				[[unroll]] for (int i = 0; i < 4; i++) v[i] = keep(LOAD_A(colA[h] + row[i] * lda4), mask[i]);
#endif
				[[unroll]] for (int s = 0; s < 4; s++) a[4 * h + s] = vec4(v[0][s], v[1][s], v[2][s], v[3][s]);
			}
			[[unroll]] for (int h = 0; h < TN / 4; h++) {
				vec4 v[4], b[4]; // b[j] holds B[ks][4h + j]
				[[unroll]] for (int i = 0; i < 4; i++) v[i] = keep(LOAD_B(colB[h] + row[i] * ldb4), mask[i]);
				[[unroll]] for (int j = 0; j < 4; j++) b[j] = vec4(v[0][j], v[1][j], v[2][j], v[3][j]);
				[[unroll]] for (int j = 0; j < 4; j++)
					[[unroll]] for (int r = 0; r < TM; r++) acc[r][4 * h + j] += dot(a[r], b[j]);
			}
			k += 4;
		} while (k < K);
		[[unroll]] for (int r = 0; r < TM; r++) [[unroll]] for (int j = 0; j < TN; j++) sum[r][j] += acc[r][j] * acc[r][j];
		z++;
	} while (z < end);

	uint c0 = gl_WorkGroupID.z * (strideC >> 2), ldc4 = ldc >> 2;
#ifdef QUAD // SwiftShader compiles a loop of stores faster
	vec4 tile[TM * TN / 4];
	[[unroll]] for (int r = 0; r < TM; r++)
		[[unroll]] for (int h = 0; h < TN / 4; h++) tile[r * (TN / 4) + h] = vec4(sum[r][4 * h], sum[r][4 * h + 1], sum[r][4 * h + 2], sum[r][4 * h + 3]);
	[[dont_unroll]] for (int r = 0; r < TM; r++) {
		bool inM = m0 + r < M;
		[[unroll]] for (int h = 0; h < TN / 4; h++) {
			uint n = n0 + 4 * h;
			bool inN = n < N;
			bvec4 valid = lessThan(n + uvec4(0, 1, 2, 3), uvec4(N));
			if (inM && inN) C[c0 + (m0 + r) * ldc4 + (n >> 2)] = mix(vec4(0.0), tile[r * (TN / 4) + h], valid);
		}
	}
#else
	[[unroll]] for (int h = 0; h < TN / 4; h++) {
		uint n = n0 + 4 * h;
		bool inN = n < N;
		bvec4 valid = lessThan(n + uvec4(0, 1, 2, 3), uvec4(N));
		[[unroll]] for (int r = 0; r < TM; r++) {
			bool inM = m0 + r < M;
			vec4 v = vec4(sum[r][4 * h], sum[r][4 * h + 1], sum[r][4 * h + 2], sum[r][4 * h + 3]);
			if (inM && inN) C[c0 + (m0 + r) * ldc4 + (n >> 2)] = mix(vec4(0.0), v, valid);
		}
	}
#endif
}
