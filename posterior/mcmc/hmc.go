package mcmc

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
)

// HMCConfig are HMC's hyperparameters.
type HMCConfig struct {
	StepSize    posterior.Value // eps, a number above 0; must be given. A warm-up begins with it
	Steps       int             // leapfrog steps of a proposal, at least 1; must be given
	Temperature posterior.Value // T, a number above 0 or a schedule; nil means 1
	InverseMass any             // diagonal of M^-1, best the posterior's variances: nil for 1, a number above 0, or a tree like params
	Jitter      posterior.Value // j from 0 to 1: a proposal's step size is uniform in eps (1 +- j), which breaks periodic orbits; nil means 0

	Warmup           int             // steps at the beginning that adapt the step size, and are no draws from the posterior; 0 for none
	TargetAcceptance posterior.Value // mean acceptance probability that the warm-up aims at, between 0 and 1; nil means 0.8
	AdaptMass        bool            // the warm-up adapts InverseMass as well
}

// HMCState is HMC's state: a tree of tensors. StepSize, Temperature and InverseMass may be changed by setting the field: nothing is compiled again. In
// chains each has its own, adapted by itself. A schedule sets Temperature at every step.
type HMCState[P, A any] struct {
	Params         P
	LogPosterior   graph.Tensor   // at Params, a float32 scalar; NaN before the first step
	StepSize       graph.Tensor   // eps of the next step, float32 scalar
	Temperature    graph.Tensor   // of the next step, float32 scalar
	InverseMass    P              // s, the diagonal of M^-1
	Acceptance     graph.Tensor   // probability with which the last proposal was accepted, float32 scalar; NaN before the first step
	MeanAcceptance graph.Tensor   // mean Acceptance of the steps after the warm-up, float32 scalar; NaN before them
	Divergences    graph.Tensor   // proposals after the warm-up that diverged, int32 scalar
	Count          graph.Tensor   // steps done, int32 scalar
	Key            random.Key     // of all the chain's draws: those of a step come from it and Count
	Adaptation     *Adaptation[P] // what the warm-up remembers; nil without one
	Aux            *A             // of the log posterior at Params; nil before the first step, and where A has no tensors
}

// WithAux is the state with another aux: the tensors are the same.
func (s HMCState[P, A]) WithAux(aux A) HMCState[P, A] { s.Aux = &aux; return s }

// divergence is the growth of the energy along a trajectory from which on its proposal counts as divergent, as in Stan.
const divergence = 1000

// The keys of what a step draws are folds of the step's key.
const (
	momentaStream = iota
	uniformStream
	jitterStream
)

