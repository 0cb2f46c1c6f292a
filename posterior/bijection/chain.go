package bijection

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Chain applies bijections one after the other, the first first. Make it with NewChain.
type Chain struct{ Steps []Bijection }

// NewChain chains one or more bijections. Elementwise ones act on every element of the arrays of the others. Simplex, LowerCholesky and
// PositiveDefinite must come last: not all elements of their results are free, so that what follows has no volume by its own.
func NewChain(steps ...Bijection) Chain {
	if len(steps) == 0 {
		graph.Fail("chain", graph.ErrArgument, "use Identity for no step", "no bijection was given")
	}
	for i, s := range steps[:len(steps)-1] {
		switch s.(type) {
		case Simplex, LowerCholesky, PositiveDefinite:
			graph.Fail("chain", graph.ErrArgument, "put it last", "step %d of %d is %T, before the last", i, len(steps), s)
		}
	}
	return Chain{steps}
}

// EventRanks is the most axes that a step needs, seen from either end.
func (b Chain) EventRanks() (x, y int) {
	for i := len(b.Steps) - 1; i >= 0; i-- {
		in, out := b.Steps[i].EventRanks()
		// What is needed after the step is needed before it, less what the step adds.
		x = in + max(0, x-out)
	}
	for _, s := range b.Steps {
		in, out := s.EventRanks()
		y = out + max(0, y-in)
	}
	return x, y
}

// Forward applies the steps.
func (b Chain) Forward(x graph.Tensor) graph.Tensor {
	for _, s := range b.Steps {
		x = s.Forward(x)
	}
	return x
}

// Inverse applies the inverses, the last first.
func (b Chain) Inverse(y graph.Tensor) graph.Tensor {
	for i := len(b.Steps) - 1; i >= 0; i-- {
		y = b.Steps[i].Inverse(y)
	}
	return y
}

// LogDet is the sum of the steps', each over the axes of one event.
func (b Chain) LogDet(x graph.Tensor) graph.Tensor {
	rank, _ := b.EventRanks()
	var sum graph.Tensor
	for _, s := range b.Steps {
		in, out := s.EventRanks()
		d := sumLast(s.LogDet(x), rank-in)
		if sum.Valid() {
			d = sum.Add(d)
		}
		sum, x, rank = d, s.Forward(x), rank-in+out
	}
	return sum
}

// Codomain is that of the last step, for each part of an event of the whole chain. Steps before it may leave out parts of it.
func (b Chain) Codomain() constraint.Constraint {
	last := b.Steps[len(b.Steps)-1]
	_, rank := b.EventRanks()
	_, own := last.EventRanks()
	return constraint.Each(last.Codomain(), rank-own)
}
