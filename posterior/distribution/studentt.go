package distribution

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// StudentT is Student's t distribution, with density proportional to (1 + z^2/df)^(-(df+1)/2), z = (x - loc) / scale, on the real numbers.
// Make it with NewStudentT, which checks the parameters.
type StudentT struct{ DF, Loc, Scale graph.Tensor }

// NewStudentT is the distribution with df > 0 degrees of freedom, centre loc, finite, and scale > 0.
func NewStudentT[D, L, S Param](df D, loc L, scale S) StudentT {
	p := arguments("StudentT", arg("df", df, constraint.Positive), arg("loc", loc, constraint.Finite), arg("scale", scale, constraint.Positive))
	return StudentT{p[0], p[1], p[2]}
}

// LogProb is the log density at x.
func (d StudentT) LogProb(x graph.Tensor) graph.Tensor {
	return logProb("StudentT", d.Support(), d.Loc.DType(), x, 0, func(x graph.Tensor) graph.Tensor {
		z := x.Sub(d.Loc).Div(d.Scale)
		kernel := d.DF.AddScalar(1).Scale(0.5).Mul(z.Square().Div(d.DF).Log1p())
		return d.logNormalizer().Add(kernel).Neg()
	})
}

// logNormalizer is log(scale sqrt(df) Beta(df/2, 1/2)).
func (d StudentT) logNormalizer() graph.Tensor {
	return logBeta(d.DF.Scale(0.5), d.DF.Like(0.5)).Add(d.DF.Log().Scale(0.5)).Add(d.Scale.Log())
}

// Sample draws loc + scale t, differentiable by all three (df by implicit reparameterisation).
func (d StudentT) Sample(key random.Key, shape ...int) graph.Tensor {
	t := random.StudentT(key, d.DF, drawn(shape, d.BatchShape())...)
	return d.Loc.Add(d.Scale.Mul(t))
}

// Mean is loc, NaN where df <= 1.
func (d StudentT) Mean() graph.Tensor {
	return graph.Where(d.DF.Gt(d.DF.Like(1)), d.Loc, d.Loc.Like(math.NaN())).BroadcastTo(d.BatchShape()...)
}

// Variance is scale^2 df / (df - 2), +Inf where 1 < df <= 2, NaN below.
func (d StudentT) Variance() graph.Tensor {
	finite := d.DF.Gt(d.DF.Like(2))
	df := graph.Where(finite, d.DF, d.DF.Like(4))
	v := df.Div(df.AddScalar(-2)).Mul(d.Scale.Square())
	otherwise := graph.Where(d.DF.Gt(d.DF.Like(1)), d.DF.Like(math.Inf(1)), d.DF.Like(math.NaN()))
	return spread(graph.Where(finite, v, otherwise), d.BatchShape())
}

// StdDev is the root of the variance.
func (d StudentT) StdDev() graph.Tensor { return d.Variance().Sqrt() }

// Entropy is (df+1)/2 (digamma((df+1)/2) - digamma(df/2)) + log(scale sqrt(df) Beta(df/2, 1/2)).
func (d StudentT) Entropy() graph.Tensor {
	half := d.DF.AddScalar(1).Scale(0.5)
	y := half.Mul(half.Digamma().Sub(d.DF.Scale(0.5).Digamma())).Add(d.logNormalizer())
	return spread(y, d.BatchShape())
}

// Support is the real numbers.
func (StudentT) Support() constraint.Constraint { return constraint.Real }

// BatchShape is the common shape of the parameters.
func (d StudentT) BatchShape() graph.Shape { return batch("StudentT", d.DF, d.Loc, d.Scale) }

// EventShape is [].
func (StudentT) EventShape() graph.Shape { return graph.Shape{} }
