package main

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior"
)

// width is the standard deviation of the normal prior of each coefficient (Gelman, Jakulin, Pittau and Su 2008 argue for this
// scale, with heavier tails).
const width = 2.5

// logPosterior is that of a logistic regression with coefficients w [9], but for a constant: what every algorithm here is given.
func logPosterior(w graph.Tensor, d data) (graph.Tensor, posterior.None) {
	logits := d.X.MatMul(w)
	likelihood := d.Y.Mul(logits).Sub(logits.Softplus()).Sum()
	prior := w.Square().Sum().Scale(-1 / (2 * width * width))
	return likelihood.Add(prior), posterior.None{}
}
