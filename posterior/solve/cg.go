package solve

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// CGConfig are the options of CG.
type CGConfig[P any] struct {
	Start          *P        // the first x; nil for zeros, which saves a product
	MaxIterations  int       // 10 times the number of elements by default, as SciPy and JAX have it
	Damping        float64   // lambda >= 0: solves (A + lambda I) x = b
	Tolerance      float64   // relative to the norm of b; 1e-5 by default
	ATolerance     float64   // absolute; 0 by default
	Preconditioner func(P) P // approximate inverse of A, symmetric positive definite; nil for none
}

// CGResult is what CG returns.
type CGResult[P any] struct {
	X          P
	Error      graph.Tensor // norm of the residual b - (A + lambda I) x, as the recurrence has it
	Converged  graph.Tensor // bool: Error <= max(Tolerance |b|, ATolerance)
	Iterations graph.Tensor // int32: products with A in the loop
}

// CG solves A x = b by conjugate gradients (Hestenes and Stiefel 1952), on the device, for trees of float tensors of one dtype.
// product is the product with A, a symmetric positive (semi)definite matrix over all elements of the tree: linear, such as a
// Hessian-vector product.
//
//	r = b - A x; z = M r; p = z
//	repeat   a = r'z / p'Ap;  x += a p;  r -= a A p;  z = M r;  p = z + (r'z / old r'z) p
//	until    |r| <= max(Tolerance |b|, ATolerance)
//
// The loop also ends, unconverged, after MaxIterations, at a direction with p'Ap <= 0 (A is not positive definite; x is the
// last good one), and at NaN. b = 0 gives x = 0. CG maps over a batch of systems: each stops by itself. As a While, it
// differentiates in forward mode only; by the solution differentiate implicitly (example gradient).
func CG[P any](product func(P) P, b P, change ...func(*CGConfig[P])) CGResult[P] {
	const op = "cg"
	leaves, size := floatLeaves(op, b)
	c := CGConfig[P]{MaxIterations: 10 * size, Tolerance: 1e-5}
	for _, f := range change {
		f(&c)
	}
	for what, v := range map[string]float64{"damping": c.Damping, "tolerance": c.Tolerance, "absolute tolerance": c.ATolerance} {
		if !(v >= 0) || math.IsInf(v, 1) {
			graph.Fail(op, graph.ErrArgument, "give a finite number that is not negative", "%s %v", what, v)
		}
	}
	if c.MaxIterations < 0 {
		graph.Fail(op, graph.ErrArgument, "give a number that is not negative", "at most %d iterations", c.MaxIterations)
	}
	apply := func(what string, f func(P) P, x P) P {
		y := f(x)
		if err := tree.SameStructure[graph.Tensor](b, y); err != nil {
			graph.Fail(op, graph.ErrArgument, "return a tree like b", "%s: %v", what, err)
		}
		out, _ := floatLeaves(op, y)
		for i, l := range out {
			if !l.Shape().Equal(leaves[i].Shape()) || l.DType() != leaves[i].DType() {
				graph.Fail(op, graph.ErrShape, "return a tree like b", "%s returned %v for leaf %d, b has %v there", what, l.Spec(), i, leaves[i].Spec())
			}
		}
		return y
	}
	damped := func(x P) P {
		y := apply("the product", product, x)
		if c.Damping != 0 {
			y = combine(y, x, func(y, x graph.Tensor) graph.Tensor { return y.Add(x.Scale(c.Damping)) })
		}
		return y
	}
	condition := func(r P) P {
		if c.Preconditioner == nil {
			return r
		}
		return apply("the preconditioner", c.Preconditioner, r)
	}
	type carry struct {
		X, R, P    P
		RZ, RR     graph.Tensor
		Iterations graph.Tensor
		Broken     graph.Tensor // bool
	}
	start := carry{X: zeros(b), R: b, Iterations: graph.Int(0), Broken: graph.Full(graph.Bool, 0)}
	if c.Start != nil {
		start.X = apply("the start", func(x P) P { return x }, *c.Start)
		start.R = combine(b, damped(start.X), graph.Tensor.Sub)
	}
	z := condition(start.R)
	start.P, start.RZ, start.RR = z, dot(start.R, z), dot(start.R, start.R)
	norm := dot(b, b).Sqrt()
	limit := norm.Scale(c.Tolerance).Max(norm.Like(c.ATolerance))
	end := graph.While(func(s carry) graph.Tensor {
		return s.RR.Sqrt().Gt(limit).And(s.Iterations.Lt(graph.Int(c.MaxIterations))).And(s.Broken.Not())
	}, func(s carry) carry {
		ap := damped(s.P)
		curvature := dot(s.P, ap)
		good := curvature.Gt(curvature.Like(0))
		// Where the curvature is not positive nothing moves.
		a := graph.Where(good, s.RZ.Div(graph.Where(good, curvature, curvature.Like(1))), curvature.Like(0))
		x := combine(s.X, s.P, func(x, p graph.Tensor) graph.Tensor { return x.Add(p.Mul(a)) })
		r := combine(s.R, ap, func(r, ap graph.Tensor) graph.Tensor { return graph.Where(good, r.Sub(ap.Mul(a)), r) })
		z := condition(r)
		rz := dot(r, z)
		beta := rz.Div(s.RZ)
		p := combine(z, s.P, func(z, p graph.Tensor) graph.Tensor { return z.Add(p.Mul(beta)) })
		return carry{x, r, p, rz, dot(r, r), s.Iterations.AddScalar(1), good.Not()}
	}, start)
	err := end.RR.Sqrt()
	return CGResult[P]{X: end.X, Error: err, Converged: err.Le(limit), Iterations: end.Iterations}
}

// floatLeaves gives the leaves of a tree, all of one float dtype, and the number of their elements.
func floatLeaves[P any](op string, p P) ([]graph.Tensor, int) {
	leaves, paths, err := tree.LeavesAndPaths[graph.Tensor](p)
	if err != nil {
		graph.Fail(op, graph.ErrArgument, "give a tree of tensors", "%v", err)
	}
	if len(leaves) == 0 {
		graph.Fail(op, graph.ErrArgument, "give a tree with a tensor", "the tree has no leaves")
	}
	size := 0
	for i, l := range leaves {
		if !l.Valid() || !l.DType().IsFloat() || l.DType() != leaves[0].DType() {
			what := "the zero Tensor"
			if l.Valid() {
				what = l.Spec().String()
			}
			graph.Fail(op, graph.ErrDType, "give leaves of one float type", "the leaf %q is %s", paths[i], what)
		}
		size += l.Size()
	}
	return leaves, size
}

// dot is the inner product over all leaves.
func dot[P any](a, b P) graph.Tensor {
	x, _ := floatLeaves("cg", a)
	y, _ := floatLeaves("cg", b)
	sum := x[0].Dot(y[0])
	for i := 1; i < len(x); i++ {
		sum = sum.Add(x[i].Dot(y[i]))
	}
	return sum
}

func combine[P any](a, b P, f func(a, b graph.Tensor) graph.Tensor) P {
	out, err := tree.Map2(f, a, b)
	if err != nil {
		graph.Fail("cg", graph.ErrArgument, "give trees like b", "%v", err)
	}
	return out
}

func zeros[P any](a P) P {
	return combine(a, a, func(x, _ graph.Tensor) graph.Tensor { return graph.Full(x.DType(), 0, x.Shape()...) })
}
