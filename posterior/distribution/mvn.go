package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// MultivariateNormal is the normal distribution on vectors [n], density exp(-d^T C^-1 d / 2) / sqrt(det(2 pi C)), d = x - loc. Make it
// with NewMultivariateNormal, ...Precision or ...Cholesky, which check the parameters.
type MultivariateNormal struct {
	Loc graph.Tensor // [..., n]
	// Factor is lower triangular [..., n n]: with its transpose the covariance, or the precision.
	Factor graph.Tensor
	// Precision says that Factor is that of the precision.
	Precision bool
}

const mvn = "MultivariateNormal"

// NewMultivariateNormal has mean loc [..., n], finite, and a symmetric positive definite covariance [..., n n].
func NewMultivariateNormal(loc, covariance graph.Tensor) MultivariateNormal {
	return newMVN(loc, factored("covariance", covariance), false)
}

// NewMultivariateNormalPrecision has mean loc [..., n], finite, and a symmetric positive definite precision [..., n n], the inverse of the
// covariance. Nothing is inverted.
func NewMultivariateNormalPrecision(loc, precision graph.Tensor) MultivariateNormal {
	return newMVN(loc, factored("precision", precision), true)
}

// NewMultivariateNormalCholesky has mean loc [..., n], finite, and covariance l l^T for the lower triangle of l [..., n n], whose diagonal is
// finite and not 0; its signs do not matter. What stands above the diagonal is not read.
func NewMultivariateNormalCholesky(loc, l graph.Tensor) MultivariateNormal {
	l = arguments(mvn, arg("Cholesky factor", l, constraint.Constraint{Name: "has a finite diagonal without 0", EventRank: 2,
		Holds: func(x graph.Tensor) graph.Tensor {
			d := squareMatrix("Cholesky factor", x).Diagonal(0)
			return d.Ne(d.Like(0)).And(d.IsFinite())
		}}))[0]
	return newMVN(loc, l.Tril(0), false)
}

func squareMatrix(name string, x graph.Tensor) graph.Tensor {
	if x.Dim(-1) != x.Dim(-2) || x.Dim(-1) == 0 {
		graph.Fail(mvn, graph.ErrShape, "give matrices [..., n n]", "%s is %v", name, x.Spec())
	}
	return x
}

// factored is the checked Cholesky factor.
func factored(name string, a graph.Tensor) graph.Tensor {
	symmetric := constraint.Symmetric
	symmetric.Holds = func(x graph.Tensor) graph.Tensor { return constraint.Symmetric.Holds(squareMatrix(name, x)) }
	l := linalg.Cholesky(arguments(mvn, arg(name, a, symmetric))[0])
	return l.Check(l.Diagonal(0).IsNaN().Not(), mvn+": "+name+" is positive definite, pivot > 0")
}

func newMVN(loc, factor graph.Tensor, precision bool) MultivariateNormal {
	loc = arguments(mvn, arg("loc", loc, constraint.Finite))[0]
	if loc.Rank() == 0 || loc.Dim(-1) != factor.Dim(-1) {
		graph.Fail(mvn, graph.ErrShape, "give loc [..., n] for matrices [..., n n]", "loc is %v, the matrix %v", loc.Spec(), factor.Spec())
	}
	d := MultivariateNormal{loc, factor, precision}
	d.BatchShape() // fails where the two do not broadcast
	return d
}

// LogProb is the log density at x [..., n].
func (d MultivariateNormal) LogProb(x graph.Tensor) graph.Tensor {
	x = sized(mvn, x, d.dim())
	return logProb(mvn, d.Support(), d.Loc.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		z := d.rows(x.Sub(d.Loc), d.whiten)
		return z.Square().Sum(-1).Scale(-0.5).Sub(d.logDet()).AddScalar(-halfLog2Pi * float64(d.dim()))
	})
}

// Sample draws loc + L xi, or loc + L^-T xi for a factor L of the precision: [shape..., batch..., n], differentiable by both.
func (d MultivariateNormal) Sample(key random.Key, shape ...int) graph.Tensor {
	xi := random.NormalOf(d.Loc.DType(), key, drawn(shape, d.BatchShape(), d.dim())...)
	return d.Loc.Add(d.rows(xi, d.color))
}

// Mean is loc.
func (d MultivariateNormal) Mean() graph.Tensor {
	return d.Loc.BroadcastTo(append(append([]int{}, d.BatchShape()...), d.dim())...)
}

