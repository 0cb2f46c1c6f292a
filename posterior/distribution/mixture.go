package distribution

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Mixture is the distribution with density sum_i w_i p_i(x), for components of one family along the last axis of their batch shape. Make it
// with NewMixture.
type Mixture[D Distribution] struct {
	Weights    Categorical // [..., n]
	Components D           // batch shape [..., n]
}

// NewMixture has components of batch shape [..., n] and weights over n classes.
func NewMixture[D Distribution](weights Categorical, components D) Mixture[D] {
	b := components.BatchShape()
	if len(b) == 0 || b[len(b)-1] != weights.classes() {
		graph.Fail("Mixture", graph.ErrShape, "give components of batch shape [..., n] for n weights",
			"the components' batch shape is %v, the weights %v", b, weights.LogProbs.Spec())
	}
	d := Mixture[D]{weights, components}
	lead := d.BatchShape() // fails where the two do not broadcast
	if own := b[:len(b)-1]; !lead[len(lead)-len(own):].Equal(own) {
		graph.Fail("Mixture", graph.ErrShape, "broadcast the components' parameters, so that each element of the batch has its own draws",
			"the components' batch shape is %v, the weights %v", b, weights.LogProbs.Spec())
	}
	return d
}

// LogProb is log sum_i w_i p_i(x). Gradients reach weights, components and x. Values are checked by every component: where their supports
// differ, as those of Uniform and Binomial may, evaluate values outside of some of them with graph.WithoutChecks.
func (d Mixture[D]) LogProb(x graph.Tensor) graph.Tensor {
	each := d.Components.LogProb(x.ExpandDims(x.Rank() - len(d.EventShape())))
	return each.Add(d.Weights.LogProbs).LogSumExp(-1)
}

// Sample draws a component and from it. It has no gradient by the weights.
func (d Mixture[D]) Sample(key random.Key, shape ...int) graph.Tensor {
	forClass, forValue := random.Split2(key)
	rank := len(d.EventShape())
	lead := d.BatchShape()
	class := random.Categorical(forClass, d.Weights.LogProbs, drawn(shape, lead)...)
	// Components that are shared by axes of the weights draw anew for each.
	extra := lead[:len(lead)-len(d.Components.BatchShape())+1]
	x := d.Components.Sample(forValue, slices.Concat(shape, extra)...)
	hit := class.ExpandDims(-1).Eq(graph.Iota(0, d.Weights.classes()))
	for range rank {
		hit = hit.ExpandDims(-1)
	}
	return graph.Where(hit, x, x.Like(0)).Sum(-1 - rank)
}

// Mean is sum_i w_i m_i, for components with a mean.
func (d Mixture[D]) Mean() graph.Tensor { return d.average(moments("Mixture", d.Components).Mean()) }

// Variance is sum_i w_i (v_i + (m_i - m)^2), for components with mean and variance.
func (d Mixture[D]) Variance() graph.Tensor {
	of := moments("Mixture", d.Components)
	far := of.Mean().Sub(d.Mean().ExpandDims(-1 - len(d.EventShape())))
	return d.average(of.Variance().Add(far.Square()))
}

// StdDev is the root of the variance.
func (d Mixture[D]) StdDev() graph.Tensor { return d.Variance().Sqrt() }

// average is the weighted mean over the components of x [..., n, event].
func (d Mixture[D]) average(x graph.Tensor) graph.Tensor {
	rank := len(d.EventShape())
	w := d.Weights.Probs()
	for range rank {
		w = w.ExpandDims(-1)
	}
	return weighted(w.BroadcastTo(common("Mixture", w.Shape(), x.Shape())...), x).Sum(-1 - rank)
}

// Support is what lies in the supports of all components, which for most families is that of one.
func (d Mixture[D]) Support() constraint.Constraint {
	c := d.Components.Support()
	holds := c.Holds
	c.Holds = func(x graph.Tensor) graph.Tensor {
		return holds(x.ExpandDims(x.Rank() - c.EventRank)).All(-1)
	}
	return c
}

// BatchShape is the common shape of weights and components without their last axis.
func (d Mixture[D]) BatchShape() graph.Shape {
	b := d.Components.BatchShape()
	return common("Mixture", d.Weights.BatchShape(), b[:len(b)-1])
}

// EventShape is the components'.
func (d Mixture[D]) EventShape() graph.Shape { return d.Components.EventShape() }
