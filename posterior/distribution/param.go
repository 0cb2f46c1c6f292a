package distribution

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Param is a parameter of a distribution: a number, or a tensor of floats.
type Param = random.Param

// argument is a parameter with its name and what must hold for it.
type argument struct {
	name  string
	value any
	limit constraint.Constraint
}

func arg[P Param](name string, p P, limit constraint.Constraint) argument {
	return argument{name, any(p), limit}
}

// count is an argument that counts: integer tensors will do, too.
func count[P Param](name string, p P) argument {
	a := arg(name, p, constraint.Count)
	if t, ok := a.value.(graph.Tensor); ok && t.Valid() && t.DType().IsInt() {
		a.value = t.AsFloat()
	}
	return a
}

// number is the argument's value where it is a number.
func (a argument) number() (float64, bool) {
	switch v := a.value.(type) {
	case int:
		return float64(v), true
	case float32:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// arguments makes parameters checked tensors of one type: float32, or that of the tensors among them. A number that is in its range
// needs no check on the device; one that is not fails there, as a tensor does.
func arguments(owner string, args ...argument) []graph.Tensor {
	d, typed := graph.Float32, ""
	for _, a := range args {
		t, ok := a.value.(graph.Tensor)
		switch {
		case !ok:
			continue
		case !t.Valid():
			graph.Fail(owner, graph.ErrArgument, "set it, or give a number", "%s is the zero Tensor", a.name)
		case !t.DType().IsFloat():
			graph.Fail(owner, graph.ErrDType, "convert it with AsFloat", "%s is %v, want floats", a.name, t.Spec())
		case typed != "" && t.DType() != d:
			graph.Fail(owner, graph.ErrDType, "convert one of them", "%s is %v, %s %v", typed, d, a.name, t.DType())
		}
		d, typed = t.DType(), a.name
	}
	out := make([]graph.Tensor, len(args))
	shapes := make([]graph.Shape, len(args))
	for i, a := range args {
		v, isNumber := a.number()
		if isNumber {
			out[i] = graph.Full(d, v)
		} else {
			out[i] = a.value.(graph.Tensor)
		}
		if !isNumber || a.limit.Number == nil || !a.limit.Number(v) {
			if out[i].Rank() < a.limit.EventRank {
				graph.Fail(owner, graph.ErrShape, "give one value for each event, axes of a batch in front", "%s is %v, want %d axes or more",
					a.name, out[i].Spec(), a.limit.EventRank)
			}
			out[i] = a.limit.Check(owner, a.name, out[i])
		}
		shapes[i] = out[i].Shape()[:out[i].Rank()-a.limit.EventRank]
	}
	common(owner, shapes...)
	return out
}

// common is the shape that all broadcast to.
func common(owner string, shapes ...graph.Shape) graph.Shape {
	out, err := graph.BroadcastShapes(shapes...)
	if err != nil {
		graph.Fail(owner, graph.ErrShape, "reshape one of them, or insert axes of length 1 with ExpandDims", "%v", err)
	}
	return out
}

// batch is the common shape of scalar parameters.
func batch(owner string, params ...graph.Tensor) graph.Shape {
	shapes := make([]graph.Shape, len(params))
	for i, p := range params {
		shapes[i] = p.Shape()
	}
	return common(owner, shapes...)
}

// drawn is the shape of draws: the sample shape in front of the batch shape.
func drawn(shape []int, batch graph.Shape, event ...int) []int {
	return slices.Concat(shape, batch, event)
}

// spread gives a statistic the batch shape.
func spread(x graph.Tensor, batch graph.Shape) graph.Tensor { return x.BroadcastTo(batch...) }
