package vi

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/gaussian"
	"github.com/lavagrad/lavagrad/posterior/optim"
)

// DiagConfig are Diag's hyperparameters.
type DiagConfig struct {
	Optimizer   optim.Transformation // steps on mean and log sd, down the NELBO; must be given
	Temperature posterior.Value      // T, a number or a schedule; nil means 1
	Samples     int                  // draws of q a step, whose aux have the draws as first axis; 0 means one, and aux without that axis
	NoSTL       bool                 // the whole gradient instead of sticking the landing
	InitLogSD   any                  // the first log sds: nil for 0, a number, or a tree like params
}

// DiagState is Diag's state.
type DiagState[P, A any] struct {
	State[P, A]
	LogSD P // logarithms of q's standard deviations
}

// WithAux is the state with another aux: the tensors are the same.
func (s DiagState[P, A]) WithAux(aux A) DiagState[P, A] { s.Aux = &aux; return s }

// Sample draws parameters from q: a tree like Params with the sample shape in front of every leaf's own shape. Draws are
// differentiable by Params and LogSD. It works on states that are traced and on those in memory.
func (s DiagState[P, A]) Sample(key random.Key, shape ...int) P {
	return sampleDiag(diagonal[P]{s.Params, s.LogSD}, key, shape...)
}

// LogProb is q's log density at x, a tree like Params: a float scalar.
func (s DiagState[P, A]) LogProb(x P) graph.Tensor {
	return logProbDiag(diagonal[P]{s.Params, s.LogSD}, x)
}

// diagonal are the parameters of q.
type diagonal[P any] struct{ Mean, LogSD P }

func (q diagonal[P]) sd() P {
	return posterior.Map("vi diag", func(x []graph.Tensor) graph.Tensor { return x[0].Exp() }, q.LogSD)
}

func sampleDiag[P any](q diagonal[P], key random.Key, shape ...int) P {
	return gaussian.Sample(key, q.Mean, q.sd(), shape...)
}

func logProbDiag[P any](q diagonal[P], x P) graph.Tensor {
	return gaussian.LogProb(x, q.Mean, q.sd())
}

// Diag is variational inference with independent normal variables, q = N(mu, diag(sd)^2), log sd being what the optimizer sees:
//
//	theta_k = mu + sd xi_k
//	NELBO   = -mean over k of (log p(theta_k, batch) - T log q(theta_k))
//	(mu, log sd) are stepped down the gradient of NELBO by the optimizer
//
// with xi_k standard normal. Leaves of params are of one float type. See the package for the gradient that is taken.
func Diag[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), c DiagConfig) *posterior.Transform[P, B, DiagState[P, A]] {
	f := family[diagonal[P], P]{"vi diag", sampleDiag[P], logProbDiag[P]}
	set := settings{c.Optimizer, c.Temperature, c.Samples, c.NoSTL}
	return posterior.NewTransform(
		func(params P, key random.Key) DiagState[P, A] {
			posterior.CheckParams(f.name, params)
			q := diagonal[P]{params, posterior.Leaves(f.name, "InitLogSD", c.InitLogSD, 0, math.Inf(-1), params)}
			return DiagState[P, A]{begin[P, A](f, set, params, q, key), q.LogSD}
		},
		func(s DiagState[P, A], batch B) DiagState[P, A] {
			q, next := advance(f, set, logPosterior, s.State, diagonal[P]{s.Params, s.LogSD}, batch)
			next.Params = q.Mean
			return DiagState[P, A]{next, q.LogSD}
		},
		func(s DiagState[P, A]) DiagState[P, A] { s.Aux = nil; return s },
	)
}
