package gaussian

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/tree"
)

// LogProb is the log density at x of independent normal variables, a float scalar:
//
//	sum of -((x - mean) / sd)^2 / 2 - log(sd) - log(2 pi) / 2
//
// over all elements of all leaves. mean and sd are each a number, a scalar tensor or a tree like x whose leaves broadcast to
// those of x; anything else is graph.ErrArgument. A negative number as sd is as well; where elements of sd are not positive the
// result is NaN or infinite. Leaves are of one float dtype.
func LogProb[P any](x P, mean, sd any) graph.Tensor {
	return logProb("diagonal normal log prob", x, mean, sd, true)
}

// LogProbUnnormalized is LogProb without what does not depend on x and mean: sum of -((x - mean) / sd)^2 / 2.
func LogProbUnnormalized[P any](x P, mean, sd any) graph.Tensor {
	return logProb("diagonal normal log prob", x, mean, sd, false)
}

func logProb[P any](op string, x P, mean, sd any, normalize bool) graph.Tensor {
	xs := floatLeaves(op, x)
	means, sds := leavesFor(op, "mean", x, xs, mean), leavesFor(op, "standard deviation", x, xs, sd)
	var sum graph.Tensor
	for i, x := range xs {
		s := sds[i].BroadcastTo(x.Shape()...)
		y := x.Sub(means[i]).Div(s).Square().Scale(-0.5)
		if normalize {
			y = y.Sub(s.Log()).AddScalar(-0.5 * math.Log(2*math.Pi))
		}
		if y = y.Sum(); sum.Valid() {
			sum = sum.Add(y)
		} else {
			sum = y
		}
	}
	return sum
}

// Sample draws from independent normal variables: a tree like mean, with the sample shape in front of every leaf's own shape.
// sd is as for LogProb. Every leaf has draws of its own; draws are differentiable by mean and sd. Float64 leaves get float64
// draws.
func Sample[P any](key random.Key, mean P, sd any, shape ...int) P {
	const op = "diagonal normal sample"
	means := floatLeaves(op, mean)
	sds := leavesFor(op, "standard deviation", mean, means, sd)
	out := make([]graph.Tensor, len(means))
	for i, m := range means {
		xi := random.NormalOf(m.DType(), random.FoldIn(key, i), slices.Concat(graph.Shape(shape), m.Shape())...)
		out[i] = m.Add(xi.Mul(sds[i]))
	}
	t, err := tree.Unflatten(mean, out)
	check(op, err)
	return t
}

// floatLeaves gives the leaves of a tree, all of one float dtype.
func floatLeaves[P any](op string, p P) []graph.Tensor {
	leaves, paths, err := tree.LeavesAndPaths[graph.Tensor](p)
	check(op, err)
	if len(leaves) == 0 {
		graph.Fail(op, graph.ErrArgument, "give a tree with a tensor", "the tree has no leaves")
	}
	for i, l := range leaves {
		if !l.Valid() || !l.DType().IsFloat() || l.DType() != leaves[0].DType() {
			what := "the zero Tensor"
			if l.Valid() {
				what = l.Spec().String()
			}
			graph.Fail(op, graph.ErrDType, "give leaves of one float type", "the leaf %q is %s", paths[i], what)
		}
	}
	return leaves
}

// leavesFor gives a parameter for each leaf of x.
func leavesFor[P any](op, what string, x P, xs []graph.Tensor, v any) []graph.Tensor {
	out := make([]graph.Tensor, len(xs))
	number := func(v float64) []graph.Tensor {
		if what != "mean" && !(v >= 0) {
			graph.Fail(op, graph.ErrArgument, "give a positive number", "%s %v", what, v)
		}
		for i, x := range xs {
			out[i] = x.Like(v)
		}
		return out
	}
	switch v := v.(type) {
	case int:
		return number(float64(v))
	case float32:
		return number(float64(v))
	case float64:
		return number(v)
	case graph.Tensor:
		if _, leaf := any(x).(graph.Tensor); !leaf {
			if !v.Valid() || v.Rank() != 0 || !v.DType().IsFloat() {
				graph.Fail(op, graph.ErrArgument, "give a number, a scalar, or a tree like the parameters", "the %s is a tensor that is no float scalar", what)
			}
			for i, x := range xs {
				out[i] = v.Convert(x.DType())
			}
			return out
		}
	}
	p, ok := v.(P)
	if !ok {
		graph.Fail(op, graph.ErrArgument, "give a number, a scalar tensor, or a tree like the parameters", "the %s is a %T, the parameters are a %T", what, v, x)
	}
	check(op, tree.SameStructure[graph.Tensor](x, p))
	for i, l := range floatLeaves(op, p) {
		if l.DType() != xs[i].DType() || !broadcasts(l.Shape(), xs[i].Shape()) {
			graph.Fail(op, graph.ErrShape, "give it the parameters' shape, or one that broadcasts to it", "the %s of leaf %d is %v, the parameter %v", what, i, l.Spec(), xs[i].Spec())
		}
		out[i] = l
	}
	return out
}

// broadcasts reports whether a tensor of one shape broadcasts to another.
func broadcasts(from, to graph.Shape) bool {
	if len(from) > len(to) {
		return false
	}
	for i, n := range from {
		if n != 1 && n != to[len(to)-len(from)+i] {
			return false
		}
	}
	return true
}

func check(op string, err error) {
	if err != nil {
		graph.Fail(op, graph.ErrArgument, "give trees of tensors of one structure", "%v", err)
	}
}
