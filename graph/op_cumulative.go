package graph

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders"
)

// cumulativeOp folds along an axis and keeps every intermediate result: result i is the fold of elements 0 to i, or in reverse from
// the last down to i.
type cumulativeOp struct {
	opaqueRules
	by      shaders.Scanner
	axis    int
	reverse bool
}

func (o cumulativeOp) Name() string { return "cumulative " + o.by.String() }

func (o cumulativeOp) Infer(in []Spec) (Spec, error) {
	if _, err := sameNumber(in); err != nil {
		return Spec{}, err
	}
	if o.by == shaders.ScanLogAddExp && !in[0].DType.IsFloat() {
		return Spec{}, dtypeError("convert with AsFloat", "the operand is %v, want float32", in[0])
	}
	return in[0], nil
}

// eachScan calls f with the positions of every line along an axis, in the order of the scan.
func eachScan(shape Shape, axis int, reverse bool, f func(line []int)) {
	outer, n, inner := split3(shape, axis)
	line := make([]int, n)
	for o := range outer {
		for i := range inner {
			for j := range n {
				at := j
				if reverse {
					at = n - 1 - j
				}
				line[j] = (o*n+at)*inner + i
			}
			f(line)
		}
	}
}

// split3 is how many elements a shape has before, along and behind an axis.
func split3(s Shape, axis int) (outer, n, inner int) {
	return s[:axis].Size(), s[axis], s[axis+1:].Size()
}

func (o cumulativeOp) Eval(out *Host, in []*Host) {
	eachScan(out.Shape, o.axis, o.reverse, func(line []int) {
		for j, at := range line {
			v := in[0].V[at]
			if j > 0 {
				v = out.DType.wrap(o.fold(out.V[line[j-1]], v))
			}
			out.V[at] = v
		}
	})
}

func (o cumulativeOp) fold(x, y float64) float64 {
	switch o.by {
	case shaders.ScanSum:
		return x + y
	case shaders.ScanProd:
		return x * y
	case shaders.ScanMax:
		return maxNaN(x, y)
	case shaders.ScanMin:
		return -maxNaN(-x, -y)
	}
	top := maxNaN(x, y)
	if math.IsInf(top, 0) || math.IsNaN(top) {
		return top
	}
	return top + math.Log1p(math.Exp(math.Min(x, y)-top))
}

// preceding is for every place the element of t before it in the order of the scan, fill at the first.
func preceding(t Tensor, axis int, reverse bool, fill float64) Tensor {
	n := t.Dim(axis)
	if n == 0 {
		return t
	}
	edge := append(Shape{}, t.Shape()...)
	edge[axis] = 1
	first := Full(t.DType(), fill, edge...)
	if reverse {
		return Concat(axis, t.Slice(axis, 1, n), first)
	}
	return Concat(axis, first, t.Slice(axis, 0, n-1))
}

// source is the place that a running maximum or minimum was found at: of equals the last in the order of the scan.
func (o cumulativeOp) source(c Call) Tensor {
	x := c.In[0]
	hit := x.Eq(c.Out).Or(x.IsNaN())
	place := Iota(o.axis, x.Shape()...)
	if o.reverse {
		return Where(hit, place, Int(x.Dim(o.axis))).cumulative(shaders.ScanMin, o.axis, true)
	}
	return Where(hit, place, Int(-1)).cumulative(shaders.ScanMax, o.axis, false)
}

// weights are the factors of y[i]' = a[i] y[i-1]' + w[i] x[i]' for y = logsumexp; infinite y give no Inf - Inf.
func (o cumulativeOp) weights(c Call) (a, w Tensor) {
	y := Where(c.Out.Abs().Eq(c.Out.Like(math.Inf(1))), c.Out.Like(0), c.Out)
	return preceding(c.Out, o.axis, o.reverse, math.Inf(-1)).Sub(y).Exp(), c.In[0].Sub(y).Exp()
}

func (o cumulativeOp) JVP(c Call, t []Tensor) Tensor {
	switch o.by {
	case shaders.ScanSum:
		return apply(o, t[0])
	case shaders.ScanProd:
		return linearScan(c.In[0], t[0].Mul(preceding(c.Out, o.axis, o.reverse, 1)), o.axis, o.reverse)
	case shaders.ScanLogAddExp:
		a, w := o.weights(c)
		return linearScan(a, w.Mul(t[0]), o.axis, o.reverse)
	}
	return t[0].TakeAlong(o.axis, o.source(c))
}

// VJP: what came after each element gathers by the scan in the other direction.
func (o cumulativeOp) VJP(c Call, ct Tensor) []Tensor {
	back := !o.reverse
	switch o.by {
	case shaders.ScanSum:
		return []Tensor{ct.cumulative(o.by, o.axis, back)}
	case shaders.ScanProd:
		later := linearScan(preceding(c.In[0], o.axis, back, 0), ct, o.axis, back)
		return []Tensor{later.Mul(preceding(c.Out, o.axis, o.reverse, 1))}
	case shaders.ScanLogAddExp:
		a, w := o.weights(c)
		return []Tensor{linearScan(preceding(a, o.axis, back, 0), ct, o.axis, back).Mul(w)}
	}
	return []Tensor{Full(ct.DType(), 0, ct.Shape()...).ScatterAdd(o.axis, o.source(c), ct)}
}

