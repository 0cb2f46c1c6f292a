package random

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

var nan = math.NaN()

// Uniform draws floats from [lo, hi): lo + u (hi - lo) with u from [0, 1) on a grid of 2^-24, in float64 of 2^-53. The result is never hi:
// what rounds to it becomes lo. Where lo = hi the result is lo; where lo > hi, or hi - lo is not finite, it is NaN.
func Uniform[L, H Param](key Key, lo L, hi H, shape ...int) graph.Tensor {
	const op = "uniform"
	p := tensors(op, of("lo", lo), of("hi", hi))
	a, b := p[0], p[1]
	shape = resultShape(op, shape, a.Shape(), b.Shape())
	width := b.Sub(a)
	x := a.Add(bitsFor(op, key, a.DType(), shape).uniform().Mul(width))
	x = graph.Where(x.Lt(b), x, a)
	// A width of NaN or Inf, too, fails the comparison.
	return nanUnless(width.Ge(width.Like(0)).And(width.Lt(width.Like(math.Inf(1)))), x)
}

// Integers draws int32 from lo up to but not including hi, every value equally likely to 2^-64. It wants lo < hi, and
// hi - lo below 2^32.
func Integers(key Key, lo, hi int, shape ...int) graph.Tensor {
	const op = "integers"
	if int64(lo) < math.MinInt32 || int64(hi) > math.MaxInt32+1 || lo >= hi || int64(hi)-int64(lo) > math.MaxUint32 {
		graph.Fail(op, graph.ErrArgument, "give lo < hi in the range of int32, or draw Bits", "lo is %d, hi is %d", lo, hi)
	}
	w0, w1 := draw(op, key, shape)
	n := graph.Full(graph.Uint32, float64(hi)-float64(lo))
	return graph.IntegerBelow(w0, w1, n).Convert(graph.Int32).Add(graph.Int(lo))
}