// HMC is Hamiltonian Monte Carlo (Duane et al., 1987; Neal, 2011, arXiv 1206.1901): from momenta m ~ N(0, M), with s = diag(M^-1) and g the
// gradient of log p, leapfrog steps
//
//	m     += eps/2 g(theta) / T
//	theta += eps s m
//	m     += eps/2 g(theta) / T
//
// lead to a proposal, which is accepted with probability min(1, exp(H - H')), H = -log p(theta)/T + sum of s m^2/2. A step takes
// Steps + 1 gradients: the one at its beginning is not kept from the step before, so each step may have other data.
//
// Where log p becomes NaN or infinite, the trajectory stops and the proposal is rejected; this and an energy that grows by more than 1000 is a
// divergence. Checks of the user's own log posterior (those of distributions, say) hold for proposals too.
//
// In the first Warmup steps dual averaging adapts the step size to TargetAcceptance (Hoffman and Gelman, 2014, arXiv 1111.4246, section 3.2, with
// their gamma 0.05, t0 10, kappa 0.75), beginning at StepSize; the last of them sets it to the average. With AdaptMass and at least 20 such steps,
// InverseMass becomes the variance of the draws in windows as Stan's: after 75 steps windows of 25, 50, 100, ..., the last one stretched to end 50
// steps before the warm-up does; each ends with InverseMass = n/(n+5) variance + 5/(n+5) 0.001 and dual averaging begun again. In a
// warm-up of less than 150 steps 15 % come before the only window, and 10 % after it.
func HMC[P, B, A any](logPosterior func(P, B) (graph.Tensor, A), c HMCConfig) *posterior.Transform[P, B, HMCState[P, A]] {
	const op = "hmc"
	temperatureAt := func(step graph.Tensor) graph.Tensor {
		return posterior.At(op, "Temperature", c.Temperature, 1, 0, step)
	}
	return posterior.NewTransform(
		func(params P, key random.Key) HMCState[P, A] {
			posterior.CheckParams(op, params)
			n := c.numbers(op)
			count, unknown := graph.Int(0), graph.Scalar(math.NaN())
			return HMCState[P, A]{
				Params: params, LogPosterior: unknown, StepSize: graph.Scalar(n.stepSize), Temperature: temperatureAt(count),
				InverseMass: posterior.Leaves(op, "InverseMass", c.InverseMass, 1, math.SmallestNonzeroFloat32, params),
				Acceptance:  unknown, MeanAcceptance: unknown, Divergences: graph.Int(0), Count: count, Key: key,
				Adaptation: newAdaptation(c, n.stepSize, params),
			}
		},
		func(s HMCState[P, A], batch B) HMCState[P, A] {
			n := c.numbers(op)
			zero := graph.Scalar(0)
			t := s.Temperature.Check(s.Temperature.Gt(zero), op+": temperature > 0")
			eps := s.StepSize.Check(s.StepSize.Gt(zero), op+": step size > 0")
			s.InverseMass = posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
				return x[0].Check(x[0].Gt(x[0].Like(0)), op+": inverse mass > 0")
			}, s.InverseMass)
			// A loop over steps makes the inner keys once.
			noise := func(stream int) random.Key { return random.FoldIn(random.FoldIn(s.Key, stream), s.Count) }
			size := eps
			if n.jitter > 0 {
				u := random.Uniform(noise(jitterStream), -n.jitter, n.jitter)
				size = eps.Mul(u.AddScalar(1))
			}

			first := posterior.Evaluate(logPosterior, s.Params, batch)
			momenta := posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return x[0].Mul(x[1].Rsqrt()) },
				posterior.NormalLike(op, random.FoldIn(s.Key, momentaStream), s.Count, s.Params), s.InverseMass)
			from := point[P, A]{s.Params, momenta, first.Grad, first.LogPosterior, graph.Full(graph.Bool, 1), first.Aux}
			to := trajectory(logPosterior, from, batch, c.Steps, size, t, s.InverseMass)
			growth := to.energy(op, t, s.InverseMass).Sub(from.energy(op, t, s.InverseMass)).Convert(graph.Float32)
			ok := to.Alive.And(growth.Eq(growth))
			chance := graph.Where(ok, growth.Neg().Min(zero).Exp(), zero)
			accepted := random.Uniform(noise(uniformStream), 0, 1).Lt(chance)

			next := s
			next.Params = choose(op, accepted, to.Params, s.Params)
			next.LogPosterior = graph.Where(accepted, to.LogPosterior, from.LogPosterior).Convert(graph.Float32)
			if from.Aux != nil {
				aux := choose(op, accepted, *to.Aux, *from.Aux)
				next.Aux = &aux
			}
			next.Count = s.Count.AddScalar(1)
			if _, ok := posterior.Schedule(c.Temperature); ok {
				next.Temperature = temperatureAt(next.Count)
			}
			next.Acceptance = chance
			drawn := next.Count.Sub(graph.Int(c.Warmup)) // steps after the warm-up, this one included
			mean := graph.Where(drawn.Le(graph.Int(1)), zero, s.MeanAcceptance)
			mean = mean.Add(chance.Sub(mean).Div(drawn.Max(graph.Int(1)).AsFloat()))
			next.MeanAcceptance = graph.Where(drawn.Ge(graph.Int(1)), mean, s.MeanAcceptance)
			diverged := ok.Not().Or(growth.Gt(graph.Scalar(divergence))).And(drawn.Ge(graph.Int(1)))
			next.Divergences = s.Divergences.Add(diverged.AsInt())
			if s.Adaptation != nil {
				next.StepSize, next.InverseMass, next.Adaptation = s.Adaptation.adapt(c, n.target, eps, s.InverseMass, next.Params, chance, s.Count)
			}
			return next
		},
		func(s HMCState[P, A]) HMCState[P, A] { s.Aux = nil; return s },
	)
}

// numbers are the hyperparameters that must be numbers.
type numbers struct{ stepSize, jitter, target float64 }

func (c HMCConfig) numbers(op string) numbers {
	n := numbers{
		posterior.Number(op, "StepSize", c.StepSize, math.NaN(), 0),
		posterior.Number(op, "Jitter", c.Jitter, 0, 0),
		posterior.Number(op, "TargetAcceptance", c.TargetAcceptance, 0.8, 0),
	}
	switch {
	case n.stepSize == 0:
		graph.Fail(op, graph.ErrArgument, "give a positive number", "StepSize is 0")
	case n.jitter >= 1:
		graph.Fail(op, graph.ErrArgument, "give a number from 0 up to but not including 1", "Jitter is %v", n.jitter)
	case n.target == 0 || n.target >= 1:
		graph.Fail(op, graph.ErrArgument, "give a number between 0 and 1, such as 0.8", "TargetAcceptance is %v", n.target)
	case c.Steps < 1:
		graph.Fail(op, graph.ErrArgument, "give the number of leapfrog steps, such as 10", "Steps is %d", c.Steps)
	case c.Warmup < 0:
		graph.Fail(op, graph.ErrArgument, "give the number of steps that adapt, or 0 for none", "Warmup is %d", c.Warmup)
	case c.AdaptMass && c.Warmup < leastWindows:
		graph.Fail(op, graph.ErrArgument, "give a longer Warmup, or leave out AdaptMass", "AdaptMass needs a Warmup of at least %d steps, it has %d", leastWindows, c.Warmup)
	}
	return n
}
