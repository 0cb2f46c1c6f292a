package distribution

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Multinomial is the distribution of how often each of m classes occurs in Total draws: total! prod p_i^k_i / k_i!. Make it with
// NewMultinomial or NewMultinomialLogits, which check the parameters.
type Multinomial struct{ Total, LogProbs graph.Tensor }

// NewMultinomial has total draws, integers from 0 (int32 or floats), and probabilities [..., m] from 0 whose sum is within 1e-5 of 1.
func NewMultinomial[N Param](total N, probs graph.Tensor) Multinomial {
	return newMultinomial(total, logProbabilities("Multinomial", probs))
}

// NewMultinomialLogits has total draws, integers from 0 (int32 or floats), and probabilities softmax(logits) for logits [..., m] without NaN.
func NewMultinomialLogits[N Param](total N, logits graph.Tensor) Multinomial {
	return newMultinomial(total, logSoftmax("Multinomial", logits))
}

func newMultinomial[N Param](total N, logProbs graph.Tensor) Multinomial {
	n := arguments("Multinomial", count("total", total))[0]
	d := Multinomial{n.Convert(logProbs.DType()), logProbs}
	d.BatchShape() // fails where the two do not broadcast
	return d
}

// LogProb is the log probability of counts x [..., m], integers or floats, whose sum is total.
func (d Multinomial) LogProb(x graph.Tensor) graph.Tensor {
	x = sized("Multinomial", x, d.LogProbs.Dim(-1))
	return logProb("Multinomial", d.Support(), d.Total.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		n := aboveZero(d.Total).ExpandDims(-1)
		terms := poissonLog(x, n.Mul(d.LogProbs.Exp()), n.Log().Add(d.LogProbs))
		return terms.Sum(-1).Sub(poissonPeak(d.Total))
	})
}

// Sample draws int32 counts [shape..., batch..., m], class by class from the binomial distribution of what is left, on the device. Totals
// are exact up to 2^24; above, counts are -1.
func (d Multinomial) Sample(key random.Key, shape ...int) graph.Tensor {
	rows := drawn(shape, d.BatchShape())
	m := d.LogProbs.Dim(-1)
	type class struct{ Index, P graph.Tensor }
	p := d.LogProbs.Exp()
	left := p.CumSumReverse(-1)
	some := left.Gt(left.Like(0))
	given := graph.Where(some, p.Div(graph.Where(some, left, left.Like(1))), p.Like(0)).Min(p.Like(1))
	xs := class{graph.Iota(0, m), graph.StopGradient(given).MoveAxis(-1, 0)}
	total := graph.StopGradient(d.Total).BroadcastTo(rows...)
	// Of the last class that can occur the share of what is left is exactly 1.
	_, counts := graph.Scan(func(rest graph.Tensor, c class) (graph.Tensor, graph.Tensor) {
		k := drawBinomial(random.FoldIn(key, c.Index), rest, c.P, rows)
		return rest.Sub(k), k
	}, total, xs)
	return counts.MoveAxis(0, -1).AsInt()
}

// Mean is total p, [..., m].
func (d Multinomial) Mean() graph.Tensor { return d.Total.ExpandDims(-1).Mul(d.LogProbs.Exp()) }

// Variance is total p (1-p), [..., m].
func (d Multinomial) Variance() graph.Tensor {
	return d.Mean().Mul(d.LogProbs.Expm1().Neg())
}

// StdDev is the root of the variance.
func (d Multinomial) StdDev() graph.Tensor { return d.Variance().Sqrt() }

// KL is total times that of one draw, for two distributions of the same total, which is checked.
func (d Multinomial) KL(q Multinomial) graph.Tensor {
	same := d.Total.Eq(q.Total)
	total := d.Total.BroadcastTo(same.Shape()...).Check(same, "Multinomial: total equal in both, for KL")
	return total.Mul(Categorical{d.LogProbs}.KL(Categorical{q.LogProbs}))
}

// Support is the vectors of counts whose sum is total.
func (d Multinomial) Support() constraint.Constraint { return constraint.CountsOf(d.Total, "total") }

// BatchShape is the common shape of the totals and of the probabilities without the axis of classes.
func (d Multinomial) BatchShape() graph.Shape {
	return common("Multinomial", d.Total.Shape(), slices.Clone(d.LogProbs.Shape()[:d.LogProbs.Rank()-1]))
}

// EventShape is [m].
func (d Multinomial) EventShape() graph.Shape { return graph.Shape{d.LogProbs.Dim(-1)} }
