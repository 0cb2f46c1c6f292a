// Matrix product C[z] = op(A[z]) B'[z] for drivers that run kernels on a CPU: no shared memory, one
// register tile of TM rows by TN columns an invocation, float32 throughout.
//
// The calling convention (push words, padding, groups) is documented in shaders/matmul.go.
//
//   FORM   0 = NN (A is M x K, B is K x N), 1 = TN (A is K x M), 2 = NT (B is N x K), 3 = NN, or NT where bit 3 of squares is set: where compiling takes long,
//          programs that have both, as most gradients do, compile one
//   TM, TN tile of an invocation; both multiples of 4
//   LX     invocations of a workgroup, along N, or along M with LANES_M
//   QUAD   4 invocations share their A values through subgroup quad operations, so each loads a quarter
//   SHARE  the invocations of a workgroup of 8, which must be a subgroup, share theirs through shuffles: each loads an eighth
//   ROLL   the tile is stored in a loop, so that an epilogue, which takes the place of the stores, is compiled once or twice: always with QUAD, since
//          SwiftShader compiles straight code for all the stores twice as long and runs it no faster
//   ADD    the result is added to C where bit 2 of squares is set, for products whose inner dimension is cut
//   TEXEL  A and B are uniform texel buffers (RGBA32F) instead of storage buffers
//   WINDOWS  B is read out of an image, of which it is the windows (shaders/windows.go)
//
// variants: quad32x4_nn=-DFORM=0 -DTM=32 -DTN=4 -DLX=4 -DQUAD; quad32x4_tn=-DFORM=1 -DTM=32 -DTN=4 -DLX=4 -DQUAD; quad32x4_nt=-DFORM=2 -DTM=32 -DTN=4 -DLX=4 -DQUAD
// variants: quad16x4_nn=-DFORM=0 -DTM=16 -DTN=4 -DLX=4 -DQUAD; quad16x4_tn=-DFORM=1 -DTM=16 -DTN=4 -DLX=4 -DQUAD; quad16x4_nt=-DFORM=2 -DTM=16 -DTN=4 -DLX=4 -DQUAD
// variants: quad4x8_nn=-DFORM=0 -DTM=4 -DTN=8 -DLX=4 -DQUAD; quad4x8_tn=-DFORM=1 -DTM=4 -DTN=8 -DLX=4 -DQUAD; quad4x8_nt=-DFORM=2 -DTM=4 -DTN=8 -DLX=4 -DQUAD
// variants: quadtexel32x8_n=-DFORM=3 -DTM=32 -DTN=8 -DLX=4 -DQUAD -DTEXEL; quadtexel32x8_tn=-DFORM=1 -DTM=32 -DTN=8 -DLX=4 -DQUAD -DTEXEL
// variants: quadtexel32x8add_n=-DFORM=3 -DADD -DTM=32 -DTN=8 -DLX=4 -DQUAD -DTEXEL; quadtexel32x8add_tn=-DFORM=1 -DADD -DTM=32 -DTN=8 -DLX=4 -DQUAD -DTEXEL
// variants: quadtexel16x4_nn=-DFORM=0 -DTM=16 -DTN=4 -DLX=4 -DQUAD -DTEXEL; quadtexel16x4_tn=-DFORM=1 -DTM=16 -DTN=4 -DLX=4 -DQUAD -DTEXEL; quadtexel16x4_nt=-DFORM=2 -DTM=16 -DTN=4 -DLX=4 -DQUAD -DTEXEL
// variants: quadtexel4x8_nn=-DFORM=0 -DTM=4 -DTN=8 -DLX=4 -DQUAD -DTEXEL; quadtexel4x8_tn=-DFORM=1 -DTM=4 -DTN=8 -DLX=4 -DQUAD -DTEXEL; quadtexel4x8_nt=-DFORM=2 -DTM=4 -DTN=8 -DLX=4 -DQUAD -DTEXEL
// variants: share32x8_nn=-DFORM=0 -DTM=32 -DTN=8 -DLX=8 -DTEXEL -DSHARE; share32x8_tn=-DFORM=1 -DTM=32 -DTN=8 -DLX=8 -DTEXEL -DSHARE; share32x8_nt=-DFORM=2 -DTM=32 -DTN=8 -DLX=8 -DTEXEL -DSHARE
// variants: share16x8_nn=-DFORM=0 -DTM=16 -DTN=8 -DLX=8 -DTEXEL -DSHARE; share16x8_tn=-DFORM=1 -DTM=16 -DTN=8 -DLX=8 -DTEXEL -DSHARE; share16x8_nt=-DFORM=2 -DTM=16 -DTN=8 -DLX=8 -DTEXEL -DSHARE
// variants: texel16x8_nn=-DFORM=0 -DTM=16 -DTN=8 -DLX=8 -DTEXEL; texel16x8_tn=-DFORM=1 -DTM=16 -DTN=8 -DLX=8 -DTEXEL; texel16x8_nt=-DFORM=2 -DTM=16 -DTN=8 -DLX=8 -DTEXEL
// variants: texel8x8_nn=-DFORM=0 -DTM=8 -DTN=8 -DLX=8 -DTEXEL -DLANES_M; texel8x8_tn=-DFORM=1 -DTM=8 -DTN=8 -DLX=8 -DTEXEL -DLANES_M; texel8x8_nt=-DFORM=2 -DTM=8 -DTN=8 -DLX=8 -DTEXEL -DLANES_M
// variants: texel4x8_nn=-DFORM=0 -DTM=4 -DTN=8 -DLX=8 -DTEXEL; texel4x8_tn=-DFORM=1 -DTM=4 -DTN=8 -DLX=8 -DTEXEL; texel4x8_nt=-DFORM=2 -DTM=4 -DTN=8 -DLX=8 -DTEXEL
// variants: share32x8roll_nn=-DFORM=0 -DROLL -DTM=32 -DTN=8 -DLX=8 -DTEXEL -DSHARE; share32x8roll_tn=-DFORM=1 -DROLL -DTM=32 -DTN=8 -DLX=8 -DTEXEL -DSHARE; share32x8roll_nt=-DFORM=2 -DROLL -DTM=32 -DTN=8 -DLX=8 -DTEXEL -DSHARE
// variants: share16x8roll_nn=-DFORM=0 -DROLL -DTM=16 -DTN=8 -DLX=8 -DTEXEL -DSHARE; share16x8roll_tn=-DFORM=1 -DROLL -DTM=16 -DTN=8 -DLX=8 -DTEXEL -DSHARE; share16x8roll_nt=-DFORM=2 -DROLL -DTM=16 -DTN=8 -DLX=8 -DTEXEL -DSHARE
// variants: texel16x8roll_nn=-DFORM=0 -DROLL -DTM=16 -DTN=8 -DLX=8 -DTEXEL; texel16x8roll_tn=-DFORM=1 -DROLL -DTM=16 -DTN=8 -DLX=8 -DTEXEL; texel16x8roll_nt=-DFORM=2 -DROLL -DTM=16 -DTN=8 -DLX=8 -DTEXEL
// variants: texel8x8roll_nn=-DFORM=0 -DROLL -DTM=8 -DTN=8 -DLX=8 -DTEXEL -DLANES_M; texel8x8roll_tn=-DFORM=1 -DROLL -DTM=8 -DTN=8 -DLX=8 -DTEXEL -DLANES_M; texel8x8roll_nt=-DFORM=2 -DROLL -DTM=8 -DTN=8 -DLX=8 -DTEXEL -DLANES_M
// variants: texel4x8roll_nn=-DFORM=0 -DROLL -DTM=4 -DTN=8 -DLX=8 -DTEXEL; texel4x8roll_tn=-DFORM=1 -DROLL -DTM=4 -DTN=8 -DLX=8 -DTEXEL; texel4x8roll_nt=-DFORM=2 -DROLL -DTM=4 -DTN=8 -DLX=8 -DTEXEL
// variants: quadtexel32x8windows_nn=-DFORM=0 -DWINDOWS -DTM=32 -DTN=8 -DLX=4 -DQUAD -DTEXEL; quadtexel32x8windows_nt=-DFORM=2 -DWINDOWS -DTM=32 -DTN=8 -DLX=4 -DQUAD -DTEXEL
// variants: quadtexel16x4windows_nn=-DFORM=0 -DWINDOWS -DTM=16 -DTN=4 -DLX=4 -DQUAD -DTEXEL; quadtexel16x4windows_nt=-DFORM=2 -DWINDOWS -DTM=16 -DTN=4 -DLX=4 -DQUAD -DTEXEL
// variants: quad32x4windows_nn=-DFORM=0 -DWINDOWS -DTM=32 -DTN=4 -DLX=4 -DQUAD; quad32x4windows_nt=-DFORM=2 -DWINDOWS -DTM=32 -DTN=4 -DLX=4 -DQUAD
// variants: quad16x4windows_nn=-DFORM=0 -DWINDOWS -DTM=16 -DTN=4 -DLX=4 -DQUAD; quad16x4windows_nt=-DFORM=2 -DWINDOWS -DTM=16 -DTN=4 -DLX=4 -DQUAD
// variants: share32x8windows_nn=-DFORM=0 -DWINDOWS -DTM=32 -DTN=8 -DLX=8 -DTEXEL -DSHARE; share32x8windows_nt=-DFORM=2 -DWINDOWS -DTM=32 -DTN=8 -DLX=8 -DTEXEL -DSHARE
// variants: share16x8windows_nn=-DFORM=0 -DWINDOWS -DTM=16 -DTN=8 -DLX=8 -DTEXEL -DSHARE; share16x8windows_nt=-DFORM=2 -DWINDOWS -DTM=16 -DTN=8 -DLX=8 -DTEXEL -DSHARE
// variants: texel16x8windows_nn=-DFORM=0 -DWINDOWS -DTM=16 -DTN=8 -DLX=8 -DTEXEL; texel16x8windows_nt=-DFORM=2 -DWINDOWS -DTM=16 -DTN=8 -DLX=8 -DTEXEL
#version 450
#extension GL_EXT_control_flow_attributes : require
#ifdef QUAD
#extension GL_KHR_shader_subgroup_quad : require
#endif
#ifdef SHARE
#extension GL_KHR_shader_subgroup_shuffle : require
#endif

