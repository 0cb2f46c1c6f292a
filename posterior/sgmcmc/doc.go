// Package sgmcmc has stochastic-gradient Markov chain Monte Carlo: Langevin and Hamiltonian dynamics that a mini-batch's gradient drives, whose
// states, over the steps, are draws from the posterior.
//
//	SGLD   overdamped Langevin dynamics
//	SGHMC  Hamiltonian dynamics with friction
//	SGNHT  with a thermostat in place of the friction
//	BAOA   a splitting of underdamped Langevin dynamics with a smaller discretisation error
//
// All of them sample from exp(log p(theta) / T). T is the temperature: 1 where log p is the whole log posterior, 1/(number of data) where it is the
// mean over the data with the prior divided by their number.
package sgmcmc
