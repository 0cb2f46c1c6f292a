package random

import "github.com/lavagrad/lavagrad/graph"

// Bernoulli draws booleans that are true with probability p, exact to 2^-32, for a float64 p to 2^-64. A p of 0 or less gives false, one of 1
// or more true, NaN false.
func Bernoulli[P Param](key Key, p P, shape ...int) graph.Tensor {
	const op = "bernoulli"
	prob := tensors(op, of("p", p))[0]
	return prob.Ge(bitsFor(op, key, prob.DType(), resultShape(op, shape, prob.Shape())).probability())
}

// Categorical draws int32 classes, class i with probability softmax(logits)[i] along the last axis of logits [... n], by
// the largest of logits plus Gumbel noise. The shape, to which the other axes are broadcast, does not include the axis
// of classes; without one it is that of those axes. A class of logit -Inf is never drawn unless all are; a NaN
// among the logits is drawn.
func Categorical(key Key, logits graph.Tensor, shape ...int) graph.Tensor {
	const op = "categorical"
	l := tensors(op, of("logits", logits))[0]
	if l.Rank() == 0 || l.Dim(-1) == 0 {
		graph.Fail(op, graph.ErrShape, "give logits [... n] for n > 0 classes", "logits are %v", l.Spec())
	}
	n := l.Dim(-1)
	rows := resultShape(op, shape, l.Shape()[:l.Rank()-1])
	noise := gumbel(op, key, l.DType(), append(append([]int{}, rows...), n))
	return l.Add(noise).ArgMax(-1)
}

// Poisson draws int32 counts from the Poisson distribution, for rates from 0 to 2^24; other rates give -1. Rates below 10 search for
// the quantile of one word, others reject candidates (Hörmann 1993, PTRS); where rounding decides, draws
// may differ between devices, in one case of 10^5 for rates of a thousand.
func Poisson[R Param](key Key, rate R, shape ...int) graph.Tensor {
	const op = "poisson"
	lambda := tensors(op, of("the rate", rate))[0]
	k0, k1 := key.words(op)
	return graph.PoissonOfCounter(k0, k1, counter(op, resultShape(op, shape, lambda.Shape())), lambda)
}
