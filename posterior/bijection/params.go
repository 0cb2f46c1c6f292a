package bijection

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// Params maps trees of parameters between their constrained space and real numbers, leaf by leaf. Make it with ForParams.
type Params[P any] struct{ at map[string]Bijection }

// ForParams has a bijection for each leaf that is named by its path, as tree.Paths spells it (".Tau", ".Layers[0].Scale"); other leaves stay as they
// are. A path that the tree does not have is an error.
func ForParams[P any](like P, at map[string]Bijection) (Params[P], error) {
	paths, err := tree.Paths[graph.Tensor](like)
	if err != nil {
		return Params[P]{}, err
	}
	for _, path := range slices.Sorted(maps.Keys(at)) {
		switch {
		case !slices.Contains(paths, path):
			return Params[P]{}, fmt.Errorf("bijection: %w: the parameters have no leaf %q, only %q", graph.ErrArgument, path, paths)
		case at[path] == nil:
			return Params[P]{}, fmt.Errorf("bijection: %w: the bijection for %q is nil", graph.ErrArgument, path)
		}
	}
	return Params[P]{maps.Clone(at)}, nil
}

// each maps the leaves.
func (r Params[P]) each(p P, f func(b Bijection, leaf graph.Tensor) graph.Tensor) P {
	out, err := tree.MapPath(func(path string, leaf graph.Tensor) (graph.Tensor, error) {
		if b, ok := r.at[path]; ok {
			return f(b, leaf), nil
		}
		return leaf, nil
	}, p)
	if err != nil {
		graph.Fail("bijection", graph.ErrArgument, "give parameters of the structure that ForParams had", "%v", err)
	}
	return out
}

// Constrain is the parameters for real numbers u.
func (r Params[P]) Constrain(u P) P {
	return r.each(u, func(b Bijection, leaf graph.Tensor) graph.Tensor { return b.Forward(leaf) })
}

// Unconstrain is the real numbers for parameters p; a run in which a parameter is outside of its set returns graph.ErrCheck with its path.
func (r Params[P]) Unconstrain(p P) P {
	out, err := tree.MapPath(func(path string, leaf graph.Tensor) (graph.Tensor, error) {
		b, ok := r.at[path]
		if !ok {
			return leaf, nil
		}
		return b.Inverse(b.Codomain().Check("parameters", path, leaf)), nil
	}, p)
	if err != nil {
		graph.Fail("bijection", graph.ErrArgument, "give parameters of the structure that ForParams had", "%v", err)
	}
	return out
}

// LogDet is log |det dConstrain/du|, a scalar.
func (r Params[P]) LogDet(u P) graph.Tensor {
	sum := graph.Scalar(0)
	r.each(u, func(b Bijection, leaf graph.Tensor) graph.Tensor {
		d := b.LogDet(leaf)
		if d.Rank() > 0 {
			d = d.Sum()
		}
		sum = sum.Convert(d.DType()).Add(d)
		return leaf
	})
	return sum
}

// LogPosterior rewrites a log posterior of constrained parameters into one of real numbers: f(Constrain(u)) + weight LogDet(u). The weight is 1
// for a log posterior, and 1/numData for one that is averaged over the data, with its prior divided by their number.
func LogPosterior[P, B, A any](r Params[P], f func(p P, batch B) (graph.Tensor, A), weight float64) func(u P, batch B) (graph.Tensor, A) {
	return func(u P, batch B) (graph.Tensor, A) {
		y, aux := f(r.Constrain(u), batch)
		return y.Add(r.LogDet(u).Convert(y.DType()).Scale(weight)), aux
	}
}
