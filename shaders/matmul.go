package shaders

import (
	"embed"
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"sync"
)

//go:embed glsl/*.spv
var modules embed.FS

// MatMulForm says how the operands of C = op(A) op(B) are stored. All matrices are row-major float32.
type MatMulForm uint8

// The forms, named as in BLAS: N as it is, T stored transposed.
const (
	MatMulNN MatMulForm = iota // A is M x K, B is K x N
	MatMulTN                   // A is K x M, B is K x N: weight gradients x^T g
	MatMulNT                   // A is M x K, B is N x K: input gradients g w^T
)

func (f MatMulForm) String() string { return [...]string{"nn", "tn", "nt"}[f] }

// MatMulArgs are the push constants of every matrix product kernel, in the order of the kernels' words:
//
//	C[z,m,n] = sum over k of op(A)[z,m,k] op(B)[z,k,n]    0 <= z < batch (dispatch dimension z)
//
// where SquareA and SquareB take the squares of an operand's elements. Add adds that to C instead, by the kernel of MatMulAdd alone.
// All values count float32 elements. M, N and K are at least 1. Leading dimensions (from one stored row
// to the next), batch strides and offsets (from the start of the binding) are multiples of 4, because
// the kernels move vectors of four; a stride of 0 shares the operand between the batch.
//
// Each stored row is read up to its length rounded up to a multiple of 4, so that much must exist; what
// the padding holds does not matter, NaN included. Of C only rows below M are written, each up to N
// rounded up to a multiple of 4, with zeros in the padding columns.
type MatMulArgs struct {
	M, N, K                   int
	LDA, LDB, LDC             int
	StrideA, StrideB, StrideC int
	OffsetA, OffsetB, OffsetC int
	SquareA, SquareB, Add     bool
	Windows                   Windows // of B (windows.go)
}

// MatMulPushWords is the number of push constant words.
const MatMulPushWords = 13

func (a MatMulArgs) list() [MatMulPushWords - 1]int {
	return [...]int{a.M, a.N, a.K, a.LDA, a.LDB, a.LDC, a.StrideA, a.StrideB, a.StrideC, a.OffsetA, a.OffsetB, a.OffsetC}
}

// Words are the push constants of arguments that Check accepts, for a kernel of the form.
func (a MatMulArgs) Words(f MatMulForm) []uint32 {
	w := make([]uint32, 0, WindowsPushWords)
	for _, v := range a.list() {
		w = append(w, uint32(v))
	}
	squares := uint32(0)
	if a.SquareA {
		squares |= 1
	}
	if a.SquareB {
		squares |= 2
	}
	if a.Add {
		squares |= 4
	}
	if f == MatMulNT {
		squares |= 8 // of kernels that compute NN, too
	}
	w = append(w, squares)
	if a.Windows != (Windows{}) {
		rows, _ := a.stored(f)
		w = append(w, a.Windows.words(rows[1], a.LDB)...)
	}
	return w
}

// stored is the shape of A, B and C as they lie in memory.
func (a MatMulArgs) stored(f MatMulForm) (rows, cols [3]int) {
	rows, cols = [3]int{a.M, a.K, a.M}, [3]int{a.K, a.N, a.N}
	switch f {
	case MatMulTN:
		rows[0], cols[0] = a.K, a.M
	case MatMulNT:
		rows[1], cols[1] = a.N, a.K
	}
	return rows, cols
}

// Elements is how many elements from the start of its binding each of A, B and C spans: what must be
// bound for every access of a product of this form and batch to be inside.
func (a MatMulArgs) Elements(f MatMulForm, batch int) [3]int {
	rows, cols := a.stored(f)
	lds, strides, offsets := [3]int{a.LDA, a.LDB, a.LDC}, [3]int{a.StrideA, a.StrideB, a.StrideC}, [3]int{a.OffsetA, a.OffsetB, a.OffsetC}
	var n [3]int
	for i := range n {
		n[i] = offsets[i] + (batch-1)*strides[i] + (rows[i]-1)*lds[i] + roundUp4(cols[i])
	}
	if w := a.Windows; w != (Windows{}) {
		n[1] = offsets[1] + (batch-1)*strides[1] + w.row(rows[1]-1, a.LDB) + (cols[1]/w.Run-1)*w.Segment + w.Run
	}
	return n
}

