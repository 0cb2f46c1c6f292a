package graph

import (
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// The squares of products, added up over a batch, out[i j] = sum over b of (sum over t of x[b t i] g[b t j])^2, such as the diagonal of a Fisher
// matrix from sequences or images, are one step: a kernel squares each product in registers and adds it to a tile of the result, so that the products,
// a matrix for each sample, are in no memory.

// sumSquaresOp is that sum for operands [batch, k, m] and [batch, k, n] with rows of a multiple of four elements. The result is [parts, m, n]: the
// batch is cut so that all cores have work.
type sumSquaresOp struct {
	opaqueRules
	compilerRules
	kernel shaders.MatMulKernel
	args   shaders.SquaresArgs
}

func (sumSquaresOp) Name() string { return "sum of squares" }

func (o sumSquaresOp) Key() string { return "sum of squares " + o.kernel.Name + " " + o.String() }

// String writes the extents: batch, k, m, n, and how much of the batch one part is.
func (o sumSquaresOp) String() string {
	return Shape{o.args.Batch, o.args.K, o.args.M, o.args.N, o.args.Count}.String()
}

// Operations: a multiply and an add for each product, and for each square.
func (o sumSquaresOp) Operations(Operands) int64 {
	return 2 * int64(o.args.Batch) * int64(o.args.M) * int64(o.args.N) * int64(o.args.K+1)
}

// Kernels is one dispatch.
func (o sumSquaresOp) Kernels(k *Kernels, _ Operands) {
	parts := o.args.Parts()
	groups := o.kernel.Groups(o.args.M, o.args.N, parts)
	k.Dispatch("sum of squares", shaders.Kernel{Code: o.kernel.Code, Push: o.args.Words(), Groups: groups, Views: o.kernel.Views[:]}, k.In(0), k.In(1), k.Out())
}

// squareLabels are the labels of a sum of squares: those of the batch, which x, g and their product have, of the sum inside, of the rows, which x has, and of
// the columns, which g has.
type squareLabels struct{ batch, sum, rows, cols labelSet }

// squareOf is the labels of the sum over part of a product of the square of the product x g; false where it has no such form: all of the batch is
// summed, and none else.
func squareOf(x, g, product, out labelSet) (squareLabels, bool) {
	s := squareLabels{batch: x & g & product, sum: (x | g) &^ product, rows: x &^ g & product, cols: g &^ x & product}
	return s, s.batch != 0 && s.rows != 0 && s.cols != 0 && s.sum != 0 && s.sum == s.sum&x&g && out == s.rows|s.cols
}

// squared is the work of the sum over t's missing labels of the square of a, an equal tree being t's other operand, by the kernel that does not store a.
func (p *planner) squared(a, t *planTree) (work, bool) {
	if !p.single || a.left == nil || a.free || a.squared || !a.stored {
		return work{}, false
	}
	x, g := a.left, a.right
	s, ok := squareOf(x.labels, g.labels, a.labels, t.labels)
	if !ok || p.extent(s.rows) < 4 || p.extent(s.cols) < 4 || p.extent(x.labels|g.labels) < matmulWork {
		return work{}, false
	}
	kernel, args, ok := shaders.SumSquares(p.squaresArgs(s), p.m.products)
	operands := []*planTree{x, g}
	for _, o := range operands {
		ok = ok && 4*(p.extent(o.labels)+float64(4*args.Batch*args.K)) <= p.m.binding // rows are padded
	}
	if !ok {
		return work{}, false
	}
	products := p.extent(a.labels)
	result := 4 * p.extent(t.labels) * float64(args.Parts())
	w := work{flops: 2 * (p.extent(x.labels|g.labels) + products), bytes: result}
	moved := 2 * result
	for _, o := range operands {
		bytes := 4 * p.extent(o.labels)
		moved += bytes
		if !o.stored {
			moved += 2 * bytes
			w.bytes += bytes
		}
	}
	rate := p.m.matmul * filled(p.extent(s.rows)) * filled(p.extent(s.cols))
	// The tiles beyond the edge are computed too.
	whole := float64(args.M*args.N) / (float64(ceilTo(args.M, kernel.TileM)) * float64(ceilTo(args.N, kernel.TileN)))
	w.seconds = max(w.flops/(rate*max(whole, 0.25)), moved/p.m.bytes) + 2*p.m.dispatch
	if w.bytes > p.m.budget {
		w.seconds += overBudget
	}
	w = w.plus(x.work)
	if !p.same(x, g) {
		w = w.plus(g.work)
	}
	return w, true
}

func ceilTo(n, m int) int { return (n + m - 1) / m * m }

func (p *planner) squaresArgs(s squareLabels) shaders.SquaresArgs {
	n := func(l labelSet) int { return int(p.extent(l)) }
	return shaders.SquaresArgs{M: n(s.rows), N: n(s.cols), K: n(s.sum), Batch: n(s.batch)}
}

// sumSquares computes t, a sum of squares of the product t.left, from that product's operands, with the labels of its axes.
func (c *contractor) sumSquares(b *boundTerm, t *planTree) (*node, []int) {
	s, _ := squareOf(t.left.left.labels, t.left.right.labels, t.left.labels, t.labels)
	x, lx := c.compute(b, t.left.left, false)
	g, lg := c.compute(b, t.left.right, false)
	pick := func(from []int, set labelSet) (labels []int) {
		for _, l := range from {
			if set>>l&1 != 0 {
				labels = append(labels, l)
			}
		}
		return labels
	}
	batch, sum, rows, cols := pick(lx, s.batch), pick(lx, s.sum), pick(lx, s.rows), pick(lg, s.cols)
	kernel, args, ok := shaders.SumSquares(b.squaresArgs(s), c.machine.products)
	if !ok {
		panic("BUG: graph: a sum of squares was planned that no kernel computes")
	}
	ax := arrange(Tensor{x}, lx, slices.Concat(batch, sum, rows), args.Batch, args.K, args.M)
	ag := arrange(Tensor{g}, lg, slices.Concat(batch, sum, cols), args.Batch, args.K, args.N)
	parts := args.Parts()
	n := newNode(sumSquaresOp{kernel: kernel, args: args}, []*node{ax.n, ag.n}, Spec{Float32, Shape{parts, args.M, roundUp4(args.N)}}, 0)
	r := Tensor{n}.Slice(2, 0, args.N)
	if parts > 1 {
		r = r.Sum(0)
	}
	labels := slices.Concat(rows, cols)
	shape := make([]int, len(labels))
	for i, l := range labels {
		shape[i] = int(b.lens[l])
	}
	return r.Reshape(shape...).n, labels
}
