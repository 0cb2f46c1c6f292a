package graph

import "github.com/lavagrad/lavagrad/shaders"

// panels is how the product is cut so that kernels that read texels can compute it; ok is false where one dispatch, or a cut of the batch, is better.
func (o matmulOp) panels() (c shaders.MatMulPanels, ok bool) {
	return o.target.Panels(o.form, o.arguments(), o.batch, o.limit, alignment/4)
}

// packedColumns is how many blocks of B are copied at a time: an operand's copies take little memory, and A's blocks are copied once for so many.
const packedColumns = 8

// block is a part of an operand: where its rows begin in the array, and how long they are.
type block struct{ at, ld, rows, cols int }

// span is how many elements a block reaches over.
func (b block) span() int { return (b.rows-1)*b.ld + roundUp4(b.cols) }

// window binds the elements of an array from the alignment below a block's first on; offset is where the block begins there.
func (b block) window(a KernelArg) (arg KernelArg, offset int) {
	first := b.at &^ (alignment/4 - 1)
	offset = b.at - first
	return a.Range(first, offset+b.span()), offset
}

// inPanels appends the dispatches of a product in panels.
func (o matmulOp) inPanels(k *Kernels, c shaders.MatMulPanels) {
	whole := o.arguments()
	scratch := func(packed bool, words int) (a KernelArg) {
		if packed {
			a = k.Scratch(words)
		}
		return a
	}
	sizeA, sizeB := roundUp4(c.M)*roundUp4(c.K), int(roundUp(int64(roundUp4(c.N)*roundUp4(c.K)), alignment/4))
	group := (o.n + c.N - 1) / c.N
	if c.PackB {
		group = min(group, packedColumns)
	}
	panelA, panelsB := scratch(c.PackA, sizeA), scratch(c.PackB, group*sizeB)
	pack := func(b block, from, to KernelArg) {
		arg, offset := b.window(from)
		k.Dispatch("matmul pack", shaders.Pack(k.Target(), b.rows, b.cols, b.ld, offset), arg, to)
	}
	for z := range o.batch {
		for n0 := 0; n0 < o.n; n0 += group * c.N {
			for k0 := 0; k0 < o.k; k0 += c.K {
				depth := min(c.K, o.k-k0)
				columns := min(group*c.N, o.n-n0)
				ofB := func(j int) block { // block j of the group
					n, count := n0+j*c.N, min(c.N, columns-j*c.N)
					if o.form == shaders.MatMulNT {
						return block{z*whole.StrideB + n*whole.LDB + k0, whole.LDB, count, depth}
					}
					return block{z*whole.StrideB + k0*whole.LDB + n, whole.LDB, depth, count}
				}
				panelB := func(j int) KernelArg { return panelsB.Range(j*sizeB, sizeB) }
				if c.PackB {
					for j := range (columns + c.N - 1) / c.N {
						pack(ofB(j), k.In(1), panelB(j))
					}
				}
				for m := 0; m < o.m; m += c.M {
					rows := min(c.M, o.m-m)
					a := block{z*whole.StrideA + m*whole.LDA + k0, whole.LDA, rows, depth}
					if o.form == shaders.MatMulTN {
						a = block{z*whole.StrideA + k0*whole.LDA + m, whole.LDA, depth, rows}
					}
					args := whole
					args.M, args.K, args.Add = rows, depth, k0 > 0
					args.StrideA, args.StrideB, args.StrideC = 0, 0, 0
					var bound [3]KernelArg
					if c.PackA {
						pack(a, k.In(0), panelA)
						bound[0], args.LDA = panelA.ReadOnly(), roundUp4(a.cols)
					} else {
						bound[0], args.OffsetA = a.window(k.In(0))
					}
					for j := range (columns + c.N - 1) / c.N {
						b := ofB(j)
						args.N = min(c.N, columns-j*c.N)
						if c.PackB {
							bound[1], args.LDB = panelB(j).ReadOnly(), roundUp4(b.cols)
						} else {
							bound[1], args.OffsetB = b.window(k.In(1))
						}
						bound[2], args.OffsetC = block{z*whole.StrideC + m*whole.LDC + n0 + j*c.N, whole.LDC, rows, args.N}.window(k.Out())
						kernel := shaders.MatMulAdd(o.form)
						if c.K == o.k {
							var err error
							if kernel, err = shaders.MatMul(o.form, args, 1, o.target); err != nil {
								panic("BUG: graph: " + err.Error())
							}
						}
						k.Dispatch("matmul", shaders.Kernel{Code: kernel.Code, Views: kernel.Views[:], Push: args.Words(o.form), Groups: kernel.Groups(args.M, args.N, 1)}, bound[:]...)
					}
				}
			}
		}
	}
}
