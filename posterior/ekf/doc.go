// Package ekf has the extended Kalman filter for parameters (Ollivier, 2019, arXiv 1712.07426): online inference that keeps a normal
// distribution over the parameters and updates it by one batch after the other, while they drift.
//
//	DiagFisher   covariance diag(sd^2), any number of parameters
//	DenseFisher  any covariance, of a few thousand parameters
//
// Each update widens the distribution by the transition, what the parameters may have moved since the last batch, and then conditions on the
// batch, with the empirical Fisher matrix of its samples as the information that it brings. J are the gradients of the samples' log
// likelihoods; their mean is over the samples, so that the learning rate that takes a batch of n samples for what it is, is n. A mean log
// likelihood that stands for N data takes N.
//
// The empirical Fisher matrix is the information of the data only where the model fits them: far from there gradients, and with them the matrix,
// are too large, and the filter becomes too sure. Begin where the model is not absurd, or let an early transition be wide (a schedule).
//
// The state's LogLikelihood is that of the batch at the mean before it was seen: summed over a run, a predictive score that compares learning
// rates and transitions. As these are leaves of the state, one vmap (Transform.Chains) tries many at once.
package ekf
