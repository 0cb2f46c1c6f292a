// Package vi has variational inference with Gaussian families: the normal distribution q that is nearest to the posterior, found by an
// optimizer along reparameterised gradients.
//
//	Diag    independent normal variables, N(mean, diag(exp(log sd))^2)
//	Dense   N(mean, L L^T), with all covariances
//
// Both minimise the negative evidence lower bound at temperature T,
//
//	NELBO = -E[log p(theta, batch) - T log q(theta)],   theta ~ q
//
// estimated from one draw of q or more a step (Kingma and Welling 2014, arXiv 1312.6114; Kucukelbir et al. 2017, arXiv 1603.00788). Its
// minimum is the posterior exp(log p / T) itself where q can be that. T is 1 where log p is the whole log posterior, 1/(number of
// data) where it is the mean over the data with the prior divided by their number.
//
// # Sticking the landing
//
// By default the gradient leaves out what comes by way of the parameters of log q, whose expectation is 0, and keeps what comes by way of the
// draw (Roeder, Wu and Duvenaud 2017, arXiv 1703.09194). Its variance falls to 0 as q nears the posterior. NoSTL gives the whole gradient.
package vi