// Covariance is [..., n n], the factor's batch in front.
func (d MultivariateNormal) Covariance() graph.Tensor {
	if d.Precision {
		return linalg.CholeskyInverse(d.Factor)
	}
	return d.Factor.MatMul(d.Factor.MoveAxis(-1, -2))
}

// Variance is the diagonal of the covariance, [..., n].
func (d MultivariateNormal) Variance() graph.Tensor {
	return d.Covariance().Diagonal(0).BroadcastTo(append(append([]int{}, d.BatchShape()...), d.dim())...)
}

// StdDev is the root of the variance.
func (d MultivariateNormal) StdDev() graph.Tensor { return d.Variance().Sqrt() }

// Entropy is log det(2 pi e C) / 2.
func (d MultivariateNormal) Entropy() graph.Tensor {
	return d.logDet().AddScalar((halfLog2Pi + 0.5) * float64(d.dim())).BroadcastTo(d.BatchShape()...)
}

// KL is (tr(C2^-1 C1) + (m1-m2)^T C2^-1 (m1-m2) - n + log det C2 - log det C1) / 2.
func (d MultivariateNormal) KL(q MultivariateNormal) graph.Tensor {
	n := d.dim()
	if q.dim() != n {
		graph.Fail(mvn, graph.ErrShape, "KL compares distributions of vectors of one length", "lengths %d and %d", n, q.dim())
	}
	between := q.whiten(d.color(graph.Eye(n).Convert(d.Loc.DType())))
	z := q.rows(d.Loc.Sub(q.Loc), q.whiten)
	y := between.Square().Sum(-2, -1).Add(z.Square().Sum(-1)).AddScalar(-float64(n)).Scale(0.5)
	return y.Add(q.logDet()).Sub(d.logDet())
}

// Support is the vectors of real numbers.
func (MultivariateNormal) Support() constraint.Constraint { return constraint.RealVector }

// BatchShape is the common shape of the parameters without the axes of vectors and matrices.
func (d MultivariateNormal) BatchShape() graph.Shape {
	return common(mvn, d.Loc.Shape()[:d.Loc.Rank()-1], d.Factor.Shape()[:d.Factor.Rank()-2])
}

// EventShape is [n].
func (d MultivariateNormal) EventShape() graph.Shape { return graph.Shape{d.dim()} }

func (d MultivariateNormal) dim() int { return d.Factor.Dim(-1) }

// logDet is log det(C) / 2.
func (d MultivariateNormal) logDet() graph.Tensor {
	y := d.Factor.Diagonal(0).Abs().Log().Sum(-1)
	if d.Precision {
		return y.Neg()
	}
	return y
}

// whiten makes columns [..., n k] of covariance C ones of covariance I.
func (d MultivariateNormal) whiten(x graph.Tensor) graph.Tensor {
	if d.Precision {
		return d.Factor.MoveAxis(-1, -2).MatMul(x)
	}
	return solve(d.Factor, x, graph.Triangle{})
}

// color is the inverse of whiten.
func (d MultivariateNormal) color(x graph.Tensor) graph.Tensor {
	if d.Precision {
		return solve(d.Factor, x, graph.Triangle{Transpose: true})
	}
	return d.Factor.MatMul(x)
}

// rows applies f, a map of columns, to vectors [..., n]: all of them beside each other where one matrix serves them.
func (d MultivariateNormal) rows(x graph.Tensor, f func(columns graph.Tensor) graph.Tensor) graph.Tensor {
	if d.Factor.Rank() > 2 {
		return f(x.ExpandDims(-1)).Squeeze(-1)
	}
	n := x.Dim(-1)
	return f(x.Reshape(x.Size()/n, n).Transpose(1, 0)).Transpose(1, 0).Reshape(x.Shape()...)
}

// solve is l.SolveTriangular(x, tri) with the batch axes broadcast.
func solve(l, x graph.Tensor, tri graph.Triangle) graph.Tensor {
	lead := common(mvn, l.Shape()[:l.Rank()-2], x.Shape()[:x.Rank()-2])
	x = x.BroadcastTo(append(append([]int{}, lead...), x.Dim(-2), x.Dim(-1))...)
	last := lead[len(lead)-(l.Rank()-2):]
	l = l.BroadcastTo(append(append([]int{}, last...), l.Dim(-2), l.Dim(-1))...)
	return l.SolveTriangular(x, tri)
}