#define NN 0
#define TN_ 1
#define NT 2
#define EITHER 3
#define DEPTH (4 * LX / TM)

layout(local_size_x = LX) in;
#ifdef TEXEL
layout(binding = 0) uniform samplerBuffer A;
layout(binding = 1) uniform samplerBuffer B;
#define LOAD_A(i) power(texelFetch(A, int(i)), 1u)
#define LOAD_B(i) power(texelFetch(B, int(i)), 2u)
#else
layout(std430, binding = 0) readonly buffer BufferA { vec4 A[]; };
layout(std430, binding = 1) readonly buffer BufferB { vec4 B[]; };
#define LOAD_A(i) power(A[i], 1u)
#define LOAD_B(i) power(B[i], 2u)
#endif
#ifdef ADD
layout(std430, binding = 2) buffer BufferC { vec4 C[]; };
#else
layout(std430, binding = 2) writeonly buffer BufferC { vec4 C[]; };
#endif

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

// power squares the elements of an operand whose bit is set. It selects, since a branch for each load takes SwiftShader longer to compile and to run.
vec4 power(vec4 v, uint operand) { return mix(v, v * v, bvec4((squares & operand) != 0u)); }

#ifdef WINDOWS
#define VECTOR_B vectorB
#define ROW_B(i) rowB[i]
#else
#define VECTOR_B (k >> 2)
#define ROW_B(i) row[i] * ldb4
#endif

