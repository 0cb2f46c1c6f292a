// Matrix product C[z] = op(A[z]) B'[z] for GPUs: a workgroup of 16 x 16 invocations computes a tile of
// BLOCK x BLOCK through shared memory, chunks of 16 k at a time; float32 throughout. The next chunk is
// read into registers while the present one is multiplied.
//
// The calling convention (push words, padding, groups) is documented in shaders/matmul.go.
//
//   FORM   0 = NN (A is M x K, B is K x N), 1 = TN (A is K x M), 2 = NT (B is N x K)
//   BLOCK  64 or 128: an invocation holds 4x4 or 8x8 accumulators, in 4x4 pieces 64 apart so that
//          neighbouring invocations read neighbouring vec4s of shared memory
//   WINDOWS  B is read out of an image, of which it is the windows (shaders/windows.go)
//
// variants: tile64_nn=-DFORM=0 -DBLOCK=64; tile64_tn=-DFORM=1 -DBLOCK=64; tile64_nt=-DFORM=2 -DBLOCK=64
// variants: tile128_nn=-DFORM=0 -DBLOCK=128; tile128_tn=-DFORM=1 -DBLOCK=128; tile128_nt=-DFORM=2 -DBLOCK=128
// variants: tile64windows_nn=-DFORM=0 -DWINDOWS -DBLOCK=64; tile64windows_nt=-DFORM=2 -DWINDOWS -DBLOCK=64
// variants: tile128windows_nn=-DFORM=0 -DWINDOWS -DBLOCK=128; tile128windows_nt=-DFORM=2 -DWINDOWS -DBLOCK=128
#version 450
#extension GL_EXT_control_flow_attributes : require

#define NN 0
#define TN 1
#define NT 2
#define CHUNK 16
#define PIECES (BLOCK / 64)
#define LOADS (BLOCK * CHUNK / 4 / 256)

layout(local_size_x = 256) in;
layout(std430, binding = 0) readonly buffer BufferA { vec4 A[]; };
layout(std430, binding = 1) readonly buffer BufferB { vec4 B[]; };
layout(std430, binding = 2) writeonly buffer BufferC { vec4 C[]; };

layout(push_constant) uniform Push {
	uint M, N, K;
	uint lda, ldb, ldc;
	uint strideA, strideB, strideC;
	uint offsetA, offsetB, offsetC;
	uint squares;
#ifdef WINDOWS
	uint width, jump, run, segment, last, lines, image;
#endif
};

// One row of shared memory a k; the vec4 at its end skews the rows over the banks.
shared vec4 tileA[CHUNK][BLOCK / 4 + 1];
shared vec4 tileB[CHUNK][BLOCK / 4 + 1];

// keep zeroes the elements past K bit by bit: a product with 0 would let NaN padding through.
vec4 keep(vec4 v, bvec4 inside) { return mix(vec4(0.0), v, inside); }

// power squares the elements of an operand whose bit is set.
vec4 power(vec4 v, uint operand) { return (squares & operand) != 0u ? v * v : v; }
#define BIT_A 1u
#define BIT_B 2u