func (o cumulativeOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor {
	return in[0].cumulative(o.by, o.axis+1, o.reverse)
}

// float64Kernels says that the kernels take float64 too.
func (cumulativeOp) float64Kernels() {}

func (o cumulativeOp) Kernels(k *Kernels, n Operands) {
	outer, length, inner := split3(n.Out().Shape, o.axis)
	d := n.Out().DType
	k.parts(outer, length*inner, length*inner*d.bytes()/4, func(rows int, part func(KernelArg, DType) KernelArg) {
		k.scan(shaders.Scan{By: o.by, Kind: d.kind(), Outer: rows, N: length, Inner: inner, Reverse: o.reverse},
			part(k.Out(), d), part(k.In(0), d))
	})
}

// parts runs f once for all rows of arrays with rows of the given width, or for as many at a time as a binding holds; most is the number of
// words of a row in the widest array, scratch included, and part the range of an array that these rows are.
func (k *Kernels) parts(rows, width, most int, f func(rows int, part func(KernelArg, DType) KernelArg)) {
	limit := k.Target().MaxRange
	unit := 1 // rows that end at a place where a binding may begin
	for unit*width%(alignment/4) != 0 {
		unit *= 2
	}
	each := limit / max(most, 1) / unit * unit
	if limit == 0 || rows*most <= limit || each == 0 { // where one row is too long, the runtime says so
		f(rows, func(a KernelArg, _ DType) KernelArg { return a })
		return
	}
	for first := 0; first < rows; first += each {
		n := min(each, rows-first)
		f(n, func(a KernelArg, d DType) KernelArg {
			words := d.bytes() / 4
			return a.Range(first*width*words, n*width*words)
		})
	}
}

// scan appends the dispatches of a scan: one, or three where chunks are scanned side by side.
func (k *Kernels) scan(s shaders.Scan, out KernelArg, in ...KernelArg) {
	if s.Outer*s.N*s.Inner == 0 {
		return
	}
	name := "cumulative " + s.By.String()
	chunk := s.Chunk(k.Target())
	args := in
	if chunk < s.N {
		chunks := (s.N + chunk - 1) / chunk
		size := s.Outer * chunks * s.Inner * s.Kind.Bytes() / 4
		totals := make([]KernelArg, len(in))
		read := make([]KernelArg, len(in))
		for i := range in {
			totals[i] = k.Scratch(size)
			read[i] = totals[i].ReadOnly()
		}
		k.Dispatch(name+" (totals)", s.Totals(k.Target(), chunk), append(append([]KernelArg{}, in...), totals...)...)
		scanned := k.Scratch(size)
		k.scan(shaders.Scan{By: s.By, Kind: s.Kind, Outer: s.Outer, N: chunks, Inner: s.Inner}, scanned, read...)
		args = append(append([]KernelArg{}, in...), scanned.ReadOnly())
	}
	k.Dispatch(name, s.Scans(k.Target(), chunk), append(append([]KernelArg{}, args...), out)...)
}

func (cumulativeOp) Cases() []Case {
	var cases []Case
	for _, by := range []shaders.Scanner{shaders.ScanSum, shaders.ScanProd, shaders.ScanMax, shaders.ScanMin, shaders.ScanLogAddExp} {
		for _, reverse := range []bool{false, true} {
			cases = append(cases,
				Case{Op: cumulativeOp{by: by, axis: 1, reverse: reverse}, In: []Sample{sample(3, 5, 2)}, Tolerance: 2e-6},
				Case{Op: cumulativeOp{by: by, axis: 0, reverse: reverse}, In: []Sample{sample(7)}, Tolerance: 2e-6},
			)
		}
	}
	return append(cases,
		Case{Op: cumulativeOp{by: shaders.ScanSum, axis: 0}, In: []Sample{sample(1300)}, Tolerance: 2e-5}, // in chunks
		Case{Op: cumulativeOp{by: shaders.ScanMax, axis: 0, reverse: true}, In: []Sample{sample(700, 2)}},
		Case{Op: cumulativeOp{by: shaders.ScanSum, axis: 1}, In: []Sample{sampleOf(Int32, -9, 9, 2, 600)}},
		Case{Op: cumulativeOp{by: shaders.ScanProd, axis: 0}, In: []Sample{sampleOf(Uint32, 0, 9, 40)}},
		Case{Op: cumulativeOp{by: shaders.ScanSum, axis: 0}, In: []Sample{sample(0, 3)}},
		Case{Op: cumulativeOp{by: shaders.ScanSum, axis: 1}, In: []Sample{sample(3, 1)}},
	)
}