// keep zeroes the elements past K bit by bit: a product with 0 would let NaN padding through.
#if defined(WINDOWS) && FORM == NT
#define keep(v, mask) (v) // rows of windows are whole vectors
#else
vec4 keep(vec4 v, uvec4 mask) { return uintBitsToFloat(floatBitsToUint(v) & mask); }
#endif

void main() {
#ifdef LANES_M
	uint m0 = gl_GlobalInvocationID.x * TM, n0 = gl_WorkGroupID.y * TN;
#else
	uint m0 = gl_WorkGroupID.y * TM, n0 = gl_GlobalInvocationID.x * TN;
#endif
	uint z = gl_WorkGroupID.z;
	// All addresses below count vec4s.
	uint lda4 = lda >> 2, ldb4 = ldb >> 2;
	uint a0 = (offsetA + z * strideA) >> 2, b0 = (offsetB + z * strideB) >> 2;
#ifdef QUAD
	uint lane = gl_LocalInvocationID.x & 3u;
#endif
#ifdef SHARE
	uint lane = gl_LocalInvocationID.x;
	// A 0 that the compiler cannot know: a shuffle from a lane known to it becomes a broadcast, which lavapipe makes of scalar
	// code with tests of the lane mask.
	uint zero = lda >> 31;
#endif

	// Rows and columns past the edge are clamped to the last one: they read valid memory and are not stored.
#if defined(SHARE) && FORM == TN_
	uint colA = a0 + min((m0 >> 2) + lane % (TM / 4), (M - 1) >> 2), ahead = lane / (TM / 4);
#elif defined(SHARE)
	uint rowA[TM / LX];
	[[unroll]] for (int h = 0; h < TM / LX; h++) rowA[h] = a0 + min(m0 + LX * h + lane, M - 1) * lda4;
#elif FORM == TN_
	uint colA[TM / 4];
	[[unroll]] for (int h = 0; h < TM / 4; h++) colA[h] = a0 + min((m0 >> 2) + h, (M - 1) >> 2);
#elif defined(QUAD)
	uint rowA[TM / 4];
	[[unroll]] for (int h = 0; h < TM / 4; h++) rowA[h] = a0 + min(m0 + 4 * h + lane, M - 1) * lda4;
#else
	uint rowA[TM];
	[[unroll]] for (int r = 0; r < TM; r++) rowA[r] = a0 + min(m0 + r, M - 1) * lda4;
#endif
#ifdef WINDOWS
	// Addresses of rows grow with the row, so that the last one's bounds them. A step to the next row is ldb, and skip more from one line of
	// windows to the next.
	uint run4 = run >> 2, segment4 = segment >> 2, last4 = last >> 2, skip = (jump >> 2) - width * ldb4;
#endif
#if FORM == EITHER
	bool turned = (squares & 8u) != 0u; // B is N x K: where four vectors begin
	uint startB[TN];
	[[unroll]] for (int j = 0; j < TN; j++) startB[j] = b0 + mix(min((n0 >> 2) + j / 4, (N - 1) >> 2), min(n0 + j, N - 1) * ldb4, turned);
#elif FORM == NT
	uint rowB[TN];
#ifdef WINDOWS
	uint place = n0 % width, row0 = n0 / width * (jump >> 2) + place * ldb4;
	[[unroll]] for (int j = 0; j < TN; j++) {
		rowB[j] = b0 + min(row0, last4);
		bool ends = ++place == width;
		row0 += ldb4 + (ends ? skip : 0);
		place = ends ? 0 : place;
	}
	uint column = 0, left = run4; // of the row; vectors to the end of the run
#else
	[[unroll]] for (int j = 0; j < TN; j++) rowB[j] = b0 + min(n0 + j, N - 1) * ldb4;
#endif
#else
	uint colB[TN / 4];
#ifdef WINDOWS
	[[unroll]] for (int h = 0; h < TN / 4; h++) {
		uint column = min((n0 >> 2) + h, (N - 1) >> 2);
		colB[h] = b0 + column / run4 * segment4 + column % run4;
	}
	uint place = 0, line = 0, row0 = 0; // of row k
	uint skipImage = (image >> 2) - lines * (jump >> 2);
#else
	[[unroll]] for (int h = 0; h < TN / 4; h++) colB[h] = b0 + min((n0 >> 2) + h, (N - 1) >> 2);
#endif
#endif

	float acc[TM][TN];
	[[unroll]] for (int r = 0; r < TM; r++) [[unroll]] for (int j = 0; j < TN; j++) acc[r][j] = 0.0;

	// Four k an iteration and one update of each accumulator: what a loop carries is what CPU drivers pay
	// for. K >= 1, and a loop that tests at its end runs no masked-out extra iteration on SwiftShader.
	uint k = 0;
	do {
		uvec4 ks = k + uvec4(0, 1, 2, 3);
#if defined(QUAD) && FORM == TN_
		ks = k + (uvec4(0, 1, 2, 3) ^ lane); // each lane visits the four k in its own order
#endif
		uvec4 mask = mix(uvec4(0), uvec4(0xffffffffu), lessThan(ks, uvec4(K)));
#if defined(WINDOWS) && FORM == NT
		uint vectorB = column;
		bool ends = --left == 0;
		column += ends ? 1 + segment4 - run4 : 1;
		left = ends ? run4 : left;
#elif defined(WINDOWS)
		// width is 4 at least: four rows lie in two lines at most.
		bool lastLine = line + 1 == lines, ends = place + 4 >= width;
		uint turn = lastLine ? skip + skipImage : skip;
		uvec4 rowB = min(row0 + uvec4(0, 1, 2, 3) * ldb4 + mix(uvec4(0), uvec4(turn), greaterThanEqual(place + uvec4(0, 1, 2, 3), uvec4(width))), uvec4(last4));
		row0 += 4 * ldb4 + (ends ? turn : 0);
		line = ends ? (lastLine ? 0 : line + 1) : line;
		place = ends ? place + 4 - width : place + 4;
#endif
		uvec4 row = min(ks, uvec4(K - 1));

		vec4 a[TM]; // a[r] holds op(A)[r][ks]
#if defined(SHARE) && FORM == TN_
		vec4 part[4 / DEPTH]; // DEPTH rows of the stored A: lane has column vector lane % (TM / 4) of row lane / (TM / 4)
		[[unroll]] for (int f = 0; f < 4 / DEPTH; f++) {
			uint at = k + f * DEPTH + ahead;
			part[f] = keep(LOAD_A(colA + min(at, K - 1) * lda4), uvec4(at < K ? 0xffffffffu : 0u));
		}
		[[unroll]] for (int h = 0; h < TM / 4; h++) {
			[[unroll]] for (int i = 0; i < 4; i++) {
				vec4 v = subgroupShuffle(part[i / DEPTH], zero + uint(i % DEPTH * (TM / 4) + h));
				[[unroll]] for (int s = 0; s < 4; s++) a[4 * h + s][i] = v[s];
			}
		}
#elif defined(SHARE)
		[[unroll]] for (int h = 0; h < TM / LX; h++) {
			vec4 v = keep(LOAD_A(rowA[h] + (k >> 2)), mask);
			[[unroll]] for (int s = 0; s < LX; s++) a[LX * h + s] = subgroupShuffle(v, zero + uint(s));
		}
#elif FORM == TN_
		[[unroll]] for (int h = 0; h < TM / 4; h++) {
			vec4 v[4];
#ifdef QUAD
			v[0] = keep(LOAD_A(colA[h] + row[0] * lda4), mask.xxxx);
			v[1] = subgroupQuadSwapHorizontal(v[0]);
			v[2] = subgroupQuadSwapVertical(v[0]);
			v[3] = subgroupQuadSwapDiagonal(v[0]);
#else
			[[unroll]] for (int i = 0; i < 4; i++) v[i] = keep(LOAD_A(colA[h] + row[i] * lda4), uvec4(mask[i]));
#endif
			[[unroll]] for (int s = 0; s < 4; s++) a[4 * h + s] = vec4(v[0][s], v[1][s], v[2][s], v[3][s]);
		}
#elif defined(QUAD)
		[[unroll]] for (int h = 0; h < TM / 4; h++) {
			vec4 v = keep(LOAD_A(rowA[h] + (k >> 2)), mask);
			a[4 * h] = v; // row 4h + lane; the others are rows 4h + (lane ^ s)
			a[4 * h + 1] = subgroupQuadSwapHorizontal(v);
			a[4 * h + 2] = subgroupQuadSwapVertical(v);
			a[4 * h + 3] = subgroupQuadSwapDiagonal(v);
		}
#else
		[[unroll]] for (int r = 0; r < TM; r++) a[r] = keep(LOAD_A(rowA[r] + (k >> 2)), mask);
#endif

		[[unroll]] for (int h = 0; h < TN / 4; h++) {
			vec4 b[4]; // b[j] holds B'[ks][4h + j]
#if FORM == EITHER
			uvec4 stepB = mix(row * ldb4, uvec4(k >> 2), bvec4(turned));
			vec4 v[4];
			[[unroll]] for (int i = 0; i < 4; i++) v[i] = LOAD_B(startB[4 * h + i] + stepB[i]);
			[[unroll]] for (int j = 0; j < 4; j++) {
				[[unroll]] for (int i = 0; i < 4; i++) b[j][i] = mix(v[i][j], v[j][i], turned);
				b[j] = keep(b[j], mask);
			}
#elif FORM == NT
			[[unroll]] for (int j = 0; j < 4; j++) b[j] = keep(LOAD_B(rowB[4 * h + j] + VECTOR_B), mask);
#else
			vec4 v[4];
			[[unroll]] for (int i = 0; i < 4; i++) v[i] = keep(LOAD_B(colB[h] + ROW_B(i)), uvec4(mask[i]));
			[[unroll]] for (int j = 0; j < 4; j++) b[j] = vec4(v[0][j], v[1][j], v[2][j], v[3][j]);
#endif
			[[unroll]] for (int j = 0; j < 4; j++)
				[[unroll]] for (int r = 0; r < TM; r++) acc[r][4 * h + j] += dot(a[r], b[j]);
		}
		k += 4;
	} while (k < K);

	uint c0 = (offsetC + z * strideC) >> 2, ldc4 = ldc >> 2;
#if defined(ROLL) || defined(QUAD)
	vec4 tile[TM * TN / 4];
	[[unroll]] for (int r = 0; r < TM; r++)
		[[unroll]] for (int h = 0; h < TN / 4; h++) tile[r * (TN / 4) + h] = vec4(acc[r][4 * h], acc[r][4 * h + 1], acc[r][4 * h + 2], acc[r][4 * h + 3]);
	[[dont_unroll]] for (int r = 0; r < TM; r++) {
#if defined(QUAD) && FORM != TN_
		uint m = m0 + (r & ~3) + ((r & 3) ^ lane);
#else
		uint m = m0 + r;
#endif
		bool inM = m < M;
		[[unroll]] for (int h = 0; h < TN / 4; h++) {
			uint n = n0 + 4 * h;
			bool inN = n < N;
			bvec4 valid = lessThan(n + uvec4(0, 1, 2, 3), uvec4(N));
#ifdef ADD
			uint at = c0 + m * ldc4 + (n >> 2);
			vec4 v = mix(vec4(0.0), tile[r * (TN / 4) + h], valid);
			if ((squares & 4u) != 0u && inM && inN) v += C[at];
			if (inM && inN) C[at] = v;
#else
			if (inM && inN) C[c0 + m * ldc4 + (n >> 2)] = mix(vec4(0.0), tile[r * (TN / 4) + h], valid);
#endif
		}
	}
#else
	[[unroll]] for (int h = 0; h < TN / 4; h++) {
		uint n = n0 + 4 * h;
		bool inN = n < N;
		bvec4 valid = lessThan(n + uvec4(0, 1, 2, 3), uvec4(N));
		[[unroll]] for (int r = 0; r < TM; r++) {
			uint m = m0 + r;
			bool inM = m < M;
			vec4 v = vec4(acc[r][4 * h], acc[r][4 * h + 1], acc[r][4 * h + 2], acc[r][4 * h + 3]);
			if (inM && inN) C[c0 + m * ldc4 + (n >> 2)] = mix(vec4(0.0), v, valid);
		}
	}
#endif
}
