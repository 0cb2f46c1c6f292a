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
//
// # Gotchas of such libraries, and what happens here
//
// What users of functional transforms and of inference libraries elsewhere have to know by heart. Each line has a runnable example.
//
//   - Gradients pile up in a hidden tape, unless calls are wrapped in something: there is no tape. Memory after 1,000 updates is that
//     after one ([Transform.Update], memory). [graph.StopGradient] cuts what flows through it, not gradients taken inside.
//   - Argument checks of distributions must be switched off under vmap: here they are part of the graph, run under grad, vmap and
//     Scan, and name the argument, the constraint and the sample ([github.com/lavagrad/lavagrad/posterior/distribution]).
//   - An if on a traced value fails somehow: the error names the line and what to use instead; Where, Cond and While map
//     ([github.com/lavagrad/lavagrad/vmap], dataDependentFlow).
//   - Aux must not be forgotten: a log posterior without it does not compile; None is the empty one (example aux).
//   - Every algorithm must support updates in place: the pure step is enough, and the state that comes back is the argument
//     ([Transform.Update]). [tree.FlexiMap] and [tree.InsertInPlace] are there for programs of one's own (example flexiMap).
//   - Aux is not updated in place: the same, by type. WithAux keeps the tensors and changes the new state's aux (example withAux).
//   - A constant made of traced values silently cuts the gradient: it cannot be made. [graph.Stack] keeps it: the derivative of
//     x^2 + x^3 at 2 is 16 ([graph.Grad]).
package posterior
