package posterior

import (
	"cmp"
	"reflect"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// Gradient is a log posterior's value, gradient and aux.
type Gradient[P, A any] struct {
	LogPosterior graph.Tensor
	Grad         P
	Aux          *A // nil where A has no tensors
}

// Evaluate gives a log posterior's value with its gradient by the parameters, for algorithms. It fails when the batch is empty, the value no
// float scalar, or aux no tree of tensors. On the device it checks that the value is not NaN; the error names the first sample, by
// its place on the leading axis, that has a NaN then, if there is one.
func Evaluate[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), params P, batch B) Gradient[P, A] {
	const op = "log posterior"
	leaves, paths := leavesOf(op, "the batch", batch)
	for i, x := range leaves {
		if x.Size() == 0 {
			graph.Fail(op, graph.ErrShape, "give at least one sample", "the batch is empty: %v at %s", x.Spec(), shown(paths[i]))
		}
	}
	CheckParams(op, params)
	v := graph.ValueAndGradAux2(func(p P, b B) (graph.Tensor, A) {
		y, aux := logPosterior(p, b)
		CheckValue(y)
		return y, aux
	})(params, batch)
	g := Gradient[P, A]{v.Value, v.Grad, auxOf(v.Aux)}
	known := g.LogPosterior.Eq(g.LogPosterior)
	for i, x := range leaves {
		if x.DType().IsFloat() {
			// Of chains that share the batch each looks at every sample: seeing its elements as well would cost more than the model does.
			sound := x.Eq(x)
			for range max(x.Rank()-1, 0) {
				sound = sound.All(-1)
			}
			g.LogPosterior = g.LogPosterior.Check(sound.Or(known), "batch "+shown(paths[i])+" is not NaN")
		}
	}
	g.LogPosterior = g.LogPosterior.Check(known, "the log posterior is not NaN")
	return g
}

// CheckValue fails where what a log posterior returned is no float scalar.
func CheckValue(y graph.Tensor) {
	if !y.Valid() || y.Rank() != 0 || !y.DType().IsFloat() {
		graph.Fail("log posterior", graph.ErrShape, "return one number, for example with Mean over the batch", "it returned %v, want a float scalar", y)
	}
}

// auxOf holds an aux to what it may be.
func auxOf[A any](aux A) *A {
	const op, fix = "log posterior", "return a struct, slice or map of graph.Tensor as aux, or posterior.None{}"
	leaves, err := tree.Leaves[graph.Tensor](aux)
	if err != nil {
		graph.Fail(op, graph.ErrArgument, fix, "the aux is no tree of tensors: %v", err)
	}
	if len(leaves) > 0 {
		return &aux
	}
	v := reflect.ValueOf(&aux).Elem()
	if v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	if !v.IsZero() && !((v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0) {
		graph.Fail(op, graph.ErrArgument, fix, "the aux is a %v without any tensor", v.Type())
	}
	return nil
}

// leavesOf flattens an argument.
func leavesOf[T any](op, what string, t T) ([]graph.Tensor, []string) {
	leaves, paths, err := tree.LeavesAndPaths[graph.Tensor](t)
	if err != nil {
		graph.Fail(op, graph.ErrArgument, "give a struct, slice or map of graph.Tensor", "%s is no tree of tensors: %v", what, err)
	}
	for i, x := range leaves {
		if !x.Valid() {
			graph.Fail(op, graph.ErrArgument, "set every tensor", "%s has the zero Tensor at %s", what, shown(paths[i]))
		}
	}
	return leaves, paths
}

// CheckParams fails where params are no tree of float tensors, or have none.
func CheckParams[P any](op string, params P) {
	leaves, paths := leavesOf(op, "params", params)
	if len(leaves) == 0 {
		graph.Fail(op, graph.ErrArgument, "give a struct, slice or map of graph.Tensor", "params have no tensors")
	}
	for i, x := range leaves {
		if !x.DType().IsFloat() {
			graph.Fail(op, graph.ErrDType, "keep what is not inferred in the batch, or capture it", "params %s is %v, want floats", shown(paths[i]), x.Spec())
		}
	}
}

func shown(path string) string { return cmp.Or(path, "(root)") }
