package distribution

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Bernoulli is the distribution on 0 and 1 with probability p = sigmoid(logits) of 1. Make it with NewBernoulli or NewBernoulliLogits,
// which check the parameter.
type Bernoulli struct{ Logits graph.Tensor }

// NewBernoulli has probability p of 1, p in [0, 1].
func NewBernoulli[P Param](p P) Bernoulli {
	return Bernoulli{logit(arguments("Bernoulli", arg("p", p, constraint.Probability))[0])}
}

// NewBernoulliLogits has probability sigmoid(logits) of 1. Any logits but NaN will do, infinite ones too.
func NewBernoulliLogits[L Param](logits L) Bernoulli {
	return Bernoulli{arguments("Bernoulli", arg("logits", logits, constraint.Real))[0]}
}

// logit is log(p / (1-p)).
func logit(p graph.Tensor) graph.Tensor { return p.Log().Sub(p.Neg().Log1p()) }

// logSigmoid is log(sigmoid(x)).
func logSigmoid(x graph.Tensor) graph.Tensor { return x.Neg().Softplus().Neg() }

// weighted is p x, 0 where p is 0 whatever x: a term of an expectation.
func weighted(p, x graph.Tensor) graph.Tensor {
	none := p.Eq(p.Like(0))
	return graph.Where(none, x.Like(0), p.Mul(graph.Where(none, x.Like(0), x)))
}

// LogProb is log p at 1 and log(1-p) at 0; x is bool, integer or float.
func (d Bernoulli) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("Bernoulli", d.Support(), d.Logits.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		y := logSigmoid(graph.Where(x.Eq(x.Like(0)), d.Logits.Neg(), d.Logits))
		return graph.Where(x.IsNaN(), y.Like(math.NaN()), y)
	})
}

// Sample draws int32 0 or 1.
func (d Bernoulli) Sample(key random.Key, shape ...int) graph.Tensor {
	return random.Bernoulli(key, d.Logits.Sigmoid(), drawn(shape, d.BatchShape())...).AsInt()
}

// Mean is p.
func (d Bernoulli) Mean() graph.Tensor { return d.Logits.Sigmoid() }

// Variance is p (1-p).
func (d Bernoulli) Variance() graph.Tensor { return d.Logits.Sigmoid().Mul(d.Logits.Neg().Sigmoid()) }

// StdDev is the root of the variance.
func (d Bernoulli) StdDev() graph.Tensor { return d.Variance().Sqrt() }

// Entropy is -p log p - (1-p) log(1-p).
func (d Bernoulli) Entropy() graph.Tensor {
	l := d.Logits
	return weighted(l.Sigmoid(), logSigmoid(l)).Add(weighted(l.Neg().Sigmoid(), logSigmoid(l.Neg()))).Neg()
}

// KL is p1 log(p1/p2) + (1-p1) log((1-p1)/(1-p2)), +Inf where q excludes what d allows.
func (d Bernoulli) KL(q Bernoulli) graph.Tensor {
	l, m := d.Logits, q.Logits
	one := weighted(l.Sigmoid(), logSigmoid(l).Sub(logSigmoid(m)))
	return one.Add(weighted(l.Neg().Sigmoid(), logSigmoid(l.Neg()).Sub(logSigmoid(m.Neg()))))
}

// Support is 0 and 1.
func (Bernoulli) Support() constraint.Constraint { return constraint.Boolean }

// BatchShape is the shape of the logits.
func (d Bernoulli) BatchShape() graph.Shape { return d.Logits.Shape() }

// EventShape is [].
func (Bernoulli) EventShape() graph.Shape { return graph.Shape{} }
