package shaders

import "math"

// SquaresArgs are the arguments of the kernels that add up squares of matrix products:
//
//	C[p,m,n] = sum over b in part p of (sum over k of A[b,k,m] B[b,k,n])^2
//
// A is [Batch, K, M] and B [Batch, K, N], row-major float32, rows padded to a multiple of 4 elements whose padding may hold anything. Part p is
// Count products from p*Count on; C is [parts, M, N], rows padded likewise and written with zeros. All extents are at least 1.
type SquaresArgs struct{ M, N, K, Batch, Count int }

// Parts is the length of C's leading axis.
func (a SquaresArgs) Parts() int { return ceilDiv(a.Batch, a.Count) }

// Words are the push constants.
func (a SquaresArgs) Words() []uint32 {
	lda, ldb := roundUp4(a.M), roundUp4(a.N)
	var w []uint32
	for _, v := range [...]int{a.M, a.N, a.K, lda, ldb, ldb, a.K * lda, a.K * ldb, a.M * ldb, a.Batch, a.Count} {
		w = append(w, uint32(v))
	}
	return w
}

// The rates are to those of matMulVariant as the tiles are: what is added to a product is one operation an element.
var quadSquares = []matMulVariant{
	{base: "squares_cpu_quadtexel32x8", tileM: 32, tileN: 32, local: 4, texel: true, rate: 11.7, compile: 0.13},
	{base: "squares_cpu_quadtexel16x4", tileM: 16, tileN: 16, local: 4, texel: true, rate: 8.8, compile: 0.037},
	{base: "squares_cpu_quad32x4", tileM: 32, tileN: 16, local: 4, rate: 8, compile: 0.1},
	{base: "squares_cpu_quad16x4", tileM: 16, tileN: 16, local: 4, rate: 5.9, compile: 0.047},
}

var texelSquares = []matMulVariant{
	{base: "squares_cpu_texel16x8", tileM: 16, tileN: 64, local: 8, texel: true, rate: 49},
	{base: "squares_cpu_texel4x8", tileM: 4, tileN: 64, local: 8, texel: true, rate: 27},
}

// SumSquares chooses the kernel for M x N sums over a batch, and into how many parts the batch is cut so that all cores have work: args.Count is set.
// It reports false where there is no kernel: on GPUs, and where operands are longer than the device's texel views.
func SumSquares(args SquaresArgs, t MatMulTarget) (MatMulKernel, SquaresArgs, bool) {
	if !t.CPU || min(args.M, args.N, args.K, args.Batch) < 1 {
		return MatMulKernel{}, args, false
	}
	variants := texelSquares
	if t.Driver == "swiftshader" {
		variants = quadSquares
	}
	elements := args.Batch * args.K * max(roundUp4(args.M), roundUp4(args.N))
	var best matMulVariant
	least := math.Inf(1)
	for _, v := range variants {
		tiles := ceilDiv(args.M, v.tileM) * ceilDiv(args.N, v.tileN)
		parts := min(max(ceilDiv(squaresTiles*max(t.Cores, 1), tiles), ceilDiv(args.Batch, max(t.MostK()/args.K, 1))), args.Batch)
		count := ceilDiv(args.Batch, parts)
		fits := args.K <= t.MostK() && elements <= math.MaxUint32 && (!v.texel || int64(elements/4) <= t.MaxTexels) &&
			max(ceilDiv(args.M, v.tileM), ceilDiv(args.N, v.tileN)) <= maxGroups
		if cost := v.cost(tiles*ceilDiv(args.Batch, count), t.Cores, count*args.K); fits && cost < least {
			best, least, args.Count = v, cost, count
		}
	}
	if math.IsInf(least, 1) {
		return MatMulKernel{}, args, false
	}
	return best.squares(), args, true
}

// squaresTiles is how many workgroups keep a core busy to the end.
const squaresTiles = 4

func (v matMulVariant) squares() MatMulKernel {
	k := MatMulKernel{Name: v.base, Form: MatMulTN, TileM: v.tileM, TileN: v.tileN, Local: v.local, Code: module(v.base)}
	if v.texel {
		k.Views = [3]View{TexelVector, TexelVector, Storage}
	}
	return k
}

// SquaresKernels are all kernels that SumSquares may choose, for tests.
func SquaresKernels() []MatMulKernel {
	var all []MatMulKernel
	for _, family := range [][]matMulVariant{quadSquares, texelSquares} {
		for _, v := range family {
			all = append(all, v.squares())
		}
	}
	return all
}
