package bijection

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Bijection is an invertible map y = Forward(x) of arrays of EventRanks axes, the same for each index of the axes in front of them.
// A bijection is a tree: its tensors are leaves, and may be mapped over and differentiated by.
type Bijection interface {
	// Forward is y for x [..., event].
	Forward(x graph.Tensor) graph.Tensor
	// Inverse is the x of y. Outside of the codomain it is NaN or infinite.
	Inverse(y graph.Tensor) graph.Tensor
	// LogDet is log |det dForward/dx| at x, one for each event: [...].
	LogDet(x graph.Tensor) graph.Tensor
	// EventRanks is the number of axes of one x and of one y.
	EventRanks() (x, y int)
	// Codomain is where y lies.
	Codomain() constraint.Constraint
}

// To is a bijection from the real numbers to a set: Exp for positive numbers (0 excluded), Interval, Simplex, LowerCholesky and
// PositiveDefinite for the sets of those names, Identity for real numbers. For other sets, those of integers among them, it is an error.
func To(c constraint.Constraint) (b Bijection, err error) {
	defer graph.Recover(&err)
	scalars := c.EventRank == 0
	switch {
	case c.Kind == constraint.KindReal:
		return Identity{}, nil
	case c.Kind == constraint.KindPositive && scalars:
		return Exp{}, nil
	case c.Kind == constraint.KindInterval && scalars:
		return Interval{c.Low, c.High}, nil
	case c.Kind == constraint.KindSimplex && c.EventRank == 1:
		return Simplex{}, nil
	case c.Kind == constraint.KindLowerCholesky && c.EventRank == 2:
		return LowerCholesky{}, nil
	case c.Kind == constraint.KindPositiveDefinite && c.EventRank == 2:
		return PositiveDefinite{}, nil
	}
	graph.Fail("bijection", graph.ErrArgument, "write one for it", "no bijection from real numbers to values of which each %q is known", c.Name)
	return nil, nil
}

// elementwise gives a bijection of numbers its ranks.
type elementwise struct{}

// EventRanks is 0, 0.
func (elementwise) EventRanks() (x, y int) { return 0, 0 }

// sumLast is the sum over the last n axes.
func sumLast(x graph.Tensor, n int) graph.Tensor {
	if n == 0 {
		return x // Sum without axes would sum them all
	}
	axes := make([]int, n)
	for i := range axes {
		axes[i] = -1 - i
	}
	return x.Sum(axes...)
}
