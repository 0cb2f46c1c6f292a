package shaders

import (
	"fmt"
	"math"
	"sync"
)

// Matrix products on a GPU's matrix units, by cooperative matrices. A workgroup computes a tile of C, each of its subgroups a part of the tile in
// registers. It goes along K by steps: the next step's operands are on their way from memory to registers while the matrices of this one, rounded
// to 16 bits, are multiplied out of shared memory.
//
// Operands that are split keep float32's accuracy: a b is about the sum of the products of their parts, but for the three smallest, a middle part by
// a low one and two low ones, which are below 2^-23 |a b|. The largest parts' products have sums of their own: where an operand is infinite or NaN these alone
// are right (the others then are not finite), and elsewhere the small ones do not vanish in them.

// MatrixUnit is a product of cooperative matrices, M x K by K x N, of 16-bit operands and float32 sums.
type MatrixUnit struct {
	M, N, K  int
	BFloat16 bool // else float16
}

// coopTile is a row of the table of tiles: of a workgroup, and of a subgroup in it.
type coopTile struct {
	name         string
	tileM, tileN int
	subM, subN   int
	rate         float64
}

// The tiles. The rates are only a ranking, by how often what is read is used; no GPU has been measured.
var coopTiles = []coopTile{
	{name: "tile128", tileM: 128, tileN: 128, subM: 64, subN: 32, rate: 4},
	{name: "tile64", tileM: 64, tileN: 64, subM: 32, subN: 32, rate: 2.5},
	{name: "tile32", tileM: 32, tileN: 32, subM: 16, subN: 16, rate: 1},
}

// coopKernel is all that the words of a kernel depend on.
type coopKernel struct {
	form     MatMulForm
	rounding Rounding
	unit     MatrixUnit
	tile     coopTile
	subgroup int
	step     int // along K
	keepNaN  bool
}

// coopSkew is how many elements the rows of tiles in shared memory are longer than the tile: 16 bytes, so that rows begin in other banks.
const coopSkew = 8

func (k coopKernel) subgroups() int { return k.tile.tileM / k.tile.subM * (k.tile.tileN / k.tile.subN) }
func (k coopKernel) local() int     { return k.subgroups() * k.subgroup }

// stored is rows and columns of the tiles of A and B in shared memory, which lie there as the operands do.
func (k coopKernel) stored() (rows, cols [2]int) {
	rows, cols = [2]int{k.tile.tileM, k.step}, [2]int{k.step, k.tile.tileN}
	if k.form == MatMulTN {
		rows[0], cols[0] = cols[0], rows[0]
	}
	if k.form == MatMulNT {
		rows[1], cols[1] = cols[1], rows[1]
	}
	return rows, cols
}

// sharedBytes is the shared memory of a workgroup.
func (k coopKernel) sharedBytes() int {
	rows, cols := k.stored()
	n := 0
	for i := range rows {
		n += k.rounding.parts() * rows[i] * (cols[i] + coopSkew) * 2
	}
	return n + k.subgroups()*k.sums()*k.staged()*16
}

// sums is how many accumulators a result has.
func (k coopKernel) sums() int { return min(k.rounding.parts(), 2) }

// staged is the vectors of four that a subgroup's piece of the result takes in shared memory on its way to the array.
func (k coopKernel) staged() int { return k.unit.M * (k.unit.N/4 + 1) }

// fits reports that a device can run the kernel.
func (k coopKernel) fits(t MatMulTarget) bool {
	return k.divides() && k.local() <= t.MaxWorkgroup && k.sharedBytes() <= t.MaxShared
}

// divides reports that the tile is whole matrices, whose rows begin at multiples of 16 bytes.
func (k coopKernel) divides() bool {
	u := k.unit
	return k.tile.subM%u.M == 0 && k.tile.subN%u.N == 0 && k.step%u.K == 0 && u.M%8 == 0 && u.N%8 == 0 && u.K%8 == 0
}

// cooperative are the kernels that a target has for products of a form.
func (t MatMulTarget) cooperative(f MatMulForm, r Rounding) []coopKernel {
	if t.UnitSubgroup == 0 {
		return nil
	}
	step := 32
	if r.parts() > 1 {
		step = 16 // three times the shared memory
	}
	var list []coopKernel
	for _, tile := range coopTiles {
		if t.UnitTile != 0 && t.UnitTile < tile.tileM {
			continue
		}
		var best coopKernel
		for _, u := range t.Units {
			k := coopKernel{form: f, rounding: r, unit: u, tile: tile, subgroup: t.UnitSubgroup, step: max(step, u.K), keepNaN: t.PreserveNaN}
			larger := u.M*u.N > best.unit.M*best.unit.N || u.M*u.N == best.unit.M*best.unit.N && u.K > best.unit.K
			if u.BFloat16 == r.brain() && larger && k.fits(t) {
				best = k
			}
		}
		if best.unit.M > 0 {
			list = append(list, best)
		}
	}
	return list
}

// Cooperative reports that the target has kernels that multiply operands of a rounding.
func (t MatMulTarget) Cooperative(r Rounding) bool {
	return r != Unrounded && len(t.cooperative(MatMulNN, r)) > 0 && len(t.cooperative(MatMulTN, r)) > 0 && len(t.cooperative(MatMulNT, r)) > 0
}

// cooperativeMatMul is MatMul for rounded operands.
func (t MatMulTarget) cooperativeMatMul(f MatMulForm, a MatMulArgs, batch int) (MatMulKernel, error) {
	var best coopKernel
	least := math.Inf(1)
	for _, k := range t.cooperative(f, t.Rounding) {
		tilesM, tilesN := ceilDiv(a.M, k.tile.tileM), ceilDiv(a.N, k.tile.tileN)
		if max(tilesM, tilesN, batch) > maxGroups {
			continue
		}
		rounds := ceilDiv(tilesM*tilesN*batch, max(t.Cores, 1))
		if time := float64(rounds) * float64(k.tile.tileM*k.tile.tileN) / k.tile.rate; time < least {
			best, least = k, time
		}
	}
	if math.IsInf(least, 1) {
		return MatMulKernel{}, fmt.Errorf("shaders: matmul: no cooperative matrices for %d products with %d x %d results of %v operands", batch, a.M, a.N, t.Rounding)
	}
	return best.kernel(), nil
}

// CooperativeKernels are all kernels that a target may choose for operands of a rounding, for tests and measurements.
func CooperativeKernels(r Rounding, t MatMulTarget) []MatMulKernel {
	var all []MatMulKernel
	for f := MatMulNN; f <= MatMulNT; f++ {
		for _, k := range t.cooperative(f, r) {
			all = append(all, k.kernel())
		}
	}
	return all
}

var emitted sync.Map // coopKernel to words

func (k coopKernel) kernel() MatMulKernel {
	m := MatMulKernel{Name: fmt.Sprintf("matmul_coop_%s_%v_%v", k.tile.name, k.rounding, k.form), Form: k.form,
		TileM: k.tile.tileM, TileN: k.tile.tileN, Local: k.local(), FullSubgroups: true}
	words, ok := emitted.Load(k)
	if !ok {
		words, _ = emitted.LoadOrStore(k, k.emit(m.Name))
	}
	m.Code = words.([]uint32)
	return m
}
