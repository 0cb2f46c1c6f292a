package random

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

var nan = math.NaN()

// Uniform draws floats from [lo, hi): lo + u (hi - lo) with u from [0, 1) on a grid of 2^-24. The result is never hi: what rounds
// to it becomes lo. Where lo = hi the result is lo; where lo > hi, or hi - lo is not finite, it is NaN.
func Uniform[L, H Param](key Key, lo L, hi H, shape ...int) graph.Tensor {
	const op = "uniform"
	a, b := tensor(op, "lo", lo), tensor(op, "hi", hi)
	shape = resultShape(op, shape, a.Shape(), b.Shape())
	w, _ := draw(op, key, shape)
	width := b.Sub(a)
	x := a.Add(graph.UniformOfWord(w).Mul(width))
	x = graph.Where(x.Lt(b), x, a)
	// A width of NaN or Inf, too, fails the comparison.
	return nanUnless(width.Ge(graph.Scalar(0)).And(width.Lt(graph.Scalar(math.Inf(1)))), x)
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

// Bernoulli draws booleans that are true with probability p, exact to 2^-32. A p of 0 or less gives false, one of 1
// or more true, NaN false.
func Bernoulli[P Param](key Key, p P, shape ...int) graph.Tensor {
	const op = "bernoulli"
	prob := tensor(op, "p", p)
	w, _ := draw(op, key, resultShape(op, shape, prob.Shape()))
	return prob.Ge(graph.ProbabilityOfWord(w))
}

// Categorical draws int32 classes, class i with probability softmax(logits)[i] along the last axis of logits [... n], by
// the largest of logits plus Gumbel noise. The shape, to which the other axes are broadcast, does not include the axis
// of classes; without one it is that of those axes. A class of logit -Inf is never drawn unless all are; a NaN
// among the logits is drawn.
func Categorical(key Key, logits graph.Tensor, shape ...int) graph.Tensor {
	const op = "categorical"
	l := tensor(op, "logits", logits)
	if l.Rank() == 0 || l.Dim(-1) == 0 {
		graph.Fail(op, graph.ErrShape, "give logits [... n] for n > 0 classes", "logits are %v", l.Spec())
	}
	n := l.Dim(-1)
	rows := resultShape(op, shape, l.Shape()[:l.Rank()-1])
	noise := gumbel(op, key, append(append([]int{}, rows...), n))
	return l.Add(noise).ArgMax(-1)
}

// Poisson draws int32 counts from the Poisson distribution, for rates from 0 to 2^24; other rates give -1. Rates below 10 search for
// the quantile of one word, others reject candidates (Hörmann 1993, PTRS); where rounding decides, draws
// may differ between devices, in one case of 10^5 for rates of a thousand.
func Poisson[R Param](key Key, rate R, shape ...int) graph.Tensor {
	const op = "poisson"
	lambda := tensor(op, "the rate", rate)
	k0, k1 := key.words(op)
	return graph.PoissonOfCounter(k0, k1, counter(op, resultShape(op, shape, lambda.Shape())), lambda)
}
