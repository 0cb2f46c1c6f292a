package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/bijection"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Transformed is the distribution of y = f(x) for x of a base distribution and a bijection f: log density log p(x) - log |det df/dx|. Where f maps
// vectors and the base has scalar events, last axes of its batch become part of the event. Make it with NewTransformed.
type Transformed[D Distribution] struct {
	Base      D
	Bijection bijection.Bijection
}

// NewTransformed transforms base by f.
func NewTransformed[D Distribution](base D, f bijection.Bijection) Transformed[D] {
	d := Transformed[D]{base, f}
	if have, want := len(base.EventShape())+len(base.BatchShape()), d.rank(); have < want {
		graph.Fail("Transformed", graph.ErrShape, "give the base distribution parameters with as many axes", "%T takes %d axes, the base has %d", f, want, have)
	}
	return d
}

// rank is the number of axes of one x.
func (d Transformed[D]) rank() int {
	in, _ := d.Bijection.EventRanks()
	return max(in, len(d.Base.EventShape()))
}

// LogProb is the log density at y. A value outside of the codomain fails the check.
func (d Transformed[D]) LogProb(y graph.Tensor) graph.Tensor {
	support := d.Support()
	if !y.DType().IsFloat() || y.Rank() < support.EventRank {
		graph.Fail("Transformed", graph.ErrShape, "give floats with all axes of one event", "value is %v, want %d axes or more", y.Spec(), support.EventRank)
	}
	y = support.Check("Transformed", "value", y)
	x := d.Bijection.Inverse(y)
	in, _ := d.Bijection.EventRanks()
	log := sumLast(d.Base.LogProb(x), d.rank()-len(d.Base.EventShape()))
	return log.Sub(sumLast(d.Bijection.LogDet(x), d.rank()-in))
}

// Sample draws from the base distribution and transforms.
func (d Transformed[D]) Sample(key random.Key, shape ...int) graph.Tensor {
	return d.Bijection.Forward(d.Base.Sample(key, shape...))
}

// Support is the bijection's codomain.
func (d Transformed[D]) Support() constraint.Constraint {
	in, _ := d.Bijection.EventRanks()
	return constraint.Each(d.Bijection.Codomain(), d.rank()-in)
}

// BatchShape is the base's, without what belongs to the event.
func (d Transformed[D]) BatchShape() graph.Shape {
	b := d.Base.BatchShape()
	return b[:len(b)-d.rank()+len(d.Base.EventShape())]
}

// EventShape is the shape of one y.
func (d Transformed[D]) EventShape() graph.Shape {
	b := d.Base.BatchShape()
	event := append(append(graph.Shape{}, b[len(d.BatchShape()):]...), d.Base.EventShape()...)
	out, err := graph.EvalShape(d.Bijection.Forward, graph.Placeholder(graph.Float32, event...))
	if err != nil {
		graph.Fail("Transformed", graph.ErrShape, "give a base whose events the bijection takes", "%v", err)
	}
	return out.Shape()
}
