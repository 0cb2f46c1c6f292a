// Package curvature has the matrices that approximate posteriors are made of: Hessians, empirical Fisher and generalised
// Gauss-Newton (GGN) matrices over all parameters of a tree, as products with a vector, as diagonals (trees like the
// parameters) and dense (matrices over the ravelled parameters, in the order of graph.Ravel).
//
// Beside the empirical Fisher there is the true one, of labels drawn from the model's own predictive distribution (TrueFisher), and the Kronecker
// factors of the GGN for linear layers (KFAC).
//
// Functions of one sample are mapped over the batch:
//
//	f(params, sample)        a scalar, the sample's log-likelihood or loss: HVP, Hessian take a whole batch instead
//	forward(params, sample)  outputs, one float tensor
//	loss(outputs, sample)    a scalar; with loss = -log-likelihood the GGN is the precision that the data add
//
// every leaf of a batch has the sample axis in front. What is only there for batches becomes a function of a sample by
// PerSamplify. A function with auxiliary values is given without them; compute them beside it, in a compiled function both
// share their work.
//
// Matrices are sums over the batch, or means with Normalize. Diagonals and products do not write per-sample Jacobians where
// each sample's part is cheap (linear layers); where a layer needs them (convolutions), and for the dense forms, Chunk bounds
// the memory.
package curvature
