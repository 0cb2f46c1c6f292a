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
// one value for each row, without a mean. The labels are either classes, int32 of shape [...], or distributions,
// float32 of the logits' shape. A label outside 0 to classes-1, a negative or a NaN probability fails the run
// with an error that names the sample; for that, calls wait for the checks. Where labels were checked before,
// graph.WithoutChecks keeps calls asynchronous.
func CrossEntropy(logits, labels graph.Tensor) graph.Tensor {
	if logits.Rank() == 0 || !logits.DType().IsFloat() {
		graph.Fail("cross entropy", graph.ErrShape, "give logits [... classes] in float32", "logits are %v", logits.Spec())
	}
	classes := logits.Dim(-1)
	rows := logits.Shape()[:logits.Rank()-1]
	switch {
	case labels.DType().IsInt():
		if !labels.Shape().Equal(rows) {
			graph.Fail("cross entropy", graph.ErrShape, "give one class for each row of logits", "labels are %v, logits %v", labels.Spec(), logits.Spec())
		}
		ok := labels.Ge(labels.Like(0)).And(labels.Lt(labels.Like(float64(classes))))
		labels = labels.Check(ok, fmt.Sprintf("cross entropy: label in [0, %d)", classes))
		return logits.LogSumExp(-1).Sub(logits.Mul(graph.OneHot(labels, classes)).Sum(-1))
	case labels.DType().IsFloat() && labels.Shape().Equal(logits.Shape()):
		labels = labels.Check(labels.Ge(labels.Like(0)), "cross entropy: label probability >= 0 and not NaN")
		return logits.LogSumExp(-1).Mul(labels.Sum(-1)).Sub(logits.Mul(labels).Sum(-1))
	}
	graph.Fail("cross entropy", graph.ErrDType, "give classes as int32 (convert with AsInt), or a float32 distribution of the logits' shape",
		"labels are %v, logits %v", labels.Spec(), logits.Spec())
	return graph.Tensor{}
}

// MSE is the mean squared error over all elements.
func MSE(prediction, target graph.Tensor) graph.Tensor {
	return prediction.Sub(target).Square().Mean()
}
