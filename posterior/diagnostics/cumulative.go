package diagnostics

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/graph"
)

// CumulativeMean is the mean of the first t elements of a sequence of floats [T ...], for every t from 1 to T: [T ...]. It is
// taken from the first element on, so that a large common offset costs no digits.
func CumulativeMean(x graph.Tensor) graph.Tensor {
	sequence("cumulative mean", x, 1)
	if x.Dim(0) == 0 {
		return x
	}
	first := x.Slice(0, 0, 1)
	return first.Add(x.Sub(first).CumSum(0).Div(counts(x)))
}

// CumulativeCov is the covariance matrix of the first t vectors of a sequence of floats [T d], for every t: [T d d], that is
//
//	sum over i <= t of (x_i - m_t)(x_i - m_t)' / (t - correction)      m_t = CumulativeMean
//
// by Welford's recurrence, which subtracts no large numbers. correction 1 gives the unbiased estimate, NaN for t = 1, where
// there is none; 0 gives the population's covariance. Other corrections are graph.ErrArgument.
func CumulativeCov(x graph.Tensor, correction int) graph.Tensor {
	const op = "cumulative covariance"
	sequence(op, x, 2)
	if x.Rank() != 2 {
		graph.Fail(op, graph.ErrShape, "give vectors [T d]; Ravel makes them of trees, under vmap", "the sequence is %v", x.Spec())
	}
	if correction != 0 && correction != 1 {
		graph.Fail(op, graph.ErrArgument, "give 0 or 1", "correction %d", correction)
	}
	n, d := x.Dim(0), x.Dim(1)
	if n == 0 {
		return graph.Full(x.DType(), 0, 0, d, d)
	}
	// S_t = S_(t-1) + (t-1)/t (x_t - m_(t-1)) (x_t - m_(t-1))'; the first term is 0 whatever stands for m_0.
	before := graph.Concat(0, x.Slice(0, 0, 1), CumulativeMean(x).Slice(0, 0, n-1))
	dx := x.Sub(before)
	t := counts(x)
	weighted := dx.Mul(t.AddScalar(-1).Div(t))
	s := graph.Einsum("ti,tj->tij", weighted, dx).CumSum(0)
	t = t.Reshape(n, 1, 1)
	cov := s.Div(t.AddScalar(float64(-correction)).Max(t.Like(1)))
	if correction == 1 {
		cov = graph.Where(t.Gt(t.Like(1)), cov, t.Like(math.NaN()))
	}
	return cov
}

// counts is 1 to T on the axis of time, in x's dtype, with x's rank.
func counts(x graph.Tensor) graph.Tensor {
	shape := slices.Repeat([]int{1}, x.Rank())
	shape[0] = x.Dim(0)
	return graph.Iota(0, x.Dim(0)).AddScalar(1).Convert(x.DType()).Reshape(shape...)
}

func sequence(op string, x graph.Tensor, rank int) {
	if !x.Valid() || x.Rank() < rank {
		graph.Fail(op, graph.ErrShape, "give a sequence with time on its leading axis", "the argument has fewer than %d axes", rank)
	}
	if !x.DType().IsFloat() {
		graph.Fail(op, graph.ErrDType, "convert with AsFloat", "the sequence is %v, not float", x.Spec())
	}
}
