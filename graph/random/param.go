package random

import (
	"github.com/lavagrad/lavagrad/graph"
)

// Param is a parameter of a distribution: a number, or a float32 or float64 tensor, by which the draws are differentiable.
type Param interface {
	int | float32 | float64 | graph.Tensor
}

// param is a parameter with its name.
type param struct {
	name  string
	value any
}

func of[P Param](name string, p P) param { return param{name, any(p)} }

// tensors makes parameters tensors of one type: float32, or that of the tensors among them.
func tensors(op string, params ...param) []graph.Tensor {
	d, typed := graph.Float32, ""
	for _, p := range params {
		t, ok := p.value.(graph.Tensor)
		switch {
		case !ok:
			continue
		case !t.Valid():
			graph.Fail(op, graph.ErrArgument, "set it, or give a number", "%s is the zero Tensor", p.name)
		case !t.DType().IsFloat():
			graph.Fail(op, graph.ErrDType, "convert it with AsFloat", "%s is %v, want float32 or float64", p.name, t.Spec())
		case typed != "" && t.DType() != d:
			graph.Fail(op, graph.ErrDType, "convert one of them with Convert", "%s, %s is %v", typed, p.name, t.Spec())
		}
		d, typed = t.DType(), p.name+" is "+t.Spec().String()
	}
	out := make([]graph.Tensor, len(params))
	for i, p := range params {
		switch v := p.value.(type) {
		case int:
			out[i] = graph.Full(d, float64(v))
		case float32:
			out[i] = graph.Full(d, float64(v))
		case float64:
			out[i] = graph.Full(d, v)
		case graph.Tensor:
			out[i] = v
		default:
			panic("BUG: random: a parameter of no known type")
		}
	}
	return out
}

// resultShape is the given shape, to which every parameter must be broadcastable; without one, the shape that the
// parameters have in common.
func resultShape(op string, shape []int, params ...graph.Shape) []int {
	if len(shape) > 0 {
		for _, p := range params {
			if !fits(p, shape) {
				graph.Fail(op, graph.ErrShape, "give a shape whose last axes are the parameters'", "a parameter of shape %v does not broadcast to %v",
					p, graph.Shape(shape))
			}
		}
		return shape
	}
	common, err := graph.BroadcastShapes(params...)
	if err != nil {
		graph.Fail(op, graph.ErrShape, "reshape one of the parameters, or insert axes of length 1 with ExpandDims", "%v", err)
	}
	return common
}

// fits reports whether a tensor of one shape broadcasts to another.
func fits(p graph.Shape, shape []int) bool {
	if len(p) > len(shape) {
		return false
	}
	for i, d := range p {
		if want := shape[len(shape)-len(p)+i]; d != want && d != 1 {
			return false
		}
	}
	return true
}

// nanUnless is x where ok is true, else NaN.
func nanUnless(ok, x graph.Tensor) graph.Tensor {
	return graph.Where(ok, x, graph.Full(x.DType(), nan))
}
