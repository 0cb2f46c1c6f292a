package diagnostics

import "github.com/lavagrad/lavagrad/graph"

// Entropy is -sum over classes of p log p, in nats, of class probabilities [..., classes] that have sum 1: [...]. What has probability 0 adds 0.
func Entropy(probs graph.Tensor) graph.Tensor {
	return entropy(probabilities("entropy", probs, 1))
}

// PredictiveEntropy is the entropy of the posterior predictive distribution, the mean over posterior samples of class probabilities
// [samples, ..., classes]: [...], in nats. It is the total uncertainty of each prediction, from 0 to log(classes).
func PredictiveEntropy(probs graph.Tensor) graph.Tensor {
	return entropy(probabilities("predictive entropy", probs, 2).Mean(0))
}

// MutualInformation is that between label and parameters, from class probabilities [samples, ..., classes] under posterior samples: [...], in
// nats,
//
//	H[mean over s of p_s] - mean over s of H[p_s] = mean over s of KL(p_s || mean)
//
// the part of the predictive entropy that more data could take away (Houlsby, Huszár, Ghahramani and Lengyel 2011). It is computed as the
// divergence, of terms that are 0 or more, which keeps the digits where the samples hardly differ.
func MutualInformation(probs graph.Tensor) graph.Tensor {
	p := probabilities("mutual information", probs, 2)
	q := p.Mean(0).BroadcastTo(p.Shape()...)
	some := p.Gt(p.Like(0))
	excess := p.Sub(q)
	relative := graph.Where(some, excess.Div(graph.Where(some, q, q.Like(1))), p.Like(0))
	// The sum of excess over the samples is 0: taking it away leaves p log(p/q) without its term of first order.
	return p.Mul(relative.Log1p()).Sub(excess).Sum(-1).Mean(0)
}

// entropy is -sum p log p over the last axis.
func entropy(p graph.Tensor) graph.Tensor {
	some := p.Gt(p.Like(0))
	return p.Mul(graph.Where(some, p, p.Like(1)).Log()).Sum(-1).Neg()
}
