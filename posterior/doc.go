// Package posterior has what all inference algorithms share: the Transform that binds a log posterior to an algorithm.
//
//	transform := sgmcmc.SGHMC(logPosterior, sgmcmc.SGHMCConfig{LR: 1e-2})
//	state, err := transform.Init(ctx, dev, params, random.NewKey(1))
//	state, err = transform.Update(ctx, state, batch)                    // compiled and cached; the argument is untouched
//	state, err = transform.Update(ctx, state, batch, posterior.InPlace) // over the state's own memory
//
// Another algorithm is another first line. transform.Step is the update as a pure function, for Jit, vmap, Scan and
// derivatives; transform.Chains runs many chains or models at once; a Runner makes many steps in one call.
//
// A log posterior maps parameters and a batch to a scalar and auxiliary values, any tree of tensors (None for none). Average it over the batch,
// divide the prior by the number of data, and give the algorithm the temperature 1/(number of data).
package posterior
