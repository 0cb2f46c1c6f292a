package distribution

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
)

// drawing is the state of the rounds in which binomial variables are drawn, all elements together.
type drawing struct {
	Round graph.Tensor // int32
	Done  graph.Tensor // which elements have their value
	Count graph.Tensor // the value, or the successes so far
	Trial graph.Tensor // the trial of the last success
}

// maxTotal is how far float32 counts.
const maxTotal = 1 << 24

// drawBinomial draws counts, floats of the parameters' type. A draw depends on the key and its position only: an element
// takes the words of its position from the key of each round until it has its value.
//
// Sources: W. Hörmann, The generation of binomial random variates, J. Stat. Comput. Simul. 46 (1993), 101-110, algorithm BTRS, for
// means from 10; L. Devroye, Non-Uniform Random Variate Generation, 1986, X.4.3, first waiting time algorithm, below.
func drawBinomial(key random.Key, total, p graph.Tensor, shape []int) graph.Tensor {
	n := graph.StopGradient(total).BroadcastTo(shape...)
	p = graph.StopGradient(p).BroadcastTo(shape...)
	valid := n.Ge(n.Like(0)).And(n.Le(n.Like(maxTotal))).And(p.Ge(p.Like(0))).And(p.Le(p.Like(1)))
	n = graph.Where(valid, n, n.Like(0)) // 0 trials are decided in one round
	p = graph.Where(valid, p, p.Like(0))
	flip := p.Gt(p.Like(0.5))
	q := graph.Where(flip, p.Neg().AddScalar(1), p)
	few := n.Mul(q).Lt(n.Like(10))
	hat := newBTRS(n, q)
	rate := q.Neg().Log1p().Neg()
	zero := graph.Full(p.DType(), 0)

	state := graph.While(
		func(s drawing) graph.Tensor { return s.Done.All().Not() },
		func(s drawing) drawing {
			a, b := random.Split2(random.FoldIn(key, s.Round))
			// The next success is a geometric number of trials further.
			wait := random.ExponentialOf(p.DType(), a, shape...)
			trial := s.Trial.Add(wait.Div(rate).Ceil())
			past := trial.Gt(n)
			counted := graph.Where(past, s.Count, s.Count.AddScalar(1))
			candidate, accept := hat.propose(random.Uniform(a, zero, 1, shape...), random.Uniform(b, zero, 1, shape...))
			now := graph.Where(few, counted, candidate)
			return drawing{
				Round: s.Round.AddScalar(1),
				Done:  s.Done.Or(graph.Where(few, past, accept)),
				Count: graph.Where(s.Done, s.Count, now),
				Trial: trial,
			}
		},
		drawing{graph.Int(0), graph.Full(graph.Bool, 0, shape...), graph.Full(p.DType(), 0, shape...), graph.Full(p.DType(), 0, shape...)})
	k := graph.Where(flip, n.Sub(state.Count), state.Count)
	return graph.Where(valid, k, k.Like(-1))
}

// btrs has the constants of the hat function.
type btrs struct{ n, logP, logQ, a, b, c, vr, alpha, top graph.Tensor }

func newBTRS(n, p graph.Tensor) btrs {
	// Where the mean is below 10 the constants are those of another n; their candidates are not used.
	n = n.Max(n.Like(20))
	p = p.Max(n.Like(10).Div(n))
	q := p.Neg().AddScalar(1)
	spq := n.Mul(p).Mul(q).Sqrt()
	h := btrs{n: n, logP: p.Log(), logQ: p.Neg().Log1p()}
	h.b = spq.Scale(2.53).AddScalar(1.15)
	h.a = h.b.Scale(0.0248).Add(p.Scale(0.01)).AddScalar(-0.0873)
	h.c = n.Mul(p).AddScalar(0.5)
	h.vr = h.b.Reciprocal().Scale(-4.2).AddScalar(0.92)
	h.alpha = h.b.Reciprocal().Scale(5.1).AddScalar(2.83).Mul(spq)
	mode := n.AddScalar(1).Mul(p).Floor()
	h.top = h.log(mode)
	return h
}

// log is the log probability of a count.
func (h btrs) log(k graph.Tensor) graph.Tensor { return binomialLog(k, h.n.Sub(k), h.logP, h.logQ) }

// propose makes a candidate of two uniform numbers, and says whether to take it.
func (h btrs) propose(u, v graph.Tensor) (k, accept graph.Tensor) {
	u = u.AddScalar(-0.5)
	us := u.Abs().Neg().AddScalar(0.5)
	k = h.a.Scale(2).Div(us).Add(h.b).Mul(u).Add(h.c).Floor()
	within := k.Ge(k.Like(0)).And(k.Le(h.n))
	squeeze := us.Ge(us.Like(0.07)).And(v.Le(h.vr))
	k = graph.Where(within, k, k.Like(0))
	bound := h.log(k).Sub(h.top)
	height := v.Mul(h.alpha).Div(h.a.Div(us.Square()).Add(h.b)).Log()
	return k, within.And(squeeze.Or(height.Le(bound)))
}
