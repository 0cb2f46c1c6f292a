package vi

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/gaussian"
	"github.com/lavagrad/lavagrad/posterior/optim"
)

// DenseConfig are Dense's hyperparameters.
type DenseConfig struct {
	Optimizer   optim.Transformation // steps on mean and L, down the NELBO; must be given
	Temperature posterior.Value      // T, a number or a schedule; nil means 1
	Samples     int                  // draws of q a step, whose aux have the draws as first axis; 0 means one, and aux without that axis
	NoSTL       bool                 // the whole gradient instead of sticking the landing
	InitScale   posterior.Value      // the first L is this number, above 0, times the identity; nil means 1
}

// DenseState is Dense's state, for params of n elements in all.
type DenseState[P, A any] struct {
	State[P, A]
	L graph.Tensor // of q's covariance L L^T over ravelled params (graph.Ravel): the lower triangle [n(n+1)/2], row by row
}

// WithAux is the state with another aux: the tensors are the same.
func (s DenseState[P, A]) WithAux(aux A) DenseState[P, A] { s.Aux = &aux; return s }

// Sample draws parameters from q: a tree like Params with the sample shape in front of every leaf's own shape. Draws are
// differentiable by Params and L. It works on states that are traced and on those in memory.
func (s DenseState[P, A]) Sample(key random.Key, shape ...int) P {
	return sampleDense(dense[P]{s.Params, s.L}, key, shape...)
}

// LogProb is q's log density at x, a tree like Params: a float scalar. A zero on L's diagonal makes it infinite or NaN.
func (s DenseState[P, A]) LogProb(x P) graph.Tensor {
	return logProbDense(dense[P]{s.Params, s.L}, x)
}

// dense are the parameters of q.
type dense[P any] struct {
	Mean P
	L    graph.Tensor
}

// matrix is the mean as a vector, and L as a matrix.
func (q dense[P]) matrix(op string) (mean, l graph.Tensor) {
	mean, _ = graph.Ravel(q.Mean)
	l = gaussian.FlatToTril(q.L)
	if l.Rank() != 2 || l.Dim(0) != mean.Size() {
		graph.Fail(op, graph.ErrShape, "make the state with Init", "L is the triangle of %v, params have %d elements", l.Spec(), mean.Size())
	}
	return mean, l
}

func sampleDense[P any](q dense[P], key random.Key, shape ...int) P {
	const op = "vi dense"
	mean, l := q.matrix(op)
	xi := random.NormalOf(mean.DType(), key, slices.Concat(graph.Shape(shape), mean.Shape())...)
	// Each draw is L xi; the draws are rows.
	x := mean.Add(xi.MatMul(l.Transpose()))
	at := 0
	return posterior.Map(op, func(p []graph.Tensor) graph.Tensor {
		from := at
		at += p[0].Size()
		return x.Slice(-1, from, at).Reshape(slices.Concat(graph.Shape(shape), p[0].Shape())...)
	}, q.Mean)
}

// logProbDense is -z^T z / 2 - sum of log |L_ii| - n log(2 pi) / 2 with L z = x - mean. L's diagonal may be negative.
func logProbDense[P any](q dense[P], x P) graph.Tensor {
	const op = "vi dense"
	x = posterior.Leaves(op, "the argument of LogProb", x, 0, 0, q.Mean)
	mean, l := q.matrix(op)
	at, _ := graph.Ravel(x)
	z := linalg.SolveTriangular(l, at.Sub(mean), graph.Triangle{})
	return z.Square().Sum().Scale(-0.5).Sub(l.Diagonal(0).Abs().Log().Sum()).AddScalar(-0.5 * math.Log(2*math.Pi) * float64(mean.Size()))
}

// Dense is variational inference with a normal distribution of any covariance, q = N(mu, L L^T) over the n elements of all params, L being
// lower triangular:
//
//	theta_k = mu + L xi_k
//	NELBO   = -mean over k of (log p(theta_k, batch) - T log q(theta_k))
//	(mu, L) are stepped down the gradient of NELBO by the optimizer
//
// with xi_k standard normal. log det of the covariance is 2 sum of log |L_ii|: the signs of L's diagonal are free. A step takes n^2 numbers and
// operations a draw, and the optimizer some more memory of that size. An optimizer such as Adam moves each of the n(n+1)/2 elements by about its
// rate whatever the gradient's size: give it a small or falling rate, and several Samples, where n is large. Leaves of params are of one float type.
// See the package for the gradient that is taken.
func Dense[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), c DenseConfig) *posterior.Transform[P, B, DenseState[P, A]] {
	f := family[dense[P], P]{"vi dense", sampleDense[P], logProbDense[P]}
	set := settings{c.Optimizer, c.Temperature, c.Samples, c.NoSTL}
	return posterior.NewTransform(
		func(params P, key random.Key) DenseState[P, A] {
			posterior.CheckParams(f.name, params)
			q := dense[P]{params, startL(f.name, c.InitScale, params)}
			return DenseState[P, A]{begin[P, A](f, set, params, q, key), q.L}
		},
		func(s DenseState[P, A], batch B) DenseState[P, A] {
			q, next := advance(f, set, logPosterior, s.State, dense[P]{s.Params, s.L}, batch)
			next.Params = q.Mean
			return DenseState[P, A]{next, q.L}
		},
		func(s DenseState[P, A]) DenseState[P, A] { s.Aux = nil; return s },
	)
}

// startL is a number times the identity, as its lower triangle.
func startL[P any](op string, scale posterior.Value, params P) graph.Tensor {
	x := posterior.Number(op, "InitScale", scale, 1, 0)
	if x == 0 {
		graph.Fail(op, graph.ErrArgument, "give a positive number", "InitScale, the standard deviation that q starts with, is 0")
	}
	flat, _ := graph.Ravel(params)
	return gaussian.TrilToFlat(graph.Full(flat.DType(), x, flat.Size()).Diag(0))
}
