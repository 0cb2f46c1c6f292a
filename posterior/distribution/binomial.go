package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Binomial is the distribution of the number of successes in Total trials of probability p = sigmoid(logits) each:
// total! / (k! (total-k)!) p^k (1-p)^(total-k). Make it with NewBinomial or NewBinomialLogits, which check the parameters.
type Binomial struct{ Total, Logits graph.Tensor }

// NewBinomial has total trials, integers from 0 (int32 or floats), each with probability p in [0, 1].
func NewBinomial[N, P Param](total N, p P) Binomial {
	a := arguments("Binomial", count("total", total), arg("p", p, constraint.Probability))
	return Binomial{a[0], logit(a[1])}
}

// NewBinomialLogits has total trials, integers from 0 (int32 or floats), each with probability sigmoid(logits).
func NewBinomialLogits[N, L Param](total N, logits L) Binomial {
	a := arguments("Binomial", count("total", total), arg("logits", logits, constraint.Real))
	return Binomial{a[0], a[1]}
}

// LogProb is the log probability of counts x, integers or floats, exact to rounding also for large ones.
func (d Binomial) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("Binomial", d.Support(), d.Total.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		return binomialLog(x, d.Total.Sub(x), logSigmoid(d.Logits), logSigmoid(d.Logits.Neg()))
	})
}

// Sample draws int32 counts; totals are exact up to 2^24, and above, or where a parameter is out of its range and checks are off, draws
// are -1. Means below 10 add up geometric waiting times, others reject candidates.
func (d Binomial) Sample(key random.Key, shape ...int) graph.Tensor {
	return drawBinomial(key, d.Total, d.Logits.Sigmoid(), drawn(shape, d.BatchShape())).AsInt()
}

// Mean is total p.
func (d Binomial) Mean() graph.Tensor { return d.Total.Mul(d.Logits.Sigmoid()) }

// Variance is total p (1-p).
func (d Binomial) Variance() graph.Tensor { return d.Mean().Mul(d.Logits.Neg().Sigmoid()) }

// StdDev is the root of the variance.
func (d Binomial) StdDev() graph.Tensor { return d.Variance().Sqrt() }

// KL is total times that of one trial, for two distributions of the same total, which is checked.
func (d Binomial) KL(q Binomial) graph.Tensor {
	same := d.Total.Eq(q.Total)
	total := d.Total.BroadcastTo(same.Shape()...).Check(same, "Binomial: total equal in both, for KL")
	return total.Mul(Bernoulli{d.Logits}.KL(Bernoulli{q.Logits}))
}

// Support is the integers from 0 to total.
func (d Binomial) Support() constraint.Constraint { return constraint.CountTo(d.Total, "total") }

// BatchShape is the common shape of the parameters.
func (d Binomial) BatchShape() graph.Shape { return batch("Binomial", d.Total, d.Logits) }

// EventShape is [].
func (Binomial) EventShape() graph.Shape { return graph.Shape{} }
