// Package bijection has invertible, differentiable maps between real numbers and constrained sets, with the logarithm of their volume
// change, and puts the constrained leaves of a tree of parameters into real numbers, where samplers, variational inference and
// Laplace approximations can work.
//
//	r, err := bijection.ForParams(params, map[string]bijection.Bijection{".Tau": bijection.Exp{}})
//	u := r.Unconstrain(params)                           // every leaf real
//	logPosterior := bijection.LogPosterior(r, model, 1)  // of u, log |det| included
//	samples := r.Constrain(u)                            // back again
package bijection
