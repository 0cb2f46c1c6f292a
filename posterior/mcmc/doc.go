// Package mcmc has Markov chain Monte Carlo with exact transitions: each step evaluates the log posterior of all the data, and a Metropolis
// correction removes the discretisation error, so that chains converge to the posterior itself. It is what approximations and
// stochastic-gradient samplers are measured by.
//
//	HMC   Hamiltonian Monte Carlo, with step size and diagonal mass adapted in a warm-up on the device
//
// The batch of an update is the whole data set. As in package sgmcmc the target is exp(log p(theta) / T).
package mcmc
