// Command pima samples the posterior of a logistic regression on the Pima Indians diabetes data in three ways, SGHMC with 1,024 chains at once, HMC and
// the Laplace approximation, and compares what they say of its nine coefficients:
//
//	go run ./examples/pima [-chains 1024] [-seed 1] [-device NAME] [-out FILE]
//
// It prints means, standard deviations, effective sample sizes and R-hats, and writes a picture with all marginals. README.md shows a run.
package main
