package mcmc

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior"
)

// Adaptation is what a warm-up remembers from step to step.
type Adaptation[P any] struct {
	Steps         graph.Tensor // m: steps since dual averaging began, int32 scalar
	Center        graph.Tensor // mu: log of 10 times the step size that it began with
	MissingChance graph.Tensor // running mean of what acceptance was short of its target
	LogStepSize   graph.Tensor // running mean of the logarithms of step sizes
	Welford       *Welford[P]  // nil without AdaptMass
}

// Welford are running sums of the draws of a window (Welford, 1962).
type Welford[P any] struct {
	Steps   graph.Tensor // draws so far, int32 scalar
	Mean    P
	Squares P // sum of squared deviations from Mean
}

// Constants of dual averaging: Hoffman and Gelman (2014), section 3.2.1.
const (
	shrinkage = 0.05 // gamma
	delay     = 10   // t0
	decay     = 0.75 // kappa
	ambition  = 10   // mu is the logarithm of so many times the first step size
)

func newAdaptation[P any](c HMCConfig, stepSize float64, params P) *Adaptation[P] {
	if c.Warmup == 0 {
		return nil
	}
	a := &Adaptation[P]{
		Steps: graph.Int(0), Center: graph.Scalar(math.Log(ambition * stepSize)), MissingChance: graph.Scalar(0), LogStepSize: graph.Scalar(0),
	}
	if c.AdaptMass {
		a.Welford = &Welford[P]{graph.Int(0), zeros(params), zeros(params)}
	}
	return a
}

func zeros[P any](params P) P {
	return posterior.Map("hmc", func(x []graph.Tensor) graph.Tensor { return graph.Full(x[0].DType(), 0, x[0].Shape()...) }, params)
}

// adapt gives step size, inverse mass and memory after a step: as they are when the warm-up is over. count is the number of steps before this one.
func (a *Adaptation[P]) adapt(c HMCConfig, target float64, eps graph.Tensor, inverseMass, params P, chance, count graph.Tensor) (graph.Tensor, P, *Adaptation[P]) {
	const op = "hmc"
	warm := count.Lt(graph.Int(c.Warmup))
	m := a.Steps.AddScalar(1)
	x := m.AsFloat()
	w := x.AddScalar(delay).Reciprocal()
	next := &Adaptation[P]{
		Steps:         m,
		Center:        a.Center,
		MissingChance: a.MissingChance.Add(w.Mul(chance.Neg().AddScalar(target).Sub(a.MissingChance))),
	}
	logSize := a.Center.Sub(x.Sqrt().Mul(next.MissingChance).Scale(1 / shrinkage))
	weight := x.Log().Scale(-decay).Exp()
	next.LogStepSize = a.LogStepSize.Add(weight.Mul(logSize.Sub(a.LogStepSize)))
	size := logSize.Exp()
	if a.Welford != nil {
		first, ends := windows(c.Warmup)
		inside := count.Ge(graph.Int(first)).And(count.Lt(graph.Int(ends[len(ends)-1])))
		next.Welford = a.Welford.add(params, inside)
		over := graph.Full(graph.Bool, 0)
		for _, end := range ends {
			over = over.Or(count.Eq(graph.Int(end - 1)))
		}
		inverseMass = choose(op, over, next.Welford.variance(), inverseMass)
		again := newAdaptation(c, 1, params)
		again.Center = size.Log().AddScalar(math.Log(ambition))
		next = choose(op, over, again, next)
	}
	size = graph.Where(count.Eq(graph.Int(c.Warmup-1)), next.LogStepSize.Exp(), size)
	return graph.Where(warm, size, eps), inverseMass, choose(op, warm, next, a)
}

// add takes a draw in where it is told to.
func (s *Welford[P]) add(params P, inside graph.Tensor) *Welford[P] {
	const op = "hmc"
	n := s.Steps.AddScalar(1)
	mean := posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
		return x[0].Add(x[1].Sub(x[0]).Div(n.Convert(x[0].DType())))
	}, s.Mean, params)
	squares := posterior.Map(op, func(x []graph.Tensor) graph.Tensor {
		return x[0].Add(x[1].Sub(x[2]).Mul(x[1].Sub(x[3])))
	}, s.Squares, params, s.Mean, mean)
	return choose(op, inside, &Welford[P]{n, mean, squares}, s)
}

// variance is that of the draws, drawn a little to 0.001 as in Stan.
func (s *Welford[P]) variance() P {
	n := s.Steps.AsFloat()
	some := n.AddScalar(5).Reciprocal()
	return posterior.Map("hmc", func(x []graph.Tensor) graph.Tensor {
		d := x[0].DType()
		v := x[0].Div(n.AddScalar(-1).Max(graph.Scalar(1)).Convert(d))
		return v.Mul(n.Mul(some).Convert(d)).Add(some.Scale(5 * 1e-3).Convert(d))
	}, s.Squares)
}

// leastWindows is the shortest warm-up that has a window.
const leastWindows = 20

// windows gives the first step of the first window, and the steps with which windows end, of a warm-up: Stan's schedule.
func windows(warmup int) (first int, ends []int) {
	first, window, last := 75, 25, 50
	if first+window+last > warmup {
		first, last = warmup*15/100, warmup/10
		window = warmup - first - last
	}
	for at := first; at < warmup-last; window *= 2 {
		if at += window; at+2*window >= warmup-last {
			at = warmup - last
		}
		ends = append(ends, at)
	}
	return first, ends
}