// Check reports what makes the arguments unfit for the kernels.
func (a MatMulArgs) Check(f MatMulForm, batch int) error {
	if a.M < 1 || a.N < 1 || a.K < 1 || batch < 1 {
		return fmt.Errorf("shaders: matmul of %d products %d x %d x %d: every extent must be at least 1; fill the result without a kernel", batch, a.M, a.K, a.N)
	}
	names := [...]string{"M", "N", "K", "lda", "ldb", "ldc", "batch stride of A", "batch stride of B", "batch stride of C", "offset of A", "offset of B", "offset of C"}
	for i, v := range a.list() {
		if i >= 3 && (v < 0 || v%4 != 0) {
			return fmt.Errorf("shaders: matmul: %s is %d, not a multiple of 4: pad the rows", names[i], v)
		}
	}
	_, cols := a.stored(f)
	windows := a.Windows != (Windows{})
	if windows {
		if err := a.Windows.check(f, cols[1], a.LDB); err != nil {
			return err
		}
	}
	for i, ld := range [...]int{a.LDA, a.LDB, a.LDC} {
		if i == 1 && windows {
			continue // windows overlap
		}
		if ld < roundUp4(cols[i]) {
			return fmt.Errorf("shaders: matmul: %s is %d, shorter than its row of %d elements rounded up to %d", names[3+i], ld, cols[i], roundUp4(cols[i]))
		}
	}
	if batch > 1 && a.StrideC < a.M*a.LDC {
		return fmt.Errorf("shaders: matmul: batch stride of C is %d, but a result spans %d elements: results would overlap", a.StrideC, a.M*a.LDC)
	}
	for i, n := range a.Elements(f, batch) {
		if n > math.MaxUint32 {
			return fmt.Errorf("shaders: matmul: %c spans %d elements, more than 32-bit indices reach: split the batch", 'A'+i, n)
		}
	}
	return nil
}

// MatMulTarget is what the choice of a kernel depends on.
type MatMulTarget struct {
	CPU           bool   // the driver runs kernels on the CPU
	Driver        string // "swiftshader", "lavapipe" or another; only CPU drivers are told apart
	Subgroup      int    // invocations of a subgroup that can shuffle values; 0 where kernels may not
	Cores         int    // CPU cores, or an estimate of a GPU's compute units
	MaxTexels     int64  // texels of 16 bytes that a uniform texel buffer view may have
	MaxIterations int    // of all loops of an invocation together; 0 for no limit
	Family        string // "texel", "quad" or "shared", as measured; "" by CPU and Driver

	// Of products on cooperative matrices (cooperative.go).
	Rounding     Rounding // of the operands: unless it is Unrounded, MatMul gives kernels on cooperative matrices
	Units        []MatrixUnit
	UnitSubgroup int  // invocations of the subgroups that hold the matrices; 0 without
	UnitTile     int  // rows of the largest tile that a workgroup should compute; 0 for any
	MaxShared    int  // bytes of shared memory of a workgroup
	MaxWorkgroup int  // invocations of a workgroup
	PreserveNaN  bool // kernels may ask for NaN and infinities to be kept
}

// MostK is the longest inner dimension that a kernel's loops reach on the target, with room for what else loops; longer products are cut, and
// their parts added.
func (t MatMulTarget) MostK() int {
	if t.MaxIterations == 0 {
		return math.MaxInt32
	}
	return t.MaxIterations / 2 &^ 3
}

// MatMulKernel is one of the hand-written kernels. The bindings are A, B, C at 0, 1, 2 of set 0: C a
// storage buffer, A and B as Views says.
type MatMulKernel struct {
	Name         string
	Code         []uint32
	Form         MatMulForm
	TileM, TileN int // tile of C that one workgroup computes
	Local        int // invocations of a workgroup, fixed in the module
	Views        [3]View
	lanesM       bool   // workgroups count rows along x and columns along y
	finished     string // another module for epilogues

	FullSubgroups bool // it counts on subgroups without missing invocations
}

// Groups is the number of workgroups along x, y and z.
func (k MatMulKernel) Groups(m, n, batch int) [3]uint32 {
	x, y := ceilDiv(n, k.TileN), ceilDiv(m, k.TileM)
	if k.lanesM {
		x, y = y, x
	}
	return [3]uint32{uint32(x), uint32(y), uint32(batch)}
}

