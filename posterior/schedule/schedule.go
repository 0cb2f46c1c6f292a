package schedule

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// Schedule gives a number for every step: from the count of steps done before, an int32 scalar that begins at 0, to a float32
// scalar. Any function of this form is one; write it in ops, for it is traced once.
type Schedule = func(step graph.Tensor) graph.Tensor

// Rate is what may stand where a schedule is wanted: a number, a float32 scalar tensor, or a Schedule.
type Rate interface {
	int | float32 | float64 | graph.Tensor | Schedule
}

// Of makes a schedule of any rate. Numbers must be finite (graph.ErrArgument), a tensor is the value at every step.
func Of[R Rate](r R) Schedule {
	var s Schedule
	switch r := any(r).(type) {
	case graph.Tensor:
		if !r.Valid() {
			graph.Fail("schedule", graph.ErrArgument, "give a number, a scalar or a function", "the rate is the zero Tensor")
		}
		s = func(graph.Tensor) graph.Tensor { return r }
	case Schedule:
		s = r
	default:
		v, _ := Number(r)
		return Constant(v)
	}
	if s == nil {
		graph.Fail("schedule", graph.ErrArgument, "give a number, a scalar or a function", "the schedule is nil")
	}
	return func(step graph.Tensor) graph.Tensor {
		y := s(step)
		if !y.Valid() || y.DType() != graph.Float32 || y.Rank() != 0 {
			what := "the zero Tensor"
			if y.Valid() {
				what = y.Spec().String()
			}
			graph.Fail("schedule", graph.ErrShape, "return one float32 number; AsFloat converts the step", "a rate is %s, want a float32 scalar", what)
		}
		return y
	}
}

// Number is the rate's value if it is a Go number. Those who keep it in their state can change it without compiling again.
func Number(r any) (v float64, ok bool) {
	switch r := r.(type) {
	case int:
		return float64(r), true
	case float32:
		return float64(r), true
	case float64:
		return r, true
	}
	return 0, false
}

// finite reports parameters that are NaN or infinite.
func finite(op string, numbers ...float64) {
	for _, v := range numbers {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			graph.Fail(op, graph.ErrArgument, "give finite numbers", "the schedule has the parameter %v", v)
		}
	}
}

// atLeast reports a count that is below its least value.
func atLeast(op, what string, n, least int) {
	if n < least {
		graph.Fail(op, graph.ErrArgument, "give a positive number of steps", "%s is %d, want at least %d", what, n, least)
	}
}

// Constant is v at every step.
func Constant(v float64) Schedule {
	finite("constant schedule", v)
	return func(graph.Tensor) graph.Tensor { return graph.Scalar(v) }
}
