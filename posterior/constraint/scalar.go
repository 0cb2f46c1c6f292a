package constraint

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// The sets of numbers.
var (
	// Real has all numbers and both infinities.
	Real = scalar("is not NaN", KindReal, func(x graph.Tensor) graph.Tensor { return x.IsNaN().Not() },
		func(v float64) bool { return !math.IsNaN(v) })
	// Finite has all numbers without the infinities.
	Finite = scalar("is finite", KindReal, graph.Tensor.IsFinite,
		func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) })
	// Positive has the numbers above 0, +Inf included.
	Positive = scalar("> 0", KindPositive, func(x graph.Tensor) graph.Tensor { return x.Gt(x.Like(0)) }, func(v float64) bool { return v > 0 })
	// NonNegative has the numbers from 0, +Inf included.
	NonNegative = scalar(">= 0", KindPositive, func(x graph.Tensor) graph.Tensor { return x.Ge(x.Like(0)) }, func(v float64) bool { return v >= 0 })
	// Probability has the numbers from 0 to 1, both included.
	Probability = scalar("in [0, 1]", KindOther,
		func(x graph.Tensor) graph.Tensor { return x.Ge(x.Like(0)).And(x.Le(x.Like(1))) },
		func(v float64) bool { return v >= 0 && v <= 1 })
	// Boolean has 0 and 1.
	Boolean = scalar("is 0 or 1", KindOther, func(x graph.Tensor) graph.Tensor { return x.Eq(x.Like(0)).Or(x.Eq(x.Like(1))) },
		func(v float64) bool { return v == 0 || v == 1 })
	// Count has the integers from 0.
	Count = scalar("is an integer >= 0", KindOther,
		func(x graph.Tensor) graph.Tensor { return x.Ge(x.Like(0)).And(x.Eq(x.Floor())).And(x.IsFinite()) },
		func(v float64) bool { return v >= 0 && v == math.Floor(v) && !math.IsInf(v, 0) })
)

// UnitInterval has the numbers between 0 and 1, both excluded.
func UnitInterval() Constraint {
	return Constraint{Name: "in (0, 1)", Kind: KindInterval, Low: graph.Scalar(0), High: graph.Scalar(1),
		Holds:  func(x graph.Tensor) graph.Tensor { return x.Gt(x.Like(0)).And(x.Lt(x.Like(1))) },
		Number: func(v float64) bool { return v > 0 && v < 1 }}
}

// Interval has the numbers from low to high, both included. The bounds are broadcast against the values.
func Interval(low, high graph.Tensor) Constraint {
	return Constraint{Name: "in [low, high]", Kind: KindInterval, Low: low, High: high,
		Holds: func(x graph.Tensor) graph.Tensor { return x.Ge(low).And(x.Le(high)) }}
}

// CountTo has the integers from 0 to n, which is broadcast against the values and named in errors.
func CountTo(n graph.Tensor, name string) Constraint {
	return Constraint{Name: "is an integer in [0, " + name + "]",
		Holds: func(x graph.Tensor) graph.Tensor { return Count.Holds(x).And(x.Le(n)) }}
}
