package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Independent makes the last Rank axes of a distribution's batch part of its events: one event is all of them, independent of each other, and
// log probabilities are summed over them. Make it with NewIndependent.
type Independent[D Distribution] struct {
	Base D
	Rank int
}

// NewIndependent makes rank batch axes of base, 0 to all, axes of the event.
func NewIndependent[D Distribution](base D, rank int) Independent[D] {
	if b := base.BatchShape(); rank < 0 || rank > len(b) {
		graph.Fail("Independent", graph.ErrArgument, "give 0 to the number of batch axes", "rank is %d, the batch shape %v", rank, b)
	}
	return Independent[D]{base, rank}
}

// LogProb is the sum of base's log probabilities over the last Rank axes.
func (d Independent[D]) LogProb(x graph.Tensor) graph.Tensor {
	// Broadcast against the whole event, so that the sum has one term for each of its elements.
	event := d.EventShape()
	if x.Rank() < len(event) || !x.Shape()[x.Rank()-len(event):].Equal(event) {
		graph.Fail("Independent", graph.ErrShape, "the last axes are those of one event", "value is %v, want [... %v]", x.Spec(), event)
	}
	return sumLast(d.Base.LogProb(x), d.Rank)
}

// Sample draws from base.
func (d Independent[D]) Sample(key random.Key, shape ...int) graph.Tensor {
	return d.Base.Sample(key, shape...)
}

// Mean is base's, which must have one.
func (d Independent[D]) Mean() graph.Tensor { return moments("Independent", d.Base).Mean() }

// Variance is base's, which must have one.
func (d Independent[D]) Variance() graph.Tensor { return moments("Independent", d.Base).Variance() }

// StdDev is the root of the variance.
func (d Independent[D]) StdDev() graph.Tensor { return d.Variance().Sqrt() }

// Entropy is the sum of base's, which must have one.
func (d Independent[D]) Entropy() graph.Tensor {
	base, ok := any(d.Base).(interface{ Entropy() graph.Tensor })
	if !ok {
		graph.Fail("Independent", graph.ErrArgument, "estimate it by samples", "%T has no entropy in closed form", d.Base)
	}
	return sumLast(base.Entropy(), d.Rank)
}

// KL is the sum of base's, which must have one.
func (d Independent[D]) KL(q Independent[D]) graph.Tensor {
	base, ok := any(d.Base).(interface{ KL(D) graph.Tensor })
	if !ok {
		graph.Fail("Independent", graph.ErrArgument, "estimate it by samples", "%T has no divergence in closed form", d.Base)
	}
	if d.Rank != q.Rank {
		graph.Fail("Independent", graph.ErrArgument, "give both the same rank", "ranks %d and %d", d.Rank, q.Rank)
	}
	return sumLast(base.KL(q.Base), d.Rank)
}

// moments is base as a distribution with mean and variance.
func moments(owner string, base Distribution) Moments {
	m, ok := base.(Moments)
	if !ok {
		graph.Fail(owner, graph.ErrArgument, "estimate them by samples", "%T has no mean and variance in closed form", base)
	}
	return m
}

// Support is base's for each part of an event.
func (d Independent[D]) Support() constraint.Constraint {
	return constraint.Each(d.Base.Support(), d.Rank)
}

// BatchShape is base's without its last Rank axes.
func (d Independent[D]) BatchShape() graph.Shape {
	b := d.Base.BatchShape()
	return b[:len(b)-d.Rank]
}

// EventShape is the last Rank axes of base's batch shape and base's event shape.
func (d Independent[D]) EventShape() graph.Shape {
	b := d.Base.BatchShape()
	return append(append(graph.Shape{}, b[len(b)-d.Rank:]...), d.Base.EventShape()...)
}
