package diagnostics

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// AUROC is the area under the receiver operating characteristic of scores [N], floats, that should be larger for the positives [N], bool: the
// probability that a random positive has a larger score than a random negative, ties counting half (Hanley and McNeil 1982), a scalar.
//
// For out-of-distribution detection the scores are, for example, PredictiveEntropy, and the positives the foreign samples. A score that is NaN, or
// classes of which one is empty, fail on the device with graph.ErrCheck; without checks the result is then NaN. It is no function to differentiate.
func AUROC(scores, positives graph.Tensor) graph.Tensor {
	const op = "AUROC"
	switch {
	case !scores.Valid() || scores.Rank() != 1 || scores.Dim(0) == 0:
		graph.Fail(op, graph.ErrShape, "give a vector of one score a sample", "scores are %v", scores)
	case !scores.DType().IsFloat():
		graph.Fail(op, graph.ErrDType, "convert with AsFloat", "scores are %v, not floats", scores.Spec())
	case !positives.Valid() || positives.DType() != graph.Bool:
		graph.Fail(op, graph.ErrDType, "compare labels with Eq to get bools", "positives are %v, not bool", positives)
	case !positives.Shape().Equal(scores.Shape()):
		graph.Fail(op, graph.ErrShape, "give one for each score", "positives are %v, scores %v", positives.Spec(), scores.Spec())
	}
	scores = constraint.Real.Check(op, "scores", scores)
	positives = positives.Check(positives.Any(), op+": at least one positive").Check(positives.Not().Any(), op+": at least one negative")
	order := scores.ArgSort(0)
	ties := tied(scores.TakeAlong(0, order))
	sorted := positives.TakeAlong(0, order)
	positive, negative := sorted.Convert(graph.Int32), sorted.Not().Convert(graph.Int32)
	// Counts of negatives are integers: no rank of float32 is exact for millions of samples.
	upTo := negative.CumSum(0)
	below, notAbove := ties.first(upTo.Sub(negative)), ties.last(upTo)
	n := negative.Sum().Convert(scores.DType())
	wins := below.Convert(scores.DType()).Add(notAbove.Convert(scores.DType())).Scale(0.5).Div(n)
	p := positive.Convert(scores.DType())
	area := wins.Mul(p).Sum().Div(p.Sum())
	return graph.Where(scores.IsNaN().Any(), area.Like(nan), area)
}
