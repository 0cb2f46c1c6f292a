package graph

import "github.com/lavagrad/lavagrad/shaders"

// linearScanOp solves y[i] = a[i] y[i-1] + b[i] along an axis, from y = 0 before the first element; in reverse the last comes
// first. It is its own derivative, and that of running products and logsumexps.
type linearScanOp struct {
	opaqueRules
	axis    int
	reverse bool
}

func (linearScanOp) Name() string { return "linear recurrence" }

func (o linearScanOp) Infer(in []Spec) (Spec, error) {
	if _, err := sameNumber(in); err != nil {
		return Spec{}, err
	}
	if !in[0].Shape.Equal(in[1].Shape) {
		return Spec{}, shapeError("broadcast the operands first", "factors are %v, terms %v", in[0], in[1])
	}
	return in[1], nil
}

func (o linearScanOp) Eval(out *Host, in []*Host) {
	eachScan(out.Shape, o.axis, o.reverse, func(line []int) {
		y := 0.0
		for _, at := range line {
			y = out.DType.wrap(out.DType.wrap(in[0].V[at]*y) + in[1].V[at])
			out.V[at] = y
		}
	})
}

func (o linearScanOp) JVP(c Call, t []Tensor) Tensor {
	terms := t[1]
	if t[0].Valid() {
		terms = addTangent(terms, t[0].Mul(preceding(c.Out, o.axis, o.reverse, 0)))
	}
	return linearScan(c.In[0], terms, o.axis, o.reverse)
}

func (o linearScanOp) VJP(c Call, ct Tensor) []Tensor {
	back := !o.reverse
	later := linearScan(preceding(c.In[0], o.axis, back, 0), ct, o.axis, back)
	return []Tensor{later.Mul(preceding(c.Out, o.axis, o.reverse, 0)), later}
}

func (o linearScanOp) Batch(_ Call, in []Tensor, batched []bool, size int) Tensor {
	in = alignBatch(in, batched, size)
	return linearScan(in[0], in[1], o.axis+1, o.reverse)
}

// float64Kernels says that the kernels take float64 too.
func (linearScanOp) float64Kernels() {}

func (o linearScanOp) Kernels(k *Kernels, n Operands) {
	outer, length, inner := split3(n.Out().Shape, o.axis)
	d := n.Out().DType
	k.parts(outer, length*inner, length*inner*d.bytes()/4, func(rows int, part func(KernelArg, DType) KernelArg) {
		k.scan(shaders.Scan{By: shaders.ScanLinear, Kind: d.kind(), Outer: rows, N: length, Inner: inner, Reverse: o.reverse},
			part(k.Out(), d), part(k.In(0), d), part(k.In(1), d))
	})
}

func (linearScanOp) Cases() []Case {
	return []Case{
		{Op: linearScanOp{axis: 1}, In: []Sample{sampleIn(-1, 1, 3, 6), sample(3, 6)}, Tolerance: 3e-6},
		{Op: linearScanOp{axis: 0, reverse: true}, In: []Sample{sampleIn(-1, 1, 5, 2), sample(5, 2)}, Tolerance: 3e-6},
		{Op: linearScanOp{axis: 0}, In: []Sample{sampleIn(-1, 1, 1200), sample(1200)}, Tolerance: 3e-6}, // in chunks
		{Op: linearScanOp{axis: 0}, In: []Sample{sampleOf(Int32, -3, 3, 20), sampleOf(Int32, -9, 9, 20)}},
		{Op: linearScanOp{axis: 1}, In: []Sample{sample(2, 0), sample(2, 0)}},
	}
}

func linearScan(a, b Tensor, axis int, reverse bool) Tensor {
	return apply(linearScanOp{axis: axis, reverse: reverse}, a, b)
}
