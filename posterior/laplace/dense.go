package laplace

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/gaussian"
)

// DenseState is the state of the dense forms.
type DenseState[P, A any] struct {
	State[P, A]
	Precision graph.Tensor // [N N] over the ravelled params, see graph.Ravel
}

// WithAux is the state with another aux: the tensors are the same.
func (s DenseState[P, A]) WithAux(aux A) DenseState[P, A] { s.Aux = &aux; return s }

// Sample draws parameters: a tree like Params with the sample shape in front of every leaf's own. The precision is factored (Cholesky), never
// inverted; one that is not positive definite is an error of the run with the column of the pivot.
func (s DenseState[P, A]) Sample(key random.Key, shape ...int) P {
	// mean + sqrt(T) L^-T xi is what the factor L / sqrt(T) gives; a temperature of 0 gives the mean.
	l := linalg.CheckedCholesky(s.Precision)
	zero := posterior.Map("dense laplace", func(x []graph.Tensor) graph.Tensor { return graph.Full(x[0].DType(), 0, x[0].Shape()...) }, s.Params)
	return posterior.Map("dense laplace", func(x []graph.Tensor) graph.Tensor { return x[0].Mul(s.deviation(x[0])).Add(x[1]) },
		gaussian.SamplePrecision(key, zero, l, shape...), s.Params)
}

// LogProbUnnormalized is -(params - Params)' Precision (params - Params) / (2 Temperature), a scalar: the log density but for a constant. It needs
// no factorisation, and the precision may be singular; as the prior of further data it makes inference continue.
func (s DenseState[P, A]) LogProbUnnormalized(params P) graph.Tensor {
	d, _ := graph.Ravel(posterior.Map("dense laplace", func(x []graph.Tensor) graph.Tensor { return x[0].Sub(x[1]) }, params, s.Params))
	y := d.Dot(s.Precision.MatMul(d))
	return y.Div(s.temperature(y)).Scale(-0.5)
}

// Mean is Params.
func (s DenseState[P, A]) Mean() P { return s.Params }

// OutputCovariance is J Sigma J', [n k k], for a tree of Jacobians of k outputs at n inputs, leaves [n k ...]; Sigma is the covariance.
func (s DenseState[P, A]) OutputCovariance(j P) graph.Tensor {
	const op = "output covariance"
	leaves := leavesOf(op, j)
	n, k := leaves[0].Dim(0), leaves[0].Dim(1)
	for i, x := range leaves {
		leaves[i] = x.Reshape(n*k, -1)
	}
	rows := graph.Concat(1, leaves...)
	w := linalg.CheckedCholesky(s.Precision).SolveTriangular(rows.Transpose(), graph.Triangle{}).Transpose()
	return addGram(graph.Tensor{}, w.Mul(s.deviation(w)).Reshape(n, k, -1), 0)
}

// dense makes the transform of a dense form from the log density of a batch and its curvature.
func dense[P, B, A any](op string, c Config, density func(State[P, A]) func(P, B) (graph.Tensor, A), curve func(State[P, A], B) graph.Tensor) *posterior.Transform[P, B, DenseState[P, A]] {
	return posterior.NewTransform(
		func(params P, key random.Key) DenseState[P, A] {
			s := newState[P, A](op, c.Temperature, params, key)
			return DenseState[P, A]{s, startMatrix(op, c.Precision, params)}
		},
		func(s DenseState[P, A], batch B) DenseState[P, A] {
			next := DenseState[P, A]{State: after(s.State, density(s.State), batch)}
			next.Precision = s.Precision.Add(known(op, curve(s.State, batch)))
			return next
		},
		func(s DenseState[P, A]) DenseState[P, A] { s.Aux = nil; return s },
	)
}

// startMatrix is the first precision: a matrix, or the diagonal that a tree or a number is.
func startMatrix[P any](op string, v any, params P) graph.Tensor {
	flat, _ := graph.Ravel(params)
	n := flat.Size()
	if m, ok := v.(graph.Tensor); ok && m.Valid() && m.Rank() == 2 {
		// A single parameter [n n] has n^2 elements: a tree like it is no matrix over them, but for n = 1, where both are the same.
		if m.Shape().Equal(graph.Shape{n, n}) && m.DType() == flat.DType() {
			return m
		}
		if _, tree := v.(P); !tree {
			graph.Fail(op, graph.ErrShape, "give a number, a tree like params, or a matrix over all their elements", "Precision is %v, params have %d elements", m.Spec(), n)
		}
	}
	diagonal, _ := graph.Ravel(posterior.Leaves(op, "Precision", v, 0, 0, params))
	return diagonal.Diag(0)
}
