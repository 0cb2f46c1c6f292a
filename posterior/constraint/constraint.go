package constraint

import (
	"fmt"

	"github.com/lavagrad/lavagrad/graph"
)

// Constraint is a set of values, scalars or arrays of EventRank axes.
type Constraint struct {
	// Name says what holds for a value in the set, such as "> 0". Errors have it after the name of the argument.
	Name string
	// EventRank is the number of last axes that make up one value: 0 for scalars, 1 for vectors, 2 for matrices.
	EventRank int
	// Holds is true (bool) for each value of x [..., event] in the set: [...]. It is false for NaN.
	Holds func(x graph.Tensor) graph.Tensor
	// Number is Holds for one scalar on the host; nil where values are arrays or bounds are tensors.
	Number func(v float64) bool
	// Kind tells the sets apart.
	Kind Kind
	// Low and High bound an Interval.
	Low, High graph.Tensor
}

// Kind is the kind of a set.
type Kind int

// The kinds of sets.
const (
	KindOther Kind = iota // no bijection from real numbers is known
	KindReal
	KindPositive
	KindInterval
	KindSimplex
	KindLowerCholesky
	KindPositiveDefinite
)

// Check is x, but a run in which x is not in the set returns graph.ErrCheck with the owner (a distribution), the argument's
// name, the constraint and the position. It works under grad, vmap, Jit and Scan; graph.WithoutChecks leaves it out.
func (c Constraint) Check(owner, argument string, x graph.Tensor) graph.Tensor {
	return x.Check(c.Holds(x), fmt.Sprintf("%s: %s %s", owner, argument, c.Name))
}

// scalar is a set of numbers.
func scalar(name string, kind Kind, holds func(x graph.Tensor) graph.Tensor, number func(v float64) bool) Constraint {
	return Constraint{Name: name, Kind: kind, Holds: holds, Number: number}
}
