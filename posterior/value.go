package posterior

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// Value is a hyperparameter: a number (float64, float32 or int), or a function of the step, func(step graph.Tensor) graph.Tensor, from an
// int32 scalar, 0 at the first step, to a float scalar, computed on the device. nil stands for the default, so that 0 is a number like others.
type Value any

// Number is the number that v is, or otherwise when v is nil. It fails with the algorithm's and the hyperparameter's name when v is no number, not
// finite or less than least.
func Number(op, name string, v Value, otherwise, least float64) float64 {
	x := otherwise
	switch n := v.(type) {
	case nil:
	case float64:
		x = n
	case float32:
		x = float64(n)
	case int:
		x = float64(n)
	default:
		graph.Fail(op, graph.ErrArgument, "give a number", "%s is a %T", name, v)
	}
	switch {
	case v == nil && math.IsNaN(otherwise):
		graph.Fail(op, graph.ErrArgument, "set "+name+" in the config", "%s is not given, and has no default", name)
	case math.IsNaN(x) || math.IsInf(x, 0):
		graph.Fail(op, graph.ErrArgument, "give a finite number", "%s is %v", name, x)
	case x < least:
		graph.Fail(op, graph.ErrArgument, "give a number that is not less", "%s is %v, want at least %v", name, x, least)
	}
	return x
}

// At is v at a step: its number, or what its function gives, as a float32 scalar. Defaults and errors are those of Number.
func At(op, name string, v Value, otherwise, least float64, step graph.Tensor) graph.Tensor {
	f, ok := Schedule(v)
	if !ok {
		return graph.Scalar(Number(op, name, v, otherwise, least))
	}
	x := f(step)
	if !x.Valid() || x.Rank() != 0 || !x.DType().IsFloat() {
		graph.Fail(op, graph.ErrShape, "return a float scalar from the schedule", "%s at a step is %v", name, x)
	}
	return x.Convert(graph.Float32)
}

// Schedule is v as a function of the step, if it is one.
func Schedule(v Value) (func(step graph.Tensor) graph.Tensor, bool) {
	f, ok := v.(func(graph.Tensor) graph.Tensor)
	return f, ok && f != nil
}

// Leaves is a hyperparameter with a value for each parameter: v as a tree like params, in their shapes and dtypes, or v everywhere where it is
// a number, or otherwise where it is nil. Errors for numbers are those of Number; the values in a tree are not looked at.
func Leaves[P any](op, name string, v any, otherwise, least float64, params P) P {
	given, ok := v.(P)
	if !ok {
		x := Number(op, name, v, otherwise, least)
		out, err := tree.Map(func(p graph.Tensor) graph.Tensor { return graph.Full(p.DType(), x, p.Shape()...) }, params)
		if err != nil {
			graph.Fail(op, graph.ErrArgument, "give a struct, slice or map of graph.Tensor", "params are no tree of tensors: %v", err)
		}
		return out
	}
	_, paths := leavesOf(op, "params", params)
	i := -1
	out, err := tree.Map2(func(p, x graph.Tensor) graph.Tensor {
		i++
		if !x.Valid() {
			graph.Fail(op, graph.ErrArgument, "give "+name+" like params", "%s has the zero Tensor at %s", name, shown(paths[i]))
		}
		if !x.Shape().Equal(p.Shape()) || x.DType() != p.DType() {
			graph.Fail(op, graph.ErrShape, "give "+name+" like params", "%s has %v at %s, where params have %v", name, x.Spec(), shown(paths[i]), p.Spec())
		}
		return x
	}, params, given)
	if err != nil {
		graph.Fail(op, graph.ErrArgument, "give a tree of the structure of params", "%s: %v", name, err)
	}
	return out
}
