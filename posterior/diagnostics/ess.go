package diagnostics

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// ESS is the effective sample size of draws [T chains ...] for the mean of each element: [...], at most of the order of T chains log10(T chains). The
// standard error of the mean over all draws is their standard deviation over its root (see StandardError).
//
//	ESS = T chains / (-1 + 2 sum over k of P_k)     P_k = rho_2k + rho_(2k+1)
//
// Chains are split in halves, so that a drift counts as correlation. rho is the autocorrelation from the chains' mean autocovariance and their
// variance between each other (Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, equations 10 to 13), summed by Geyer's
// initial monotone sequence (Geyer 1992), as ArviZ and Stan do. A correlation that is longer than the
// halves is not seen: of chains that short the size is too large, and R-hat is above 1.
//
// T must be 4 or more; with odd T the middle draw is left out. It is NaN where all draws are equal. Draws that are NaN or infinite fail on
// the device. The work is a pass over the draws for each lag up to where the correlation is lost in noise.
func ESS(draws graph.Tensor) graph.Tensor {
	x, shape := chains("effective sample size", draws)
	return effective(x).Reshape(shape...)
}

// BulkESS is the effective sample size of the draws' normal scores: of the ranks of all draws, mapped to a normal distribution (Vehtari et al.
// 2021, section 4.2), which exists and means the same where the draws have no variance. It tells how well the bulk of the distribution is sampled; 100
// for each chain of a few is what is asked for. Shapes, sources and limits as for ESS; equal draws share a rank.
func BulkESS(draws graph.Tensor) graph.Tensor {
	x, shape := chains("bulk effective sample size", draws)
	return effective(normalScores(x)).Reshape(shape...)
}

// StandardError is the Monte Carlo standard error of the mean of draws [T chains ...]: [...], the root of the variance of all draws over ESS.
func StandardError(draws graph.Tensor) graph.Tensor {
	x, shape := chains("standard error", draws)
	near := draws.Sub(draws.Slice(0, 0, 1).Slice(1, 0, 1))
	variance := near.Var(graph.VarianceOptions{Axes: []int{0, 1}, Correction: 1}) // with the middle draw
	return variance.Div(effective(x).Reshape(shape...)).Sqrt()
}

// chains brings draws into the form [elements halves-of-chains T/2], and gives the shape of a draw.
func chains(op string, draws graph.Tensor) (x graph.Tensor, shape graph.Shape) {
	sequence(op, draws, 2)
	t, c := draws.Dim(0), draws.Dim(1)
	if t < 4 || c < 1 {
		graph.Fail(op, graph.ErrShape, "give draws [T chains ...], at least 4 of each chain", "draws are %v", draws.Spec())
	}
	shape = draws.Shape()[2:]
	draws = draws.Check(draws.IsFinite(), op+": draws is finite").Reshape(t, c, shape.Size())
	halves := graph.Stack(2, draws.Slice(0, 0, t/2), draws.Slice(0, t-t/2, t)) // [T/2 chains 2 elements]
	return halves.Transpose(3, 1, 2, 0).Reshape(shape.Size(), 2*c, t/2), shape
}

// effective is the effective sample size of x [elements chains n]: [elements].
func effective(x graph.Tensor) graph.Tensor {
	m, n := x.Dim(1), x.Dim(2)
	x = nearZero(x)
	within, total := variances(x)
	x = x.Sub(x.Mean(2).ExpandDims(2))
	padded := x.Pad(2, 0, n+1)
	// rho at a lag, an int32 scalar: 1 - (within - mean autocovariance) / total
	rho := func(lag graph.Tensor) graph.Tensor {
		cov := x.Mul(padded.DynamicSliceIn(2, lag, n)).Sum(1, 2).Scale(1 / float64(m*n))
		return cov.Sub(within).Div(total).AddScalar(1)
	}
	type state struct {
		Lag        graph.Tensor // of the next pair, int32
		Even, Odd  graph.Tensor // the last pair's correlations, [elements]
		Least, Sum graph.Tensor // the least pair before it, and the sum of those least, [elements]
		Going      graph.Tensor // whether the last pair's sum was positive, [elements]
	}
	each := func(v float64) graph.Tensor { return graph.Full(x.DType(), v, x.Dim(0)) }
	zero := each(0)
	first := state{Lag: graph.Int(2), Even: each(1), Odd: rho(graph.Int(1)), Least: each(math.Inf(1)), Sum: zero}
	first.Going = first.Even.Add(first.Odd).Gt(zero)
	last := graph.While(
		func(s state) graph.Tensor { return s.Lag.Lt(graph.Int(n - 2)).And(s.Going.Any()) },
		func(s state) state {
			even, odd := rho(s.Lag), rho(s.Lag.AddScalar(1))
			// The last pair counts now that another one follows; where the sequence has ended everything stays.
			least := s.Least.Min(s.Even.Add(s.Odd))
			keep := func(new, old graph.Tensor) graph.Tensor { return graph.Where(s.Going, new, old) }
			return state{s.Lag.AddScalar(2), keep(even, s.Even), keep(odd, s.Odd), keep(least, s.Least), keep(s.Sum.Add(least), s.Sum),
				s.Going.And(even.Add(odd).Gt(zero))}
		}, first)
	// Of the pair that ended it an even correlation above 0 still counts, once (Vehtari et al. 2021, section 3.2).
	tau := last.Sum.Scale(2).AddScalar(-1).Add(last.Even.Max(zero))
	tau = graph.Where(total.Gt(zero), tau, tau.Like(nan))
	size := float64(m * n)
	return tau.Max(tau.Like(1 / math.Log10(size))).Reciprocal().Scale(size)
}

// nearZero takes the first draw of each element from all: a common offset costs digits, and equal draws become zeros exactly.
func nearZero(x graph.Tensor) graph.Tensor { return x.Sub(x.Slice(1, 0, 1).Slice(2, 0, 1)) }

// variances are the mean variance within the chains of x [elements chains n], and the estimate of the variance of all from within and between.
func variances(x graph.Tensor) (within, total graph.Tensor) {
	m, n := x.Dim(1), float64(x.Dim(2))
	within = x.Var(graph.VarianceOptions{Axes: []int{2}, Correction: 1}).Mean(1)
	total = within.Scale((n - 1) / n)
	if m > 1 {
		total = total.Add(x.Mean(2).Var(graph.VarianceOptions{Axes: []int{1}, Correction: 1}))
	}
	return within, total
}

// normalScores are the normal quantiles of (rank - 3/8) / (n + 1/4), with ranks among all n draws of an element (Blom 1958).
func normalScores(x graph.Tensor) graph.Tensor {
	all := x.Dim(1) * x.Dim(2)
	ranks := averageRanks(x.Reshape(x.Dim(0), all))
	// From the nearer end, where the probability keeps its digits.
	low := ranks.Le(ranks.Like(float64(all+1) / 2))
	end := graph.Where(low, ranks, ranks.Neg().AddScalar(float64(all+1)))
	z := end.AddScalar(-0.375).Scale(1 / (float64(all) + 0.25)).NormalQuantile()
	return graph.Where(low, z, z.Neg()).Reshape(x.Shape()...)
}
