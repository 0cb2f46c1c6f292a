package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Products in panels. SwiftShader loads 16 bytes at a time only through texel views, and its views hold 1 MiB. Where blocks of rows alone do not fit (Block), a
// product is cut along all three dimensions into panels that do, near to square; what parts of the inner dimension give is added up. A panel's rows
// lie a whole row of the operand apart, further than a view reaches where these are long; then the panel is copied first.

// MatMulPanels are the rows, columns and inner elements of panels, the last along each dimension with the rest, and which operands' panels are copied.
type MatMulPanels struct {
	M, N, K      int
	PackA, PackB bool
}

// panelDepth is how many products a panel sums for an element at most; with 512 and 2,048 SwiftShader is as fast.
const panelDepth = 1024

// packedUses is how often an element must be used where it is copied: of 10.5 G operations a second copies leave 10.2 with 256 uses, 9.3 with 128 and
// 8.5 with 64; from storage buffers it is 3.5 to 7 on the same machine.
const packedUses = 64

// panelsWork is from how many multiplications a product is cut so, and panelWork how many dispatches have where blocks of rows do as well: with fewer
// they keep only one core busy, and not long enough.
const (
	panelsWork = 1 << 25
	panelWork  = 1 << 23
)

// panelUnit divides cuts, so that panels begin at a multiple of what devices align bindings to, in elements.
const panelUnit = 64

// Panels is how a product of a batch should be cut; ok is false where it should not. No binding spans more than limit elements, unless that is 0, and
// bindings begin at multiples of align.
func (t MatMulTarget) Panels(f MatMulForm, a MatMulArgs, batch, limit, align int) (c MatMulPanels, ok bool) {
	most := 4 * int(t.MaxTexels)
	if !t.tooLong(a.Elements(f, 1)) || !t.quads() || a.Windows != (Windows{}) || most < panelDepth*panelUnit || a.M*a.N*a.K < panelsWork {
		return c, false
	}
	if rows, cols := t.Block(f, a, align); (rows < a.M || cols < a.N) && rows*cols*a.K >= panelWork {
		return c, false
	}
	cut := func(length, most int) int {
		if length <= most {
			return length
		}
		parts := ceilDiv(length, most)
		return ceilDiv(ceilDiv(length, parts), panelUnit) * panelUnit
	}
	c.K = cut(a.K, panelDepth)
	free := most / (ceilDiv(c.K, 4) * 4) / panelUnit * panelUnit
	c.M, c.N = cut(a.M, free), cut(a.N, free)
	// What the operands' panels span as they lie.
	block := a
	block.M, block.N, block.K, block.OffsetA, block.OffsetB = c.M, c.N, c.K, 0, 0
	spans := block.Elements(f, 1)
	reach := most
	if batch > 1 {
		reach -= panelUnit // products may begin between
	}
	c.PackA, c.PackB = spans[0] > reach, spans[1] > reach
	if c.PackA && a.N < packedUses || c.PackB && a.M < packedUses || limit > 0 && max(spans[0], spans[1], spans[2])+a.LDC+panelUnit > limit {
		return c, false
	}
	return c, true
}

// MatMulAdd is the kernel for panels of a product that is cut along its inner dimension: MatMulArgs.Add says whether it adds to the result.
func MatMulAdd(f MatMulForm) MatMulKernel { return quadVariants[0].kernel(f, false) }

// Pack copies rows of a matrix from binding 0 to binding 1, where they follow each other, each of so many elements rounded up to a multiple of 4. In binding 0
// they begin ld elements apart, from an offset on; both are multiples of 4.
func Pack(t Target, rows, cols, ld, offset int) Kernel {
	vectors := ceilDiv(cols, 4)
	local := min(t.LocalSize, ceilDiv(vectors, 4)*4)
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{uint32(local), 1, 1}})
	k := Kernel{Push: []uint32{uint32(vectors), uint32(ld / 4), uint32(offset / 4)}, Groups: [3]uint32{uint32(ceilDiv(vectors, local)), uint32(rows), 1}}
	b.Push(len(k.Push))
	t4 := spirv.U32.Vec(4)
	from, to := b.StorageBuffer(0, t4, spirv.ReadOnly), b.StorageBuffer(1, t4, spirv.WriteOnly)
	at := b.Add(b.Mul(b.WorkgroupID(0), b.ConstU32(uint32(local))), b.LocalID(0))
	row := b.WorkgroupID(1)
	b.If(b.Lt(at, b.PushU32(0)), func() {
		source := b.Add(b.PushU32(2), b.Add(b.Mul(row, b.PushU32(1)), at))
		b.Store(to, b.Add(b.Mul(row, b.PushU32(0)), at), b.Load(from, source))
	})
	k.Code = b.Module()
	return k
}
