package random

import (
	"github.com/lavagrad/lavagrad/graph"
)

// Param is a parameter of a distribution: a number, or a float32 tensor, by which the draws are differentiable.
type Param interface {
	int | float32 | float64 | graph.Tensor
}

// tensor makes a parameter a tensor.
func tensor[P Param](op, name string, p P) graph.Tensor {
	switch v := any(p).(type) {
	case int:
		return graph.Scalar(float64(v))
	case float32:
		return graph.Scalar(float64(v))
	case float64:
		return graph.Scalar(v)
	case graph.Tensor:
		if !v.Valid() {
			graph.Fail(op, graph.ErrArgument, "set it, or give a number", "%s is the zero Tensor", name)
		}
		if v.DType() != graph.Float32 {
			graph.Fail(op, graph.ErrDType, "convert it with AsFloat", "%s is %v, want float32", name, v.Spec())
		}
		return v
	}
	panic("BUG: random: a parameter of no known type")
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
	return graph.Where(ok, x, graph.Scalar(nan))
}
