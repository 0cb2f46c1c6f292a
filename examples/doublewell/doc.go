// Command doublewell shows what a sampler sees and a Gaussian approximation cannot: a density with two humps, by SGHMC with thousands of
// chains at once and by variational inference.
//
//	go run ./examples/doublewell [-chains 4096] [-seed 1] [-device NAME] [-out FILE]
//
// It prints moments beside the exact ones, and writes a picture of the densities. README.md shows a run.
package main