// matMulVariant is a row of the table of kernels: the module's name without its form, the tile of a
// workgroup, the GF/s that a core reaches inside of a large product, and the seconds that a driver takes to compile it.
type matMulVariant struct {
	base         string
	tileM, tileN int
	local        int
	texel        bool
	share        bool // needs subgroups of as many invocations as a workgroup has, which shuffle
	lanesM       bool
	rolled       bool // another module, for epilogues, stores its tile in a loop
	windows      bool // two more modules, for NN and NT, read B out of an image
	either       bool // NN and NT are one module, named n, and one more, for epilogues, never adds to what is there
	rate         float64
	compile      float64
}

// runs is how often a kernel may run before the time to compile it is paid for.
const runs = 2000

// cost is the seconds that tiles take that have k products an element, with the kernel's share of its time to compile: small products that run
// in tens of microseconds take kernels that are compiled in a quarter of the time.
func (v matMulVariant) cost(tiles, cores, k int) float64 {
	rounds := ceilDiv(tiles, max(cores, 1))
	return float64(rounds)*float64(2*k*v.tileM*v.tileN)/(v.rate*1e9) + v.compile/runs
}

// The rates are those of 512 x 512 x 512 on two cores of an AMD EPYC (Milan, 2.45 GHz, AVX2; a third
// better and worse from one run to the next), read from process CPU time; compile times are NN's on a Xeon. They only rank the tiles.
//
// SwiftShader turns each vec4 that four invocations read from a storage buffer into 16 scalar loads of
// some 12 instructions, and pays 13 instructions a loop-carried value and iteration. So four
// invocations share what they read of A (quad swaps are one instruction), tiles are as large as compile
// time allows, and four k make one update; eight, with half the rows, are no faster. Plain 16x8 tiles reach 4.7 GF/s
// from storage buffers and 7 from texels. Where the code leaves the caches it gets slower: with texels beyond 32x8, with storage
// buffers beyond 32x4 (the Xeon runs 32x8 at 4.3 GF/s, 32x4 at 8.0). Sums kept in memory instead of carried by the loop are slower and compile no faster.
// robustBufferAccess costs the storage variants 15 to 30 % and the texel ones nothing.
var quadVariants = []matMulVariant{
	{base: "matmul_cpu_quadtexel32x8", tileM: 32, tileN: 32, local: 4, texel: true, windows: true, either: true, rate: 11.7, compile: 0.1},
	{base: "matmul_cpu_quadtexel16x4", tileM: 16, tileN: 16, local: 4, texel: true, windows: true, rate: 8.8, compile: 0.025},
	{base: "matmul_cpu_quadtexel4x8", tileM: 4, tileN: 32, local: 4, texel: true, rate: 5.4, compile: 0.02},
	{base: "matmul_cpu_quad32x4", tileM: 32, tileN: 16, local: 4, windows: true, rate: 8, compile: 0.08},
	{base: "matmul_cpu_quad16x4", tileM: 16, tileN: 16, local: 4, windows: true, rate: 5.9, compile: 0.04},
	{base: "matmul_cpu_quad4x8", tileM: 4, tileN: 32, local: 4, rate: 3.5, compile: 0.027},
}

// lavapipe 22.3 reads storage buffers in a scalar loop over lanes and components: 2 to 3 GF/s whatever
// the tile, where texel buffers reach the ones here (typically 25 to 30 under load, these when quiet). A texel that eight invocations
// read is a call of some 65 instructions, and a shuffle among them one: so they share what they read of A. The rates of these are
// in proportion to texel16x8's on a Turin EPYC, in G/s of process CPU time for NN, TN and NT at 512 x 512 x 512: 75, 81 and 67 with
// share32x8, 72, 64 and 67 with share16x8, where texel16x8 reached 62 and 56 with NN and TN. Mesa keeps on disk what it has compiled, so that time does not count.
var texelVariants = []matMulVariant{
	{base: "matmul_cpu_share32x8", tileM: 32, tileN: 64, local: 8, texel: true, share: true, rolled: true, windows: true, rate: 66},
	{base: "matmul_cpu_share16x8", tileM: 16, tileN: 64, local: 8, texel: true, share: true, rolled: true, windows: true, rate: 60},
	{base: "matmul_cpu_texel16x8", tileM: 16, tileN: 64, local: 8, texel: true, rolled: true, windows: true, rate: 49},
	{base: "matmul_cpu_texel8x8", tileM: 64, tileN: 8, local: 8, texel: true, lanesM: true, rolled: true, rate: 31},
	{base: "matmul_cpu_texel4x8", tileM: 4, tileN: 64, local: 8, texel: true, rolled: true, rate: 27},
	{base: "matmul_gpu_tile64", tileM: 64, tileN: 64, local: 256, rate: 0.9}, // past the texel limit
}

