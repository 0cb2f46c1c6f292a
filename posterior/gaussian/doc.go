// Package gaussian has normal distributions over trees of parameters with diagonal covariance, and lower triangular matrices as
// vectors of their non-zeros: what Gaussian approximations to a posterior are made of.
package gaussian
