package ekf

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/vmap"
)

// DenseConfig are DenseFisher's hyperparameters. Matrices are over the ravelled params, see graph.Ravel; vectors [N] are diagonals of such, numbers
// multiples of the identity.
type DenseConfig struct {
	LR            posterior.Value // eps, a number or a schedule; must be given
	TransitionCov any             // covariance of what params move between two steps: nil for 0, a number, a schedule, a vector or a matrix
	InitCov       any             // the first covariance: nil for 1, a number, a vector or a matrix
	PerSample     bool            // the log likelihood gives one value for each sample [n] instead of one number
	Chunk         int             // samples worked on at a time, which bounds the memory; 0 means all
}

// DenseState is DenseFisher's state, for params of N elements in all. TransitionCov may be changed by setting the field: chains may differ in it.
type DenseState[P, A any] struct {
	State[P, A]
	Covariance    graph.Tensor // [N N] over the ravelled params, see graph.Ravel
	TransitionCov graph.Tensor // of the next step: a scalar, [N] or [N N]
}

// WithAux is the state with another aux: the tensors are the same.
func (s DenseState[P, A]) WithAux(aux A) DenseState[P, A] { s.Aux = &aux; return s }

// Sample draws parameters: a tree like Params with the sample shape in front of every leaf's own. It works on states that are traced and on those
// in memory. A covariance that is not positive definite is an error of the run.
func (s DenseState[P, A]) Sample(key random.Key, shape ...int) P {
	const op = "ekf dense fisher"
	mean, unravel := graph.Ravel(s.Params)
	l := factor(op+": covariance positive definite, pivot > 0", s.Covariance)
	xi := random.NormalOf(mean.DType(), key, graph.Shape(shape).Size(), mean.Size())
	draws := vmap.Map(unravel)(xi.MatMul(l.Transpose()).Add(mean))
	return posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
		return x[0].Reshape(slices.Concat(graph.Shape(shape), x[1].Shape())...)
	}, draws, s.Params)
}

// DenseFisher is the extended Kalman filter with the empirical Fisher matrix, for n samples with gradients J [n N]:
//
//	P  += transition_cov
//	P   = (P^-1 + eps J'J / n)^-1
//	mu += eps P mean(J)
//
// No matrix is inverted: with L L' = P after the transition and R R' = I + eps L'J'J L / n, the new P is V'V for V = R^-1 L', which stays positive
// where a difference of covariances would lose its digits. The work is that of some products of [N N] matrices.
//
// logLikelihood(params, batch) is, unless PerSample is set, called with batches of one sample; its aux is of the whole batch. The key that Init
// takes is not used. A covariance that is not positive definite after the transition is graph.ErrCheck. Leaves of params are of one float type.
func DenseFisher[P, B, A any](logLikelihood func(P, B) (graph.Tensor, A), c DenseConfig) *posterior.Transform[P, B, DenseState[P, A]] {
	const op = "ekf dense fisher"
	set := settings{c.LR, c.PerSample, c.Chunk}
	return posterior.NewTransform(
		func(params P, _ random.Key) DenseState[P, A] {
			s := newState[P, A](op, set, params)
			flat, _ := graph.Ravel(params)
			first := matrix(op, "InitCov", c.InitCov, 1, flat, s.Count)
			return DenseState[P, A]{s, dense(first, flat.Size()), matrix(op, "TransitionCov", c.TransitionCov, 0, flat, s.Count)}
		},
		func(s DenseState[P, A], batch B) DenseState[P, A] {
			d := begin(op, set, logLikelihood, s.State, batch)
			fisher := d.known(op, curvature.Fisher(d.of, set.options(op)...)(s.Params, batch))
			next := DenseState[P, A]{State: d.next, TransitionCov: s.TransitionCov}
			mean, unravel := graph.Ravel(s.Params)
			if _, ok := posterior.Schedule(c.TransitionCov); ok {
				next.TransitionCov = matrix(op, "TransitionCov", c.TransitionCov, 0, mean, next.Count)
			}
			move := s.TransitionCov
			if move.Rank() < 2 {
				move = move.Check(move.Ge(move.Like(0)), op+": transition covariance >= 0")
			}
			n, lr := mean.Size(), d.lr.Convert(mean.DType())
			l := factor(op+": covariance and transition covariance positive definite together, pivot > 0", s.Covariance.Add(dense(move, n)))
			information := l.Transpose().MatMul(fisher.MatMul(l)).Mul(lr).Add(graph.Eye(n).Convert(mean.DType()))
			r := factor(op+": I + LR L'FL positive definite, pivot > 0 (lower LR, or the covariance)", information)
			v := linalg.SolveTriangular(r, l.Transpose(), graph.Triangle{})
			grad, _ := graph.Ravel(d.grad)
			next.Covariance = v.Transpose().MatMul(v)
			next.Params = unravel(mean.Add(v.Transpose().MatMul(v.MatMul(grad)).Mul(lr)))
			return next
		},
		func(s DenseState[P, A]) DenseState[P, A] { s.Aux = nil; return s },
	)
}

// factor is the Cholesky factor of a matrix that is checked to have one.
func factor(message string, a graph.Tensor) graph.Tensor {
	l := linalg.Cholesky(a)
	return l.Check(l.Diagonal(0).IsNaN().Not(), message)
}

// matrix is a covariance of the config at a step: a scalar, [N] or [N N] for params of N elements.
func matrix(op, name string, v any, otherwise float64, flat, step graph.Tensor) graph.Tensor {
	x, ok := v.(graph.Tensor)
	if !ok {
		if _, schedule := posterior.Schedule(v); schedule && name == "InitCov" {
			graph.Fail(op, graph.ErrArgument, "give a number, a vector or a matrix", "InitCov is a schedule")
		}
		return posterior.At(op, name, v, otherwise, 0, step).Convert(flat.DType())
	}
	n := flat.Size()
	if !x.Valid() || x.DType() != flat.DType() || !(x.Shape().Equal(graph.Shape{n}) || x.Shape().Equal(graph.Shape{n, n})) {
		graph.Fail(op, graph.ErrShape, "give a number, a vector or a matrix over all elements of params", "%s is %v, params have %d elements of %v", name, x, n, flat.DType())
	}
	return x
}

// dense is a scalar, a vector or a matrix as matrix.
func dense(x graph.Tensor, n int) graph.Tensor {
	if x.Rank() < 2 {
		return x.BroadcastTo(n).Diag(0)
	}
	return x
}
