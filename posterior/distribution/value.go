package distribution

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// valueOf is x as floats of type d: integers and booleans are converted.
func valueOf(owner string, x graph.Tensor, d graph.DType) graph.Tensor {
	switch {
	case !x.Valid():
		graph.Fail(owner, graph.ErrArgument, "give the value at which to evaluate", "value is the zero Tensor")
	case !x.DType().IsFloat():
		return x.Convert(d)
	case x.DType() != d:
		graph.Fail(owner, graph.ErrDType, "convert one of them", "value is %v, the parameters %v", x.DType(), d)
	}
	return x
}

// logProb is f at values of the support, and -Inf outside of it, where f and its gradient see the stand-in: so NaN, Inf times 0, never reaches
// the gradient of a sample that is outside when checks are off. What is NaN goes to f.
func logProb(owner string, support constraint.Constraint, d graph.DType, x graph.Tensor, stand float64, f func(x graph.Tensor) graph.Tensor) graph.Tensor {
	x = valueOf(owner, x, d)
	if x.Rank() < support.EventRank {
		graph.Fail(owner, graph.ErrShape, "give whole events, other axes in front", "value is %v, want %d axes or more", x.Spec(), support.EventRank)
	}
	if support.Kind == constraint.KindReal {
		return f(support.Check(owner, "value", x))
	}
	holds := support.Holds(x)
	x = x.Check(holds, owner+": value "+support.Name)
	nan := x.IsNaN()
	for range support.EventRank {
		nan = nan.Any(-1)
	}
	inside := holds.Or(nan)
	each := inside
	for range support.EventRank {
		each = each.ExpandDims(-1)
	}
	y := f(graph.Where(each, x, x.Like(stand)))
	return graph.Where(inside, y, y.Like(math.Inf(-1)))
}

// sized fails for events of another length than n.
func sized(owner string, x graph.Tensor, n int) graph.Tensor {
	if x.Rank() == 0 || x.Dim(-1) != n {
		graph.Fail(owner, graph.ErrShape, "the last axis is that of one event", "value is %v, want [... %d]", x.Spec(), n)
	}
	return x
}

// lastAxes are the last n axes.
func lastAxes(n int) []int {
	axes := make([]int, n)
	for i := range axes {
		axes[i] = -1 - i
	}
	return axes
}

// sumLast is the sum over the last n axes.
func sumLast(x graph.Tensor, n int) graph.Tensor {
	if n == 0 {
		return x // Sum without axes would sum them all
	}
	return x.Sum(lastAxes(n)...)
}
