package optim

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/tree"
)

// floatLeaves gives all leaves of a tree, and those of float type.
func floatLeaves[P any](op string, p P) (all, floats []graph.Tensor) {
	all, paths, err := tree.LeavesAndPaths[graph.Tensor](p)
	check(op, err)
	for i, l := range all {
		if !l.Valid() {
			graph.Fail(op, graph.ErrArgument, "set every tensor of the parameters", "the parameter at %s is the zero Tensor", shown(paths[i]))
		}
		if l.DType().IsFloat() {
			floats = append(floats, l)
		}
	}
	return all, floats
}

// mapLeaves rebuilds a tree from what f makes of its leaves.
func mapLeaves[P any](op string, t P, f func([]graph.Tensor) []graph.Tensor) P {
	leaves, err := tree.Leaves[graph.Tensor](t)
	check(op, err)
	out, err := tree.Unflatten(t, f(leaves))
	check(op, err)
	return out
}

// shown is a path as errors print it.
func shown(path string) string {
	if path == "" {
		return "(root)"
	}
	return path
}

// filled has a tensor like each of the given ones with one value everywhere.
func filled(like []graph.Tensor, v float64) []graph.Tensor {
	out := make([]graph.Tensor, len(like))
	for i, x := range like {
		out[i] = graph.Full(x.DType(), v, x.Shape()...)
	}
	return out
}

func each1(f func(a graph.Tensor) graph.Tensor, a []graph.Tensor) []graph.Tensor {
	out := make([]graph.Tensor, len(a))
	for i := range a {
		out[i] = f(a[i])
	}
	return out
}

func pairs(f func(a, b graph.Tensor) graph.Tensor, a, b []graph.Tensor) []graph.Tensor {
	out := make([]graph.Tensor, len(a))
	for i := range a {
		out[i] = f(a[i], b[i])
	}
	return out
}

// times is x with a scalar of any float type.
func times(x, scalar graph.Tensor) graph.Tensor { return x.Mul(scalar.Convert(x.DType())) }

// average is beta a + (1 - beta) b, leaf by leaf.
func average(beta float64, a, b []graph.Tensor) []graph.Tensor {
	return pairs(func(a, b graph.Tensor) graph.Tensor { return a.Scale(beta).Add(b.Scale(1 - beta)) }, a, b)
}

// decayed adds weights times a factor to the updates.
func decayed(in Input, factor float64) []graph.Tensor {
	if factor == 0 {
		return in.Updates
	}
	return pairs(func(g, p graph.Tensor) graph.Tensor { return g.Add(p.Scale(factor)) }, in.Updates, in.Params)
}

// root is the square root with the gradient 0 at 0, so that one may differentiate through a step in which some gradient is 0.
func root(x graph.Tensor) graph.Tensor {
	zero := x.Eq(x.Like(0))
	return graph.Where(zero, x.Like(0), graph.Where(zero, x.Like(1), x).Sqrt())
}

// rate is a learning rate: a number that lives in the state, or a schedule.
type rate struct {
	number   float64
	schedule schedule.Schedule // nil for a number
}

// rateValue is a learning rate's name among the values of a Part.
const rateValue = "lr"

func rateOf[R schedule.Rate](op string, r R) rate {
	if v, ok := schedule.Number(r); ok {
		notNegative(op, "learning rate", v)
		return rate{number: v}
	}
	return rate{schedule: schedule.Of(r)}
}

// values are those that the rate wants in the state.
func (r rate) values() map[string]graph.Tensor {
	if r.schedule != nil {
		return nil
	}
	return map[string]graph.Tensor{rateValue: graph.Scalar(r.number)}
}

func (r rate) at(step graph.Tensor, p Part) graph.Tensor {
	if r.schedule != nil {
		return r.schedule(step)
	}
	lr, ok := p.Values[rateValue]
	if !ok {
		graph.Fail("optim update", graph.ErrArgument, "make the state with optim.Init for this transformation", "the state of %s has no learning rate", p.Name)
	}
	return lr
}

// descend is the update -lr d.
func descend(lr graph.Tensor, d []graph.Tensor) []graph.Tensor {
	return each1(func(d graph.Tensor) graph.Tensor { return times(d, lr).Neg() }, d)
}

func check(op string, err error) {
	if err != nil {
		graph.Fail(op, graph.ErrArgument, "give gradients of the same structure as the parameters", "%v", err)
	}
}

// notNegative reports a parameter that is negative, NaN or infinite.
func notNegative(op, what string, v float64) {
	if !(v >= 0) || math.IsInf(v, 1) {
		graph.Fail(op, graph.ErrArgument, "give a finite number that is not negative", "%s %v", what, v)
	}
}

// positive reports a parameter that is not positive and finite.
func positive(op, what string, v float64) {
	if !(v > 0) || math.IsInf(v, 1) {
		graph.Fail(op, graph.ErrArgument, "give a positive number", "%s %v", what, v)
	}
}

// decayRate reports a factor of a running mean that is outside [0, 1).
func decayRate(op, what string, v float64) {
	if !(v >= 0 && v < 1) {
		graph.Fail(op, graph.ErrArgument, "give a number from 0 up to but not including 1", "%s %v", what, v)
	}
}
