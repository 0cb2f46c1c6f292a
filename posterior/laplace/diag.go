package laplace

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/gaussian"
)

// DiagState is the state of the diagonal forms.
type DiagState[P, A any] struct {
	State[P, A]
	Precision P // of each parameter
}

// WithAux is the state with another aux: the tensors are the same.
func (s DiagState[P, A]) WithAux(aux A) DiagState[P, A] { s.Aux = &aux; return s }

// SD are the standard deviations, a tree like params: sqrt(Temperature / Precision). A precision that is not above 0 is an error of the run.
func (s DiagState[P, A]) SD() P {
	const op = "diagonal laplace"
	return posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
		positive := x[0].Check(x[0].Gt(x[0].Like(0)), op+": precision > 0 (give an initial Precision)")
		return positive.Rsqrt().Mul(s.deviation(x[0]))
	}, s.Precision)
}

// Sample draws parameters: a tree like Params with the sample shape in front of every leaf's own.
func (s DiagState[P, A]) Sample(key random.Key, shape ...int) P {
	return gaussian.Sample(key, s.Params, s.SD(), shape...)
}

// LogProbUnnormalized is -sum of Precision (params - Params)^2 / (2 Temperature), a scalar: the log density but for a constant. It needs no
// factorisation, and the precision may be singular; as the prior of further data it makes inference continue.
func (s DiagState[P, A]) LogProbUnnormalized(params P) graph.Tensor {
	const op = "diagonal laplace"
	var sum graph.Tensor
	for i, x := range leavesOf(op, posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
		return x[0].Sub(x[1]).Square().Mul(x[2]).Sum()
	}, params, s.Params, s.Precision)) {
		if i == 0 {
			sum = x
		} else {
			sum = sum.Add(x)
		}
	}
	return sum.Div(s.temperature(sum)).Scale(-0.5)
}

// Mean is Params.
func (s DiagState[P, A]) Mean() P { return s.Params }

// OutputCovariance is J Sigma J', [n k k], for a tree of Jacobians of k outputs at n inputs, leaves [n k ...]; Sigma is the covariance.
func (s DiagState[P, A]) OutputCovariance(j P) graph.Tensor {
	const op = "output covariance"
	var cov graph.Tensor
	for i, x := range leavesOf(op, posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return x[0].Mul(x[1]) }, j, s.SD())) {
		cov = addGram(cov, x.Reshape(x.Dim(0), x.Dim(1), -1), i)
	}
	return cov
}

// addGram adds w w' for rows w [n k ...].
func addGram(cov, w graph.Tensor, i int) graph.Tensor {
	g := graph.DotGeneral(w, w, []int{2}, []int{2}, []int{0}, []int{0})
	if i == 0 {
		return g
	}
	return cov.Add(g)
}

// diagonal makes the transform of a diagonal form from the log density of a batch and its curvature.
func diagonal[P, B, A any](op string, c Config, density func(State[P, A]) func(P, B) (graph.Tensor, A), curve func(State[P, A], B) P) *posterior.Transform[P, B, DiagState[P, A]] {
	return posterior.NewTransform(
		func(params P, key random.Key) DiagState[P, A] {
			s := newState[P, A](op, c.Temperature, params, key)
			return DiagState[P, A]{s, posterior.Leaves(op, "Precision", c.Precision, 0, 0, params)}
		},
		func(s DiagState[P, A], batch B) DiagState[P, A] {
			next := DiagState[P, A]{State: after(s.State, density(s.State), batch)}
			next.Precision = posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return x[0].Add(known(op, x[1])) }, s.Precision, curve(s.State, batch))
			return next
		},
		func(s DiagState[P, A]) DiagState[P, A] { s.Aux = nil; return s },
	)
}
