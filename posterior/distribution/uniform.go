package distribution

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Uniform is the distribution with density 1 / (high - low) from low to high. Make it with NewUniform, which checks the parameters.
type Uniform struct{ Low, High graph.Tensor }

// NewUniform is the uniform distribution between finite low and high, low < high.
func NewUniform[L, H Param](low L, high H) Uniform {
	const owner = "Uniform"
	p := arguments(owner, arg("low", low, constraint.Finite), arg("high", high, constraint.Finite))
	return Uniform{p[0], p[1].BroadcastTo(batch(owner, p...)...).Check(p[0].Lt(p[1]), owner+": high > low")}
}

// LogProb is the log density at x in [low, high], both bounds included.
func (d Uniform) LogProb(x graph.Tensor) graph.Tensor {
	const owner = "Uniform"
	x = valueOf(owner, x, d.Low.DType())
	// Not by the stand-in of logProb: bounds may have more axes than x, and nothing here depends on x but the support.
	holds := d.Support().Holds(x)
	x = x.BroadcastTo(common(owner, x.Shape(), d.BatchShape())...).Check(holds, owner+": value in [low, high]")
	y := x.Scale(0).Sub(d.High.Sub(d.Low).Log())
	return graph.Where(holds.Or(x.IsNaN()), y, y.Like(math.Inf(-1)))
}

// Sample draws from [low, high), differentiable by both bounds.
func (d Uniform) Sample(key random.Key, shape ...int) graph.Tensor {
	u := random.Uniform(key, graph.Full(d.Low.DType(), 0), 1, drawn(shape, d.BatchShape())...)
	x := d.Low.Add(u.Mul(d.High.Sub(d.Low)))
	return graph.Where(x.Lt(d.High), x, d.Low) // a sum that rounds to high
}

// Mean is (low + high) / 2.
func (d Uniform) Mean() graph.Tensor { return d.Low.Add(d.High).Scale(0.5) }

// Variance is (high - low)^2 / 12.
func (d Uniform) Variance() graph.Tensor { return d.StdDev().Square() }

// StdDev is (high - low) / sqrt(12).
func (d Uniform) StdDev() graph.Tensor { return d.High.Sub(d.Low).Scale(1 / math.Sqrt(12)) }

// Entropy is log(high - low).
func (d Uniform) Entropy() graph.Tensor { return d.High.Sub(d.Low).Log() }

// KL is log((high2 - low2) / (high1 - low1)), +Inf unless the first interval lies in the second.
func (d Uniform) KL(q Uniform) graph.Tensor {
	y := q.Entropy().Sub(d.Entropy())
	within := d.Low.Ge(q.Low).And(d.High.Le(q.High))
	return graph.Where(within, y, y.Like(math.Inf(1)))
}

// Support is [low, high].
func (d Uniform) Support() constraint.Constraint { return constraint.Interval(d.Low, d.High) }

// BatchShape is the common shape of the parameters.
func (d Uniform) BatchShape() graph.Shape { return batch("Uniform", d.Low, d.High) }

// EventShape is [].
func (Uniform) EventShape() graph.Shape { return graph.Shape{} }