// The GPU rates are only a ranking, the larger tile reading half as much a product; no GPU has been measured.
var gpuVariants = []matMulVariant{
	{base: "matmul_gpu_tile128", tileM: 128, tileN: 128, local: 256, windows: true, rate: 2},
	{base: "matmul_gpu_tile64", tileM: 64, tileN: 64, local: 256, windows: true, rate: 1},
}

// quads reports that the kernels for SwiftShader are the best.
func (t MatMulTarget) quads() bool {
	return t.Family == "quad" || t.Family == "" && t.CPU && t.Driver == "swiftshader"
}

func (t MatMulTarget) variants() []matMulVariant {
	switch {
	case t.quads():
		return quadVariants
	case t.Family == "texel" || t.Family == "" && t.CPU:
		return texelVariants
	}
	return gpuVariants
}

// MatMul chooses the kernel for a product of checked arguments: the least time that tiles, counted
// whole, take at their rate on the target's cores, with a share of the time to compile, among the kernels whose texel views would fit and
// whose workgroups fit the 65,535 along each dimension that every device takes. It reports an error
// when none does; then split the rows, columns or batch.
func MatMul(f MatMulForm, a MatMulArgs, batch int, t MatMulTarget) (MatMulKernel, error) {
	if err := a.Check(f, batch); err != nil {
		return MatMulKernel{}, err
	}
	windows := a.Windows != (Windows{})
	if t.Rounding != Unrounded {
		if windows {
			return MatMulKernel{}, fmt.Errorf("shaders: matmul: no kernel on cooperative matrices reads windows: write them out")
		}
		return t.cooperativeMatMul(f, a, batch)
	}
	spans := a.Elements(f, batch)
	var best matMulVariant
	least := math.Inf(1)
	for _, v := range t.variants() {
		tilesM, tilesN := ceilDiv(a.M, v.tileM), ceilDiv(a.N, v.tileN)
		if v.texel && !t.fitsTexels(spans) || v.share && t.Subgroup != v.local || max(tilesM, tilesN, batch) > maxGroups || windows && !v.windows {
			continue
		}
		if cost := v.cost(tilesM*tilesN*batch, t.Cores, a.K); cost < least {
			best, least = v, cost
		}
	}
	if math.IsInf(least, 1) && windows {
		return MatMulKernel{}, fmt.Errorf("shaders: matmul: no kernel of the target reads the windows of %d products with %d x %d results: write them out", batch, a.M, a.N)
	}
	if math.IsInf(least, 1) {
		return MatMulKernel{}, fmt.Errorf("shaders: matmul: %d products with %d x %d results need more than %d workgroups along a dimension: split them", batch, a.M, a.N, maxGroups)
	}
	return best.kernel(f, windows), nil
}

// texelWork is from how many multiplications products get a dispatch of their own so that their operands fit texel views: on
// SwiftShader, where a dispatch costs 17 to 40 us, kernels that read texels save 25 to 65 us of so many, and are compiled in half the time.
const texelWork = 1 << 21

// tooLong reports that operands of so many elements do not fit the texel views that the target's best kernels read.
func (t MatMulTarget) tooLong(elements [3]int) bool {
	return t.CPU && t.Rounding == Unrounded && !t.fitsTexels(elements)
}

func (t MatMulTarget) fitsTexels(elements [3]int) bool {
	return int64(ceilDiv(max(elements[0], elements[1]), 4)) <= t.MaxTexels
}

// anywhere has the largest offsets of operands that begin at one of a batch's products, in bindings that begin at multiples of align elements.
func (a MatMulArgs) anywhere(align int) MatMulArgs {
	if a.StrideA%align != 0 {
		a.OffsetA = align - 4
	}
	if a.StrideB%align != 0 {
		a.OffsetB = align - 4
	}
	return a
}

