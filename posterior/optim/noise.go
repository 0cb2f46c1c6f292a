package optim

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/schedule"
)

// keyValue is a key's name among the values of a Part.
const keyValue = "key"

// AddNoise adds sd xi to every element, xi standard normal and fresh for each leaf and step. The key is put into the state: a
// step's noise depends on the key there, the step and the leaf only. sd is a rate as for the optimizers: a number, tensor or
// schedule, a number not negative.
func AddNoise[R schedule.Rate](sd R, key random.Key) Transformation {
	if v, ok := schedule.Number(sd); ok {
		notNegative("add noise", "standard deviation", v)
	}
	s := schedule.Of(sd)
	return New("add noise", func([]graph.Tensor) Part {
		return Part{Values: map[string]graph.Tensor{keyValue: key.Bits}}
	}, func(in Input, p Part) ([]graph.Tensor, Part) {
		at := s(in.Step)
		now := random.FoldIn(random.Key{Bits: p.Values[keyValue]}, in.Step)
		out := make([]graph.Tensor, len(in.Updates))
		for i, u := range in.Updates {
			xi := random.NormalOf(u.DType(), random.FoldIn(now, i), u.Shape()...)
			out[i] = u.Add(xi.Mul(at.Convert(u.DType())))
		}
		return out, p
	})
}
