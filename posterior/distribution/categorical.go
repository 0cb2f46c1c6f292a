package distribution

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Categorical is the distribution on the classes 0 to n-1 with given logarithms of probabilities [..., n]. Make it with NewCategorical or
// NewCategoricalLogits, which check the parameter.
type Categorical struct{ LogProbs graph.Tensor }

// NewCategorical has probabilities [..., n] from 0 whose sum is within 1e-5 of 1; they are used as they are.
func NewCategorical(probs graph.Tensor) Categorical {
	return Categorical{logProbabilities("Categorical", probs)}
}

// NewCategoricalLogits has probabilities softmax(logits) for logits [..., n] without NaN. One of -Inf excludes a class.
func NewCategoricalLogits(logits graph.Tensor) Categorical {
	return Categorical{logSoftmax("Categorical", logits)}
}

func logProbabilities(owner string, probs graph.Tensor) graph.Tensor {
	return logOrNone(classes(owner, arguments(owner, arg("probs", probs, constraint.Simplex))[0]))
}

// logOrNone is log(p) for p >= 0, with the gradient 0 at 0, where that of the logarithm times 0 would be NaN.
func logOrNone(p graph.Tensor) graph.Tensor {
	none := p.Eq(p.Like(0))
	return graph.Where(none, p.Like(math.Inf(-1)), graph.Where(none, p.Like(1), p).Log())
}

func logSoftmax(owner string, logits graph.Tensor) graph.Tensor {
	l := classes(owner, arguments(owner, arg("logits", logits, constraint.RealVector))[0])
	return l.Sub(l.LogSumExp(-1).ExpandDims(-1))
}

func classes(owner string, p graph.Tensor) graph.Tensor {
	if p.Dim(-1) == 0 {
		graph.Fail(owner, graph.ErrShape, "give [..., n] for n > 0 classes", "%v has no class", p.Spec())
	}
	return p
}

// LogProb is the log probability of classes x [...], integers or floats.
func (d Categorical) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("Categorical", d.Support(), d.LogProbs.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		hit := x.ExpandDims(-1).Eq(graph.Iota(0, d.classes()).Convert(x.DType()))
		y := graph.Where(hit, d.LogProbs, d.LogProbs.Like(0)).Sum(-1)
		return graph.Where(x.IsNaN(), y.Like(math.NaN()), y)
	})
}

// Sample draws int32 classes.
func (d Categorical) Sample(key random.Key, shape ...int) graph.Tensor {
	return random.Categorical(key, d.LogProbs, drawn(shape, d.BatchShape())...)
}

// Probs is the probabilities of the classes, [..., n].
func (d Categorical) Probs() graph.Tensor { return d.LogProbs.Exp() }

// Entropy is -sum p log p.
func (d Categorical) Entropy() graph.Tensor { return weighted(d.Probs(), d.LogProbs).Sum(-1).Neg() }

// KL is sum p log(p/q), +Inf where q excludes a class that d allows.
func (d Categorical) KL(q Categorical) graph.Tensor {
	// Apart, because the difference of two -Inf is NaN.
	p := d.Probs().BroadcastTo(common("Categorical", d.LogProbs.Shape(), q.LogProbs.Shape())...)
	return weighted(p, d.LogProbs).Sub(weighted(p, q.LogProbs)).Sum(-1)
}

// Support is the integers from 0 to n-1.
func (d Categorical) Support() constraint.Constraint {
	last := graph.Full(d.LogProbs.DType(), float64(d.classes()-1))
	return constraint.CountTo(last, "n-1")
}

func (d Categorical) classes() int { return d.LogProbs.Dim(-1) }

// BatchShape is the shape of the probabilities without the axis of classes.
func (d Categorical) BatchShape() graph.Shape { return d.LogProbs.Shape()[:d.LogProbs.Rank()-1] }

// EventShape is [].
func (Categorical) EventShape() graph.Shape { return graph.Shape{} }