// Products is how many products of a batch one dispatch should compute: all, or where their operands have more texels than a view
// may, but those of one product do not, as many as fit, wherever in a multiple of align elements they begin. Results of so many span a multiple of align.
func (t MatMulTarget) Products(f MatMulForm, a MatMulArgs, batch, align int) int {
	if !t.tooLong(a.Elements(f, batch)) {
		return batch
	}
	a = a.anywhere(align)
	unit := 1
	for unit < align && unit*a.StrideC%align != 0 {
		unit *= 2
	}
	units := sort.Search(batch/unit, func(i int) bool { return !t.fitsTexels(a.Elements(f, (i+1)*unit)) })
	if units == 0 || units*unit*a.M*a.N*a.K < texelWork {
		return batch
	}
	return units * unit
}

// Block is how many rows and columns of the result one dispatch should compute of a single product: all, or where its operands have more texels
// than a view may, as many as read operands that fit, wherever in a multiple of align elements they begin. Only rows of A in the forms NN and NT and
// columns of B in the form NT lie together, and no windows. Other counts than all are multiples of 32.
func (t MatMulTarget) Block(f MatMulForm, a MatMulArgs, align int) (rows, columns int) {
	if !t.tooLong(a.Elements(f, 1)) || a.Windows != (Windows{}) {
		return a.M, a.N
	}
	most := func(all, ld, offset int) int {
		if n := (int(4*t.MaxTexels) - offset) / ld; n < all {
			return n &^ 31
		}
		return all
	}
	part := a.anywhere(align)
	if f != MatMulTN {
		part.M = most(a.M, a.LDA, part.OffsetA)
	}
	if f == MatMulNT {
		part.N = most(a.N, a.LDB, part.OffsetB)
	}
	if part.M == 0 || part.N == 0 || !t.fitsTexels(part.Elements(f, 1)) || part.M*part.N*part.K < texelWork {
		return a.M, a.N
	}
	return part.M, part.N
}

func (v matMulVariant) kernel(f MatMulForm, windows bool) MatMulKernel {
	k := MatMulKernel{Form: f, TileM: v.tileM, TileN: v.tileN, Local: v.local, lanesM: v.lanesM}
	form := f.String()
	named := func(of string) string { return v.base + of + "_" + form }
	switch {
	case windows:
		k.Name = named("windows")
	case v.either:
		if f != MatMulTN {
			form = "n"
		}
		k.Name, k.finished = named("add"), named("")
	case v.rolled:
		k.Name, k.finished = named(""), named("roll")
	default:
		k.Name = named("")
	}
	if v.texel {
		k.Views = [3]View{TexelVector, TexelVector, Storage}
	}
	k.Code = module(k.Name)
	return k
}

// forEpilogue is the kernel as it is made for epilogues: with few stores, or stores that a loop repeats, of finished results.
func (k MatMulKernel) forEpilogue() MatMulKernel {
	if k.finished != "" {
		k.Name, k.Code, k.finished = k.finished, module(k.finished), ""
	}
	return k
}

// MatMulKernels are all kernels that MatMul may choose, and those that epilogues are made of, for tests and measurements. Those that read
// storage buffers and no quads run on every device.
func MatMulKernels() []MatMulKernel {
	var all []MatMulKernel
	for _, family := range [][]matMulVariant{quadVariants, texelVariants[:len(texelVariants)-1], gpuVariants} {
		for _, v := range family {
			for f := MatMulNN; f <= MatMulNT; f++ {
				k := v.kernel(f, false)
				all = append(all, k)
				if v.windows && f != MatMulTN {
					all = append(all, v.kernel(f, true))
				}
				if k.finished != "" {
					all = append(all, k.forEpilogue())
				}
			}
		}
	}
	return all
}

var decoded sync.Map // name to words

// module is the embedded module glsl/name.spv as words.
func module(name string) []uint32 {
	if w, ok := decoded.Load(name); ok {
		return w.([]uint32)
	}
	b, err := modules.ReadFile("glsl/" + name + ".spv")
	if err != nil {
		panic("BUG: shaders: no embedded module " + name)
	}
	words := make([]uint32, len(b)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	w, _ := decoded.LoadOrStore(name, words)
	return w.([]uint32)
}

func roundUp4(n int) int { return (n + 3) &^ 3 }
