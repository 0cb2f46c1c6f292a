package diagnostics

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Reliability is a reliability table: predictions in bins of equal width by their confidence, the probability of the class that they
// predict (DeGroot and Fienberg 1983; Guo, Pleiss, Sun and Weinberger 2017). Bin i of n has the confidences in (i/n, (i+1)/n].
type Reliability struct {
	Count      graph.Tensor // predictions in the bin, [bins]
	Confidence graph.Tensor // their mean confidence, [bins]; the middle of the bin where it is empty
	Accuracy   graph.Tensor // the share of them that is right, [bins]; NaN where the bin is empty
}

// ReliabilityTable is the reliability table of class probabilities [N classes], N > 0, floats whose rows have sum 1, and labels [N], integers
// from 0; both are checked on the device. Of equally probable classes the first is predicted. It is no function to differentiate.
func ReliabilityTable(probs, labels graph.Tensor, bins int) Reliability {
	r, _ := reliability("reliability table", probs, labels, bins)
	return r
}

// ExpectedCalibrationError is the mean over predictions of the distance between accuracy and mean confidence of their bins (Naeini, Cooper and
// Hauskrecht 2015; Guo et al. 2017, equation 3), a scalar:
//
//	sum over bins of count/N |accuracy - confidence|
//
// Arguments as for ReliabilityTable; 10 or 15 bins are usual.
func ExpectedCalibrationError(probs, labels graph.Tensor, bins int) graph.Tensor {
	r, gaps := reliability("expected calibration error", probs, labels, bins)
	return gaps.Abs().Sum().Div(r.Count.Sum())
}

// reliability gives, beside the table, the sums over each bin of right predictions minus confidence.
func reliability(op string, probs, labels graph.Tensor, bins int) (r Reliability, gaps graph.Tensor) {
	probs, labels = classified(op, probs, labels)
	if bins < 1 {
		graph.Fail(op, graph.ErrArgument, "give 1 or more, such as 10", "%d bins", bins)
	}
	confidence := probs.ReduceMax(-1)
	right := probs.ArgMax(-1).Eq(labels).Convert(probs.DType())
	bin := confidence.Scale(float64(bins)).Ceil().AddScalar(-1).Clamp(0, float64(bins-1)).AsInt()
	in := graph.OneHot(bin, bins).Convert(probs.DType())
	total := func(x graph.Tensor) graph.Tensor { return graph.Einsum("nb,n->b", in, x) }
	count, right, confidence := in.Sum(0), total(right), total(confidence)
	some := count.Gt(count.Like(0))
	n := graph.Where(some, count, count.Like(1))
	middle := graph.Iota(0, bins).Convert(probs.DType()).AddScalar(0.5).Scale(1 / float64(bins))
	return Reliability{
		Count:      count,
		Confidence: graph.Where(some, confidence.Div(n), middle),
		Accuracy:   graph.Where(some, right.Div(n), count.Like(nan)),
	}, right.Sub(confidence)
}

// BrierScore is the mean over predictions of the squared distance between class probabilities and the label's one-hot vector (Brier 1950), a
// scalar from 0 to 2:
//
//	sum over n and classes c of (probs_nc - [c = label_n])^2 / N
//
// For two classes that is twice the score of the probability of one of them. Arguments as for ReliabilityTable.
func BrierScore(probs, labels graph.Tensor) graph.Tensor {
	probs, labels = classified("Brier score", probs, labels)
	return probs.Sub(graph.OneHot(labels, probs.Dim(1)).Convert(probs.DType())).Square().Sum(-1).Mean()
}

// NegativeLogLikelihood is the mean over predictions of -log probs_(n, label_n), a scalar; +Inf where a label had probability 0. Arguments as for
// ReliabilityTable.
func NegativeLogLikelihood(probs, labels graph.Tensor) graph.Tensor {
	probs, labels = classified("negative log likelihood", probs, labels)
	return probs.TakeAlong(1, labels.ExpandDims(1)).Log().Mean().Neg()
}

// classified holds probabilities and labels to what they may be.
func classified(op string, probs, labels graph.Tensor) (p, l graph.Tensor) {
	probs = probabilities(op, probs, 2)
	switch {
	case probs.Rank() != 2:
		graph.Fail(op, graph.ErrShape, "give [N classes]; for posterior samples take the mean over them first", "probabilities are %v", probs.Spec())
	case !labels.Valid() || !labels.DType().IsInt():
		graph.Fail(op, graph.ErrDType, "give the number of the class, from 0, as int32", "labels are %v", labels)
	case labels.Rank() != 1 || labels.Dim(0) != probs.Dim(0):
		graph.Fail(op, graph.ErrShape, "give one label for each row of the probabilities", "labels are %v, probabilities %v", labels.Spec(), probs.Spec())
	}
	return probs, labels.CheckIndex(probs.Dim(1))
}

// probabilities holds arrays with the axis of classes last to what they may be.
func probabilities(op string, probs graph.Tensor, rank int) graph.Tensor {
	switch {
	case !probs.Valid() || !probs.DType().IsFloat():
		graph.Fail(op, graph.ErrDType, "give probabilities, for example nn.Softmax of logits", "probabilities are %v, not floats", probs)
	case probs.Rank() < rank:
		graph.Fail(op, graph.ErrShape, "give probabilities with the classes on the last axis", "probabilities are %v, want %d axes or more", probs.Spec(), rank)
	case probs.Size() == 0:
		graph.Fail(op, graph.ErrShape, "give at least one prediction of at least one class", "probabilities are %v, which is empty", probs.Spec())
	}
	return constraint.Simplex.Check(op, "probabilities", probs)
}