// along reads 4 k of one row of a matrix stored with k running fastest (A of NN, B of NT).
// Rows past the edge are clamped to the last one: they read valid memory and are not stored.
#define ALONG(BUF, base, ld, rows, first, i, k0) \
	keep(power(BUF[(base) + min((first) + (i) / (CHUNK / 4), (rows) - 1) * (ld) + min((k0) / 4 + (i) % (CHUNK / 4), (K - 1) / 4)], BIT_##BUF), \
		lessThan((k0) + 4 * ((i) % (CHUNK / 4)) + uvec4(0, 1, 2, 3), uvec4(K)))

// across reads 4 neighbouring rows or columns at one k (A of TN, B of NN and TN).
#define ACROSS(BUF, base, ld, cols, first, i, k0) \
	keep(power(BUF[(base) + min((k0) + (i) / (BLOCK / 4), K - 1) * (ld) + min((first) / 4 + (i) % (BLOCK / 4), ((cols) - 1) / 4)], BIT_##BUF), \
		bvec4((k0) + (i) / (BLOCK / 4) < K))

void main() {
	uint t = gl_LocalInvocationIndex, tx = t % 16, ty = t / 16;
	uint m0 = gl_WorkGroupID.y * BLOCK, n0 = gl_WorkGroupID.x * BLOCK, z = gl_WorkGroupID.z;
	// All addresses below count vec4s.
	uint a0 = (offsetA + z * strideA) / 4, b0 = (offsetB + z * strideB) / 4;

#ifdef WINDOWS
	// Addresses grow with the row and with the column, so that the last ones bound them. Divisions by what may be any number stay outside of the loop:
	// quotients and remainders go on by those of a step.
	uint ldb4 = ldb / 4, jump4 = jump / 4, run4 = run / 4, segment4 = segment / 4;
#if FORM == NT
	uint rowB[LOADS];
	[[unroll]] for (int l = 0; l < LOADS; l++) {
		uint row = n0 + (t + 256 * l) / (CHUNK / 4);
		rowB[l] = b0 + min(row / width * jump4 + row % width * ldb4, last / 4);
	}
	uint column = t % (CHUNK / 4), segments = column / run4, rest = column % run4;
	uint steps = CHUNK / 4 / run4, stepRest = CHUNK / 4 % run4;
	uint end = (K / 4 - 1) / run4 * segment4 + (K / 4 - 1) % run4;
#else
	uint colB[LOADS], line[LOADS], place[LOADS];
	[[unroll]] for (int l = 0; l < LOADS; l++) {
		uint i = t + 256 * l, column = min(n0 / 4 + i % (BLOCK / 4), (N - 1) / 4), row = i / (BLOCK / 4);
		colB[l] = b0 + column / run4 * segment4 + column % run4;
		line[l] = row / width;
		place[l] = row % width;
	}
	uint steps = CHUNK / width, stepRest = CHUNK % width, skipImage = image / 4 - lines * jump4;
#endif
#endif

	vec4 nextA[LOADS], nextB[LOADS];
	vec4 acc[PIECES][4][PIECES];
	[[unroll]] for (int p = 0; p < PIECES; p++)
		[[unroll]] for (int r = 0; r < 4; r++)
			[[unroll]] for (int q = 0; q < PIECES; q++) acc[p][r][q] = vec4(0.0);

	// The loop runs one chunk ahead: it fetches chunk k and multiplies the one before.
	for (uint k = 0; k < K + CHUNK; k += CHUNK) {
		if (k < K) {
			[[unroll]] for (int l = 0; l < LOADS; l++) {
				uint i = t + 256 * l;
#if FORM == TN
				nextA[l] = ACROSS(A, a0, lda / 4, M, m0, i, k);
#else
				nextA[l] = ALONG(A, a0, lda / 4, M, m0, i, k);
#endif
#if FORM == NT && defined(WINDOWS)
				nextB[l] = keep(power(B[rowB[l] + min(segments * segment4 + rest, end)], BIT_B), lessThan(k + 4 * (i % (CHUNK / 4)) + uvec4(0, 1, 2, 3), uvec4(K)));
#elif FORM == NT
				nextB[l] = ALONG(B, b0, ldb / 4, N, n0, i, k);
#elif defined(WINDOWS)
				uint row = line[l] * jump4 + place[l] * ldb4;
				if (lines > 0) row += line[l] / lines * skipImage; // the one division: of samples with few places
				nextB[l] = keep(power(B[colB[l] + min(row, last / 4)], BIT_B), bvec4(k + i / (BLOCK / 4) < K));
				place[l] += stepRest;
				bool wraps = place[l] >= width;
				line[l] += wraps ? steps + 1 : steps;
				place[l] -= wraps ? width : 0;
#else
				nextB[l] = ACROSS(B, b0, ldb / 4, N, n0, i, k);
#endif
			}
#if FORM == NT && defined(WINDOWS)
			rest += stepRest;
			bool wraps = rest >= run4;
			segments += wraps ? steps + 1 : steps;
			rest -= wraps ? run4 : 0;
#endif
		}
		if (k > 0) {
			for (int kk = 0; kk < CHUNK; kk++) {
				vec4 b[PIECES];
				[[unroll]] for (int q = 0; q < PIECES; q++) b[q] = tileB[kk][tx + 16 * q];
				[[unroll]] for (int p = 0; p < PIECES; p++) {
					vec4 a = tileA[kk][ty + 16 * p];
					[[unroll]] for (int r = 0; r < 4; r++)
						[[unroll]] for (int q = 0; q < PIECES; q++) acc[p][r][q] += a[r] * b[q];
				}
			}
		}
		barrier();
		[[unroll]] for (int l = 0; l < LOADS; l++) {
			uint i = t + 256 * l;
#if FORM == TN
			tileA[i / (BLOCK / 4)][i % (BLOCK / 4)] = nextA[l];
#else
			[[unroll]] for (int j = 0; j < 4; j++) tileA[4 * (i % (CHUNK / 4)) + j][i / CHUNK][i / 4 % 4] = nextA[l][j];
#endif
#if FORM == NT
			[[unroll]] for (int j = 0; j < 4; j++) tileB[4 * (i % (CHUNK / 4)) + j][i / CHUNK][i / 4 % 4] = nextB[l][j];
#else
			tileB[i / (BLOCK / 4)][i % (BLOCK / 4)] = nextB[l];
#endif
		}
		barrier();
	}

	uint c0 = (offsetC + z * strideC) / 4;
	[[unroll]] for (int p = 0; p < PIECES; p++) [[unroll]] for (int q = 0; q < PIECES; q++) {
		uint n = n0 + 64 * q + 4 * tx;
		bvec4 valid = lessThan(n + uvec4(0, 1, 2, 3), uvec4(N));
		[[unroll]] for (int r = 0; r < 4; r++) {
			uint m = m0 + 64 * p + 4 * ty + r;
			if (m < M && n < N) C[c0 + m * (ldc / 4) + n / 4] = mix(vec4(0.0), acc[p][r][q], valid);
		}
	}
}
