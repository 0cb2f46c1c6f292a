// Package distribution has probability distributions whose arguments are checked on the device.
//
// A distribution is a struct of tensors, and so a tree: it can be an argument of compiled functions, mapped over, differentiated by, kept in the
// state of a loop. Its constructor takes numbers and tensors, which are broadcast:
//
//	prior := distribution.NewNormal(0, 10)
//	likelihood := distribution.NewBernoulliLogits(x.MatMul(w))
//	logPosterior := prior.LogProb(w).Sum().Add(likelihood.LogProb(y).Sum())
//
// # Shapes
//
// Shapes are sample shape, batch shape, event shape, in this order. A parameter with axes makes a batch of distributions; Independent makes axes of
// the batch part of one event, over which log probabilities are summed.
//
// # Checks
//
// Arguments and values are checked by graph.Tensor.Check, as part of the graph: under grad, vmap, Jit and Scan, also where only a derivative
// is computed. A run with a bad one returns graph.ErrCheck, which names distribution, argument, constraint and the index of the sample:
//
//	Normal: scale > 0 is false for sample [2]
//
// Checks cost a small reduction each, and calls wait for their results; graph.WithoutChecks compiles without them. Then the log density outside of
// the support is -Inf, with gradient 0, and bad parameters give NaN. A struct that is built without its constructor is not checked, but for
// values.
//
// # Precision
//
// Everything is computed in the parameters' type. Log densities of counts, gamma and beta variables keep their digits for large parameters, where the
// usual formula would subtract numbers far larger than the result. Draws are of that type, too; draws of
// integers are int32.
package distribution
