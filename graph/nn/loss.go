package nn

import (
	"fmt"

	"github.com/lavagrad/lavagrad/graph"
)

// LogSoftmax is x - log(sum(exp(x))) along the last axis, without overflow.
func LogSoftmax(logits graph.Tensor) graph.Tensor {
	return logits.Sub(logits.LogSumExp(-1).ExpandDims(-1))
}

// Softmax is exp(x) / sum(exp(x)) along the last axis, without overflow.
func Softmax(logits graph.Tensor) graph.Tensor {
	top := graph.StopGradient(logits.ReduceMax(-1)).ExpandDims(-1)
	e := logits.Sub(top).Exp()
	return e.Div(e.Sum(-1).ExpandDims(-1))
}

// CrossEntropy is the negative log likelihood of labels under the softmax of logits [... classes]:
// one value for each row, without a mean. The labels are either classes, int32 of shape [...], or distributions
// of the logits' shape and float type. A label outside 0 to classes-1, a negative or a NaN probability fails the run
// with an error that names the sample; for that, calls wait for the checks. Where labels were checked before,
// graph.WithoutChecks keeps calls asynchronous.
func CrossEntropy(logits, labels graph.Tensor) graph.Tensor {
	if logits.Rank() == 0 || !logits.DType().IsFloat() {
		graph.Fail("cross entropy", graph.ErrShape, "give logits [... classes], floats", "logits are %v", logits.Spec())
	}
	classes := logits.Dim(-1)
	rows := logits.Shape()[:logits.Rank()-1]
	switch {
	case labels.DType().IsInt():
		labels = checkClasses("cross entropy", labels, rows, classes)
		return logits.LogSumExp(-1).Sub(logits.Mul(graph.OneHot(labels, classes).Convert(logits.DType())).Sum(-1))
	case labels.DType().IsFloat() && labels.Shape().Equal(logits.Shape()):
		labels = labels.Check(labels.Ge(labels.Like(0)), "cross entropy: label probability >= 0 and not NaN")
		return logits.LogSumExp(-1).Mul(labels.Sum(-1)).Sub(logits.Mul(labels).Sum(-1))
	}
	graph.Fail("cross entropy", graph.ErrDType, "give classes as int32 (convert with AsInt), or a distribution of the logits' shape and type",
		"labels are %v, logits %v", labels.Spec(), logits.Spec())
	return graph.Tensor{}
}

// checkClasses is labels with the check that each of the given rows has a class.
func checkClasses(op string, labels graph.Tensor, rows graph.Shape, classes int) graph.Tensor {
	if !labels.Shape().Equal(rows) {
		graph.Fail(op, graph.ErrShape, "give one class for each row of logits", "labels are %v, the rows %v", labels.Spec(), rows)
	}
	ok := labels.Ge(labels.Like(0)).And(labels.Lt(labels.Like(float64(classes))))
	return labels.Check(ok, fmt.Sprintf("%s: label in [0, %d)", op, classes))
}

// NLL is the negative log likelihood -logProbs[..., label] of classes, int32 of shape [...], under log probabilities [... classes] as
// LogSoftmax gives them: one value for each row, without a mean. Labels out of range fail the run as in CrossEntropy, which is the
// same on logits, in one step.
func NLL(logProbs, labels graph.Tensor) graph.Tensor {
	if logProbs.Rank() == 0 || !logProbs.DType().IsFloat() || !labels.DType().IsInt() {
		graph.Fail("nll", graph.ErrDType, "give log probabilities [... classes], floats, and classes [...] in int32",
			"log probabilities are %v, labels %v", logProbs.Spec(), labels.Spec())
	}
	classes := logProbs.Dim(-1)
	labels = checkClasses("nll", labels, logProbs.Shape()[:logProbs.Rank()-1], classes)
	// Chosen, not multiplied: a log probability of -Inf elsewhere does not matter.
	hit := graph.OneHot(labels, classes).Ne(graph.Scalar(0))
	return graph.Where(hit, logProbs, logProbs.Like(0)).Sum(-1).Neg()
}

// BinaryCrossEntropyWithLogits is -t log(p) - (1-t) log(1-p) for p = sigmoid(logits) and targets t from 0 to 1 of the
// logits' shape and float type: one value for each element, without a mean, and without overflow for finite logits. Targets outside 0 to 1 are
// not checked.
func BinaryCrossEntropyWithLogits(logits, targets graph.Tensor) graph.Tensor {
	sameShape("binary cross entropy", logits, targets)
	return targets.Mul(logits.Neg().Softplus()).Add(targets.Neg().AddScalar(1).Mul(logits.Softplus()))
}

// sameShape keeps a loss from broadcasting [n] against [n 1] to [n n], which is never meant.
func sameShape(op string, prediction, target graph.Tensor) {
	if !prediction.Shape().Equal(target.Shape()) {
		graph.Fail(op, graph.ErrShape, "give a target for each element", "the prediction is %v, the target %v", prediction.Spec(), target.Spec())
	}
}

// Huber is the mean over all elements of e^2/2 where |e| <= delta and delta (|e| - delta/2) beyond, for e = prediction - target: quadratic
// for small errors, linear for large ones (Huber 1964). With delta 1 it is torch's smooth L1.
func Huber(prediction, target graph.Tensor, delta float64) graph.Tensor {
	if !(delta > 0) {
		graph.Fail("huber", graph.ErrArgument, "delta is where the square becomes a line", "delta is %v, want more than 0", delta)
	}
	sameShape("huber", prediction, target)
	e := prediction.Sub(target)
	c := e.Clamp(-delta, delta)
	return c.Mul(e.Sub(c.Scale(0.5))).Mean()
}

// MSE is the mean over all elements of (prediction - target)^2, for two tensors of one shape.
func MSE(prediction, target graph.Tensor) graph.Tensor {
	sameShape("mse", prediction, target)
	return prediction.Sub(target).Square().Mean()
}
