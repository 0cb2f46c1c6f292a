// Package laplace has Laplace approximations: normal distributions around parameters that were found before, such as those of maximal posterior,
// whose precision is the curvature of the log posterior there.
//
//	DiagFisher, DenseFisher          from per-sample gradients of the log posterior (the empirical Fisher)
//	DiagTrueFisher, DenseTrueFisher  the same for labels drawn from the model's own predictive distribution
//	DiagGGN, DenseGGN                from the outputs' Jacobian and the curvature of the log likelihood in the outputs
//	DenseHessian                     from the Hessian of the log posterior
//	KFAC                             the GGN with a Kronecker product for each linear layer
//
// Each update adds the curvature of one batch to the precision; the parameters stay. After one pass over the data the state is the approximation:
//
//	transform := laplace.DiagFisher(logPosterior, laplace.Config{Precision: 1.0})
//	state, err := transform.Init(ctx, dev, params, random.NewKey(1))
//	for _, batch := range batches {
//		state, err = transform.Update(ctx, state, batch, posterior.InPlace)
//	}
//	draws := state.Sample(random.NewKey(2), 100)
//
// All but DenseHessian are sums over samples of the curvature of each sample as a batch of one. So it does not matter whether the log posterior of
// a batch is a sum or a mean; but its prior, if it has one, enters for each sample. Either divide it by the number of data, as with other
// algorithms, or leave it out and give it as Config.Precision, which is exact.
//
// # Predictions
//
// Linearized is the normal distribution of the outputs with forward replaced by its linearisation, which for GGN and Fisher is the model that the
// approximation is exact for (Immer, Korzepa and Bauer 2021); posterior.Predictive averages over draws of parameters.
//
// # Parts of a model
//
// posterior.Subset makes functions of some parameters, such as the last layer, of those of all: every approximation here then is a
// last-layer one.
//
// Sources: MacKay 1992; Ritter, Botev and Barber 2018; Daxberger et al. 2021. For Fisher, GGN and Hessian see package curvature.
package laplace
